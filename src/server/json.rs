//! A secret's content as JSON, written part by part while it is sent: escaped, or as base64, with no second copy of it.

use std::sync::LazyLock;

use bytes::Bytes;
use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::{
    api::{Encoding, Revealed},
    memory::Reservation,
    vault::Content,
};

/// Bytes of content that are written at a time: a multiple of three, for base64.
const PIECE: usize = 48 * 1024;
/// The same, of a content that several answers share.
const SMALL_PIECE: usize = 6 * 1024;

/// What comes before and after the content, as [`Revealed`] has it: for text, and for bytes.
static AROUND_TEXT: LazyLock<[String; 2]> = LazyLock::new(|| around(None));
static AROUND_BASE64: LazyLock<[String; 2]> = LazyLock::new(|| around(Some(Encoding::Base64)));

#[expect(
    clippy::expect_used,
    reason = "a struct of strings serialises, and an empty content stands in it as two quotes"
)]
fn around(encoding: Option<Encoding>) -> [String; 2] {
    let revealed = Revealed { content: "".into(), encoding, message: Revealed::MESSAGE };
    let json = serde_json::to_string(&revealed).expect("strings serialise");
    let (before, after) = json.split_once("\"\"").expect("the empty content is the first empty string");
    [format!("{before}\""), format!("\"{after}")]
}

/// The JSON of a read on its way out.
pub(super) struct Json {
    content: Content,
    /// A part of it on its way, counted.
    _part: Reservation,
    piece: usize,
    base64: bool,
    /// Bytes of content that have been written.
    written: usize,
    /// Bytes of JSON that are left.
    left: usize,
}

impl Json {
    pub(super) fn new(content: Content) -> Self {
        let piece = if content.is_shared() { SMALL_PIECE } else { PIECE };
        let bytes = content.as_ref();
        let base64 = std::str::from_utf8(bytes).is_err();
        let length = if base64 { BASE64.encode_len(bytes.len()) } else { bytes.len() + added_by_escaping(bytes) };
        // On average, as escapes may lie anywhere.
        let part = length / bytes.len().div_ceil(piece).max(1);
        let part = content.beside(part);
        let mut json = Self { content, _part: part, piece, base64, written: 0, left: 0 };
        json.left = json.around().iter().map(String::len).sum::<usize>() + length;
        json
    }

    fn around(&self) -> &'static [String; 2] {
        if self.base64 { &AROUND_BASE64 } else { &AROUND_TEXT }
    }

    /// Bytes that are yet to come.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// The next part; empty at the end. It wipes itself once it has been sent.
    pub(super) fn next_part(&mut self) -> Bytes {
        if self.left == 0 {
            return Bytes::new();
        }
        let [before, after] = self.around();
        let rest = self.content.as_ref().get(self.written..).unwrap_or_default();
        let piece = rest.get(..self.end_of_piece(rest)).unwrap_or(rest);
        let before = if self.written == 0 { before.as_bytes() } else { &[] };
        let after = if piece.len() == rest.len() { after.as_bytes() } else { &[] };
        let part = if self.base64 { encoded(before, piece, after) } else { escaped(before, piece, after) };
        self.written += piece.len();
        self.left = self.left.saturating_sub(part.len());
        Bytes::from_owner(part)
    }

    /// Where the next piece of what is left ends; text is never cut inside a character.
    fn end_of_piece(&self, rest: &[u8]) -> usize {
        let mut end = self.piece.min(rest.len());
        let inside = |end: usize| rest.get(end).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
        while !self.base64 && inside(end) {
            end -= 1;
        }
        end
    }
}

/// Bytes that escaping adds to a text (RFC 8259, section 7): one for a quote, a backslash and those control characters that have a
/// short escape, five for the others. Without branches, so that the compiler does many bytes at a time.
fn added_by_escaping(text: &[u8]) -> usize {
    let added = |byte: u8| {
        let short = matches!(byte, b'\x08' | b'\t' | b'\n' | b'\x0c' | b'\r');
        u32::from(byte == b'"') + u32::from(byte == b'\\') + 5 * u32::from(byte < 0x20) - 4 * u32::from(short)
    };
    // So long that the sum of a part can't overflow.
    text.chunks(1 << 20).map(|part| part.iter().map(|byte| added(*byte)).sum::<u32>() as usize).sum()
}

/// A buffer of the exact size, so that it is never left behind by growing.
fn escaped(before: &[u8], piece: &[u8], after: &[u8]) -> Zeroizing<Vec<u8>> {
    let added = added_by_escaping(piece);
    let mut part = Zeroizing::new(Vec::with_capacity(before.len() + piece.len() + added + 2 + after.len()));
    part.extend_from_slice(before);
    if added == 0 {
        part.extend_from_slice(piece);
    } else {
        let quote = part.len();
        // The quotes that serde_json writes aren't wanted here. Writing to memory doesn't fail.
        let _ = serde_json::to_writer(&mut *part, std::str::from_utf8(piece).unwrap_or_default());
        part.pop();
        part.remove(quote);
    }
    part.extend_from_slice(after);
    part
}

fn encoded(before: &[u8], piece: &[u8], after: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = BASE64.encode_len(piece.len());
    let mut part = Zeroizing::new(Vec::with_capacity(before.len() + length + after.len()));
    part.extend_from_slice(before);
    part.resize(before.len() + length, 0);
    BASE64.encode_mut(piece, part.get_mut(before.len()..).unwrap_or_default());
    part.extend_from_slice(after);
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Buffer;
    use proptest::prelude::*;

    fn written(content: &[u8]) -> Vec<u8> {
        let mut json = Json::new(Buffer::from(content).into());
        let length = json.left();
        let mut all = Vec::new();
        loop {
            let part = json.next_part();
            if part.is_empty() {
                assert_eq!(all.len(), length, "as long as was said");
                return all;
            }
            all.extend_from_slice(&part);
            assert_eq!(json.left(), length - all.len());
        }
    }

    fn at_once(content: &[u8]) -> Vec<u8> {
        let (content, encoding) = match std::str::from_utf8(content) {
            Ok(text) => (text.to_owned(), None),
            Err(_) => (BASE64.encode(content), Some(Encoding::Base64)),
        };
        serde_json::to_vec(&Revealed { content: content.into(), encoding, message: Revealed::MESSAGE }).unwrap()
    }

    #[test]
    fn large_contents_come_in_parts_that_make_the_whole() {
        for length in [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 1 << 20] {
            assert!(written(&vec![b'a'; length]) == at_once(&vec![b'a'; length]), "{length}");
            let text = "é\"🗝\u{1}".repeat(length / 8);
            assert!(written(text.as_bytes()) == at_once(text.as_bytes()), "{length}");
            assert!(written(&vec![0xff; length]) == at_once(&vec![0xff; length]), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_content_is_what_serde_json_writes(
            text in "[\\PC\"\\\\\u{0}-\u{1f}]{1,200}", bytes in proptest::collection::vec(any::<u8>(), 1..200)
        ) {
            prop_assert_eq!(written(text.as_bytes()), at_once(text.as_bytes()));
            prop_assert_eq!(written(&bytes), at_once(&bytes));
        }
    }
}
