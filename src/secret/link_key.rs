//! The key in an end-to-end link: what follows `#`, which no browser and no `ots` ever sends to a server.

use std::{fmt, str::FromStr};

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::{NoRandomness, random};

/// Bytes in a link key.
pub const LINK_KEY_BYTES: usize = 32;
/// Characters of a link key's text: base64url without padding.
pub const LINK_KEY_CHARS: usize = 43;

/// 32 random bytes, shown as 43 characters of base64url (RFC 4648, section 5, no padding).
pub struct LinkKey(Hidden);

/// 32 bytes that are nobody else's to see, and their one text: 43 characters of base64url.
#[derive(Clone)]
pub(super) struct Hidden(Zeroizing<[u8; LINK_KEY_BYTES]>);

/// The text is not a whole key. Holds no part of it; the words follow the place that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLinkKey {
    /// Its end is missing.
    #[error("is cut: {0} of {LINK_KEY_CHARS} characters")]
    Cut(usize),
    /// Something else is on it.
    #[error("has {0} characters, and a key has {LINK_KEY_CHARS}")]
    Long(usize),
    /// It is as long as a key, and none.
    #[error("isn't a key: one has {LINK_KEY_CHARS} letters, digits, - and _, and this one was changed")]
    Changed,
}

impl Hidden {
    pub(super) fn generate() -> Result<Self, NoRandomness> {
        random().map(Self::from)
    }

    pub(super) fn as_bytes(&self) -> &[u8; LINK_KEY_BYTES] {
        &self.0
    }

    pub(super) fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(self.as_bytes()))
    }
}

impl From<[u8; LINK_KEY_BYTES]> for Hidden {
    fn from(bytes: [u8; LINK_KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl FromStr for Hidden {
    type Err = InvalidLinkKey;

    fn from_str(text: &str) -> Result<Self, InvalidLinkKey> {
        match text.chars().count() {
            LINK_KEY_CHARS if text.is_ascii() => {}
            LINK_KEY_CHARS => return Err(InvalidLinkKey::Changed),
            count if count < LINK_KEY_CHARS => return Err(InvalidLinkKey::Cut(count)),
            count => return Err(InvalidLinkKey::Long(count)),
        }
        let mut bytes = Zeroizing::new([0; LINK_KEY_BYTES]);
        BASE64URL_NOPAD.decode_mut(text.as_bytes(), bytes.as_mut()).map_err(|_| InvalidLinkKey::Changed)?;
        Ok(Self(bytes))
    }
}

impl LinkKey {
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

    /// The 43 characters for the link. Named so that each place that shows a key can be found.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        self.0.expose()
    }
}

/// From the 32 bytes, as an answer to a request has them.
impl From<Zeroizing<[u8; LINK_KEY_BYTES]>> for LinkKey {
    fn from(bytes: Zeroizing<[u8; LINK_KEY_BYTES]>) -> Self {
        Self(Hidden(bytes))
    }
}

impl FromStr for LinkKey {
    type Err = InvalidLinkKey;

    fn from_str(text: &str) -> Result<Self, InvalidLinkKey> {
        text.parse().map(Self)
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_base64url_and_comes_back() {
        let key = LinkKey::generate().unwrap();
        let text = key.expose();
        assert_eq!(text.len(), LINK_KEY_CHARS);
        assert_eq!(text.parse::<LinkKey>().unwrap().as_bytes(), key.as_bytes());
        assert_eq!(format!("{key:?}"), "LinkKey(…)");
    }

    #[test]
    fn what_is_not_a_whole_key_is_refused() {
        let whole = "A".repeat(43);
        assert!(whole.parse::<LinkKey>().is_ok());
        for (text, error) in [
            ("", InvalidLinkKey::Cut(0)),
            ("A", InvalidLinkKey::Cut(1)),
            (&whole[1..], InvalidLinkKey::Cut(42)),
            (&format!("{whole}A"), InvalidLinkKey::Long(44)),
            (&format!("{whole}="), InvalidLinkKey::Long(44)),
            (&format!("{}+", &whole[1..]), InvalidLinkKey::Changed),
            (&format!("{}ä", &whole[1..]), InvalidLinkKey::Changed),
        ] {
            assert_eq!(text.parse::<LinkKey>().unwrap_err(), error, "{text}");
        }
        // The last character has two bits that no byte uses: they are zero, so that a key has one text.
        assert!(format!("{}B", &whole[1..]).parse::<LinkKey>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_an_error(text in "\\PC{0,50}|[A-Za-z0-9_-]{43}") {
            if let Ok(key) = text.parse::<LinkKey>() {
                prop_assert_eq!(key.expose().to_string(), text);
            }
        }
    }
}
