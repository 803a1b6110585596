//! What a person types or pastes as a secret, from the bytes that a terminal in raw mode gives.
//!
//! A terminal that knows bracketed paste says where a paste begins and ends: all of it is the secret's. Of one that doesn't,
//! what has more behind it within a moment is a paste: an Enter ends the secret only when nothing follows it. Keys that are no
//! text are never the secret's, except within brackets.

use std::io;

use zeroize::Zeroizing;

use crate::{client::LARGEST, memory};

const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";
const ENTER: u8 = b'\r';
const INTERRUPT: u8 = 0x03; // Ctrl-C
const QUIT: u8 = 0x1c; // Ctrl-\
const END_OF_TEXT: u8 = 0x04; // Ctrl-D
const ESCAPE: u8 = 0x1b;
/// Sequences of keys that are longer than this are none, in bytes.
const LONGEST_SEQUENCE: usize = 32;

/// For how many ticks nothing has to come behind an Enter, or a Ctrl-D, for it to end the secret; and around a key, for it to be
/// one in a paste of which no end has come.
pub(super) const TICKS_TO_END: u32 = 2;

/// What is to be done after a byte has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// It is part of the secret, or edits it.
    Text,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-\.
    Quit,
}

/// Where a bracketed paste is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Paste {
    #[default]
    None,
    Within,
    /// What comes now is a key.
    JustEnded,
}

/// What has been typed and pasted so far.
#[derive(Default)]
pub(super) struct Entry {
    text: Zeroizing<Vec<u8>>,
    paste: Paste,
    /// Enters, or a Ctrl-D: they end the secret unless something comes behind them.
    held: Vec<u8>,
    /// The beginning of a key's sequence, as of an arrow.
    sequence: Vec<u8>,
    after_return: bool,
    /// For how many ticks nothing has come.
    quiet: u32,
    /// A key's byte within a paste, after which nothing has come yet, as none came before it.
    lone: Option<u8>,
    ended: bool,
}

impl Entry {
    /// Takes a byte.
    ///
    /// # Errors
    /// When the text becomes too large.
    pub(super) fn take(&mut self, byte: u8) -> io::Result<Key> {
        let quiet = std::mem::take(&mut self.quiet);
        if let Some(lone) = self.lone.take() {
            self.paste(lone)?;
        }
        // Whatever the clipboard's line ends were, a terminal sends CR; one that sends CRLF means one line end.
        let after_return = std::mem::replace(&mut self.after_return, byte == ENTER && self.sequence.is_empty());
        if after_return && byte == b'\n' {
            return Ok(Key::Text);
        }
        if self.paste != Paste::Within {
            return self.key(byte);
        }
        if quiet >= TICKS_TO_END && matches!(byte, INTERRUPT | QUIT | END_OF_TEXT) {
            self.lone = Some(byte);
            return Ok(Key::Text);
        }
        self.paste(byte).map(|()| Key::Text)
    }

    fn paste(&mut self, byte: u8) -> io::Result<()> {
        self.push(if byte == ENTER { b'\n' } else { byte })?;
        if self.text.ends_with(PASTE_ENDS) {
            let end = self.text.len() - PASTE_ENDS.len();
            self.text.truncate(end);
            self.paste = Paste::JustEnded;
        }
        Ok(())
    }

    fn key(&mut self, byte: u8) -> io::Result<Key> {
        let after_paste = std::mem::take(&mut self.paste) == Paste::JustEnded;
        if byte == ESCAPE || !self.sequence.is_empty() {
            self.sequence(byte);
            return Ok(Key::Text);
        }
        let ends = byte == ENTER || byte == b'\n';
        let more_enters = ends && self.held.iter().all(|held| *held == ENTER);
        match byte {
            INTERRUPT => return Ok(Key::Interrupt),
            QUIT => return Ok(Key::Quit),
            _ if ends && self.text.is_empty() => {} // nothing has been typed yet
            // No paste goes on behind its own end: what follows is for whoever reads next.
            END_OF_TEXT if after_paste => self.ended = true,
            _ if ends && after_paste && self.is_one_line() => self.ended = true,
            _ if more_enters && self.is_one_line() => self.held.push(ENTER),
            0x15 => self.edit(|entry| entry.text.clear())?, // Ctrl-U
            0x17 => self.edit(Self::erase_word)?,           // Ctrl-W
            0x08 | 0x7f => self.edit(Self::erase)?,         // Backspace
            _ if byte < b' ' && !ends && byte != b'\t' && byte != END_OF_TEXT => {} // Ctrl-Z, Ctrl-A …: no characters
            _ => {
                self.release()?;
                match byte {
                    END_OF_TEXT => self.held.push(byte),
                    _ => self.push(if ends { b'\n' } else { byte })?,
                }
            }
        }
        Ok(Key::Text)
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Self)) -> io::Result<()> {
        self.release()?;
        edit(self);
        Ok(())
    }

    /// Arrows and the like are no part of a secret.
    fn sequence(&mut self, byte: u8) {
        self.sequence.push(byte);
        let over = match self.sequence.as_slice() {
            [ESCAPE] | [ESCAPE, b'[' | b'O'] => false,
            [ESCAPE, b'[', .., last] => (0x40..=0x7e).contains(last),
            _ => true,
        };
        if over || self.sequence.len() > LONGEST_SEQUENCE {
            if self.sequence == PASTE_BEGINS && self.release().is_ok() {
                self.paste = Paste::Within;
            }
            self.sequence.clear();
        }
    }

    /// What was held has something behind it: it was pasted.
    fn release(&mut self) -> io::Result<()> {
        for byte in std::mem::take(&mut self.held) {
            self.push(if byte == ENTER { b'\n' } else { byte })?;
        }
        Ok(())
    }

    /// Drops the last character.
    fn erase(&mut self) {
        while self.text.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
    }

    /// Drops the last word, and the blanks behind it.
    fn erase_word(&mut self) {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        while self.text.pop_if(|byte| blank(byte)).is_some() {}
        while self.text.pop_if(|byte| !blank(byte) && *byte != b'\n').is_some() {}
    }

    fn push(&mut self, byte: u8) -> io::Result<()> {
        if u64::try_from(self.text.len()).is_ok_and(|length| length >= LARGEST) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 GiB"));
        }
        memory::append(&mut self.text, &[byte], None).map_err(|_| io::ErrorKind::OutOfMemory.into())
    }

    /// Nothing has come for a tick: a key that was begun was Escape alone. A paste of which no end comes, as of a connection that
    /// was cut, must not swallow what a person ends it with.
    ///
    /// # Errors
    /// When the text becomes too large.
    pub(super) fn pause(&mut self) -> io::Result<Key> {
        self.sequence.clear();
        self.quiet = self.quiet.saturating_add(1);
        match self.lone {
            Some(lone) if self.quiet >= TICKS_TO_END => {
                (self.lone, self.paste) = (None, Paste::JustEnded);
                self.key(lone)
            }
            _ => Ok(Key::Text),
        }
    }

    /// Whether it has ended, whatever comes behind it.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether it has ended, if nothing has come behind it for long enough.
    pub(super) fn may_end(&self) -> bool {
        !self.held.is_empty() && self.paste != Paste::Within && self.quiet >= TICKS_TO_END
    }

    /// Whether Enter ends it: a second line has not begun.
    pub(super) fn is_one_line(&self) -> bool {
        let end = self.text.len().saturating_sub(1);
        memchr::memchr(b'\n', self.text.get(..end).unwrap_or_default()).is_none()
    }

    /// The secret.
    pub(super) fn into_text(self) -> Zeroizing<Vec<u8>> {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing comes for as long as it takes.
    fn quiet(entry: &mut Entry) -> Key {
        let keys: Vec<Key> = (0..TICKS_TO_END).map(|_| entry.pause().unwrap()).collect();
        keys.into_iter().find(|key| *key != Key::Text).unwrap_or(Key::Text)
    }

    /// What is stored of these bytes, if nothing comes behind them and that ends it.
    fn stored(bytes: &[u8]) -> Option<String> {
        let mut entry = Entry::default();
        for byte in bytes {
            assert_eq!(entry.take(*byte).unwrap(), Key::Text, "{bytes:?}");
            if entry.has_ended() {
                break;
            }
        }
        quiet(&mut entry);
        (entry.has_ended() || entry.may_end()).then(|| String::from_utf8(entry.into_text().to_vec()).unwrap())
    }

    #[test]
    fn enter_ends_one_line_and_ctrl_d_any_text() {
        for (typed, text) in [
            (&b"hunter2\r"[..], Some("hunter2")),
            (b"hunter2\n", Some("hunter2")),
            (b"hunter2\r\n", Some("hunter2")),
            (b"hunter2\r\r", Some("hunter2")),
            (b"hunter2\x04", Some("hunter2")),
            (b"hunter2", None),
            (b"\r\rhunter2\r", Some("hunter2")),
            (b"\x04", Some("")),
            (b"\r", None),
            // Pasted where nobody says that it is.
            (b"one\rtwo", None),
            (b"one\rtwo\r", None),
            (b"one\rtwo\r\x04", Some("one\ntwo\n")),
            (b"one\r\rtwo\x04", Some("one\n\ntwo")),
            (b"one\r\ntwo\r\n\x04", Some("one\ntwo\n")),
            (b"one\x04two\x04", Some("one\x04two")),
            // Pasted in brackets.
            (b"\x1b[200~one\rtwo\r\x1b[201~", None),
            (b"\x1b[200~one\rtwo\r\x1b[201~\r", None),
            (b"\x1b[200~one\rtwo\r\x1b[201~\x04", Some("one\ntwo\n")),
            (b"\x1b[200~one\r\ntwo\x1b[201~\x04", Some("one\ntwo")),
            (b"\x1b[200~one\ntwo\n\x1b[201~\x04", Some("one\ntwo\n")),
            (b"\x1b[200~one\x1b[201~\r", Some("one")),
            (b"\x1b[200~one\r\x1b[201~\r", Some("one\n")),
            (b"\x1b[200~a\x03\x04\x15\x7f\x1b[Ab\x1b[201~\x04", Some("a\x03\x04\x15\x7f\x1b[Ab")),
            (b"a\x1b[200~b\x1b[201~c\r", Some("abc")),
            // Behind the end of a paste in brackets a key is certain.
            (b"\x1b[200~one\rtwo\r\x1b[201~\x04ls -la\r", Some("one\ntwo\n")),
            (b"\x1b[200~one\x1b[201~\rls -la\r", Some("one")),
            (b"\x1b[200~one\rtwo\x1b[201~\rls -la\r", None),
            (b"\x1b[200~one\rtwo\x1b[201~x\x04y\x04", Some("one\ntwox\x04y")),
        ] {
            assert_eq!(stored(typed).as_deref(), text, "{:?}", String::from_utf8_lossy(typed));
        }
    }

    #[test]
    fn keys_edit() {
        for (typed, text) in [
            ("hunterr\u{7f}2\r", "hunter2"),
            ("hé\u{7f}\u{8}x\r", "x"),
            ("\u{7f}\u{7f}x\r", "x"),
            ("wrong\u{15}right\r", "right"),
            ("two wrong words \u{17}\u{17}right\r", "two right"),
            ("\u{17}a\0\u{1}b\u{5}\u{1f}\r", "ab"),
            ("a\u{1b}[A\u{1b}[1;5D\u{1b}OHb\u{1b}xc\td\u{1a}\r", "abc\td"),
        ] {
            assert_eq!(stored(typed.as_bytes()).as_deref(), Some(text), "{typed:?}");
        }
        let mut entry = Entry::default();
        entry.take(b'\x1b').unwrap();
        entry.pause().unwrap();
        for (byte, key) in [(b'[', Key::Text), (0x03, Key::Interrupt), (0x1c, Key::Quit)] {
            assert_eq!(entry.take(byte).unwrap(), key);
        }
        assert_eq!(entry.into_text().as_slice(), b"[", "Escape alone begins nothing");
    }

    #[test]
    fn a_paste_without_an_end_swallows_no_key() {
        for (key, means) in [(INTERRUPT, Key::Interrupt), (QUIT, Key::Quit), (END_OF_TEXT, Key::Text)] {
            let begun = || {
                let mut entry = Entry::default();
                b"\x1b[200~abc\rdef".iter().for_each(|byte| assert_eq!(entry.take(*byte).unwrap(), Key::Text));
                entry
            };
            let mut entry = begun();
            quiet(&mut entry);
            assert_eq!(entry.take(key).unwrap(), Key::Text);
            assert_eq!(quiet(&mut entry), means);
            assert_eq!(entry.has_ended(), key == END_OF_TEXT);
            assert_eq!(entry.into_text().as_slice(), b"abc\ndef");
            // With something around it, it is the paste's.
            let mut entry = begun();
            assert_eq!(entry.take(key).unwrap(), Key::Text);
            assert_eq!(quiet(&mut entry), Key::Text);
            for byte in [key, b'g'] {
                assert_eq!(entry.take(byte).unwrap(), Key::Text);
            }
            assert_eq!(quiet(&mut entry), Key::Text);
            assert_eq!(entry.into_text().as_slice(), [b"abc\ndef".as_slice(), &[key, key, b'g']].concat());
        }
    }

    proptest::proptest! {
        /// In brackets any text is taken as it is, however it comes.
        #[test]
        fn a_bracketed_paste_is_whole(text in "[^\u{1b}\r]{0,200}") {
            let mut pasted = PASTE_BEGINS.to_vec();
            pasted.extend_from_slice(text.replace('\n', "\r").as_bytes());
            pasted.extend_from_slice(PASTE_ENDS);
            pasted.push(END_OF_TEXT);
            proptest::prop_assert_eq!(stored(&pasted), Some(text));
        }
    }
}
