//! A reader's claim: the random word under which a read can be repeated, and the hash of it that a store sees.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::{NoRandomness, hash, random};

/// The hash of a reader's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimHash(pub [u8; 32]);

/// A reader's own random word, under which a reveal can be repeated: 16 to 128 characters of `A-Za-z0-9_-`.
#[derive(Clone)]
pub struct ClaimKey(Zeroizing<String>);

/// The text can't be a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has to be 16 to 128 characters, each a letter, a digit, '_' or '-'")]
pub struct InvalidClaimKey;

impl ClaimKey {
    /// Draws a new one: 160 random bits, as 32 letters and digits.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        let bytes = Zeroizing::new(random::<20>()?);
        let mut text = Zeroizing::new(BASE32_NOPAD.encode(bytes.as_ref()));
        text.make_ascii_lowercase();
        Ok(Self(text))
    }

    /// The text. Named so that each place that shows it can be found.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What a store sees: `BLAKE2b-256("ots/claim/v1" ‖ claim)`.
    #[must_use]
    pub fn hash(&self) -> ClaimHash {
        ClaimHash(hash(&[b"ots/claim/v1", self.0.as_bytes()]))
    }
}

impl FromStr for ClaimKey {
    type Err = InvalidClaimKey;

    fn from_str(text: &str) -> Result<Self, InvalidClaimKey> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !(16..=128).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(InvalidClaimKey);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimKey(…)")
    }
}
