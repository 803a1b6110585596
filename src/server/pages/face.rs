//! The operator's logo and colour, under a name that changes when either does, so that browsers may keep them.

use hyper::{StatusCode, header};

use crate::{
    api::Problem,
    server::{
        call::{App, Call},
        problem::nothing_here,
        reply::Reply,
    },
};

/// `GET /face/{version}/{file}`: `logo`, or `accent.css`.
pub(in crate::server) fn get(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    let face = &app.settings.face;
    let (kind, data) = match (call.parameter, &face.logo, face.accent) {
        _ if call.version != face.version() => return Err(nothing_here()),
        ("logo", Some(logo), _) => logo.shown(),
        ("accent.css", _, Some(accent)) => ("text/css; charset=utf-8", accent.style().into()),
        _ => return Err(nothing_here()),
    };
    // Its policy is that of every answer: nothing in a picture runs.
    Ok(Reply::empty(StatusCode::OK)
        .with(header::CONTENT_TYPE, kind)
        .with(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
        .with_data(data))
}
