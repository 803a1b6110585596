//! Contents on their way to a reader. One who repeats a claim while the content is still being sent shares that buffer, so that
//! however often it is asked for, it is in memory once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::{Mutex as Turns, MutexGuard as Turn};

use crate::{
    memory::{Budget, Buffer, Reservation},
    secret::{ClaimHash, SecretId},
};

/// What one more answer of a content counts for, in bytes at most: what it has on its way, while the content is counted elsewhere.
const ON_ITS_WAY: usize = 12 * 1024;

/// A content that somebody has won. It is wiped when the last answer that holds it is done.
pub struct Content {
    opened: Arc<Opened>,
    /// What is counted for an answer of its own, when the content is counted for another.
    room: Option<Reservation>,
}

struct Opened {
    buffer: Buffer,
    /// Where it is found by those who repeat their claim.
    _delivery: Option<Arc<Delivery>>,
}

impl Content {
    pub(super) fn new(buffer: Buffer, delivery: Option<Arc<Delivery>>) -> Self {
        Self { opened: Arc::new(Opened { buffer, _delivery: delivery }), room: None }
    }

    /// The same for one more answer, which has to find room of its own under `memory`: many that share a content must not hold much
    /// by what each of them has on its way. None if there isn't any.
    pub(super) fn with_room(mut self, memory: &Budget) -> Option<Self> {
        self.room = Some(memory.reserve(ON_ITS_WAY)?);
        Some(self)
    }

    /// Whether another answer has the content already: this one should have little on its way at a time, a few KiB.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.room.is_some()
    }

    /// Counts `bytes` that are made of it, where it is counted itself; or finds them counted.
    #[must_use]
    pub fn beside(&self, bytes: usize) -> Reservation {
        if self.room.is_some() { Reservation::default() } else { self.opened.buffer.beside(bytes) }
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        self.opened.buffer.as_ref()
    }
}

impl From<Buffer> for Content {
    fn from(buffer: Buffer) -> Self {
        Self::new(buffer, None)
    }
}

type Key = (SecretId, ClaimHash);
type Table = Mutex<HashMap<Key, Weak<Delivery>>>;

/// What is being delivered under claims. An entry lasts as long as somebody asks for its content, or is sent it.
#[derive(Default)]
pub(super) struct Deliveries(Arc<Table>);

impl Deliveries {
    /// The delivery of a secret under a claim.
    pub(super) fn of(&self, id: SecretId, claim: ClaimHash) -> Arc<Delivery> {
        let mut table = lock(&self.0);
        if let Some(delivery) = table.get(&(id, claim)).and_then(Weak::upgrade) {
            return delivery;
        }
        let delivery = Arc::new(Delivery { key: (id, claim), table: Arc::clone(&self.0), content: Turns::default() });
        table.insert(delivery.key, Arc::downgrade(&delivery));
        delivery
    }
}

/// One secret under one claim. Those who ask for it at once take turns, so that one loads it for all.
pub(super) struct Delivery {
    key: Key,
    table: Arc<Table>,
    content: Turns<Sent>,
}

impl Delivery {
    /// Waits for one's turn.
    pub(super) async fn turn(&self) -> Turn<'_, Sent> {
        self.content.lock().await
    }
}

/// The content, if it is still being sent.
#[derive(Default)]
pub(super) struct Sent(Weak<Opened>);

impl Sent {
    pub(super) fn get(&self) -> Option<Content> {
        self.0.upgrade().map(|opened| Content { opened, room: None })
    }

    pub(super) fn set(&mut self, content: &Content) {
        self.0 = Arc::downgrade(&content.opened);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let mut table = lock(&self.table);
        // Another may have begun meanwhile.
        if table.get(&self.key).is_some_and(|delivery| delivery.strong_count() == 0) {
            table.remove(&self.key);
        }
    }
}

fn lock(table: &Table) -> MutexGuard<'_, HashMap<Key, Weak<Delivery>>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_content_is_found_while_it_is_sent_and_leaves_nothing_behind() {
        let deliveries = Deliveries::default();
        let key = (SecretId([1; 32]), ClaimHash([2; 32]));
        let delivery = deliveries.of(key.0, key.1);
        let content = Content::new(b"hunter2"[..].into(), Some(Arc::clone(&delivery)));
        delivery.turn().await.set(&content);
        drop(delivery);
        assert_eq!(deliveries.of(key.0, key.1).turn().await.get().unwrap().as_ref(), b"hunter2");
        assert!(deliveries.of(key.0, ClaimHash([3; 32])).turn().await.get().is_none());
        drop(content);
        assert!(lock(&deliveries.0).is_empty());
    }
}
