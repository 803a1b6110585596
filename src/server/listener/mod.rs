//! Where connections come from, and each as the protocols read and write it.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

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
pub struct Listener {
    socket: TcpListener,
    tls: Option<Arc<Tls>>,
}

impl Listener {
    /// Over TCP; with TLS if there is a certificate.
    #[must_use]
    pub fn tcp(socket: TcpListener, tls: Option<Arc<Tls>>) -> Self {
        Self { socket, tls }
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
                let Poll::Ready(accepted) = listener.socket.poll_accept(cx) else { continue };
                self.next = place + 1;
                return Poll::Ready(accepted.map(|(stream, peer)| {
                    let _ = stream.set_nodelay(true);
                    Accepted { stream, peer: Peer::at(peer.ip()), tls: listener.tls.clone() }
                }));
            }
            Poll::Pending
        })
        .await
    }
}

/// A connection of which nothing was read yet.
pub(super) struct Accepted {
    stream: TcpStream,
    pub(super) peer: Peer,
    tls: Option<Arc<Tls>>,
}

impl Accepted {
    /// Ready for a protocol, once hands are shaken where there is TLS.
    pub(super) async fn open(self) -> io::Result<Stream> {
        let Some(tls) = self.tls else { return Ok(Stream::Plain(self.stream)) };
        Ok(match tls.open(self.stream).await? {
            Opened::Tls(stream) => Stream::Tls(stream),
            Opened::Plain(stream) => Stream::Misdirected(stream),
        })
    }
}

/// A connection, as the protocols read and write it.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// Its client speaks without TLS where there has to be TLS.
    Misdirected(TcpStream),
}

impl Stream {
    /// How it came: what links to this server start with.
    pub(super) fn scheme(&self) -> &'static str {
        match self {
            Self::Plain(_) | Self::Misdirected(_) => "http",
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
