//! What a requester keeps to collect the answer with, in its two written forms: a file, and a link with everything behind its `#`.

use std::{fmt, str::FromStr};

use url::Url;
use zeroize::Zeroizing;

use super::{RequestKey, RequestLabel, toml};
use crate::secret::{InvalidLinkKey, InvalidToken, RequestLink, Token, link::clean};

/// The path, below the server's root, of the page that makes requests and collects their answers.
pub const COLLECT_PATH: &str = "request";
/// What begins the fragment: the key is enough, or a passphrase is needed too.
const KEY: &str = "k";
const PASSPHRASE: &str = "p";

/// All that collecting takes, but for the passphrase. Whoever has it has the answer.
pub struct CollectingKey {
    /// The link that was given away: the server, the request's token and its fingerprint.
    pub link: RequestLink,
    /// The token under which the answer lies.
    pub token: Token,
    /// The key that opens it.
    pub key: RequestKey,
    /// Whether a passphrase is needed besides.
    pub passphrase: bool,
    /// What was asked for. A link doesn't say it.
    pub label: Option<RequestLabel>,
}

/// Why a text is no collecting key. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCollectingKey {
    /// Not a file that `ots request` wrote.
    #[error("that isn't a request's file: ots request writes one")]
    NoFile,
    /// A line of the file isn't what it was.
    #[error("line {0} of the request's file was changed: take the file as ots request wrote it")]
    Line(usize),
    /// A later version's.
    #[error("a later version of ots wrote that request's file: use that version")]
    Version,
    /// A line is missing, or what it holds.
    #[error("the request's file isn't whole: its {0} is missing or was changed")]
    Part(&'static str),
    /// Not a URL that collects.
    #[error("that isn't a link to collect an answer with: one looks like https://host/request#…")]
    NoLink,
    /// What follows `#` isn't what it was.
    #[error("that link isn't whole: take it as it was made, with all that follows #")]
    Cut,
}

impl CollectingKey {
    /// The file's text.
    #[must_use]
    pub fn to_file(&self) -> Zeroizing<String> {
        toml::write(self)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// [`InvalidCollectingKey`].
    pub fn from_file(text: &str) -> Result<Self, InvalidCollectingKey> {
        toml::read(text)
    }

    /// The link to bookmark: `https://host/request#k.TOKEN.COLLECTING-TOKEN.KEY.FINGERPRINT`, with `p` for `k` if there is a
    /// passphrase. Nothing of it reaches the server before the page sends a token.
    #[must_use]
    pub fn to_link(&self) -> Zeroizing<String> {
        let parts = [self.link.token.expose(), self.token.expose(), self.key.expose(), self.link.fingerprint.expose()];
        let kind = if self.passphrase { PASSPHRASE } else { KEY };
        let mut text = Zeroizing::new(format!("{}{COLLECT_PATH}#{kind}", self.link.server));
        for part in parts {
            text.push('.');
            text.push_str(&part);
        }
        text
    }
}

impl From<InvalidToken> for InvalidCollectingKey {
    fn from(_: InvalidToken) -> Self {
        Self::Cut
    }
}

impl From<InvalidLinkKey> for InvalidCollectingKey {
    fn from(_: InvalidLinkKey) -> Self {
        Self::Cut
    }
}

/// From the link, as people have it.
impl FromStr for CollectingKey {
    type Err = InvalidCollectingKey;

    fn from_str(text: &str) -> Result<Self, InvalidCollectingKey> {
        let text = clean::clean(text);
        let (address, fragment) = text.split_once('#').ok_or(InvalidCollectingKey::NoLink)?;
        let mut server = Url::parse(&clean::with_scheme(address)).map_err(|_| InvalidCollectingKey::NoLink)?;
        let ours = matches!(server.scheme(), "http" | "https") && server.username().is_empty();
        let root = server.path().trim_end_matches('/').strip_suffix(COLLECT_PATH).filter(|root| root.ends_with('/'));
        let root = root.filter(|_| ours && server.password().is_none()).ok_or(InvalidCollectingKey::NoLink)?;
        let root = root.to_owned();
        server.set_path(&root);
        server.set_query(None);

        let mut parts = fragment.split('.');
        let mut part = || parts.next().ok_or(InvalidCollectingKey::Cut);
        let passphrase = match part()? {
            KEY => false,
            PASSPHRASE => true,
            _ => return Err(InvalidCollectingKey::Cut),
        };
        let (request, token) = (part()?.parse()?, part()?.parse()?);
        let (key, fingerprint) = (part()?.parse()?, part()?.parse()?);
        if parts.next().is_some() {
            return Err(InvalidCollectingKey::Cut);
        }
        let link = RequestLink { server, token: request, fingerprint };
        Ok(Self { link, token, key, passphrase, label: None })
    }
}

impl fmt::Debug for CollectingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CollectingKey(…)")
    }
}
