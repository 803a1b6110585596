//! The links that `put` prints: always ones that were parsed and made again, never a server's own words.

use url::Url;

use super::PutError;
use crate::{
    api::Created,
    cli::values,
    client::Client,
    secret::{Link, Receipt, Token},
};

/// The token of what was stored.
pub(super) fn token(created: &Created) -> Result<Token, PutError> {
    created.token.parse().map_err(|_| PutError::NoToken)
}

/// What links to what was stored start with. The server's address for it counts if the server was told its name; else it is a guess from
/// the request, which a proxy may have changed, and the address that was asked is used.
pub(super) async fn root(client: &Client, created: &Created, token: &Token) -> Url {
    let asked = client.server();
    if created.url == *Link::to_text(asked, token) {
        return asked.clone();
    }
    let public = client.info().await.ok().and_then(|info| info.public_url);
    public.and_then(|public| believed(&public, &created.url, asked)).unwrap_or_else(|| asked.clone())
}

/// The receipt, if one is wanted.
pub(super) fn receipt(created: &Created, is_wanted: bool) -> Result<Option<Receipt>, PutError> {
    if !is_wanted {
        return Ok(None);
    }
    created.receipt.as_deref().and_then(|receipt| receipt.parse().ok()).map(Some).ok_or(PutError::NoReceipt)
}

/// What a webhook is told of it by: a server's word, which has to be one.
pub(super) fn name(created: &Created) -> Result<String, PutError> {
    named(created.name.as_deref()).ok_or(PutError::NoName)
}

/// A name as servers give them: letters and digits.
pub(in crate::cli) fn named(name: Option<&str>) -> Option<String> {
    let is_one = |name: &&str| (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    name.filter(is_one).map(str::to_owned)
}

/// The server's public root, if its link starts with that, and if it is no worse guarded on its way than what was asked.
pub(in crate::cli) fn believed(public: &str, link: &str, asked: &Url) -> Option<Url> {
    let root = values::public_url(public).ok()?;
    let as_safe = root.scheme() == "https" || asked.scheme() == "http";
    (as_safe && link.starts_with(root.as_str())).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_configured_name_is_believed() {
        let link = "https://ots.example.org/s/TOKEN";
        for (public, asked, is_believed) in [
            ("https://ots.example.org", "http://127.0.0.1:8000/", true),
            ("https://ots.example.org/", "https://host/", true),
            ("https://ots.example.com/", "https://host/", false),
            ("https://ots.example.org/?x", "https://host/", false),
            ("javascript:ots", "https://host/", false),
            ("\u{1b}[31m", "https://host/", false),
        ] {
            let root = believed(public, link, &asked.parse().unwrap());
            assert_eq!(root.is_some(), is_believed, "{public}");
        }
        let plain = "http://ots.example.org/s/TOKEN";
        assert!(believed("http://ots.example.org/", plain, &"https://host/".parse().unwrap()).is_none());
        assert!(believed("http://ots.example.org/", plain, &"http://host/".parse().unwrap()).is_some());
    }
}
