//! What a request for a secret is made of: the key that stays with the requester, the fingerprint that the link to give away has,
//! the label that says what is asked for, and the forms in which the requester keeps it all.

mod collecting;
mod label;
mod toml;

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

use super::{InvalidLinkKey, LINK_KEY_BYTES, NoRandomness, link_key::Hidden};

pub use collecting::{COLLECT_PATH, CollectingKey, InvalidCollectingKey};
pub use label::{InvalidRequestLabel, MAX_REQUEST_LABEL_BYTES, RequestLabel};

/// 32 random bytes from which a request's key pair comes, with a passphrase if it has one. Never leaves the requester.
pub struct RequestKey(Hidden);

impl RequestKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`NoRandomness`] when the operating system has none.
    pub fn generate() -> Result<Self, NoRandomness> {
        Hidden::generate().map(Self)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; LINK_KEY_BYTES] {
        self.0.as_bytes()
    }

    /// Its 43 characters of base64url. Named so that each place that shows it can be found.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        self.0.expose()
    }
}

impl FromStr for RequestKey {
    type Err = InvalidLinkKey;

    fn from_str(text: &str) -> Result<Self, InvalidLinkKey> {
        text.parse().map(Self)
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestKey(…)")
    }
}

/// The SHA-256 of a request's public key. It follows `#` in the link to give away, so the server never sees it: who has it can answer,
/// and read what is asked for.
#[derive(Clone)]
pub struct Fingerprint(Hidden);

impl Fingerprint {
    /// Takes a hash.
    #[must_use]
    pub fn new(hash: [u8; LINK_KEY_BYTES]) -> Self {
        Self(hash.into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; LINK_KEY_BYTES] {
        self.0.as_bytes()
    }

    /// Its 43 characters of base64url. Named so that each place that shows it can be found.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        self.0.expose()
    }

    /// Whether they are the same, in a time that doesn't say how much of them is.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        orion::util::secure_cmp(self.as_bytes(), other.as_bytes()).is_ok()
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidLinkKey;

    fn from_str(text: &str) -> Result<Self, InvalidLinkKey> {
        text.parse().map(Self)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

#[cfg(test)]
mod tests;
