//! The server's key as it is given: in a variable, in a file, or as a service manager's credential. It is the same wherever
//! it comes from, and one that could not be given again after a change of keys is refused when it is first used.

use std::fmt;

use zeroize::Zeroizing;

/// A server's key: the bytes that everything at rest is sealed under.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Zeroizing<Vec<u8>>);

/// Why bytes can't be a key. The words follow the place that they came from; they hold no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretKey {
    /// There are none.
    #[error("is empty")]
    Empty,
    /// No variable could hold them: they aren't UTF-8, or have a zero byte in them.
    #[error("isn't UTF-8 text")]
    NotText,
    /// In a list it would be two keys.
    #[error("has a comma in it")]
    Comma,
    /// What an editor or a shell drops or adds unseen.
    #[error("has white space at an edge")]
    Edge,
}

impl SecretKey {
    /// A key from wherever it comes: one newline at its end (LF or CRLF) is dropped, nothing else.
    ///
    /// # Errors
    /// [`InvalidSecretKey`] when it could not be given again with [`SecretKey::parse_old`].
    pub fn parse(given: Zeroizing<Vec<u8>>) -> Result<Self, InvalidSecretKey> {
        let key = without_newline(given);
        let text = text(&key)?;
        if text.contains(',') {
            return Err(InvalidSecretKey::Comma);
        }
        check(text)?;
        Ok(Self(key))
    }

    /// The keys of a list: separated by commas and nothing else, with one newline at its end dropped. Between two commas
    /// there may be none.
    ///
    /// # Errors
    /// [`InvalidSecretKey`].
    pub fn parse_old(list: Zeroizing<Vec<u8>>) -> Result<Vec<Self>, InvalidSecretKey> {
        let list = without_newline(list);
        let keys = text(&list)?.split(',').filter(|key| !key.is_empty());
        keys.map(|key| check(key).map(|()| Self(Zeroizing::new(key.as_bytes().to_vec())))).collect()
    }

    /// One whole old key, alone in its file: whatever it is but empty, so that no key is lost that once was in use. The
    /// newline at its end is dropped as ever.
    ///
    /// # Errors
    /// [`InvalidSecretKey::Empty`].
    pub fn parse_whole(given: Zeroizing<Vec<u8>>) -> Result<Self, InvalidSecretKey> {
        let key = without_newline(given);
        if key.is_empty() { Err(InvalidSecretKey::Empty) } else { Ok(Self(key)) }
    }

    /// The bytes. Named so that each place that shows them can be found.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

fn without_newline(mut bytes: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    let line = bytes.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let length = line.unwrap_or(&bytes).len();
    bytes.truncate(length);
    bytes
}

fn text(bytes: &[u8]) -> Result<&str, InvalidSecretKey> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or(InvalidSecretKey::NotText)
}

fn check(key: &str) -> Result<(), InvalidSecretKey> {
    match key {
        "" => Err(InvalidSecretKey::Empty),
        key if key.trim() != key => Err(InvalidSecretKey::Edge),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(given: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(given.to_vec())
    }

    #[test]
    fn one_newline_is_dropped_and_what_can_not_be_listed_is_refused() {
        for (given, key) in [
            (&b"key"[..], Ok(&b"key"[..])),
            (b"key\n", Ok(b"key")),
            (b"key\r\n", Ok(b"key")),
            (b"a key's words", Ok(b"a key's words")),
            ("schlüssel".as_bytes(), Ok("schlüssel".as_bytes())),
            (b"key\n\n", Err(InvalidSecretKey::Edge)),
            (b"key\r", Err(InvalidSecretKey::Edge)),
            (b" key", Err(InvalidSecretKey::Edge)),
            (b"key \n", Err(InvalidSecretKey::Edge)),
            ("key\u{a0}".as_bytes(), Err(InvalidSecretKey::Edge)),
            (b"a,b", Err(InvalidSecretKey::Comma)),
            (b"\xff\n", Err(InvalidSecretKey::NotText)),
            (b"a\0b", Err(InvalidSecretKey::NotText)),
            (b"", Err(InvalidSecretKey::Empty)),
            (b"\r\n", Err(InvalidSecretKey::Empty)),
        ] {
            let parsed = SecretKey::parse(bytes(given));
            assert_eq!(parsed.as_ref().map(SecretKey::expose).map_err(|error| *error), key, "{given:?}");
        }
    }

    #[test]
    fn old_keys_are_separated_by_commas_and_nothing_else() {
        let keys = |list: &[u8]| {
            let keys = SecretKey::parse_old(bytes(list))?;
            Ok(keys.iter().map(|key| String::from_utf8(key.expose().to_vec()).unwrap()).collect::<Vec<_>>())
        };
        assert_eq!(keys(b""), Ok(vec![]));
        assert_eq!(keys(b"a\n"), Ok(vec!["a".to_owned()]));
        assert_eq!(keys(b"a,b c,\r\n"), Ok(vec!["a".to_owned(), "b c".to_owned()]));
        for list in [&b"a, b"[..], b"a\n,b", b" a", b"a\n\n"] {
            assert_eq!(keys(list), Err(InvalidSecretKey::Edge), "{list:?}");
        }
        assert_eq!(keys(b"a,\xff"), Err(InvalidSecretKey::NotText));
    }

    #[test]
    fn a_whole_old_key_may_be_anything() {
        for (given, key) in [(&b" a,b \n"[..], &b" a,b "[..]), (b"\xff\r\n", b"\xff"), (b"a\n\n", b"a\n")] {
            assert_eq!(SecretKey::parse_whole(bytes(given)).unwrap().expose(), key);
        }
        assert_eq!(SecretKey::parse_whole(bytes(b"\n")).unwrap_err(), InvalidSecretKey::Empty);
        assert_eq!(format!("{:?}", SecretKey::parse_whole(bytes(b"x")).unwrap()), "SecretKey(…)");
    }

    proptest! {
        /// Whatever is taken can be given again: alone in a list, among others, and whole.
        #[test]
        fn what_is_taken_can_be_given_again(given in proptest::collection::vec(any::<u8>(), 0..20)) {
            if let Ok(key) = SecretKey::parse(bytes(&given)) {
                prop_assert_eq!(SecretKey::parse_old(bytes(key.expose())).unwrap(), vec![key.clone()]);
                let list = [b"first,", key.expose(), b",last\n"].concat();
                prop_assert_eq!(&SecretKey::parse_old(bytes(&list)).unwrap()[1], &key);
                prop_assert_eq!(SecretKey::parse_whole(bytes(key.expose())).unwrap(), key);
            }
        }
    }
}
