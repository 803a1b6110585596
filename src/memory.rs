//! Bytes in memory: buffers that wipe themselves also when they grow, and a bound on what is held at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

/// Bytes are counted in blocks, so that a semaphore's 32-bit counts suffice.
const BLOCK: usize = 1024;

/// So many bytes may be held at once.
#[derive(Debug, Clone)]
pub struct Budget {
    free: Arc<Semaphore>,
    blocks: usize,
}

/// Bytes taken from a [`Budget`] until this is dropped.
#[derive(Debug)]
pub struct Reservation(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

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
        Some(Reservation(Some(permits)))
    }
}

impl Reservation {
    /// Holds nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }
}

/// Appends to a buffer that wipes itself, moving to a larger one by hand so that no unwiped copy is left behind. It grows
/// with what has come, at most to `expected` bytes where that is known and enough.
///
/// # Errors
/// When there is no memory for it; the buffer is as it was.
pub fn append(
    bytes: &mut Zeroizing<Vec<u8>>,
    data: &[u8],
    expected: Option<usize>,
) -> Result<(), std::collections::TryReserveError> {
    let needed = bytes.len() + data.len();
    if needed > bytes.capacity() {
        let doubled = needed.saturating_mul(2);
        let mut larger = Zeroizing::new(Vec::new());
        larger.try_reserve_exact(expected.map_or(doubled, |expected| doubled.min(expected.max(needed))))?;
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(data);
    Ok(())
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
