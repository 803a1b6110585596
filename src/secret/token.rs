//! The token in a link, and what is derived from it without any key: the id that a store looks up.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{NoRandomness, SecretId, bearer, bearer::Bearer};

/// Characters of a token's text: base32 without padding.
pub const TOKEN_CHARS: usize = bearer::CHARS;

/// The bearer capability in a link: the second of its creation (since the Unix epoch, big endian) and 128 random bits, shown as 32
/// characters of lower-case base32 (RFC 4648, no padding). The second tells a link's holder what the status tells anyway, and keeps
/// secrets of one time together in every index.
pub struct Token(Bearer);

/// The text is not 32 characters of base32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token is 32 letters and digits (a to z, 2 to 7)")]
pub struct InvalidToken;

impl Token {
    /// Draws a new token for a secret that is made at `now`.
    ///
    /// # Errors
    /// [`NoRandomness`] when the operating system has none.
    pub fn generate(now: Timestamp) -> Result<Self, NoRandomness> {
        Bearer::generate(now).map(Self)
    }

    /// The 20 bytes: key material, never stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; bearer::BYTES] {
        self.0.as_bytes()
    }

    pub(super) fn bearer(&self) -> &Bearer {
        &self.0
    }

    /// The 32 characters for the link, in lower case. Named so that each place that shows a token can be found.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        self.0.text("")
    }

    /// The lookup key: the second of creation, as it is, then `BLAKE2b-224("ots/id/v2" ‖ token)`. The token can't be found from it.
    #[must_use]
    pub fn id(&self) -> SecretId {
        SecretId(self.0.id(b"ots/id/v2"))
    }

    /// The lookup key where it is a request's: the second of creation, then `BLAKE2b-224("ots/request-id/v1" ‖ token)`. So a request's token
    /// is no secret's, and reads, burns and finds none.
    #[must_use]
    pub fn request_id(&self) -> SecretId {
        SecretId(self.0.id(b"ots/request-id/v1"))
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        text.parse().map(Self).map_err(|bearer::Invalid| InvalidToken)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_lower_case_base32_and_either_case_is_taken() {
        let token = Token::generate(Timestamp::now()).unwrap();
        let text = token.expose();
        assert_eq!(text.len(), TOKEN_CHARS);
        assert!(text.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)));
        for given in [text.to_string(), text.to_ascii_uppercase()] {
            assert_eq!(given.parse::<Token>().unwrap().as_bytes(), token.as_bytes());
        }
    }

    /// The vectors are from Python: `hashlib.blake2b(b"ots/id/v2" + token, digest_size=28)`.
    #[test]
    fn id_is_the_second_and_the_documented_hash() {
        for (token, id) in [
            ("a".repeat(32), "00000000971ad709a09248b6cf8d8107399e5f9904bac38d3502830076ae8683"),
            (
                "abcdefghijklmnopqrstuvwxyz234567".to_owned(),
                "004432148293f09bf657c8e52541f5ec97dc08407516b243490d8e611ded5558",
            ),
        ] {
            assert_eq!(data_encoding::HEXLOWER.encode(&token.parse::<Token>().unwrap().id().0), id);
        }
    }

    #[test]
    fn tokens_and_ids_begin_with_the_second_of_their_creation() {
        for (second, begins) in [(1_785_000_000, 1_785_000_000), (-5, 0), (1 << 33, u32::MAX)] {
            let token = Token::generate(Timestamp::from_second(second).unwrap()).unwrap();
            assert_eq!(token.as_bytes()[..4], begins.to_be_bytes());
            assert_eq!(token.id().0[..4], begins.to_be_bytes());
            let other = Token::generate(Timestamp::from_second(second).unwrap()).unwrap();
            assert_ne!(token.as_bytes(), other.as_bytes());
        }
    }

    /// From Python, likewise: `hashlib.blake2b(b"ots/request-id/v1" + token, digest_size=28)`.
    #[test]
    fn a_requests_id_is_another() {
        let token: Token = "abcdefghijklmnopqrstuvwxyz234567".parse().unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&token.request_id().0),
            "004432148da885e8b6d0372020b32b0207789ec72b83d04fb2382f8d9865929c"
        );
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Token::generate(Timestamp::now()).unwrap()), "Token(…)");
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_or_an_error(text in ".{0,40}") {
            if let Ok(token) = text.parse::<Token>() {
                prop_assert_eq!(token.expose().to_string(), text.to_ascii_lowercase());
            }
        }
    }
}
