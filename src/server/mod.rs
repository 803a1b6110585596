//! The server: HTTP/1.1 and HTTP/2 (prior knowledge) on one port, over hyper.
//!
//! - here: listening, draining at the end.
//!
//! The parts stand in a line, and each calls only those before it:
//!
//! - [`face`]: what it says of itself.
//! - [`guards`]: who is at the other end, and what may be done for them.
//! - [`creation`]: who may create.
//! - [`settings`]: what the server allows.
//! - [`activity`]: whether a connection gets on.
//! - [`route`]: what a path can lead to; [`traffic`]: what comes over the wire, counted.
//! - [`places`]: who holds which share of the server, and who goes when it is full.
//! - [`problem`]: what goes wrong, as the client is told.
//! - [`request_id`]: the name of a request.
//! - [`json`], [`reply`]: answers, and the headers on all of them.
//! - [`body`]: reading bodies within bounds of size, time and memory.
//! - [`call`]: who asks, and over what.
//! - [`metrics`]: the numbers, on a port of their own.
//! - [`intake`]: a request, whatever its format, as what the vault takes.
//! - [`negotiate`]: what the client accepts.
//! - [`resources`]: the API, one file a resource; [`pages`]: the pages and their assets.
//! - [`openapi`]: the API described.
//! - [`cors`]: what a browser is told of pages elsewhere.
//! - [`router`]: which path and method is which handler; the request log.
//! - [`tls`]: handshakes, and the certificate that they are made with; [`listener`]: where connections come from.
//! - [`floods`]: connections of HTTP/2 that only cost.
//! - [`connection`]: one connection, cut when it stalls.

mod activity;
mod body;
mod call;
mod connection;
mod cors;
mod creation;
mod face;
mod floods;
mod guards;
mod intake;
mod json;
mod listener;
mod metrics;
mod negotiate;
mod openapi;
mod pages;
mod places;
mod problem;
mod reply;
mod request_id;
mod resources;
mod route;
mod router;
mod settings;
mod tls;
mod traffic;

use std::{future::Future, sync::Arc, time::Duration};

use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use call::App;
pub use creation::{Creation, InvalidKeyName, InvalidUserHeader, KeyList, KeyName, Limits, ListedKey, UserHeader};
pub use face::{Accent, Contact, Face, InvalidAccent, InvalidLine, InvalidLogo, LARGEST_LOGO, Line, Logo, web_page};
pub use guards::{
    AllowedHost, CorsOrigin, GuardOptions, InvalidHost, InvalidOrigin, InvalidProxy, InvalidRates, RateLimits,
    TrustedProxy,
};
pub use listener::Listener;
use listener::Listeners;
use places::Places;
use request_id::RequestIds;
pub use settings::{InvalidSettings, LARGEST_SIZE, Options, Settings};
pub use tls::{Files, InvalidPair, NotReloaded, Pair, Reloaded, Reloader, Tls};

use crate::vault::Vault;

/// Connections without a place that are told so; more are closed at once, so that whoever comes after them needn't wait.
const REFUSALS: usize = 64;
/// Connections that are accepted and not yet looked at, at most.
const UNSEEN: usize = 32;

/// Whether the pages have the npm bundle: ciphers for browsers without them, and QR codes.
pub const WEB_BUNDLED: bool = pages::BUNDLED;

/// Serves until `stop` is done, then finishes the requests that are under way. What is counted is shown on `metrics`, if that is there, to
/// the end.
///
/// # Errors
/// Only before the first connection: when the operating system gives no randomness.
pub async fn run(
    listeners: Vec<Listener>,
    vault: Vault,
    settings: Settings,
    metrics: Option<TcpListener>,
    stop: impl Future<Output = ()>,
) -> Result<(), crate::secret::NoRandomness> {
    let places = Places::new(&settings);
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let turns = Arc::new(Semaphore::new(UNSEEN));
    let app = Arc::new(App::new(vault, settings, RequestIds::generate()?));
    let scraped = metrics.map(|listener| tokio::spawn(metrics::serve(listener, Arc::clone(&app))));
    let graceful = GracefulShutdown::new();
    let mut listeners = Listeners::new(listeners);
    let (stopping, _) = watch::channel(());
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listeners.accept() => accepted,
            () = &mut stop => break,
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            // The process has no file descriptor left, say.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let watcher = graceful.watcher();
        let app = Arc::clone(&app);
        let peer = accepted.peer;
        // A proxy that is trusted is as many clients as it passes on, each with a share of its own.
        if let Some(place) = places.take((!app.guards.trusts(peer)).then(|| peer.address())) {
            let serving = connection::serve(accepted, app, place, watcher, stopping.subscribe());
            // A connection is looked at before many more are accepted: else a flood of them takes its place before its request is read.
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { continue };
            tokio::spawn(async move {
                drop(turn);
                serving.await;
            });
            continue;
        }
        app.traffic.turned_away.one();
        if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
            tokio::spawn(async move {
                connection::refuse(accepted, app).await;
                drop(place);
            });
        }
    }
    app.stop();
    drop((listeners, stopping));
    tracing::info!("stopping: finishing what runs");
    if tokio::time::timeout(app.settings.shutdown_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("some clients did not finish in time and were cut off");
    }
    if let Some(scraped) = scraped {
        scraped.abort();
    }
    Ok(())
}
