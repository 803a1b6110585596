//! When the store last got on: what its state tells, and what is wrong if it hasn't for long.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;

use crate::store::State;

/// When each was last done, in milliseconds since the Unix epoch; 0 before the first time.
#[derive(Default)]
pub(super) struct Progress {
    commit: AtomicI64,
    sweep: AtomicI64,
    checkpoint: AtomicI64,
    unclean: AtomicI64,
    lacks_space: AtomicBool,
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
        self.unclean.store(0, Ordering::Relaxed);
    }

    /// Says that from now on the files hold something that was removed.
    pub(super) fn removed(&self) {
        note(&self.unclean);
    }

    /// Says whether something found no disk space, or what is kept back couldn't be had.
    pub(super) fn lacks_space(&self, lacks: bool) {
        self.lacks_space.store(lacks, Ordering::Relaxed);
    }

    /// All that is known here; the rest as if nothing were kept.
    pub(super) fn state(&self) -> State {
        State {
            last_commit: time(&self.commit),
            last_sweep: time(&self.sweep),
            last_checkpoint: time(&self.checkpoint),
            unclean_since: time(&self.unclean),
            lacks_space: self.lacks_space.load(Ordering::Relaxed),
            ..State::default()
        }
    }
}

fn time(time: &AtomicI64) -> Option<Timestamp> {
    match time.load(Ordering::Relaxed) {
        0 => None,
        milliseconds => Timestamp::from_millisecond(milliseconds).ok(),
    }
}

fn note(time: &AtomicI64) {
    time.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
}
