//! The server: HTTP/1.1 and HTTP/2 (prior knowledge) on one port, over hyper.
//!
//! - here: listening, the cap on connections, draining at the end.
//! - [`connection`]: one connection, cut when it stalls.
//! - [`router`]: which path and method is which handler; the request log.
//! - [`body`]: reading bodies within bounds of size, time and memory.
//! - [`reply`]: answers, and the headers on all of them.
//! - [`secrets`], [`info`], [`health`]: one file a resource.
//! - [`openapi`]: the API described.
//! - [`web`]: the pages and their assets.

mod body;
mod connection;
mod health;
mod info;
mod openapi;
mod reply;
mod router;
mod secrets;
mod web;

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use hyper_util::server::graceful::GracefulShutdown;
use tokio::{net::TcpListener, sync::Semaphore};
use url::Url;

use crate::{memory::Budget, vault::Vault};

/// What the server allows. Validated by whoever makes it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The largest content, in bytes.
    pub max_size: usize,
    /// How long a secret is kept when nobody says.
    pub default_ttl: Duration,
    /// How long a secret can be kept.
    pub max_ttl: Duration,
    /// The root that links start with, with a trailing slash; without one, the host that the client asked.
    pub public_url: Option<Url>,
    /// Whether there is a page to share from.
    pub create_page: bool,
    /// How long a client may be silent, and how long it may take to send a request's head.
    pub client_timeout: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// How long requests may take to finish when the server stops.
    pub shutdown_timeout: Duration,
}

/// Request bodies in memory at once, in bytes, unless one largest body alone is more.
const BODIES_IN_FLIGHT: usize = 32 * 1024 * 1024;
/// Connections beyond the cap that are told so at once; more have to wait to be accepted.
const REFUSALS: usize = 64;

/// What every request needs.
pub(crate) struct App {
    vault: Vault,
    settings: Settings,
    bodies: Budget,
    /// A random start, so that request ids differ between runs.
    first_request: u64,
    requests: AtomicU64,
}

impl Settings {
    /// The largest JSON body: each byte of content can take six (`\u0000`).
    fn max_json(&self) -> usize {
        self.max_size.saturating_mul(6).saturating_add(16 * 1024)
    }

    /// The largest form: each byte of content can take three (`%0A`).
    fn max_form(&self) -> usize {
        self.max_size.saturating_mul(3).saturating_add(16 * 1024)
    }
}

/// Whether the pages have the npm bundle: ciphers for browsers without them, and QR codes.
pub const WEB_BUNDLED: bool = web::BUNDLED;

/// Serves until `stop` is done, then finishes the requests that are under way.
///
/// # Errors
/// Only before the first connection: when the operating system gives no randomness.
pub async fn run(
    listener: TcpListener,
    vault: Vault,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> Result<(), crate::secret::NoRandomness> {
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let app = Arc::new(App {
        vault,
        bodies: Budget::new(BODIES_IN_FLIGHT.max(settings.max_json())),
        first_request: u64::from_be_bytes(crate::secret::random()?),
        requests: AtomicU64::new(0),
        settings,
    });
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut stop => break,
        };
        let Some((stream, _peer)) = accepted else { continue };
        let watcher = graceful.watcher();
        let app = Arc::clone(&app);
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            tokio::spawn(async move {
                connection::serve(stream, app, watcher).await;
                drop(place);
            });
        } else {
            let Ok(place) = Arc::clone(&refusals).acquire_owned().await else { break };
            tokio::spawn(async move {
                connection::refuse(stream, app).await;
                drop(place);
            });
        }
    }
    drop(listener);
    tracing::info!("stopping: finishing what runs");
    if tokio::time::timeout(app.settings.shutdown_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("some clients did not finish in time and were cut off");
    }
    Ok(())
}

/// The next connection. None when it could not be accepted: the process has no file descriptor left, say.
async fn accept(listener: &TcpListener) -> Option<(tokio::net::TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((stream, peer)) => {
            let _ = stream.set_nodelay(true);
            Some((stream, peer))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}
