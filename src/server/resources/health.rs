//! `GET /health`: asks the store, so that it says what is so.

use hyper::{StatusCode, header};

use crate::{
    api::Health,
    server::{call::App, reply::Reply},
};

pub(in crate::server) async fn get(app: &App) -> Reply {
    let health = |status: &str, database: &str| Health {
        status: status.to_owned(),
        database: database.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    match app.vault.ping().await {
        Ok(()) => Reply::json(StatusCode::OK, &health("healthy", "connected")),
        Err(error) => {
            tracing::warn!(%error, "unhealthy");
            Reply::json(StatusCode::SERVICE_UNAVAILABLE, &health("unhealthy", "unavailable"))
                .with(header::RETRY_AFTER, "5")
        }
    }
}
