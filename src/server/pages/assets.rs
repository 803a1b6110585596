//! Scripts, style and icon, as `build.rs` made them: under a name that changes when any of them does, so that browsers may keep
//! them for ever, and compressed beforehand, since they hold no secret.

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode, header};

use crate::server::reply::Reply;

struct Asset {
    name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The path, below the server's root, of the folder that holds them all. Ends with a slash.
pub(super) fn folder() -> String {
    format!("assets/{VERSION}/")
}

/// The asset of that name in this version's folder.
pub(super) fn find(version: &str, name: &str, headers: &HeaderMap) -> Option<Reply> {
    let asset = ASSETS.iter().find(|asset| version == VERSION && asset.name == name)?;
    let (encoding, data) = if accepts(headers, "br") {
        (Some("br"), asset.brotli)
    } else if accepts(headers, "gzip") {
        (Some("gzip"), asset.gzip)
    } else {
        (None, asset.plain)
    };
    let reply = Reply::empty(StatusCode::OK)
        .with(header::CONTENT_TYPE, asset.kind)
        .with(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
        .with(header::VARY, "Accept-Encoding")
        .with_data(Bytes::from_static(data));
    Some(match encoding {
        Some(encoding) => reply.with(header::CONTENT_ENCODING, encoding),
        None => reply,
    })
}

/// Whether `Accept-Encoding` names a coding and doesn't refuse it.
pub(in crate::server) fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|choice| {
            let mut parts = choice.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
            named && !parts.any(|part| matches!(part.split_once('='), Some(("q" | "Q", weight)) if weight.trim().parse() == Ok(0.0)))
        })
    })
}
