//! Scripts, style and icon, as `build.rs` made them: under a name that changes when any of them does, so that browsers may keep
//! them for ever, and compressed beforehand, since they hold no secret.

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode, header};

use crate::server::{negotiate::Accepted, reply::Reply};

struct Asset {
    name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The asset of that name in this version's folder.
pub(super) fn find(version: &str, name: &str, headers: &HeaderMap) -> Option<Reply> {
    let asset = ASSETS.iter().find(|asset| version == VERSION && asset.name == name)?;
    let encoding = Accepted::read(headers, header::ACCEPT_ENCODING).best(&["br", "gzip", "identity"]);
    let (encoding, data) = match encoding {
        Some("br") => (Some("br"), asset.brotli),
        Some("gzip") => (Some("gzip"), asset.gzip),
        _ => (None, asset.plain),
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
