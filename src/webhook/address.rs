//! Where a webhook is, as it is given: `[NAME=]URL`. What follows the host may be a secret of its receiver's, so nothing here shows it.

use std::{fmt, str::FromStr};

use url::Url;

use crate::secret::{HookName, InvalidHookName};

/// Where a webhook is, and what it is called.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    name: Option<HookName>,
    url: Url,
}

/// The text is no webhook's address. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Its form.
    #[error("write a webhook as https://host/path, or NAME=https://host/path; a comma in it as %2C")]
    Form,
    /// Its name's.
    #[error("{0}: write NAME=https://host/path")]
    Name(#[from] InvalidHookName),
    /// What no server is ever told.
    #[error("nothing of a URL from # on is ever sent: leave it out")]
    Fragment,
}

impl Address {
    /// What it is called; one without a name is told of every secret.
    #[must_use]
    pub fn name(&self) -> Option<&HookName> {
        self.name.as_ref()
    }

    /// Where it is. Not to be shown.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether others can listen on the way.
    pub(super) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// The part of it that may be shown: its host, with the port if it has one of its own.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        let is_url = |text: &str| {
            let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme));
            begins("https://") || begins("http://")
        };
        let (name, url) = match text.split_once('=') {
            Some((name, url)) if !is_url(text) && is_url(url) => (Some(name.parse()?), url),
            _ if is_url(text) => (None, text),
            _ => return Err(InvalidAddress::Form),
        };
        let url = Url::parse(url).ok().filter(Url::has_host).ok_or(InvalidAddress::Form)?;
        if url.fragment().is_some() {
            return Err(InvalidAddress::Fragment);
        }
        Ok(Self { name, url })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({:?}, {}, …)", self.name, self.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_may_have_a_name_and_shows_its_host_alone() {
        for (text, name, host, url) in [
            ("https://h.example/x?a=b", None, "h.example", "https://h.example/x?a=b"),
            ("ops=https://h.example:8443/hunter2", Some("ops"), "h.example:8443", "https://h.example:8443/hunter2"),
            ("a-b_1=http://[::1]:9/x?y=https://z", Some("a-b_1"), "[::1]:9", "http://[::1]:9/x?y=https://z"),
            (" HTTPS://User:hunter2@h.example ", None, "h.example", "https://User:hunter2@h.example/"),
            ("https://2130706433/", None, "127.0.0.1", "https://127.0.0.1/"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.name().map(HookName::as_str), name, "{text}");
            assert_eq!((address.host().as_str(), address.url().as_str()), (host, url));
            assert!(!format!("{address:?}").contains("hunter2"), "{address:?}");
        }
    }

    #[test]
    fn what_is_none_is_refused_and_not_repeated() {
        let no_name = InvalidAddress::Name(InvalidHookName);
        for (text, why) in [
            ("", InvalidAddress::Form),
            ("hunter2", InvalidAddress::Form),
            ("ops=hunter2", InvalidAddress::Form),
            ("ftp://hunter2.example/", InvalidAddress::Form),
            ("https://", InvalidAddress::Form),
            ("https://[hunter2]/", InvalidAddress::Form),
            ("=https://hunter2.example/", no_name),
            ("hunter 2=https://h.example/", no_name),
            ("a=b=https://hunter2.example/", InvalidAddress::Form),
            ("https://h.example/#hunter2", InvalidAddress::Fragment),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error, why, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_one_or_none(text in "\\PC{0,40}|[a-z]{0,4}=?https?://[a-z:/@?#=.0-9]{0,20}") {
            let _ = text.parse::<Address>();
        }
    }
}
