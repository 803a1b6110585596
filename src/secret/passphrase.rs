//! A passphrase: what a person types, or an end-to-end secret's proof. Wipes itself and prints nothing.

use std::fmt;

use zeroize::Zeroizing;

/// The longest passphrase, in bytes of UTF-8.
pub const MAX_PASSPHRASE_BYTES: usize = 1024;

/// 1 to 1,024 bytes of UTF-8.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

/// The passphrase is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a passphrase has 1 to 1,024 bytes")]
pub struct InvalidPassphrase;

impl Passphrase {
    /// Takes the text as it is: no trimming, no normalisation.
    ///
    /// # Errors
    /// [`InvalidPassphrase`] when it is empty or longer than 1,024 bytes.
    pub fn new(text: Zeroizing<String>) -> Result<Self, InvalidPassphrase> {
        if text.is_empty() || text.len() > MAX_PASSPHRASE_BYTES {
            return Err(InvalidPassphrase);
        }
        Ok(Self(text))
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
