//! The link of a request: `https://host/r/<token>#<fingerprint>`, which its maker gives away, and who answers gives to `ots put`.

use std::{fmt, str::FromStr};

use url::Url;
use zeroize::Zeroizing;

use super::{InvalidLink, address_of, clean, token_in_path};
use crate::secret::{Fingerprint, InvalidLinkKey, Token};

/// The path, below the server's root, under which a request's page lives.
pub const REQUEST_PATH: &str = "r/";

/// What somebody was sent who is asked for a secret: where the request is, and what shows that its public key is the right one. Taken as
/// people have it, as a [`super::Link`] is.
pub struct RequestLink {
    /// The server's root, with a trailing slash.
    pub server: Url,
    /// The request's token.
    pub token: Token,
    /// The fingerprint of its public key.
    pub fingerprint: Fingerprint,
}

/// The text is no link of a request. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequestLink {
    /// Not a URL, or not one of a request.
    #[error("that isn't a request's link: one looks like https://host/r/TOKEN#FINGERPRINT")]
    NoRequest,
    /// A link of ours that is no request's.
    #[error("that is a secret's link: `ots get` reads it; a request's link has /r/ in it")]
    Secret,
    /// What follows `#` got lost on the way.
    #[error("that link isn't whole: what follows # is missing; ask for the whole link")]
    NoFingerprint,
    /// What follows `#` isn't whole.
    #[error("that link isn't whole: what follows # {0}; ask for the whole link")]
    Fingerprint(InvalidLinkKey),
    /// As with every link.
    #[error(transparent)]
    Link(InvalidLink),
}

impl RequestLink {
    /// The link's text.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let (token, fingerprint) = (self.token.expose(), self.fingerprint.expose());
        Zeroizing::new(format!("{}{REQUEST_PATH}{}#{}", self.server, token.as_str(), fingerprint.as_str()))
    }
}

impl FromStr for RequestLink {
    type Err = InvalidRequestLink;

    fn from_str(text: &str) -> Result<Self, InvalidRequestLink> {
        let cleaned = clean::clean(text);
        parse(&cleaned).map_err(|error| match error {
            // White space within was taken for a mail's line breaks; it wasn't.
            InvalidRequestLink::Secret | InvalidRequestLink::NoFingerprint => error,
            _ if text.split_whitespace().nth(1).is_some() => InvalidRequestLink::Link(InvalidLink::Several),
            error => error,
        })
    }
}

/// A link without anything around it.
fn parse(text: &str) -> Result<RequestLink, InvalidRequestLink> {
    if text.is_empty() {
        return Err(InvalidRequestLink::Link(InvalidLink::Empty));
    }
    let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
    let address = clean::with_scheme(address);
    let (mut server, path) = address_of(&address).map_err(|error| match error {
        InvalidLink::Neither => InvalidRequestLink::NoRequest,
        error => InvalidRequestLink::Link(error),
    })?;
    let Some((root, token)) = path.rsplit_once("/r/") else {
        let secret = path.rsplit_once("/s/").is_some_and(|(_, token)| token_in_path(token).is_ok());
        return Err(if secret { InvalidRequestLink::Secret } else { InvalidRequestLink::NoRequest });
    };
    let token = token_in_path(token).map_err(|error| match error {
        InvalidLink::NoToken => InvalidRequestLink::NoRequest,
        error => InvalidRequestLink::Link(error),
    })?;
    let fingerprint = match clean::key(fragment) {
        "" => return Err(InvalidRequestLink::NoFingerprint),
        fingerprint => fingerprint.parse().map_err(InvalidRequestLink::Fingerprint)?,
    };
    server.set_query(None);
    server.set_path(&format!("{root}/"));
    Ok(RequestLink { server, token, fingerprint })
}

impl fmt::Debug for RequestLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestLink(…)")
    }
}
