//! A bound on what is held in memory at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are counted in blocks, so that a semaphore's 32-bit counts suffice.
const BLOCK: usize = 1024;

/// So many bytes may be held at once.
#[derive(Debug, Clone)]
pub struct Budget {
    free: Arc<Semaphore>,
    blocks: usize,
}

/// Bytes taken from a [`Budget`] until this is dropped.
#[derive(Debug, Default)]
pub struct Reservation {
    permits: Option<OwnedSemaphorePermit>,
    pub(super) bytes: usize,
}

impl Budget {
    /// A budget of `bytes`, rounded up to a block.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let blocks = bytes.div_ceil(BLOCK).clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(blocks)), blocks }
    }

    /// Takes `bytes` if they are free. More than the whole budget counts as the whole: one large content passes alone.
    #[must_use]
    pub fn reserve(&self, bytes: usize) -> Option<Reservation> {
        let blocks = bytes.div_ceil(BLOCK).min(self.blocks);
        let permits = Arc::clone(&self.free).try_acquire_many_owned(u32::try_from(blocks).ok()?).ok()?;
        Some(Reservation { permits: Some(permits), bytes: blocks.saturating_mul(BLOCK) })
    }
}

impl Reservation {
    /// Adds what was taken from the same budget.
    pub(super) fn merge(&mut self, more: Self) {
        self.bytes = self.bytes.saturating_add(more.bytes);
        match (&mut self.permits, more.permits) {
            (Some(permits), Some(more)) => permits.merge(more),
            (none, more) => *none = more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_can_be_taken_again() {
        let budget = Budget::new(10 * BLOCK);
        let held = budget.reserve(6 * BLOCK).unwrap();
        assert!(budget.reserve(5 * BLOCK).is_none());
        drop(held);
        assert!(budget.reserve(1_000 * BLOCK).is_some(), "one large content passes alone");
    }
}
