//! The database's clock, by which all servers agree on what is live.
//!
//! Callers pass the time in, as the contract has it, by the clock of their machine. What goes into a statement is moved by how far that is
//! from the database's, measured at the start and with each sweep. Less than a round trip can tell is nothing: machines that agree pass
//! their time on as it is, and tests their own.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use jiff::Timestamp;

/// What two clocks may differ and be taken for the same, in milliseconds.
const SAME: i64 = 250;
/// What is worth a word, in milliseconds.
const FAR: i64 = 2000;

/// How far the database's clock is ahead of this machine's, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Skew(AtomicI64);

impl Skew {
    /// Notes what the database's clock said between two looks at this machine's.
    pub(super) fn measure(&self, before: Timestamp, theirs: i64, after: Timestamp) {
        let (before, after) = (before.as_millisecond(), after.as_millisecond());
        let took = after.saturating_sub(before).max(0);
        let skew = theirs.saturating_sub(before.saturating_add(took / 2));
        let skew = if skew.abs() <= SAME.saturating_add(took / 2) { 0 } else { skew };
        let was = self.0.swap(skew, Ordering::Relaxed);
        if (skew - was).abs() > FAR {
            let apart = Duration::from_millis(skew.unsigned_abs());
            tracing::warn!(
                "this machine's clock is {apart:?} from the database's: what expires goes by the database's"
            );
        }
    }

    /// A time of this machine as the database has it.
    pub(super) fn there(&self, time: Timestamp) -> i64 {
        time.as_millisecond().saturating_add(self.0.load(Ordering::Relaxed))
    }

    /// A time of the database as this machine has it; none that there is, if it is damaged.
    pub(super) fn here(&self, time: i64) -> Option<Timestamp> {
        Timestamp::from_millisecond(time.saturating_sub(self.0.load(Ordering::Relaxed))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moved_by_what_clocks_differ_unless_it_is_next_to_nothing() {
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap();
        let skew = Skew::default();
        for (theirs, moved) in
            [(1_000_010, 0), (1_000_200, 0), (1_000_400, 390), (999_000, -1010), (1_600_010, 600_000), (1_000_000, 0)]
        {
            skew.measure(at(1_000_000), theirs, at(1_000_020));
            assert_eq!(skew.there(at(5000)), 5000 + moved, "{theirs}");
            assert_eq!(skew.here(5000 + moved), Some(at(5000)));
        }
    }
}
