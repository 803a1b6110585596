//! What others say, a server most of all, made safe to show: on one line, without what drives a terminal, and no longer than people read.

use std::io;

use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

use super::terminal::{drives, escaped};

/// As much as is shown of somebody else's words, in characters.
const LONGEST: usize = 600;

/// Somebody else's words: they must not drive the terminal, nor look like another line of ours.
pub(super) fn one_line(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    escaped(&shown).replace('\n', "\\x0a").replace('\t', " ")
}

/// JSON as serde writes it, but with an escape for each character that could drive a terminal: JSON itself asks for few of them.
pub(super) struct Tame(CompactFormatter);

impl Tame {
    pub(super) fn new() -> Self {
        Self(CompactFormatter)
    }
}

impl Formatter for Tame {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| drives(*character)) {
            let (safe, from) = rest.split_at(at);
            self.0.write_string_fragment(writer, safe)?;
            write!(writer, "\\u{:04x}", u32::from(character))?;
            rest = from.split_at(character.len_utf8()).1;
        }
        self.0.write_string_fragment(writer, rest)
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }
}

/// An object on one line.
pub(super) fn json(object: &impl serde::Serialize) -> String {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Tame::new());
    match object.serialize(&mut serializer) {
        Ok(()) => String::from_utf8(text).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WILD: &str = "a\"\\\u{1b}]0;t\u{7}\r\nots: forged\u{9b}31m\u{7f}\u{202e}\u{2028}é";

    #[test]
    fn words_of_others_are_one_short_tame_line() {
        let shown = one_line(WILD);
        assert!(!shown.chars().any(drives) && shown.ends_with('é'), "{shown:?}");
        let long = one_line(&"word\t".repeat(100_000));
        assert!(long.chars().count() == LONGEST + 1 && long.ends_with('…') && !long.contains('\t'));
    }

    #[test]
    fn json_is_tame_and_the_same() {
        let object = serde_json::json!({ WILD: [WILD, 1.5, null] });
        let text = json(&object);
        assert!(text.chars().all(|character| !drives(character)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), object);
        let tame = serde_json::json!({ "a": "b\u{e9}", "c": [true] });
        assert_eq!(json(&tame), tame.to_string());
    }
}
