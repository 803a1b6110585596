//! The key that a server may want of whoever creates: a bearer token of its own form, of which the server keeps a hash.

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use zeroize::Zeroizing;

use super::{NoRandomness, hash, random};

/// What each key begins with, so that people and secret scanners know one: `ots_[a-z2-7]{52}`.
const PREFIX: &str = "ots_";
/// Random bytes in a key.
const KEY_BYTES: usize = 32;
/// Characters after the prefix: base32 without padding.
const KEY_CHARS: usize = 52;

/// A key for creating: `ots_` and 256 random bits as 52 characters of lower-case base32 (RFC 4648, no padding).
pub struct CreateKey(Zeroizing<[u8; KEY_BYTES]>);

/// The text isn't a key. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is {PREFIX} and {KEY_CHARS} letters and digits (a to z, 2 to 7), as ots keygen makes it")]
pub struct InvalidCreateKey;

impl CreateKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`NoRandomness`] when the operating system has none.
    pub fn generate() -> Result<Self, NoRandomness> {
        random().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The text. Named so that each place that shows a key can be found.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + KEY_CHARS));
        text.push_str(PREFIX);
        BASE32_NOPAD.encode_append(self.0.as_ref(), &mut text);
        // The prefix is in lower case already.
        text.make_ascii_lowercase();
        text
    }

    /// What a server keeps of it: `BLAKE2b-256("ots/create-key/v1" ‖ the 32 bytes)`. A plain hash is enough: nobody can try out 2^256
    /// keys, and no person chose this one.
    #[must_use]
    pub fn hash(&self) -> CreateKeyHash {
        CreateKeyHash(hash(&[b"ots/create-key/v1", self.0.as_ref()]))
    }
}

impl FromStr for CreateKey {
    type Err = InvalidCreateKey;

    fn from_str(text: &str) -> Result<Self, InvalidCreateKey> {
        let rest = text.strip_prefix(PREFIX).ok_or(InvalidCreateKey)?;
        let mut upper = Zeroizing::new(<[u8; KEY_CHARS]>::try_from(rest.as_bytes()).map_err(|_| InvalidCreateKey)?);
        if upper.iter().any(u8::is_ascii_uppercase) {
            return Err(InvalidCreateKey); // a key has one text
        }
        upper.make_ascii_uppercase();
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        BASE32_NOPAD.decode_mut(upper.as_ref(), bytes.as_mut()).map_err(|_| InvalidCreateKey)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for CreateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CreateKey(…)")
    }
}

/// What a server knows a key by: of no use to whoever would create. Shown as 64 hexadecimal digits.
#[derive(Clone, Copy)]
pub struct CreateKeyHash([u8; 32]);

/// The text isn't 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's hash is 64 hexadecimal digits, as ots keygen writes it")]
pub struct InvalidCreateKeyHash;

impl CreateKeyHash {
    /// Whether they are the same, in a time that doesn't say how much of them is.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        orion::util::secure_cmp(&self.0, &other.0).is_ok()
    }
}

impl FromStr for CreateKeyHash {
    type Err = InvalidCreateKeyHash;

    fn from_str(text: &str) -> Result<Self, InvalidCreateKeyHash> {
        let bytes = HEXLOWER.decode(text.to_ascii_lowercase().as_bytes()).map_err(|_| InvalidCreateKeyHash)?;
        bytes.try_into().map(Self).map_err(|_| InvalidCreateKeyHash)
    }
}

impl fmt::Display for CreateKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for CreateKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CreateKeyHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_and_hash_come_back() {
        let key = CreateKey::generate().unwrap();
        let text = key.expose();
        assert_eq!(text.len(), 56);
        assert!(text.starts_with("ots_") && text[4..].bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')));
        let again: CreateKey = text.parse().unwrap();
        let written = key.hash().to_string();
        assert!(again.hash().is(&written.parse().unwrap()) && key.hash().is(&written.to_uppercase().parse().unwrap()));
        assert!(!CreateKey::generate().unwrap().hash().is(&key.hash()));
        assert_eq!(format!("{key:?} {:?}", key.hash()), "CreateKey(…) CreateKeyHash(…)");
    }

    /// The vector is from Python: `hashlib.blake2b(b"ots/create-key/v1" + bytes(32), digest_size=32)`.
    #[test]
    fn the_hash_is_the_documented_one() {
        let key: CreateKey = format!("ots_{}", "a".repeat(52)).parse().unwrap();
        assert_eq!(key.hash().to_string(), "6828fdf175d6acccf35dcaa77273fa23cd952fe84a5fc9593592e0062a446f54");
    }

    #[test]
    fn what_is_not_a_whole_key_is_refused() {
        let rest = "a".repeat(52);
        for text in ["", "ots_", &rest, &format!("ots_{rest}a"), &format!("OTS_{rest}"), &format!("ots_{}", &rest[1..])]
        {
            assert!(text.parse::<CreateKey>().is_err(), "{text}");
        }
        // The last character has four bits that no byte uses: they are zero, so that a key has one text; and one case.
        for end in ["b", "A", "1", "=", " "] {
            assert!(format!("ots_{}{end}", &rest[1..]).parse::<CreateKey>().is_err(), "{end}");
        }
        for text in ["", "0", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64)] {
            assert!(text.parse::<CreateKeyHash>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_an_error(text in "\\PC{0,60}|ots_[a-z2-7]{52}") {
            if let Ok(key) = text.parse::<CreateKey>() {
                prop_assert_eq!(key.expose().to_string(), text);
            }
        }
    }
}
