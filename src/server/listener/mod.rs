//! Where connections come from, and each as the protocols read and write it.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::server::TlsStream;

use super::{
    guards::Peer,
    tls::{Opened, Tls},
};

/// A socket that clients connect to.
#[derive(Debug)]
pub struct Listener(Socket);

#[derive(Debug)]
enum Socket {
    Tcp {
        socket: TcpListener,
        tls: Option<Arc<Tls>>,
    },
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    /// Over TCP; with TLS if there is a certificate.
    #[must_use]
    pub fn tcp(socket: TcpListener, tls: Option<Arc<Tls>>) -> Self {
        Self(Socket::Tcp { socket, tls })
    }

    /// Over a socket of this machine's: without TLS, since nobody is on the way.
    #[cfg(unix)]
    #[must_use]
    pub fn unix(socket: UnixListener) -> Self {
        Self(Socket::Unix(socket))
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match &self.0 {
            Socket::Tcp { socket, tls } => socket.poll_accept(cx).map_ok(|(stream, peer)| {
                let _ = stream.set_nodelay(true);
                Accepted { stream: Raw::Tcp(stream), peer: Peer::at(peer.ip()), tls: tls.clone() }
            }),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.poll_accept(cx).map_ok(|(stream, _)| Accepted {
                stream: Raw::Unix(stream),
                peer: Peer::Unix,
                tls: None,
            }),
        }
    }
}

/// All sockets that clients connect to. None comes before another.
pub(super) struct Listeners {
    all: Vec<Listener>,
    next: usize,
}

impl Listeners {
    pub(super) fn new(all: Vec<Listener>) -> Self {
        Self { all, next: 0 }
    }

    /// The next connection, wherever it comes from.
    pub(super) async fn accept(&mut self) -> io::Result<Accepted> {
        poll_fn(|cx| {
            let turn = self.all.iter().enumerate().cycle().skip(self.next).take(self.all.len());
            for (place, listener) in turn {
                let Poll::Ready(accepted) = listener.poll_accept(cx) else { continue };
                self.next = place + 1;
                return Poll::Ready(accepted);
            }
            Poll::Pending
        })
        .await
    }
}

/// A connection of which nothing was read yet.
pub(super) struct Accepted {
    stream: Raw,
    pub(super) peer: Peer,
    tls: Option<Arc<Tls>>,
}

enum Raw {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Accepted {
    /// Ready for a protocol, once hands are shaken where there is TLS. None if that was all that was wanted.
    pub(super) async fn open(self) -> io::Result<Option<Stream>> {
        Ok(Some(match (self.stream, self.tls) {
            (Raw::Tcp(stream), None) => Stream::Plain(stream),
            (Raw::Tcp(stream), Some(tls)) => match tls.open(stream).await? {
                Opened::Tls(stream) => Stream::Tls(stream),
                Opened::Plain(stream) => Stream::Misdirected(stream),
                Opened::Answered => return Ok(None),
            },
            #[cfg(unix)]
            (Raw::Unix(stream), _) => Stream::Unix(stream),
        }))
    }
}

/// A connection, as the protocols read and write it.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    #[cfg(unix)]
    Unix(UnixStream),
    /// Its client speaks without TLS where there has to be TLS.
    Misdirected(TcpStream),
}

impl Stream {
    /// How it came: what links to this server start with.
    pub(super) fn scheme(&self) -> &'static str {
        match self {
            Self::Plain(_) | Self::Misdirected(_) => "http",
            #[cfg(unix)]
            Self::Unix(_) => "http",
            Self::Tls(_) => "https",
        }
    }
}

/// Does with the socket, or with what encrypts it, what its trait says.
macro_rules! of_each {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Plain($inner) | Stream::Misdirected($inner) => $call,
            Stream::Tls($inner) => $call,
            #[cfg(unix)]
            Stream::Unix($inner) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        of_each!(self.get_mut(), inner => Pin::new(inner).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        of_each!(self.get_mut(), inner => Pin::new(inner).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        of_each!(self.get_mut(), inner => Pin::new(inner).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        of_each!(self, inner => inner.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_each!(self.get_mut(), inner => Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_each!(self.get_mut(), inner => Pin::new(inner).poll_shutdown(cx))
    }
}
