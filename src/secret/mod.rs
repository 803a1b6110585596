//! The words that every layer shares: types that can't be wrong, each with one constructor that validates. Those that hold secret
//! bytes wipe themselves and print nothing.

mod bearer;
mod claim;
mod create_key;
mod generated;
mod hook;
mod id;
mod kind;
mod link;
mod link_key;
mod passphrase;
mod receipt;
mod request;
mod secret_key;
mod token;
mod ttl;

use orion::hazardous::hash::blake2::blake2b::Blake2b;

pub use claim::{ClaimHash, ClaimKey, InvalidClaimKey};
pub use create_key::{CreateKey, CreateKeyHash, InvalidCreateKey, InvalidCreateKeyHash};
pub use generated::{Generated, InvalidRecipe, Recipe};
pub use hook::{HookName, InvalidHookName};
pub use id::{HookId, KeyId, OwnerId, ReceiptId, SecretId, Verifier};
pub use kind::Kind;
pub use link::{
    InvalidLink, InvalidRequestLink, LINK_PATH, Link, RECEIPT_PATH, REQUEST_PATH, ReceiptLink, RequestLink, SentLink,
};
pub use link_key::{InvalidLinkKey, LINK_KEY_BYTES, LINK_KEY_CHARS, LinkKey};
pub use passphrase::{InvalidPassphrase, MAX_PASSPHRASE_BYTES, Passphrase};
pub use receipt::{InvalidReceipt, RECEIPT_CHARS, Receipt};
pub use request::{
    COLLECT_PATH, CollectingKey, Fingerprint, InvalidCollectingKey, InvalidRequestLabel, MAX_REQUEST_LABEL_BYTES,
    RequestKey, RequestLabel,
};
pub use secret_key::{InvalidSecretKey, SecretKey};
pub use token::{InvalidToken, TOKEN_CHARS, Token};
pub use ttl::{InvalidTtl, MIN_TTL, Ttl};

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
