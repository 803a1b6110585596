//! When the next record dies: a removal is due then, and not at the next look.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;

/// The next time at which something is due, as far as it is known.
pub(super) struct Due {
    /// Milliseconds since the epoch.
    at: AtomicI64,
    sooner: Notify,
}

impl Due {
    pub(super) fn new() -> Self {
        Self { at: AtomicI64::new(i64::MAX), sooner: Notify::new() }
    }

    /// Says that something is due at `time`.
    pub(super) fn by(&self, time: Timestamp) {
        let time = time.as_millisecond();
        if time < self.at.load(Ordering::Relaxed) && time < self.at.fetch_min(time, Ordering::Relaxed) {
            self.sooner.notify_one();
        }
    }

    /// Forgets what was due: it is being done, and what is said from now on comes later.
    pub(super) fn begin(&self) {
        self.at.store(i64::MAX, Ordering::Relaxed);
    }

    /// Waits until something is due, at most for `at_most`.
    pub(super) async fn wait(&self, at_most: Duration) {
        let until_due = async {
            loop {
                let left = self.at.load(Ordering::Relaxed).saturating_sub(Timestamp::now().as_millisecond());
                let Ok(left @ 1..) = u64::try_from(left) else { return };
                let _ = tokio::time::timeout(Duration::from_millis(left), self.sooner.notified()).await;
            }
        };
        let _ = tokio::time::timeout(at_most, until_due).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn what_is_due_sooner_ends_the_wait() {
        let due = Due::new();
        let after = |milliseconds| Timestamp::now() + Duration::from_millis(milliseconds);
        let started = Instant::now();
        due.wait(Duration::from_millis(30)).await;
        assert!(started.elapsed() >= Duration::from_millis(30), "nothing is due");
        due.by(after(60_000));
        let sooner = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            due.by(after(100));
            due.by(after(50_000));
        };
        tokio::join!(due.wait(Duration::from_secs(30)), sooner);
        assert!(started.elapsed() >= Duration::from_millis(150) && started.elapsed() < Duration::from_secs(20));
        due.begin();
        due.wait(Duration::from_millis(10)).await;
    }
}
