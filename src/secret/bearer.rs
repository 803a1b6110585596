//! What tokens and receipts are made of: the second of their creation and 128 random bits, written as base32.

use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{NoRandomness, hash};

/// Bytes: the second, then the random ones, which can't be guessed.
pub(super) const BYTES: usize = SECOND_BYTES + RANDOM_BYTES;
const SECOND_BYTES: usize = 4;
const RANDOM_BYTES: usize = 16;
/// Characters of the text: base32 without padding.
pub(super) const CHARS: usize = 32;

/// Whoever bears it may do what it is for. The second (since the Unix epoch, big endian) tells its holder what the status tells anyway, and
/// keeps what is made at one time together in every index.
pub(super) struct Bearer(Zeroizing<[u8; BYTES]>);

/// The text is not 32 characters of base32.
pub(super) struct Invalid;

impl Bearer {
    /// Draws a new one, at `now`.
    pub(super) fn generate(now: Timestamp) -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let (second, random) = bytes.split_at_mut(SECOND_BYTES);
        // Years before 1970 and after 2106 share the first and the last second: only the order suffers.
        second.copy_from_slice(&u32::try_from(now.as_second().max(0)).unwrap_or(u32::MAX).to_be_bytes());
        random.copy_from_slice(Zeroizing::new(super::random::<RANDOM_BYTES>()?).as_ref());
        Ok(Self(bytes))
    }

    /// Another, which whoever bears this one can make too: the same second, then `BLAKE2b-128(label ‖ bytes)`. This one can't be found
    /// from it.
    pub(super) fn derive(&self, label: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let (second, hashed) = bytes.split_at_mut(SECOND_BYTES);
        second.copy_from_slice(self.0.split_at(SECOND_BYTES).0);
        hashed.copy_from_slice(&hash::<RANDOM_BYTES>(&[label, self.as_bytes()]));
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; BYTES] {
        &self.0
    }

    /// The 32 characters, in lower case, after `prefix`.
    pub(super) fn text(&self, prefix: &str) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + CHARS));
        text.push_str(prefix);
        BASE32_NOPAD.encode_append(self.0.as_ref(), &mut text);
        text.make_ascii_lowercase();
        text
    }

    /// What a store knows it by: the second, as it is, then `BLAKE2b-224(label ‖ bytes)`. It can't be found from that.
    pub(super) fn id(&self, label: &[u8]) -> [u8; 32] {
        let mut id = [0; 32];
        let (second, hashed) = id.split_at_mut(SECOND_BYTES);
        second.copy_from_slice(self.0.split_at(SECOND_BYTES).0);
        hashed.copy_from_slice(&hash::<28>(&[label, self.as_bytes()]));
        id
    }
}

impl FromStr for Bearer {
    type Err = Invalid;

    /// Either case is taken.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut upper = Zeroizing::new(<[u8; CHARS]>::try_from(text.as_bytes()).map_err(|_| Invalid)?);
        upper.make_ascii_uppercase();
        let mut bytes = Zeroizing::new([0; BYTES]);
        BASE32_NOPAD.decode_mut(upper.as_ref(), bytes.as_mut()).map_err(|_| Invalid)?;
        Ok(Self(bytes))
    }
}
