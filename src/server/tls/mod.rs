//! TLS, by rustls: handshakes with a certificate that can be changed while the server runs.
//!
//! - here: handshakes.
//! - [`pair`]: a certificate and its key; [`served`]: the one that handshakes are made with, and answers to ACME authorities.
//! - [`reload`]: a pair in files, read again.

mod pair;
mod reload;
mod served;

use std::{
    io,
    sync::{Arc, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::NoServerSessionStorage,
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

pub use pair::{Files, InvalidPair, Pair};
pub use reload::{NotReloaded, Reloaded, Reloader};
use served::{CHALLENGE, Served};

/// What a client may speak, the better first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What handshakes are made with.
#[derive(Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    served: Arc<Served>,
}

/// What a connection turned out to be.
pub(super) enum Opened {
    /// Hands are shaken.
    Tls(Box<TlsStream<TcpStream>>),
    /// It speaks as one does without TLS; nothing was read of it.
    Plain(TcpStream),
    /// An authority asked whether a name leads here. It has its answer, and the connection is closed.
    Answered,
}

impl Tls {
    /// With a certificate.
    fn with(pair: Pair) -> Self {
        let tls = Self::speaking(&PROTOCOLS);
        tls.serve(pair);
        tls
    }

    /// Without a certificate so far: until there is one, every handshake fails but those of an ACME authority.
    #[must_use]
    pub fn waiting() -> Self {
        Self::speaking(&[PROTOCOLS[0], PROTOCOLS[1], CHALLENGE])
    }

    fn speaking(protocols: &[&[u8]]) -> Self {
        let served = Arc::new(Served::default());
        Self { config: Arc::new(config(Arc::new(ring::default_provider()), Arc::clone(&served), protocols)), served }
    }

    /// Serves this one from now on.
    pub fn serve(&self, pair: Pair) {
        *self.served.pair.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pair));
    }

    /// The one that is served, if there is one.
    #[must_use]
    pub fn pair(&self) -> Option<Arc<Pair>> {
        self.served.pair.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether its certificate is an authority's own, which not all clients take from a server.
    #[must_use]
    pub fn is_an_authoritys(&self) -> bool {
        self.pair().is_some_and(|pair| pair.is_an_authoritys())
    }

    /// From when on its certificate is valid, and until when.
    #[must_use]
    pub fn validity(&self) -> Option<(Timestamp, Timestamp)> {
        self.pair().map(|pair| pair.validity())
    }

    /// What an authority that asks for this name by tls-alpn-01 (RFC 8737) is shown.
    pub fn answer(&self, name: &str, with: CertifiedKey) {
        let mut answers = self.served.answers.write().unwrap_or_else(PoisonError::into_inner);
        answers.insert(name.to_owned(), Arc::new(with));
    }

    /// Nobody is shown anything of that any more.
    pub fn stop_answering(&self) {
        self.served.answers.write().unwrap_or_else(PoisonError::into_inner).clear();
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
            let mut stream = TlsAcceptor::from(Arc::clone(&self.config)).accept(stream).await?;
            // Whatever it was shown: this protocol is the handshake and nothing more.
            if stream.get_ref().1.alpn_protocol() == Some(CHALLENGE) {
                stream.shutdown().await?;
                return Ok(Opened::Answered);
            }
            Ok(Opened::Tls(Box::new(stream)))
        };
        tokio::time::timeout(HANDSHAKE, open).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// No session is kept to be taken up again: nothing in the server's memory opens what was recorded of a connection that has ended.
#[expect(clippy::expect_used, reason = "ring has ciphers for both versions")]
fn config(provider: Arc<CryptoProvider>, served: Arc<Served>, protocols: &[&[u8]]) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12]);
    let builder = builder.expect("ring has ciphers for both versions").with_no_client_auth();
    let mut config = builder.with_cert_resolver(served);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}
