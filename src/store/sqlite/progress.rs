//! When the store last got on: what its state tells, and what is wrong if it hasn't for long.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// When each was last done, in milliseconds since the Unix epoch; 0 before the first time.
#[derive(Default)]
pub(super) struct Progress {
    commit: AtomicI64,
    sweep: AtomicI64,
    checkpoint: AtomicI64,
}

impl Progress {
    /// Says that a change is on the disk.
    pub(super) fn committed(&self) {
        note(&self.commit);
    }

    /// Says that a sweep came to its end.
    pub(super) fn swept(&self) {
        note(&self.sweep);
    }

    /// Says that what was removed is gone from the files.
    pub(super) fn checkpointed(&self) {
        note(&self.checkpoint);
    }

    /// The last commit, sweep and checkpoint since the start.
    pub(super) fn times(&self) -> [Option<Timestamp>; 3] {
        [&self.commit, &self.sweep, &self.checkpoint].map(|time| match time.load(Ordering::Relaxed) {
            0 => None,
            milliseconds => Timestamp::from_millisecond(milliseconds).ok(),
        })
    }
}

fn note(time: &AtomicI64) {
    time.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
}
