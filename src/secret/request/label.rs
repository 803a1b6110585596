//! What a request says that it asks for: one line, for a person to read, of whom nobody knows what they want a reader to see.

use std::fmt;

use zeroize::Zeroizing;

/// The longest label, in bytes of UTF-8.
pub const MAX_REQUEST_LABEL_BYTES: usize = 510;

/// One line of 1 to 510 bytes of UTF-8, without characters that nobody sees or that change how others are seen.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestLabel(Zeroizing<String>);

/// Why a text can't be a label. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequestLabel {
    /// Nothing is there.
    #[error("a label can't be empty: leave it out")]
    Empty,
    /// It doesn't fit.
    #[error("the label has {0} bytes; it can have {MAX_REQUEST_LABEL_BYTES}: shorten it")]
    Long(usize),
    /// It could drive a terminal, or show something else than it says.
    #[error("the label has a line break or a character that can't be seen: take it out")]
    Unseen,
}

impl RequestLabel {
    /// Takes the text as it is.
    ///
    /// # Errors
    /// [`InvalidRequestLabel`].
    pub fn new(text: Zeroizing<String>) -> Result<Self, InvalidRequestLabel> {
        match text.len() {
            0 => Err(InvalidRequestLabel::Empty),
            length if length > MAX_REQUEST_LABEL_BYTES => Err(InvalidRequestLabel::Long(length)),
            _ if text.chars().any(is_unseen) => Err(InvalidRequestLabel::Unseen),
            _ => Ok(Self(text)),
        }
    }

    /// The text. Named so that each place that shows it can be found.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RequestLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestLabel(…)")
    }
}

/// Control characters, and those that nobody sees or that change how others are seen (CVE-2021-42574): the same that file names lose.
/// Joiners stay: emoji and Persian need them.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
