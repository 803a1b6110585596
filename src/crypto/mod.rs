//! Cryptography: tokens, links, sealing at rest and end to end. Pure functions over bytes, all primitives from `orion`;
//! randomness comes from the operating system. The format is in the design's crypto page.

pub mod at_rest;
pub mod envelope;
pub mod link;
pub mod link_key;
pub mod passphrase;
pub mod token;

use orion::hazardous::hash::blake2::blake2b::Blake2b;
use zeroize::Zeroizing;

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

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoRandomness;

/// Fills an array with randomness from the operating system.
///
/// # Errors
/// [`NoRandomness`] when the operating system has none.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
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

/// BLAKE2b (RFC 7693) of `N` bytes, 1 to 64, over `parts`, one after the other.
#[expect(clippy::expect_used, reason = "lengths from 1 to 64 are BLAKE2b's, and no state is used after its end")]
pub(crate) fn hash<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    const { assert!(N >= 1 && N <= 64) };
    let mut state = Blake2b::new(N).expect("BLAKE2b has 1 to 64 bytes");
    for part in parts {
        state.update(part).expect("the state has not been finalized");
    }
    let digest = state.finalize().expect("the state has not been finalized");
    digest.as_ref().try_into().expect("the digest is as long as it was asked to be")
}
