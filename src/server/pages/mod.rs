//! The pages: share, and reveal on a click. With JavaScript they use the API; without, their forms post here and get a plain
//! page. Looking at a page reads nothing and destroys nothing.
//!
//! [`share`], [`secret`], [`receipt`] and [`request`] answer, and [`lost`] where none can, with [`templates`] filled in one of the [`texts`]; [`ttl`] and
//! [`problems`] are what they offer and what they say when something goes wrong; [`assets`] and the
//! operator's [`face`] are what the pages load.

pub(super) mod assets;
pub(super) mod face;
pub(super) mod lost;
mod problems;
pub(super) mod receipt;
pub(super) mod request;
pub(super) mod secret;
pub(super) mod share;
mod templates;
mod texts;
mod ttl;

use askama::Template;
use bytes::Bytes;
use hyper::{StatusCode, header};

pub(crate) use self::assets::BUNDLED;
use self::{templates::Here, texts::Texts};
use super::{
    call::{App, Call},
    reply::Reply,
};
use crate::api::Code;

/// What a page may do: run and show what this server serves, talk to this server, and put content in as text only.
/// The worker is one script of this server's, which the trusted type `ots` names (`src/web/js/argon.js`).
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types ots";

/// `GET /robots.txt`: there is nothing here to find.
pub(super) fn robots() -> Reply {
    Reply::text("User-agent: *\nDisallow: /\n")
}

/// What a page may say of this server.
fn here(app: &App, call: &Call<'_>) -> Here {
    let root = call.base_url(app);
    let name = root.split_once("://").map_or(root.as_str(), |(_, name)| name);
    Here {
        host: name.trim_end_matches('/').to_owned(),
        named: app.settings.public_url.is_some(),
        lease: app.vault.claim_lease().as_secs(),
        ..Here::at(call.head.uri.path(), &app.settings.face)
    }
}

/// The same, and who may share here.
fn doorway(app: &App, call: &Call<'_>) -> Here {
    let denied = call.permission(app).err().map(|problem| problem.code);
    Here {
        closed: denied == Some(Code::CreationClosed),
        key_needed: denied == Some(Code::KeyRequired),
        ..here(app, call)
    }
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
