//! Who sends: of the servers that share a store one at a time, so that a message isn't sent by each of them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::send;
use crate::{secret::random, store::Store};

/// How long nobody else sends once this server does.
const LEASE: Duration = Duration::from_secs(32);
/// How often it is asked for.
const AGAIN: Duration = Duration::from_secs(4);

/// Whether this server sends.
pub(super) struct Lead {
    holder: [u8; 16],
    until: Mutex<Option<Instant>>,
}

impl Lead {
    pub(super) fn new() -> Arc<Self> {
        // Without randomness nothing is served: the server has drawn some before.
        let holder = random().unwrap_or_default();
        Arc::new(Self { holder, until: Mutex::default() })
    }

    /// Whether what is begun now has ended, one way or the other, before another server can begin the same.
    pub(super) fn lasts(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| until.saturating_duration_since(Instant::now()) > send::WHOLE)
    }

    /// Asks for it, again and again. Never returns; drop it to stop.
    pub(super) async fn keep(&self, store: &Store, gained: impl Fn()) {
        loop {
            let (before, now) = (self.lasts(), Instant::now());
            match store.lead(self.holder, Timestamp::now(), LEASE).await {
                Ok(true) => self.set(Some(now + LEASE)),
                Ok(false) => self.set(None),
                // It may be this server's still: until its lease is over.
                Err(error) => tracing::debug!(%error, "who sends to the webhooks can't be asked"),
            }
            if self.lasts() && !before {
                gained();
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Lets another server begin at once.
    pub(super) async fn leave(&self, store: &Store) {
        if self.lasts() {
            self.set(None);
            let _ = store.lead(self.holder, Timestamp::now(), Duration::ZERO).await;
        }
    }

    fn set(&self, until: Option<Instant>) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}
