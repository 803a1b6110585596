//! A bound on what is held in memory at once, and parts of it, so that no one holder takes the whole. What is small has a lane of
//! its own, so that holders of what is large never keep it out.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What goes by the lane for small contents: 64 KiB of content, and what stands around it.
pub const SMALL: usize = 72 * 1024;
/// That lane's size, beside the rest.
const SMALL_LANE: usize = 4 * 1024 * 1024;

/// So many bytes may be held at once. A part of a budget is one too: what is held under it counts under the whole.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Node>);

#[derive(Debug)]
struct Node {
    small: Lane,
    large: Lane,
    whole: Option<Budget>,
}

#[derive(Debug)]
struct Lane {
    most: usize,
    held: AtomicUsize,
}

/// Bytes taken from a [`Budget`] until this is dropped.
#[derive(Debug, Default)]
pub struct Reservation {
    budget: Option<Budget>,
    small: bool,
    bytes: usize,
}

impl Budget {
    /// A budget of `bytes`, and some more for what is small.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Node { small: Lane::new(SMALL_LANE), large: Lane::new(bytes), whole: None }))
    }

    /// A part of it: one in so many of its bytes, but never less than `largest`.
    #[must_use]
    pub fn part(&self, one_in: usize, largest: usize) -> Self {
        let of = |lane: &Lane, least: usize| Lane::new((lane.most / one_in.max(1)).max(least).min(lane.most));
        let whole = Some(self.clone());
        Self(Arc::new(Node { small: of(&self.0.small, SMALL), large: of(&self.0.large, largest), whole }))
    }

    /// Takes `bytes` if they are free: what is small from the one lane or the other.
    #[must_use]
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let small = bytes <= SMALL && self.take(true, bytes);
        (small || self.take(false, bytes)).then(|| Reservation { budget: Some(self.clone()), small, bytes })
    }

    /// Whether `bytes` were free here, and in all that this is a part of.
    fn take(&self, small: bool, bytes: usize) -> bool {
        let lane = self.lane(small);
        if !lane.take(bytes) {
            return false;
        }
        let taken = self.0.whole.as_ref().is_none_or(|whole| whole.take(small, bytes));
        if !taken {
            lane.give(bytes);
        }
        taken
    }

    /// Takes `bytes` that are held already, free or not.
    fn owe(&self, small: bool, bytes: usize) {
        self.lane(small).held.fetch_add(bytes, Ordering::Relaxed);
        if let Some(whole) = &self.0.whole {
            whole.owe(small, bytes);
        }
    }

    fn give(&self, small: bool, bytes: usize) {
        self.lane(small).give(bytes);
        if let Some(whole) = &self.0.whole {
            whole.give(small, bytes);
        }
    }

    fn lane(&self, small: bool) -> &Lane {
        if small { &self.0.small } else { &self.0.large }
    }
}

impl Lane {
    const fn new(most: usize) -> Self {
        Self { most, held: AtomicUsize::new(0) }
    }

    fn take(&self, bytes: usize) -> bool {
        let more = |held: usize| held.checked_add(bytes).filter(|held| *held <= self.most);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Reservation {
    /// Takes what is missing to `bytes`, under the budget that it was taken from, else under `budget`; false when it isn't free.
    pub(super) fn grow(&mut self, budget: &Budget, bytes: usize) -> bool {
        let Some(missing) = bytes.checked_sub(self.bytes).filter(|missing| *missing > 0) else { return true };
        let held = self.budget.as_ref().unwrap_or(budget);
        if self.budget.is_some() && (bytes <= SMALL || !self.small) && held.take(self.small, missing) {
            self.bytes = bytes;
            return true;
        }
        if self.budget.is_some() && !self.small {
            return false;
        }
        // The first bytes, or what was small and is no longer so: all of it goes to the other lane.
        let Some(larger) = held.reserve(bytes) else { return false };
        *self = larger;
        true
    }

    /// Counts `bytes` more beside it, which are held whether or not they are free: whoever comes next has to wait.
    pub(super) fn beside(&self, bytes: usize) -> Self {
        let Some(budget) = &self.budget else { return Self::default() };
        budget.owe(self.small, bytes);
        Self { budget: Some(budget.clone()), small: self.small, bytes }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(budget) = &self.budget {
            budget.give(self.small, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: usize = 1 << 20;

    fn held(budget: &Budget) -> [usize; 2] {
        [true, false].map(|small| budget.lane(small).held.load(Ordering::Relaxed))
    }

    #[test]
    fn what_is_dropped_can_be_taken_again() {
        let budget = Budget::new(10 * MIB);
        let first = budget.reserve(6 * MIB).unwrap();
        assert!(budget.reserve(5 * MIB).is_none());
        drop(first);
        assert!(budget.reserve(10 * MIB).is_some());
        assert!(budget.reserve(10 * MIB + 1).is_none());
    }

    #[test]
    fn nobody_takes_the_whole_but_a_part_has_room_for_the_largest() {
        let budget = Budget::new(32 * MIB);
        let (one, other) = (budget.part(4, MIB), budget.part(4, MIB));
        let _eight: Vec<_> = (0..8).map(|_| one.reserve(MIB).unwrap()).collect();
        assert!(one.reserve(MIB).is_none());
        let connection = other.part(2, 5 * MIB);
        assert!(connection.reserve(5 * MIB).is_some() && connection.reserve(5 * MIB + 1).is_none());
        assert_eq!(held(&budget), [0, 8 * MIB]);
    }

    #[test]
    fn what_is_small_finds_room_beside_what_is_large() {
        let budget = Budget::new(4 * MIB);
        let all = budget.reserve(4 * MIB).unwrap();
        assert!(budget.reserve(SMALL + 1).is_none());
        // Of the lane for them, too, no one takes the whole.
        let one = budget.part(4, MIB);
        let small: Vec<_> = std::iter::from_fn(|| one.reserve(SMALL)).collect();
        assert_eq!(small.len(), SMALL_LANE / 4 / SMALL);
        assert!(budget.part(4, MIB).reserve(SMALL).is_some());
        drop(all);
        assert!(one.reserve(SMALL).is_some(), "by the other lane");
    }

    proptest! {
        /// Whatever is taken, grown, counted beside and dropped, in whatever order: what is counted is what is held, and all of it comes back.
        #[test]
        fn what_is_counted_is_what_is_held(steps in proptest::collection::vec((0_u8..4, 0_usize..4, 0_usize..MIB), 0..60)) {
            let budget = Budget::new(4 * MIB);
            let part = budget.part(2, MIB);
            let mut held_by: Vec<Reservation> = Vec::new();
            for (what, which, bytes) in steps {
                let under = if bytes % 2 == 0 { &budget } else { &part };
                match (what, held_by.get_mut(which)) {
                    (0, _) => held_by.extend(under.reserve(bytes)),
                    (1, Some(reservation)) => {
                        let before = reservation.bytes;
                        let grown = reservation.grow(under, bytes);
                        prop_assert_eq!(reservation.bytes, if grown { before.max(bytes) } else { before });
                    }
                    (2, Some(reservation)) => {
                        let beside = reservation.beside(bytes);
                        held_by.push(beside);
                    }
                    (3, Some(_)) => drop(held_by.swap_remove(which)),
                    _ => {}
                }
                let sum = |small| held_by.iter().filter(|it| it.small == small).map(|it| it.bytes).sum::<usize>();
                prop_assert_eq!(held(&budget), [sum(true), sum(false)]);
            }
            drop(held_by);
            prop_assert_eq!((held(&budget), held(&part)), ([0; 2], [0; 2]));
        }
    }
}
