//! `GET /api/v1/info`: the limits, so that clients refuse before they send.

use hyper::StatusCode;

use crate::{
    api::Info,
    server::{call::App, reply::Reply},
};

#[utoipa::path(
    get,
    path = "/api/v1/info",
    operation_id = "info",
    summary = "The server's limits",
    tag = "server",
    responses(
        (
            status = 200,
            description = "So that clients refuse before they send.",
            body = Info,
            example = json!({"max_size": 1_048_576, "default_ttl_seconds": 86400, "max_ttl_seconds": 2_592_000, "version": "0.1.0"})
        ))
)]
pub(in crate::server) fn get(app: &App) -> Reply {
    let settings = &app.settings;
    Reply::json(
        StatusCode::OK,
        &Info {
            max_size: u64::try_from(settings.max_size).unwrap_or(u64::MAX),
            default_ttl_seconds: settings.default_ttl.duration().as_secs(),
            max_ttl_seconds: settings.max_ttl.as_secs(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    )
}
