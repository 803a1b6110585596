//! How webhooks get on.

use std::sync::{Arc, OnceLock};

use super::{Count, Gauge};

/// How one webhook gets on.
#[derive(Debug, Default)]
pub struct Webhook {
    /// Its name; `#` and its position, if it has none.
    pub label: String,
    /// Messages that its receiver has taken.
    pub sent: Count,
    /// Tries that failed.
    pub failed: Count,
    /// Messages that wait.
    pub waiting: Gauge,
    /// When the oldest of them was made: milliseconds since 1970; 0 without one.
    pub oldest: Gauge,
    /// 1 while a try has failed and nothing has gone well since.
    pub failing: Gauge,
    /// 1 once its receiver has said that it wants nothing any more.
    pub gone: Gauge,
}

impl Webhook {
    /// Of one with this label, nothing yet.
    #[must_use]
    pub fn new(label: String) -> Self {
        Self { label, ..Self::default() }
    }
}

/// How all of them do.
#[derive(Debug, Default)]
pub struct Webhooks(OnceLock<Box<[Arc<Webhook>]>>);

impl Webhooks {
    /// Says which there are, once.
    pub fn are(&self, each: Vec<Arc<Webhook>>) {
        let _ = self.0.set(each.into());
    }

    /// Each of them, in the order in which they were given.
    pub fn each(&self) -> &[Arc<Webhook>] {
        self.0.get().map_or(&[], |each| each)
    }
}
