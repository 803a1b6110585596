//! Whom a proxy names: single sign-on ends there, and a header of its says who it is.

use std::{fmt, str::FromStr, sync::Arc};

use hyper::{HeaderMap, header::HeaderName};

/// Bytes of a name at most.
const LONGEST_NAME: usize = 256;
/// Headers that say something else, and that clients or proxies set for it.
const OTHERS: [&str; 9] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "transfer-encoding",
    "x-forwarded-for",
];

/// The header in which a trusted proxy says who it has let in.
#[derive(Debug, Clone)]
pub struct UserHeader(HeaderName);

/// It can't be such a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the name of the header in which the proxy says who it is, as Remote-User or X-Forwarded-User")]
pub struct InvalidUserHeader;

impl FromStr for UserHeader {
    type Err = InvalidUserHeader;

    fn from_str(text: &str) -> Result<Self, InvalidUserHeader> {
        let name: HeaderName = text.trim().parse().map_err(|_| InvalidUserHeader)?;
        if OTHERS.contains(&name.as_str()) { Err(InvalidUserHeader) } else { Ok(Self(name)) }
    }
}

impl UserHeader {
    /// Who is named: once, with something that is a name. A second one is somebody's who would be somebody else.
    pub(in crate::server) fn named_in(&self, headers: &HeaderMap) -> Option<UserName> {
        let mut values = headers.get_all(&self.0).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let text = std::str::from_utf8(value.as_bytes()).ok()?.trim();
        let is_name = !text.is_empty() && text.len() <= LONGEST_NAME && !text.chars().any(char::is_control);
        is_name.then(|| UserName(text.into()))
    }
}

/// What a proxy calls somebody: 1 to 256 bytes of UTF-8, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::server) struct UserName(Arc<str>);

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn a_name_comes_once_and_is_one() {
        let header: UserHeader = " remote-user ".parse().unwrap();
        let longest = "a".repeat(256);
        let named = |values: &[&[u8]]| {
            let value =
                |value: &&[u8]| (HeaderName::from_static("remote-user"), HeaderValue::from_bytes(value).unwrap());
            header.named_in(&values.iter().map(value).collect()).map(|name| name.to_string())
        };
        for text in ["ann", "Ann O'Neil", "ann@example.org", "Änne", longest.as_str()] {
            assert_eq!(named(&[text.as_bytes()]).as_deref(), Some(text));
        }
        for values in [
            &[][..],
            &[b"" as &[u8]],
            &[b" "],
            &[b"ann", b"ann"],
            &[b"ann", b""],
            &[b"a\tb"],
            &[b"\xff"],
            &["a\u{85}b".as_bytes()],
            &[format!("{longest}a").as_bytes()],
        ] {
            assert_eq!(named(values), None, "{values:?}");
        }
    }

    #[test]
    fn a_header_that_says_something_else_names_nobody() {
        for text in ["", "a b", "Host", "cookie", "Authorization", "ä", "a:"] {
            assert!(text.parse::<UserHeader>().is_err(), "{text}");
        }
    }
}
