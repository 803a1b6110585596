//! When a connection last got on: what tells a slow client from one that stands still.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// When a connection last got on: a head or a part of a body came, or a part of an answer was taken.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    last: AtomicU64,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { since: Instant::now(), last: AtomicU64::new(0) })
    }

    /// Notes that the connection gets on.
    pub(super) fn note(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Returns when nothing has been noted for `limit`.
    pub(super) async fn stalled(&self, limit: Duration) {
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let left = (last + limit).saturating_sub(self.since.elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}
