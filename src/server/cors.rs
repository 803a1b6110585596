//! Pages elsewhere that the operator lets use the API from a browser (`--cors-origin`): what the browser is told of it
//! (<https://fetch.spec.whatwg.org/#http-cors-protocol>). Nothing goes with cookies, and no origin but those is ever named.

use hyper::{HeaderMap, Method, StatusCode, header, http::request::Parts};

use super::{call::App, reply::Reply};

/// What a page may send besides what every page may.
const TAKEN: &str = "accept, authorization, content-type, idempotency-key, ots-collecting-token, ots-passphrase";
/// What it may see of an answer besides.
const SHOWN: &str = "content-disposition, location, ratelimit, ratelimit-policy, retry-after, x-request-id";

/// The answer to a browser that asks whether a page may do something; none if that isn't what is asked. `methods` are those of the API's
/// path, if it is one.
pub(super) fn preflight(app: &App, head: &Parts, methods: Option<&'static str>) -> Option<Reply> {
    let methods = methods.filter(|_| head.method == Method::OPTIONS)?;
    let asks = head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || app.guards.shared_with(&head.headers).is_none() {
        return None;
    }
    let reply = Reply::empty(StatusCode::NO_CONTENT).with(header::ALLOW, methods);
    Some(
        reply
            .with(header::ACCESS_CONTROL_ALLOW_METHODS, methods)
            .with(header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN)
            .with(header::ACCESS_CONTROL_MAX_AGE, "600"),
    )
}

/// An answer of the API, which the page that asks may see if it is one of those.
pub(super) fn shared(app: &App, headers: &HeaderMap, reply: Reply) -> Reply {
    if !app.guards.shares() {
        return reply;
    }
    let reply = reply.with(header::VARY, "Origin");
    match app.guards.shared_with(headers) {
        Some(origin) => reply
            .with_value(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)
            .with(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN),
        None => reply,
    }
}
