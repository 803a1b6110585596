//! The name of a request, in its answer and in the log.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::secret::{NoRandomness, random};

/// Numbers requests, from a random start, so that ids differ between runs.
pub(super) struct RequestIds {
    first: u64,
    given: AtomicU64,
}

impl RequestIds {
    /// Draws the start.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(super) fn generate() -> Result<Self, NoRandomness> {
        Ok(Self { first: u64::from_be_bytes(random()?), given: AtomicU64::new(0) })
    }

    pub(super) fn next(&self) -> RequestId {
        RequestId(self.first.wrapping_add(self.given.fetch_add(1, Ordering::Relaxed)))
    }
}

/// Names a request in its answer and in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestId(u64);

impl RequestId {
    /// The number.
    pub(super) fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
