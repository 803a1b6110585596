//! The outbox: what webhooks are to be told. A message is written in the commit of what it tells of, one for each webhook, and is there until
//! it was delivered, or is too old. It holds no token, link, or content: it names the secret as the store does.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{By, Engine, Head, REQUEST, Record, Store, StoreError, of, of_async};
use crate::{
    secret::{HookId, SecretId},
    tally::Count,
};

/// What a webhook is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Names it in its store, and no other. Of two about one secret the earlier has the lower one.
    pub number: i64,
    /// Whom to tell.
    pub hook: HookId,
    /// The secret, or the request.
    pub id: SecretId,
    /// When it happened; millisecond precision is kept.
    pub at: Timestamp,
    /// What happened.
    pub told: Told,
    /// How often it was tried in vain.
    pub tries: u32,
}

/// What happened. All of it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A secret was stored.
    Created {
        /// Bytes of content.
        size: u64,
        /// For how long.
        ttl: Duration,
        /// The name of the key, or of the user, that it was made with.
        by: Option<Arc<str>>,
    },
    /// Somebody asked for a secret.
    Requested {
        /// For how long.
        ttl: Duration,
        /// The name of the key, or of the user, that it was made with.
        by: Option<Arc<str>>,
    },
    /// A request was answered. `Created` is told beside this of the answer, which is a secret of its own.
    Answered {
        /// The answer.
        answer: SecretId,
    },
    /// A reader has it, and hasn't acknowledged it.
    Claimed,
    /// It was given out, to somebody who can't acknowledge it.
    Delivered,
    /// Its reader has acknowledged it.
    Acknowledged,
    /// It was destroyed unread, as somebody asked. What wrong passphrases destroyed is told by the last of those.
    Burned(By),
    /// A passphrase was wrong; with no tries left it was destroyed.
    WrongPassphrase {
        /// Tries that are left.
        left: u32,
    },
    /// Its time was over.
    Expired {
        /// Whether somebody had read it, and not acknowledged.
        read: bool,
    },
    /// A request was taken back unanswered.
    Withdrawn,
    /// A request's time was over, and nobody had answered.
    Unanswered,
}

/// What waits for a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Which.
    pub hook: HookId,
    /// How many.
    pub messages: u64,
    /// When the first of them was written.
    pub oldest: Timestamp,
}

/// What is told as it is stored: a code, and what goes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) code: i16,
    pub(super) size: Option<i64>,
    /// Milliseconds.
    pub(super) ttl: Option<i64>,
    pub(super) left: Option<i32>,
    pub(super) by: Option<Arc<str>>,
    pub(super) answer: Option<[u8; 32]>,
}

impl Told {
    /// What is told of a record that is kept.
    pub(super) fn made(record: &Record) -> Self {
        let Head { created_at, expires_at, kind, size, .. } = record.head;
        let ttl = Duration::try_from(expires_at.duration_since(created_at)).unwrap_or_default();
        let by = record.by.clone();
        if kind == REQUEST { Self::Requested { ttl, by } } else { Self::Created { size, ttl, by } }
    }

    /// As it is stored.
    pub(super) fn event(&self) -> Event {
        let milliseconds = |ttl: &Duration| i64::try_from(ttl.as_millis()).ok();
        let code = match self {
            Self::Created { .. } => 1,
            Self::Requested { .. } => 2,
            Self::Answered { .. } => 3,
            Self::Claimed => 4,
            Self::Delivered => 5,
            Self::Acknowledged => 6,
            Self::Burned(By::Link) => 7,
            Self::Burned(By::Receipt) => 8,
            Self::Burned(By::Tries) => 9,
            Self::WrongPassphrase { .. } => 10,
            Self::Expired { read: false } => 11,
            Self::Expired { read: true } => 12,
            Self::Withdrawn => 13,
            Self::Unanswered => 14,
        };
        let event = Event { code, ..Event::default() };
        match self {
            Self::Created { size, ttl, by } => {
                Event { size: i64::try_from(*size).ok(), ttl: milliseconds(ttl), by: by.clone(), ..event }
            }
            Self::Requested { ttl, by } => Event { ttl: milliseconds(ttl), by: by.clone(), ..event },
            Self::Answered { answer } => Event { answer: Some(answer.0), ..event },
            Self::WrongPassphrase { left } => Event { left: i32::try_from(*left).ok(), ..event },
            _ => event,
        }
    }
}

impl Event {
    /// None for what was never stored.
    pub(super) fn told(self) -> Option<Told> {
        let Self { code, size, ttl, left, by, answer } = self;
        let ttl = ttl.and_then(|ttl| u64::try_from(ttl).ok()).map(Duration::from_millis);
        Some(match code {
            1 => Told::Created { size: u64::try_from(size?).ok()?, ttl: ttl?, by },
            2 => Told::Requested { ttl: ttl?, by },
            3 => Told::Answered { answer: SecretId(answer?) },
            4 => Told::Claimed,
            5 => Told::Delivered,
            6 => Told::Acknowledged,
            7 => Told::Burned(By::Link),
            8 => Told::Burned(By::Receipt),
            9 => Told::Burned(By::Tries),
            10 => Told::WrongPassphrase { left: u32::try_from(left?).ok()? },
            11 => Told::Expired { read: false },
            12 => Told::Expired { read: true },
            13 => Told::Withdrawn,
            14 => Told::Unanswered,
            _ => return None,
        })
    }
}

/// Which webhooks are told of every record, and the word that something was told.
#[derive(Default)]
pub(super) struct Telling {
    every: RwLock<Arc<[HookId]>>,
    told: Notify,
    given_up: Count,
}

impl Telling {
    /// Those that are told of every record, each once.
    pub(super) fn every(&self) -> Arc<[HookId]> {
        Arc::clone(&self.every.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same, one after the other: as a statement takes them.
    #[cfg(feature = "postgres")]
    pub(super) fn every_in_a_row(&self) -> Vec<u8> {
        self.every().iter().flat_map(|hook| hook.0).collect()
    }

    /// Whether none is told of every record.
    #[cfg(feature = "postgres")]
    pub(super) fn is_silent(&self) -> bool {
        self.every().is_empty()
    }

    /// Says that there may be something to send.
    pub(super) fn has_told(&self) {
        self.told.notify_one();
    }
}

impl Store {
    /// Has those webhooks told of every record, from now on. To be said before anything is kept.
    pub fn tell(&mut self, mut every: Vec<HookId>) {
        every.sort_unstable();
        every.dedup();
        *self.telling.every.write().unwrap_or_else(PoisonError::into_inner) = every.into();
    }

    /// Waits until there may be something to send, as far as this server has done it: what others have, that share the store, isn't
    /// heard of. For one who waits at a time; what was told before is heard of at once.
    pub async fn told(&self) {
        self.telling.told.notified().await;
    }

    /// What a webhook is to be told at `now`: of each secret the first message, if that is due, those first that have been due for longest.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn messages(&self, hook: HookId, now: Timestamp, at_most: usize) -> Result<Vec<Message>, StoreError> {
        of_async!(&self.engine, store => store.messages(hook, now, at_most))
    }

    /// Removes messages that were delivered. One that isn't there any more is passed over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivered(&self, numbers: Vec<i64>) -> Result<(), StoreError> {
        of!(&self.engine, store => store.delivered(numbers).await)
    }

    /// Has a message, and what waits behind it, wait until then, and counts a try.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_off(&self, number: i64, until: Timestamp) -> Result<(), StoreError> {
        of!(&self.engine, store => store.put_off(number, until).await)
    }

    /// Removes at most `at_most` messages that were written before that; how many. Where it is fewer, there are no more of them,
    /// or they come at a later call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_up(&self, noted_before: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        let given_up = of!(&self.engine, store => store.give_up(noted_before, at_most).await)?;
        self.telling.given_up.add(u64::try_from(given_up).unwrap_or(u64::MAX));
        Ok(given_up)
    }

    /// How many messages were given up since the start.
    #[must_use]
    pub fn given_up(&self) -> &Count {
        &self.telling.given_up
    }

    /// Removes the messages for other webhooks than those; how many. Where servers share the store, others may know webhooks that this one
    /// doesn't: what is younger than an hour stays then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drop_for_others(&self, known: &[HookId]) -> Result<usize, StoreError> {
        of!(&self.engine, store => store.drop_for_others(known).await)
    }

    /// What waits at `now`, for each webhook that something waits for.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn waiting(&self, now: Timestamp) -> Result<Vec<Waiting>, StoreError> {
        of_async!(&self.engine, store => store.waiting(now))
    }

    /// Whether `holder` is the one who sends what waits, of the servers that share the store: until its lease is over, which begins anew with
    /// each call. Where none are shared everybody is.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn lead(&self, holder: [u8; 16], now: Timestamp, lease: Duration) -> Result<bool, StoreError> {
        of_async!(&self.engine, store => store.lead(holder, now, lease))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_code_of_its_own_and_comes_back() {
        let (ttl, by) = (Duration::from_secs(3600), Some(Arc::from("ci")));
        let all = [
            Told::Created { size: 7, ttl, by: by.clone() },
            Told::Requested { ttl, by },
            Told::Answered { answer: SecretId([7; 32]) },
            Told::Claimed,
            Told::Delivered,
            Told::Acknowledged,
            Told::Burned(By::Link),
            Told::Burned(By::Receipt),
            Told::Burned(By::Tries),
            Told::WrongPassphrase { left: 3 },
            Told::Expired { read: false },
            Told::Expired { read: true },
            Told::Withdrawn,
            Told::Unanswered,
        ];
        for (code, told) in (1..).zip(all) {
            let event = told.event();
            assert_eq!((event.code, event.told()), (code, Some(told)));
        }
        for code in [0, 15] {
            assert_eq!(Event { code, ..Event::default() }.told(), None);
        }
        assert_eq!(Event { code: 1, ..Event::default() }.told(), None, "without what goes with it");
    }

    #[tokio::test]
    async fn what_was_told_before_is_heard_of_at_once() {
        let telling = Telling::default();
        telling.has_told();
        telling.has_told();
        let waits = Duration::from_millis(20);
        assert!(tokio::time::timeout(waits, telling.told.notified()).await.is_ok());
        assert!(tokio::time::timeout(waits, telling.told.notified()).await.is_err(), "once");
    }
}
