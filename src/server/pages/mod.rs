//! The pages: share, and reveal on a click. With JavaScript they use the API; without, their forms post here and get a plain
//! page. Looking at a page reads nothing and destroys nothing.

mod assets;
pub(super) mod secret;
pub(super) mod share;
mod templates;

use hyper::{HeaderMap, StatusCode, header};
use jiff::Timestamp;

pub(crate) use self::assets::BUNDLED;
use self::templates::{Language, Page};
use super::{call::Call, problem::nothing_here, reply::Reply};
use crate::api::{Code, Problem};

/// What a page may do: run and show what this server serves, talk to this server, and put content in as text only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
/// Where the share page is, seen from itself, and seen from a secret's.
const ROOT_OF_SHARE: &str = "./";
const ROOT_OF_SECRET: &str = "../";

/// `GET /assets/{version}/{name}`.
pub(super) fn asset(call: &Call<'_>) -> Result<Reply, Problem> {
    let mut parts = call.request.uri().path().rsplit('/');
    let (name, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    assets::find(version, name, call.request.headers()).ok_or_else(nothing_here)
}

/// `GET /robots.txt`: there is nothing here to find.
pub(super) fn robots() -> Reply {
    Reply::text("User-agent: *\nDisallow: /\n")
}

fn status_of(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What every page needs, besides what is given. Addresses are relative: the server may be below any path.
fn values<'a>(root: &'static str, given: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let folder = match root {
        ROOT_OF_SHARE => &*FOLDER_FROM_SHARE,
        _ => &*FOLDER_FROM_SECRET,
    };
    [("root", root), ("assets", folder.as_str())].into_iter().chain(given.iter().copied()).collect()
}

static FOLDER_FROM_SHARE: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| format!("{ROOT_OF_SHARE}{}", assets::folder()));
static FOLDER_FROM_SECRET: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| format!("{ROOT_OF_SECRET}{}", assets::folder()));

fn html(language: &'static Language, page: Page, code: StatusCode, values: &[(&str, &str)]) -> Reply {
    headers(Reply::page(code, language.render(page, values)), language)
}

fn headers(reply: Reply, language: &'static Language) -> Reply {
    reply
        .with(header::CONTENT_SECURITY_POLICY, POLICY)
        .with(header::CONTENT_LANGUAGE, language.text("language"))
        .with(header::VARY, "Accept-Language")
        .with(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin")
        .with(
            header::HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        )
}

fn language(headers: &HeaderMap) -> Result<&'static Language, Problem> {
    Language::of(headers)
        .ok_or_else(|| Problem::new(500, "Internal Server Error", Code::Internal, "The server has no page to show"))
}

/// A time for programs, and for people who have no script that puts it into their own zone.
fn times(at: Timestamp) -> (String, String) {
    (format!("{at:.3}"), at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
