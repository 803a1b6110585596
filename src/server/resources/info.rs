//! `GET /api/v1/info`: the limits, so that clients refuse before they send.

use hyper::StatusCode;
use url::Url;

use crate::{
    api::Info,
    server::{call::App, reply::Reply},
};

pub(in crate::server) fn get(app: &App) -> Reply {
    let settings = &app.settings;
    Reply::json(
        StatusCode::OK,
        &Info {
            max_size: u64::try_from(settings.max_size).unwrap_or(u64::MAX),
            default_ttl_seconds: settings.default_ttl.duration().as_secs(),
            max_ttl_seconds: settings.max_ttl.as_secs(),
            claim_lease_seconds: app.vault.claim_lease().as_secs(),
            public_url: settings.public_url.as_ref().map(Url::to_string),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    )
}
