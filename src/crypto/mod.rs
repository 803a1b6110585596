//! Cryptography: sealing at rest and end to end. Pure functions over bytes, all primitives from `orion`; the format is in the
//! design's crypto page.

pub mod at_rest;
mod derive;
pub mod envelope;
pub mod sealed_box;
pub mod webhook;

use crate::secret::NoRandomness;

/// What can go wrong in `crypto`. Never holds secret bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// An input is outside what the primitive takes, for instance larger than it can seal.
    #[error("the content can't be sealed")]
    Seal,
    /// The ciphertext, its associated data or the key is not what was sealed.
    #[error("the sealed content can't be opened: wrong key, or it was altered")]
    Open,
}
