//! Cryptography: tokens, links, sealing at rest and end to end. Pure functions over bytes, all primitives from `orion`;
//! randomness comes from the operating system. The format is in the design's crypto page.

pub mod at_rest;
pub mod envelope;
pub mod link;
pub mod link_key;
pub mod passphrase;
pub mod token;

use zeroize::Zeroizing;

/// What can go wrong in `crypto`. Never holds secret bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
    /// An input is outside what the primitive takes, for instance larger than it can seal.
    #[error("the content can't be sealed")]
    Seal,
    /// The ciphertext, its associated data or the key is not what was sealed.
    #[error("the sealed content can't be opened: wrong key, or it was altered")]
    Open,
}

/// Fills an array with randomness from the operating system.
///
/// # Errors
/// [`CryptoError::Randomness`] when the operating system has none.
pub fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| CryptoError::Randomness)?;
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

/// BLAKE2b-256 (RFC 7693) over `parts`, one after the other.
pub(crate) fn hash(parts: &[&[u8]]) -> Result<[u8; 32], CryptoError> {
    let mut state = orion::hazardous::hash::blake2::blake2b::Blake2b::new(32).map_err(|_| CryptoError::Seal)?;
    for part in parts {
        state.update(part).map_err(|_| CryptoError::Seal)?;
    }
    let digest = state.finalize().map_err(|_| CryptoError::Seal)?;
    digest.as_ref().try_into().map_err(|_| CryptoError::Seal)
}
