//! Links: `https://host/s/<token>`, a bare token, or either with `#<key>` for an end-to-end secret.

pub(super) mod clean;
mod other;
mod receipt;
mod request;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use url::{Host, Url};
use zeroize::Zeroizing;

use super::{
    receipt::Receipt,
    token::{TOKEN_CHARS, Token},
};
pub use receipt::{RECEIPT_PATH, ReceiptLink, SentLink};
pub use request::{InvalidRequestLink, REQUEST_PATH, RequestLink};

/// The path, below the server's root, under which a link's page lives.
pub const LINK_PATH: &str = "s/";

/// What a person was sent: where the secret is, and what opens it.
///
/// It is taken as people have it: in quotes or brackets, at a sentence's end, without its scheme, broken over lines, or wrapped by
/// a mail's protection.
///
/// ```
/// use ots::secret::Link;
///
/// let link: Link = "<https://host/s/abcdefghijklmnopqrstuvwxyz234567#key>.".parse()?;
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
    /// `#` and nothing after it: the secret is end to end, and its key travels apart.
    pub key_apart: bool,
}

/// The text is neither a link nor a token. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLink {
    /// Nothing is there.
    #[error("there is no link: it is empty")]
    Empty,
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
    /// The token is too short: something is missing.
    #[error(
        "that link isn't whole: its token is cut, {0} of {TOKEN_CHARS} characters; ask the sender for the whole link"
    )]
    CutToken(usize),
    /// The token is too long: something else is on it.
    #[error(
        "that link has more on it than a link has: {0} characters in place of a token's {TOKEN_CHARS}; give the link alone"
    )]
    LongToken(usize),
    /// There are other words, or another link.
    #[error("there is more than one link or word: give the link alone")]
    Several,
    /// A URL that is neither http nor https.
    #[error("a link starts with https:// or http://")]
    Scheme,
    /// A user or a password before the host: it is sent along, and hides which host it is.
    #[error(
        "that link has a user or a password before its host (…@); no link of ots has: ask the sender for the whole link"
    )]
    User,
    /// A link of ours that is no secret's.
    #[error("that link is a receipt: it tells what became of a secret, and opens none; a secret's link has /s/ in it")]
    Receipt,
    /// Several receipts, for the page that shows them together.
    #[error(
        "that link shows several receipts together: open it in a browser, or give the link of one of them, with /t/r- in it"
    )]
    Receipts,
    /// Not a receipt.
    #[error(
        "that isn't a whole receipt: one looks like https://host/t/r-TOKEN, with a token of {TOKEN_CHARS} letters and digits"
    )]
    NoReceipt,
    /// A link of ours that is no secret's.
    #[error(
        "that link is a request for a secret: `ots put --to` and the link answers it; a secret's link has /s/ in it"
    )]
    Request,
    /// Another program's.
    #[error("that is a link of {0}, another program than ots: open it in a browser")]
    Other(&'static str),
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
        let cleaned = clean::clean(text);
        parse(&cleaned).map_err(|error| match error {
            // White space within was taken for a mail's line breaks; it wasn't.
            InvalidLink::Neither | InvalidLink::NoToken | InvalidLink::LongToken(_) | InvalidLink::Scheme
                if text.split_whitespace().nth(1).is_some() =>
            {
                InvalidLink::Several
            }
            error => error,
        })
    }
}

/// A link without anything around it.
fn parse(text: &str) -> Result<Link, InvalidLink> {
    let (address, fragment) = match text.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (text, None),
    };
    if text.is_empty() {
        return Err(InvalidLink::Empty);
    }
    if fragment.is_some_and(|fragment| fragment.contains("://")) {
        return Err(InvalidLink::Several);
    }
    let fragment_is_key = fragment.map(clean::key);
    let key = fragment_is_key.filter(|key| !key.is_empty()).map(|key| Zeroizing::new(key.to_owned()));
    let key_apart = fragment_is_key.is_some_and(str::is_empty);
    let address = clean::with_scheme(address);
    if !address.contains("://") {
        let token = address.strip_suffix('/').unwrap_or(&address);
        return Ok(Link { server: None, token: bare_token(token)?, key, key_apart });
    }
    let (mut server, path) = address_of(&address)?;
    let Some((root, token)) = path.rsplit_once("/s/") else {
        return Err(of_another_kind(&server, fragment.unwrap_or_default()));
    };
    let token = token_in_path(token).map_err(|error| match other::product(&server, fragment.unwrap_or_default()) {
        Some(name) => InvalidLink::Other(name),
        None => error,
    })?;
    server.set_query(None);
    server.set_path(&format!("{root}/"));
    Ok(Link { server: Some(server), token, key, key_apart })
}

/// An address, and its path; ours are http or https, of nobody's by name.
fn address_of(address: &str) -> Result<(Url, Zeroizing<String>), InvalidLink> {
    let server = Url::parse(address).map_err(|_| InvalidLink::Neither)?;
    if !matches!(server.scheme(), "http" | "https") {
        return Err(InvalidLink::Scheme);
    }
    if !server.username().is_empty() || server.password().is_some() {
        return Err(InvalidLink::User);
    }
    let path = Zeroizing::new(server.path().to_owned());
    if path.contains("://") { Err(InvalidLink::Several) } else { Ok((server, path)) }
}

/// A token alone; a receipt is told apart by its `r-`.
fn bare_token(text: &str) -> Result<Token, InvalidLink> {
    if is_receipt(text) {
        return Err(if text.parse::<Receipt>().is_ok() { InvalidLink::Receipt } else { InvalidLink::NoReceipt });
    }
    text.parse().map_err(|_| InvalidLink::Neither)
}

/// The token at a path's end, or how many of its characters there are.
fn token_in_path(text: &str) -> Result<Token, InvalidLink> {
    let text = text.trim_end_matches(['/', '.', ',', ';', ':', ')']);
    text.parse().map_err(|_| match text.len() {
        1..TOKEN_CHARS if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => InvalidLink::CutToken(text.len()),
        length if length > TOKEN_CHARS => InvalidLink::LongToken(text.chars().count()),
        _ => InvalidLink::NoToken,
    })
}

/// Whether it begins as a receipt does.
fn is_receipt(text: &str) -> bool {
    text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("r-"))
}

/// What a link is that isn't a secret's.
fn of_another_kind(address: &Url, fragment: &str) -> InvalidLink {
    let path = address.path().trim_end_matches('/');
    if path.rsplit_once("/t/").is_some_and(|(_, token)| is_receipt(token)) {
        return InvalidLink::Receipt;
    }
    if path.ends_with("/t") && fragment.starts_with("r-") {
        return InvalidLink::Receipts;
    }
    if path.rsplit_once("/r/").is_some_and(|(_, token)| token.parse::<Token>().is_ok()) {
        return InvalidLink::Request;
    }
    other::product(address, fragment).map_or(InvalidLink::NoToken, InvalidLink::Other)
}

/// Whether a host as it is written, or as it was parsed, is this machine.
fn is_loopback_name(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(…)")
    }
}
