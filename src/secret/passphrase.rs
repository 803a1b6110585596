//! A passphrase: what a person types, or an end-to-end secret's proof. In one normal form, so that it is the same from every
//! keyboard. Wipes itself and prints nothing.

use std::{borrow::Cow, fmt};

use data_encoding::BASE64URL_NOPAD;
use icu_normalizer::ComposingNormalizerBorrowed;
use zeroize::Zeroizing;

/// The longest passphrase, in bytes of UTF-8 in NFC.
pub const MAX_PASSPHRASE_BYTES: usize = 1024;
/// More bytes than this can't be 1,024 in NFC, which makes a third of some texts and of none an eighth: they aren't looked at.
const MAX_TYPED_BYTES: usize = 8 * MAX_PASSPHRASE_BYTES;

/// 1 to 1,024 bytes of UTF-8 in Unicode's normal form C (Unicode Standard Annex 15).
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

/// The passphrase is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a passphrase has 1 to 1,024 bytes")]
pub struct InvalidPassphrase;

impl Passphrase {
    /// Takes the text in its normal form C, and is otherwise as it is: nothing is trimmed.
    ///
    /// ```
    /// use ots::secret::Passphrase;
    ///
    /// let decomposed = Passphrase::new(" cafe\u{301}".to_owned().into())?;
    /// assert_eq!(decomposed.expose(), " caf\u{e9}");
    /// # Ok::<(), ots::secret::InvalidPassphrase>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidPassphrase`] when that is empty or longer than 1,024 bytes.
    pub fn new(text: Zeroizing<String>) -> Result<Self, InvalidPassphrase> {
        if text.len() > MAX_TYPED_BYTES {
            return Err(InvalidPassphrase);
        }
        let changed = match ComposingNormalizerBorrowed::new_nfc().normalize(&text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(normal) => Some(Zeroizing::new(normal)),
        };
        let text = changed.unwrap_or(text);
        if text.is_empty() || text.len() > MAX_PASSPHRASE_BYTES {
            return Err(InvalidPassphrase);
        }
        Ok(Self(text))
    }

    /// Whether it looks like an end-to-end secret's proof: 32 bytes as base64url without padding (RFC 4648, section 5).
    #[must_use]
    pub fn is_proof(&self) -> bool {
        let mut bytes = Zeroizing::new([0; 32]);
        self.0.len() == 43 && BASE64URL_NOPAD.decode_mut(self.0.as_bytes(), bytes.as_mut()).is_ok()
    }

    /// Whether white space begins or ends it: it counts, and nobody sees it.
    #[must_use]
    pub fn has_space_at_an_edge(&self) -> bool {
        self.0.starts_with(char::is_whitespace) || self.0.ends_with(char::is_whitespace)
    }

    /// The text. Named so that each place that shows it can be found.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}
