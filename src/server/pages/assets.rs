//! Scripts, style and icon, as `build.rs` made them: under a name that changes when any of them does, so that browsers may keep
//! them for ever, and compressed beforehand, since they hold no secret.

use bytes::Bytes;
use hyper::{StatusCode, header};

use crate::{
    api::Problem,
    server::{call::Call, negotiate::Accepted, problem::nothing_here, reply::Reply},
};

/// What is sent as it is, as `Accept-Encoding` calls it.
const PLAIN: &str = "identity";

/// A worker goes by the policy that came with its script, and only it needs more than none: the parts that its script is made of.
const POLICY: &str =
    "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Asset {
    name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    brotli: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// `GET /assets/{version}/{file}`: of this version only.
pub(in crate::server) fn get(call: &Call<'_>) -> Result<Reply, Problem> {
    let asset =
        ASSETS.iter().find(|asset| call.version == VERSION && asset.name == call.parameter).ok_or_else(nothing_here)?;
    let accepted = Accepted::read(call.headers(), header::ACCEPT_ENCODING);
    let encoding = accepted.best(&["br", "gzip", PLAIN]).unwrap_or(PLAIN);
    let data = match encoding {
        "br" => asset.brotli,
        "gzip" => asset.gzip,
        _ => asset.plain,
    };
    let reply = Reply::empty(StatusCode::OK)
        .with(header::CONTENT_TYPE, asset.kind)
        .with(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
        .with(header::VARY, "Accept-Encoding")
        .with(header::CONTENT_SECURITY_POLICY, POLICY)
        .with_data(Bytes::from_static(data));
    Ok(if encoding == PLAIN { reply } else { reply.with(header::CONTENT_ENCODING, encoding) })
}
