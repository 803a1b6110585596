//! What the server listens on, made of what it was told.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::net::{TcpListener, TcpSocket};

use super::{args::WireArgs, error::ServeError};
use crate::{
    cli::values,
    server::{Listener, Tls},
};

/// Connections that wait to be accepted at most, where the system allows as many.
const BACKLOG: u32 = 4096;
/// So long before a certificate ends, somebody is told.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// Sockets that clients can connect to, and how to say where they are.
pub(super) struct Listening {
    pub(super) listeners: Vec<Listener>,
    addresses: Vec<SocketAddr>,
    scheme: &'static str,
}

impl Listening {
    pub(super) fn on(args: &WireArgs, tls: Option<&Arc<Tls>>) -> Result<Self, ServeError> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut listening = Self { listeners: Vec::new(), addresses: Vec::new(), scheme };
        for address in &args.listen {
            let refused = |source| ServeError::Listen { address: *address, source };
            let socket = listen_on(*address).map_err(refused)?;
            listening.addresses.push(socket.local_addr().unwrap_or(*address));
            listening.listeners.push(Listener::tcp(socket, tls.cloned()));
        }
        Ok(listening)
    }

    /// Tells where it listens.
    pub(super) fn tell(&self) {
        for address in &self.addresses {
            tracing::info!("listening on {}://{address}", self.scheme);
        }
    }
}

/// Reads the certificate that the server was told to serve with.
pub(super) fn tls(args: &WireArgs) -> Result<Option<Arc<Tls>>, ServeError> {
    let Some(files) = args.files()? else { return Ok(None) };
    let tls = Tls::read(&files)?;
    tell_of_validity(&tls);
    Ok(Some(Arc::new(tls)))
}

/// A certificate that clients refuse doesn't keep the server from starting: a renewed one may be on its way.
fn tell_of_validity(tls: &Tls) {
    let (begins, ends) = tls.validity();
    let now = Timestamp::now();
    let left = ends.duration_since(now);
    if now < begins {
        tracing::warn!(
            "the certificate isn't valid before {begins}: clients refuse it; is this machine's clock right?"
        );
    } else if left.is_negative() {
        tracing::warn!("the certificate has expired at {ends}: clients refuse it until there is a new one");
    } else if left.unsigned_abs() < SOON {
        tracing::warn!("the certificate expires in {}, at {ends}", values::roughly(left.unsigned_abs()));
    } else {
        tracing::info!("the certificate is valid until {ends}");
    }
}

/// Where the numbers are shown, if anywhere.
pub(super) fn metrics(address: Option<SocketAddr>) -> Result<Option<TcpListener>, ServeError> {
    let Some(address) = address else { return Ok(None) };
    let listener = listen_on(address).map_err(|source| ServeError::Metrics { address, source })?;
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!("metrics at http://{address}/metrics");
    if !address.ip().is_loopback() {
        tracing::warn!(
            "whoever reaches {address} can read the metrics: they hold no secret, but they say how much is shared and when"
        );
    }
    Ok(Some(listener))
}

/// With room for a flood of new connections, so that others needn't call twice.
fn listen_on(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the standard library does: a port that was left a moment ago is free. Elsewhere it would let two have one.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
