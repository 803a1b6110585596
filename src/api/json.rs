//! JSON read where it lies, so that a secret is copied nowhere on the way: an object's members as they came, of which only known names are
//! taken; and strings unescaped in place. Errors name the place and never repeat what was sent there, as serde's own would.

use std::{fmt, ops::Range};

use data_encoding::BASE64;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{FieldError, Malformed, request::unknown};

/// An object's members, in the order of the names that are known; each as it came.
pub(super) struct Members<'a> {
    known: &'static [&'static str],
    values: Vec<Option<&'a RawValue>>,
    errors: Vec<FieldError>,
}

impl<'a> Members<'a> {
    /// Reads an object whose members are among `known`. The first that isn't, or comes twice, ends it: what a body costs is in
    /// proportion to its length, whatever it holds.
    ///
    /// # Errors
    /// [`Malformed`].
    pub(super) fn read(body: &'a [u8], known: &'static [&'static str]) -> Result<Self, Malformed> {
        let mut values = vec![None; known.len()];
        let mut stopped = None;
        let mut json = serde_json::Deserializer::from_slice(body);
        let outcome = json
            .deserialize_map(Object { known, values: &mut values, stopped: &mut stopped })
            .and_then(|()| json.end());
        match (stopped, outcome) {
            (Some(error), _) => Err(Malformed::Invalid(vec![error])),
            (None, Ok(())) => Ok(Self { known, values, errors: Vec::new() }),
            (None, Err(error)) if error.classify() == serde_json::error::Category::Data => {
                Err(Malformed::Invalid(vec![FieldError::new("", "the body has to be a JSON object")]))
            }
            (None, Err(_)) => Err(Malformed::NotJson),
        }
    }

    /// Notes what is wrong with a member.
    pub(super) fn wrong(&mut self, name: &'static str, detail: &str) {
        self.errors.push(FieldError::new(format!("/{name}"), detail));
    }

    /// Whether something was wrong with a member.
    pub(super) fn is_wrong(&self, name: &str) -> bool {
        self.errors.iter().any(|error| error.pointer.strip_prefix('/') == Some(name))
    }

    /// What is wrong, if anything is.
    ///
    /// # Errors
    /// [`Malformed::Invalid`].
    pub(super) fn finish(self) -> Result<(), Malformed> {
        if self.errors.is_empty() { Ok(()) } else { Err(Malformed::Invalid(self.errors)) }
    }

    /// Takes a member; null is as good as none.
    fn take(&mut self, name: &'static str) -> Option<&'a str> {
        let index = self.known.iter().position(|known| *known == name)?;
        let value = self.values.get_mut(index)?.take()?.get();
        (value != "null").then_some(value)
    }

    /// Where in `body` a string's characters lie, still escaped.
    pub(super) fn place_of_text(&mut self, name: &'static str, body: &[u8]) -> Option<Range<usize>> {
        let value = self.take(name)?;
        let Some(text) = inner(value) else { return self.mistyped(name, "it has to be a string") };
        let start = text.as_ptr().addr() - body.as_ptr().addr();
        Some(start..start + text.len())
    }

    /// A string, in memory that wipes itself.
    pub(super) fn text(&mut self, name: &'static str) -> Option<Zeroizing<String>> {
        let value = self.take(name)?;
        let Some(text) = inner(value) else { return self.mistyped(name, "it has to be a string") };
        let mut bytes = Zeroizing::new(text.as_bytes().to_vec());
        let length = unescape(&mut bytes);
        bytes.truncate(length.unwrap_or(0));
        match length.map(|_| String::from_utf8(std::mem::take(&mut *bytes))) {
            Some(Ok(text)) => Some(Zeroizing::new(text)),
            _ => self.mistyped(name, "it has an escape that stands for no character"),
        }
    }

    pub(super) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.mistyped(name, "it has to be true or false"),
        }
    }

    pub(super) fn number(&mut self, name: &'static str) -> Option<f64> {
        let value = self.take(name)?;
        match serde_json::from_str(value) {
            Ok(number) => Some(number),
            Err(_) => self.mistyped(name, "it has to be a number"),
        }
    }

    /// A number without a fraction; `60.0` is one.
    pub(super) fn integer(&mut self, name: &'static str) -> Option<f64> {
        let value = self.take(name)?;
        match serde_json::from_str::<f64>(value) {
            Ok(number) if number.fract() == 0.0 => Some(number),
            _ => self.mistyped(name, "it has to be an integer"),
        }
    }

    fn mistyped<T>(&mut self, name: &'static str, detail: &str) -> Option<T> {
        self.wrong(name, detail);
        None
    }
}

/// What is between the quotes of a JSON string.
fn inner(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

struct Object<'a, 'v> {
    known: &'static [&'static str],
    values: &'v mut Vec<Option<&'a RawValue>>,
    stopped: &'v mut Option<FieldError>,
}

impl<'a> Visitor<'a> for Object<'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(found) = map.next_key_seed(Name(self.known))? {
            let index = found.map_err(|error| {
                *self.stopped = Some(error);
                A::Error::custom("unknown")
            })?;
            let value = map.next_value()?;
            if let Some(place) = self.values.get_mut(index)
                && place.replace(value).is_some()
            {
                *self.stopped = Some(FieldError::new("", "a member comes twice"));
                return Err(A::Error::custom("twice"));
            }
        }
        Ok(())
    }
}

/// A member's name, as its index among those that are known, or what to say of one that isn't.
struct Name(&'static [&'static str]);

impl<'a> DeserializeSeed<'a> for Name {
    type Value = Result<usize, FieldError>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Result<usize, FieldError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let index = self.0.iter().position(|known| *known == name);
        Ok(index.ok_or_else(|| unknown("", "member", name, self.0)))
    }
}

/// Turns a JSON string's characters (RFC 8259, section 7) into what they stand for, where they are, and gives the length. None for an
/// escape that isn't one, or a surrogate without its other half. What lies behind the new length is left over.
pub(super) fn unescape(text: &mut [u8]) -> Option<usize> {
    let (mut from, mut to) = (0, 0);
    loop {
        let rest = text.get(from..)?;
        let run = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        if from != to {
            text.copy_within(from..from + run, to);
        }
        (from, to) = (from + run, to + run);
        if from == text.len() {
            return Some(to);
        }
        let (character, length) = escape(text.get(from..)?)?;
        from += length;
        let mut utf8 = Zeroizing::new([0; 4]);
        let written = character.encode_utf8(utf8.as_mut()).len();
        text.get_mut(to..to + written)?.copy_from_slice(utf8.get(..written)?);
        to += written;
    }
}

/// The character that an escape at the beginning of `text` stands for, and the length of the escape.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let simple = |character| Some((character, 2));
    match text.get(1)? {
        b'"' => simple('"'),
        b'\\' => simple('\\'),
        b'/' => simple('/'),
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'u' => match code_unit(text.get(2..6)?)? {
            high @ 0xd800..=0xdbff => {
                let low = text.get(6..8).filter(|next| *next == b"\\u").and_then(|_| code_unit(text.get(8..12)?))?;
                let character = char::decode_utf16([high, low]).next()?.ok()?;
                Some((character, 12))
            }
            unit => char::from_u32(unit.into()).map(|character| (character, 6)),
        },
        _ => None,
    }
}

fn code_unit(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |unit, digit| {
        let value = u16::try_from(char::from(*digit).to_digit(16)?).ok()?;
        Some(unit << 4 | value)
    })
}

/// Decodes base64 (RFC 4648, section 4, with padding) where it is, and gives the length.
pub(super) fn decode_base64(text: &mut [u8]) -> Option<usize> {
    const STEP: usize = 1024;
    // The crate takes several texts one after the other, each with its padding.
    if memchr::memchr(b'=', text).is_some_and(|padding| padding + 2 < text.len()) {
        return None;
    }
    let mut part = Zeroizing::new([0; STEP]);
    let (mut from, mut to) = (0, 0);
    while from < text.len() {
        let length = STEP.min(text.len() - from);
        let part = part.get_mut(..length)?;
        part.copy_from_slice(text.get(from..from + length)?);
        let room = BASE64.decode_len(length).ok()?;
        to += BASE64.decode_mut(part, text.get_mut(to..to + room)?).ok()?;
        from += length;
    }
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unescaped(text: &str) -> Option<Vec<u8>> {
        let mut bytes = text.as_bytes().to_vec();
        let length = unescape(&mut bytes)?;
        bytes.truncate(length);
        Some(bytes)
    }

    #[test]
    fn escapes_stand_for_their_characters() {
        for (text, stands_for) in [
            ("", ""),
            ("plain é", "plain é"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"a\u00e9\u20AC b", "aé€ b"),
            (r"\ud83d\udddd!", "🗝!"),
            (r"\u0000", "\0"),
        ] {
            assert_eq!(unescaped(text).unwrap(), stands_for.as_bytes(), "{text}");
        }
        for text in [r"\", r"\x", r"\u12", r"\u12g4", r"\ud83d", r"\ud83dx", r"\ud83d\u0041", r"\udddd", r"\ud83d\n"] {
            assert_eq!(unescaped(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn unescaping_is_what_serde_json_does(text in "([a-zé🗝\u{1}-\u{1f}]|\\\\[\"\\\\/bfnrtu]|\\\\u[0-9a-fA-F]{4}|\\\\ud[89ab][0-9]{2}\\\\ud[c-f][0-9]{2}){0,40}") {
            let quoted = format!("\"{text}\"");
            match serde_json::from_str::<String>(&quoted) {
                Ok(expected) => prop_assert_eq!(unescaped(&text), Some(expected.into_bytes())),
                // Raw control characters are serde_json's to refuse, before.
                Err(_) => prop_assert!(text.bytes().any(|byte| byte < 0x20) || unescaped(&text).is_none()),
            }
        }

        #[test]
        fn base64_ends_at_its_padding(content in proptest::collection::vec(any::<u8>(), 1..2000), more in "[a-zA-Z]{1,8}") {
            let padded = BASE64.encode(&content);
            let mut twice = format!("{padded}{}", BASE64.encode(more.as_bytes())).into_bytes();
            prop_assert_eq!(decode_base64(&mut twice).is_some(), !padded.ends_with('='));
        }

        #[test]
        fn base64_is_decoded_as_elsewhere(content in proptest::collection::vec(any::<u8>(), 0..5000), cut in any::<bool>()) {
            let mut text = BASE64.encode(&content).into_bytes();
            if cut {
                text.pop();
            }
            let expected = BASE64.decode(&text).ok();
            let length = decode_base64(&mut text);
            prop_assert_eq!(length.is_some(), expected.is_some());
            if let (Some(length), Some(expected)) = (length, expected) {
                prop_assert_eq!(&text[..length], &expected[..]);
            }
        }
    }
}
