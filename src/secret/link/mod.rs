//! Links: `https://host/s/<token>`, a bare token, or either with `#<key>` for an end-to-end secret.

use std::{fmt, str::FromStr};

use url::Url;
use zeroize::Zeroizing;

use super::token::{InvalidToken, TOKEN_CHARS, Token};

/// The path, below the server's root, under which a link's page lives.
pub const LINK_PATH: &str = "s/";

/// What a person was sent: where the secret is, and what opens it.
///
/// ```
/// use ots::secret::Link;
///
/// let link: Link = "https://host/s/abcdefghijklmnopqrstuvwxyz234567#key".parse()?;
/// assert_eq!(link.server.unwrap().as_str(), "https://host/");
/// assert_eq!(link.key.unwrap().as_str(), "key");
/// # Ok::<(), ots::secret::InvalidLink>(())
/// ```
pub struct Link {
    /// The server's root, with a trailing slash; none for a bare token, which means the configured server.
    pub server: Option<Url>,
    /// The token.
    pub token: Token,
    /// What follows `#`: the end-to-end key's text, not yet checked.
    pub key: Option<Zeroizing<String>>,
}

/// The text is neither a link nor a token. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLink {
    /// Not a URL and not a token.
    #[error(
        "that isn't a link or a token: a link looks like https://host/s/TOKEN, with a token of {TOKEN_CHARS} letters and digits"
    )]
    Neither,
    /// A URL whose path doesn't end in `/s/<token>`.
    #[error(
        "that link has no secret in it: it should end in /s/TOKEN, with a token of {TOKEN_CHARS} letters and digits"
    )]
    NoToken,
    /// A URL that is neither http nor https.
    #[error("a link starts with https:// or http://")]
    Scheme,
}

impl From<InvalidToken> for InvalidLink {
    fn from(_: InvalidToken) -> Self {
        Self::Neither
    }
}

impl Link {
    /// The link's text without its key: `<server>s/<token>`.
    #[must_use]
    pub fn to_text(server: &Url, token: &Token) -> Zeroizing<String> {
        Zeroizing::new(format!("{server}{LINK_PATH}{}", token.expose().as_str()))
    }
}

impl FromStr for Link {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, InvalidLink> {
        let text = text.trim();
        let (address, key) = match text.split_once('#') {
            Some((address, key)) => (address, Some(Zeroizing::new(key.to_owned())).filter(|key| !key.is_empty())),
            None => (text, None),
        };
        if !address.contains("://") {
            return Ok(Self { server: None, token: address.parse()?, key });
        }
        let mut server = Url::parse(address).map_err(|_| InvalidLink::Neither)?;
        if !matches!(server.scheme(), "http" | "https") {
            return Err(InvalidLink::Scheme);
        }
        server.set_query(None);
        let path = Zeroizing::new(server.path().to_owned());
        let (root, token) = path.rsplit_once("/s/").ok_or(InvalidLink::NoToken)?;
        let token = token.strip_suffix('/').unwrap_or(token).parse().map_err(|_| InvalidLink::NoToken)?;
        server.set_path(&format!("{root}/"));
        Ok(Self { server: Some(server), token, key })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567";

    #[test]
    fn every_form_of_a_link_is_taken() {
        for (text, server, key) in [
            (TOKEN.to_owned(), None, None),
            (format!("{TOKEN}#k-y"), None, Some("k-y")),
            (format!(" https://host/s/{TOKEN}\n"), Some("https://host/"), None),
            (format!("https://host/s/{TOKEN}#"), Some("https://host/"), None),
            (format!("http://host:8000/under/s/{TOKEN}/?utm=1#key"), Some("http://host:8000/under/"), Some("key")),
            (format!("https://host/s/{}", TOKEN.to_uppercase()), Some("https://host/"), None),
        ] {
            let link: Link = text.parse().unwrap();
            assert_eq!(link.server.as_ref().map(Url::as_str), server, "{text}");
            assert_eq!(link.key.as_ref().map(|key| key.as_str()), key, "{text}");
            assert_eq!(link.token.expose().as_str(), TOKEN);
        }
    }

    #[test]
    fn errors_say_what_a_link_looks_like() {
        for (text, error) in [
            ("", InvalidLink::Neither),
            ("hunter2", InvalidLink::Neither),
            ("https://host/s/short", InvalidLink::NoToken),
            ("https://host/", InvalidLink::NoToken),
            ("ftp://host/s/abcdefghijklmnopqrstuvwxyz234567", InvalidLink::Scheme),
        ] {
            assert_eq!(text.parse::<Link>().unwrap_err(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_link_or_an_error(text in "\\PC{0,80}") {
            let _ = text.parse::<Link>();
        }
    }
}
