//! TLS, by rustls: handshakes with a certificate that can be changed while the server runs.

mod pair;
mod reload;

use std::{
    io,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use pair::Pair;
pub use pair::{Files, InvalidPair};
use reload::Seen;
pub use reload::{NotReloaded, Reloaded};

/// What a client may speak, the better first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A certificate to serve with.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    /// The files as they were when they were read first.
    seen: Seen,
    config: Arc<ServerConfig>,
    served: Arc<Served>,
}

/// What a connection turned out to be.
pub(super) enum Opened {
    /// Hands are shaken.
    Tls(Box<TlsStream<TcpStream>>),
    /// It speaks as one does without TLS; nothing was read of it.
    Plain(TcpStream),
}

/// The pair that handshakes are made with from now on.
#[derive(Debug)]
struct Served(RwLock<Arc<Pair>>);

impl Served {
    fn now(&self) -> Arc<Pair> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.now().certified))
    }
}

impl Tls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// [`InvalidPair`].
    pub fn read(files: Files) -> Result<Self, InvalidPair> {
        let provider = Arc::new(ring::default_provider());
        let seen = Seen::now(&files);
        let served = Arc::new(Served(RwLock::new(Arc::new(Pair::read(&files, &provider)?))));
        Ok(Self { files, seen, config: Arc::new(config(provider, Arc::clone(&served))), served })
    }

    /// From when on its certificate is valid, and until when.
    #[must_use]
    pub fn validity(&self) -> (Timestamp, Timestamp) {
        let pair = self.served.now();
        (pair.begins, pair.ends)
    }

    /// Shakes hands, within a time of its own.
    pub(super) async fn open(&self, stream: TcpStream) -> io::Result<Opened> {
        let open = async {
            // Whoever asks by http:// is to be told, and not to see a connection that breaks. A handshake begins with 22 (RFC 8446, 5.1).
            let mut first = [0];
            stream.peek(&mut first).await?;
            if first[0].is_ascii_uppercase() {
                return Ok(Opened::Plain(stream));
            }
            let stream = TlsAcceptor::from(Arc::clone(&self.config)).accept(stream).await?;
            Ok(Opened::Tls(Box::new(stream)))
        };
        tokio::time::timeout(HANDSHAKE, open).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// No session is kept to be taken up again: nothing in the server's memory opens what was recorded of a connection that has ended.
#[expect(clippy::expect_used, reason = "ring has ciphers for both versions")]
fn config(provider: Arc<CryptoProvider>, served: Arc<Served>) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12]);
    let builder = builder.expect("ring has ciphers for both versions").with_no_client_auth();
    let mut config = builder.with_cert_resolver(served);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}
