//! What the server listens on, made of what it was told.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::{TcpListener, TcpSocket};

#[cfg(unix)]
use super::sockets::{self, Given, Inherited, SocketError, SocketFile};
use super::{args::WireArgs, error::ServeError};
use crate::{
    cli::listen::ListenAt,
    server::{Listener, Tls},
};

/// Connections that wait to be accepted at most, where the system allows as many.
const BACKLOG: u32 = 4096;

/// Sockets that clients can connect to, and how to say where they are.
#[derive(Default)]
pub(super) struct Listening {
    listeners: Vec<Listener>,
    places: Vec<String>,
    tls: Option<Arc<Tls>>,
    #[cfg(unix)]
    files: Vec<SocketFile>,
}

impl Listening {
    #[cfg(unix)]
    pub(super) fn on(args: &WireArgs, mut inherited: Inherited, tls: Option<&Arc<Tls>>) -> Result<Self, ServeError> {
        let mut listening = Self { tls: tls.cloned(), ..Self::default() };
        for place in &args.listen {
            match place {
                ListenAt::Tcp(address) => listening.bind(*address)?,
                ListenAt::Unix(path) => {
                    let at = format!("unix:{}", path.display());
                    let refused = |source| ServeError::Socket { at: at.clone(), source };
                    let (socket, file) = sockets::listen(path, args.socket_mode).map_err(refused)?;
                    listening.files.push(file);
                    listening.take(Given::Unix(socket), &at)?;
                }
                ListenAt::Inherited(name) => {
                    let at = format!("fd:{}", name.as_deref().unwrap_or_default());
                    let refused = |source| ServeError::Socket { at: at.clone(), source };
                    for given in inherited.named(name.as_deref()).map_err(refused)? {
                        listening.take(given, &at)?;
                    }
                }
            }
        }
        Ok(listening)
    }

    #[cfg(not(unix))]
    pub(super) fn on(args: &WireArgs, tls: Option<&Arc<Tls>>) -> Result<Self, ServeError> {
        let mut listening = Self { tls: tls.cloned(), ..Self::default() };
        for place in &args.listen {
            if let ListenAt::Tcp(address) = place {
                listening.bind(*address)?;
            }
        }
        Ok(listening)
    }

    fn bind(&mut self, address: SocketAddr) -> Result<(), ServeError> {
        let socket = listen_on(address).map_err(|source| ServeError::Listen { address, source })?;
        let address = socket.local_addr().unwrap_or(address);
        self.add_tcp(socket, address);
        Ok(())
    }

    fn add_tcp(&mut self, socket: TcpListener, address: SocketAddr) {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.places.push(format!("{scheme}://{address}"));
        self.listeners.push(Listener::tcp(socket, self.tls.clone()));
    }

    /// A socket that is open.
    #[cfg(unix)]
    fn take(&mut self, given: Given, at: &str) -> Result<(), ServeError> {
        let refused = |source| ServeError::Socket { at: at.to_owned(), source };
        let io = |error: std::io::Error| refused(error.into());
        match given {
            Given::Tcp(socket) => {
                socket.set_nonblocking(true).map_err(io)?;
                let address = socket.local_addr().map_err(io)?;
                self.add_tcp(TcpListener::from_std(socket).map_err(io)?, address);
            }
            Given::Unix(socket) => {
                socket.set_nonblocking(true).map_err(io)?;
                let place = socket.local_addr().ok();
                let path = place.as_ref().and_then(|place| place.as_pathname());
                self.places.push(path.map_or_else(|| at.to_owned(), |path| format!("unix:{}", path.display())));
                self.listeners.push(Listener::unix(tokio::net::UnixListener::from_std(socket).map_err(io)?));
            }
            Given::Other => return Err(refused(SocketError::OtherKind)),
        }
        Ok(())
    }

    /// Tells where it listens, and gives that.
    pub(super) fn tell(&self) -> String {
        for place in &self.places {
            tracing::info!("listening on {place}");
        }
        self.places.join(", ")
    }

    /// The sockets. What is left of this takes their files away at the end.
    pub(super) fn listeners(&mut self) -> Vec<Listener> {
        std::mem::take(&mut self.listeners)
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
