//! The pages: share, and reveal on a click. With JavaScript they use the API; without, their forms post here and get a plain
//! page. Looking at a page reads nothing and destroys nothing.
//!
//! [`share`] and [`secret`] answer, with [`templates`] filled in one of the [`texts`]; [`ttl`] and [`problems`] are what they offer and
//! what they say when something goes wrong; [`assets`] are what the pages load.

pub(super) mod assets;
mod problems;
pub(super) mod secret;
pub(super) mod share;
mod templates;
mod texts;
mod ttl;

use askama::Template;
use bytes::Bytes;
use hyper::{StatusCode, header};

pub(crate) use self::assets::BUNDLED;
use self::texts::Texts;
use super::reply::Reply;

/// What a page may do: run and show what this server serves, talk to this server, and put content in as text only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// `GET /robots.txt`: there is nothing here to find.
pub(super) fn robots() -> Reply {
    Reply::text("User-agent: *\nDisallow: /\n")
}

fn html(status: StatusCode, text: &'static Texts, page: &impl Template) -> Reply {
    with_headers(Reply::page(status, Bytes::from_owner(templates::render(page))), text)
}

fn with_headers(reply: Reply, text: &'static Texts) -> Reply {
    reply
        .with(header::CONTENT_SECURITY_POLICY, POLICY)
        .with(header::CONTENT_LANGUAGE, &text.language)
        .with(header::VARY, "Accept-Language")
        .with(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin")
        .with(
            header::HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        )
}
