//! Which pages may have a browser do what: none but the server's own creates, reads or burns anything, unless the operator names it
//! (`--cors-origin`). Other programs than browsers say nothing of pages, and needn't.

use std::str::FromStr;

use hyper::{
    HeaderMap,
    header::{self, HeaderValue},
};
use url::{Origin, Url};

use super::Deed;
use crate::api::{Code, Problem};

const FETCH_SITE: &str = "sec-fetch-site";
const FETCH_DEST: &str = "sec-fetch-dest";

/// A page's origin that may use the API from a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsOrigin(String);

/// What is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write an origin as browsers do, as https://app.example.org or http://localhost:3000: no path, and no * for all"
)]
pub struct InvalidOrigin;

impl FromStr for CorsOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let text = text.trim();
        let url = Url::parse(text).map_err(|_| InvalidOrigin)?;
        let origin = url.origin().ascii_serialization();
        let whole = url.as_str() == format!("{origin}/") && !text.contains('*');
        if whole && matches!(url.scheme(), "http" | "https") { Ok(Self(origin)) } else { Err(InvalidOrigin) }
    }
}

/// What the server was asked as, as far as that is known.
#[derive(Debug, Clone, Copy)]
pub(in crate::server) struct Asked<'a> {
    pub(in crate::server) host: Option<&'a str>,
    /// `http` may be what a proxy that nobody named made of `https`.
    pub(in crate::server) scheme: &'static str,
}

/// The pages that may.
#[derive(Debug)]
pub(super) struct Origins {
    public: Option<Origin>,
    others: Vec<CorsOrigin>,
}

impl Origins {
    pub(super) fn new(public: Option<&Url>, others: &[CorsOrigin]) -> Self {
        Self { public: public.map(Url::origin), others: others.to_vec() }
    }

    /// Whether the page that a browser asks for, if one does, may do this.
    pub(super) fn check(&self, deed: Deed, headers: &HeaderMap, asked: Asked<'_>) -> Result<(), Problem> {
        // A link to the API on somebody's page: the handler says where to go instead, and reads nothing.
        let dest = headers.get(FETCH_DEST);
        let follows = deed == Deed::ReadByGet && dest.is_some_and(|dest| dest != "empty");
        // Of what changes nothing a link is followed from anywhere; a picture or a frame on another's page only has its reader miss.
        let looks = !deed.seeks() || dest.is_none_or(|dest| dest == "document");
        if !deed.changes() && looks || follows || self.allowed(headers).is_some() {
            return Ok(());
        }
        let own = |site: &HeaderValue| site == "same-origin" || site == "none";
        let mut sites = headers.get_all(FETCH_SITE).iter().peekable();
        let mut origins = headers.get_all(header::ORIGIN).iter();
        // What the browser says of the page counts more than its origin: a form that sends no referrer has the origin `null`.
        let ours =
            if sites.peek().is_some() { sites.all(own) } else { origins.all(|origin| self.is_own(origin, asked)) };
        if ours { Ok(()) } else { Err(foreign()) }
    }

    fn is_own(&self, origin: &HeaderValue, asked: Asked<'_>) -> bool {
        let Some(url) = origin.to_str().ok().and_then(|text| Url::parse(text).ok()) else { return false };
        let origin = url.origin();
        let known = asked.scheme == "http" || url.scheme() == "https";
        let asked = asked.host.and_then(|host| Url::parse(&format!("{}://{host}/", url.scheme())).ok());
        origin.is_tuple()
            && (self.public.as_ref() == Some(&origin) || known && asked.is_some_and(|asked| asked.origin() == origin))
    }

    /// The origin that is asked from, if it is one of those that may.
    pub(super) fn allowed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = origins.next().filter(|origin| self.others.iter().any(|other| *origin == &other.0))?;
        origins.next().is_none().then_some(origin)
    }

    pub(super) fn has_others(&self) -> bool {
        !self.others.is_empty()
    }
}

fn foreign() -> Problem {
    Problem::new(
        Code::ForeignOrigin,
        "Another website's page asks, or one that doesn't say whose it is, and only this server's own may: nothing was stored, read or \
         destroyed. Its operator lets others use the API with --cors-origin",
    )
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderName;

    use super::*;

    fn may(origins: &Origins, deed: Deed, lines: &[(&'static str, &str)], host: &str, scheme: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        origins.check(deed, &headers, Asked { host: Some(host), scheme }).is_ok()
    }

    #[test]
    fn foreign_pages_do_nothing() {
        let public = "https://ots.example.org/".parse().unwrap();
        let (unnamed, named) =
            (Origins::new(None, &[]), Origins::new(Some(&public), &["https://app.example.org".parse().unwrap()]));
        for (lines, ours) in [
            (&[][..], true),
            (&[("origin", "http://h:8000")], true),
            (&[("origin", "http://H:8000")], true),
            (&[("origin", "https://h:8000")], true), // by a proxy that nobody named
            (&[("origin", "http://h")], false),
            (&[("origin", "http://h:8001")], false),
            (&[("origin", "http://h.evil.example:8000")], false),
            (&[("origin", "http://h:8000@evil.example")], false),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            (&[("origin", "http://h:8000"), ("origin", "http://evil.example")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site"), ("origin", "http://h:8000")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "odd")], false),
        ] {
            for deed in [Deed::Create, Deed::Answer, Deed::Read, Deed::ReadByGet, Deed::Burn] {
                assert_eq!(may(&unnamed, deed, lines, "h:8000", "http"), ours, "{lines:?}");
            }
            assert!(
                may(&unnamed, Deed::Probe, lines, "h:8000", "http")
                    && may(&unnamed, Deed::Other, lines, "h:8000", "http")
            );
        }
        for (lines, host, scheme, ours) in [
            (&[("origin", "https://ots.example.org")][..], "127.0.0.1:8000", "http", true),
            (&[("origin", "http://ots.example.org")], "127.0.0.1:8000", "http", false),
            (&[("origin", "http://ots.example.org")], "ots.example.org", "https", false),
            (
                &[("origin", "https://app.example.org"), ("sec-fetch-site", "cross-site")],
                "ots.example.org",
                "https",
                true,
            ),
            (
                &[("origin", "https://app.example.org"), ("origin", "https://app.example.org")],
                "ots.example.org",
                "https",
                false,
            ),
            (&[("origin", "http://app.example.org")], "ots.example.org", "https", false),
        ] {
            assert_eq!(may(&named, Deed::Create, lines, host, scheme), ours, "{lines:?}");
        }
        // A link on another website, which the handler refuses in words of its own; a form there is no link.
        let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")];
        assert!(may(&unnamed, Deed::ReadByGet, &link, "h", "https"));
        assert!(!may(&unnamed, Deed::Read, &link, "h", "https") && !may(&unnamed, Deed::Create, &link, "h", "https"));
    }

    #[test]
    fn origins_are_exact() {
        for (text, origin) in [
            ("https://app.example.org", "https://app.example.org"),
            ("https://App.example.org:443/", "https://app.example.org"),
            ("http://localhost:3000", "http://localhost:3000"),
        ] {
            assert_eq!(text.parse(), Ok(CorsOrigin(origin.to_owned())), "{text}");
        }
        for wrong in [
            "*",
            "null",
            "",
            "app.example.org",
            "https://*.example.org",
            "https://a/b",
            "https://u@a",
            "ftp://a",
            "https://a?x",
        ] {
            assert_eq!(wrong.parse::<CorsOrigin>(), Err(InvalidOrigin), "{wrong}");
        }
    }
}
