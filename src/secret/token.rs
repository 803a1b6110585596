//! The token in a link, and what is derived from it without any key: the id that a store looks up.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::{NoRandomness, hash, random};

/// Bytes in a token: 160 bits can't be guessed.
const TOKEN_BYTES: usize = 20;
/// Characters of a token's text: base32 without padding.
pub const TOKEN_CHARS: usize = 32;

/// The bearer capability in a link: 160 random bits, shown as 32 base32 characters.
pub struct Token(Zeroizing<[u8; TOKEN_BYTES]>);

/// The text is not 32 characters of base32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token is 32 letters and digits (a to z, 2 to 7)")]
pub struct InvalidToken;

impl Token {
    /// Draws a new token.
    ///
    /// # Errors
    /// [`NoRandomness`] when the operating system has none.
    pub fn generate() -> Result<Self, NoRandomness> {
        random().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The 20 bytes: key material, never stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; TOKEN_BYTES] {
        &self.0
    }

    /// The 32 characters for the link, in lower case. Named so that each place that shows a token can be found.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(BASE32_NOPAD.encode(self.0.as_ref()));
        text.make_ascii_lowercase();
        text
    }

    /// The lookup key: `BLAKE2b-256("ots/id/v1" ‖ token)`. The token can't be found from it.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        hash(&[b"ots/id/v1", self.as_bytes()])
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let mut upper = Zeroizing::new(<[u8; TOKEN_CHARS]>::try_from(text.as_bytes()).map_err(|_| InvalidToken)?);
        upper.make_ascii_uppercase();
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        BASE32_NOPAD.decode_mut(upper.as_ref(), bytes.as_mut()).map_err(|_| InvalidToken)?;
        Ok(Self(bytes))
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
        let token = Token::generate().unwrap();
        let text = token.expose();
        assert_eq!(text.len(), TOKEN_CHARS);
        assert!(text.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)));
        for given in [text.to_string(), text.to_ascii_uppercase()] {
            assert_eq!(given.parse::<Token>().unwrap().as_bytes(), token.as_bytes());
        }
    }

    /// The vector is BLAKE2b-256 of `ots/id/v1` and twenty zero bytes, from Python's hashlib.
    #[test]
    fn id_is_the_documented_hash() {
        let token: Token = "a".repeat(32).parse().unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&token.id()),
            "4812f24bd78cd769a61302a657ddd6580d9dd62206ace64a6fdecc6ae68b70bf"
        );
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Token::generate().unwrap()), "Token(…)");
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
