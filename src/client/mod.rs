//! The API from the other side, over reqwest: one method an endpoint, and retries where they are safe.
//!
//! A read under a claim can be repeated, and is. A create, or a call whose outcome is lost otherwise, is not.

mod error;
mod read;
mod requests;
mod retry;
mod upload;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{ClientBuilder, Method, RequestBuilder, Response, header};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::{
    api::{self, Created, Health, Info, OCTET_STREAM, ReceiptStatus, Status},
    secret::{ClaimKey, Passphrase, Receipt, Token},
};
pub use error::ClientError;
pub(crate) use error::root_cause;
pub use read::LARGEST;
use read::Reader;
pub use requests::Ask;
use retry::retry;
pub use upload::Create;

/// Told how many bytes have passed so far.
pub type OnProgress = Box<dyn Fn(u64) + Send + Sync>;

/// Bytes a second below which a large transfer counts as stuck.
const SLOWEST: u64 = 32 * 1024;

/// How to reach servers.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long to wait for a connection, and for an answer beyond what its size justifies.
    pub timeout: Duration,
    /// PEM certificates to trust besides the system's.
    pub ca_certificates: Option<Vec<u8>>,
    /// Whether plain http to a host that isn't loopback is all right.
    pub allow_http: bool,
    /// How to get to the server.
    pub way: Way,
}

/// How to get to a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Way {
    /// By its URL; over https it shows the certificate of its name.
    #[default]
    Usual,
    /// The same, but a server on a loopback address may show any certificate: its own is another name's. Nobody else is on that way, and it
    /// is for calls that give nothing away. Other servers have to show theirs.
    AnyCertificateHere,
    /// Over a socket in the file system, whatever the URL says. There are none but on Unix.
    Socket(PathBuf),
}

/// What every client of ours has in common, whatever it asks.
pub(crate) fn builder(timeout: Duration) -> ClientBuilder {
    // The provider is installed once a process; a second time changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("ots/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeout)
        // A redirect could lead the claim, or a passphrase, to another host.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
}

/// Trusts the certificates in PEM besides the system's.
pub(crate) fn trusting(builder: ClientBuilder, pem: &[u8]) -> Result<ClientBuilder, ClientError> {
    let extra = reqwest::Certificate::from_pem_bundle(pem).map_err(|error| certificates(&error))?;
    if extra.is_empty() {
        return Err(ClientError::Certificates("there is no certificate in the file".to_owned()));
    }
    Ok(builder.tls_certs_merge(extra))
}

/// Why those, or the system's, can't be used.
pub(crate) fn certificates(error: &reqwest::Error) -> ClientError {
    ClientError::Certificates(root_cause(error))
}

/// A server, seen from a client.
pub struct Client {
    http: reqwest::Client,
    server: Url,
    timeout: Duration,
}

impl Client {
    /// A client for the server whose root is `server`, with a trailing slash.
    ///
    /// # Errors
    /// [`ClientError::PlainHttp`], [`ClientError::Certificates`].
    pub fn new(server: Url, options: &Options) -> Result<Self, ClientError> {
        let plain = server.scheme() == "http";
        if plain && !options.allow_http && !is_loopback(&server) {
            return Err(ClientError::PlainHttp { server: server.as_str().into() });
        }
        let mut builder = builder(options.timeout);
        if plain {
            builder = builder.tls_certs_only([]); // the system's store isn't read for nothing
        } else if let Some(pem) = &options.ca_certificates {
            builder = trusting(builder, pem)?;
        }
        if is_loopback(&server) {
            // By whatever resolver there is `localhost` and what is below it could be elsewhere (RFC 6761, section 6.3).
            if let Some(Host::Domain(name)) = server.host() {
                let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
                builder = builder.resolve_to_addrs(name, &here.map(|address| SocketAddr::new(address, 0)));
            }
            builder = builder.no_proxy().tls_danger_accept_invalid_certs(options.way == Way::AnyCertificateHere);
        }
        #[cfg(unix)]
        if let Way::Socket(path) = &options.way {
            builder = builder.unix_socket(path.as_path());
        }
        let http = builder.build().map_err(|error| certificates(&error))?;
        Ok(Self { http, server, timeout: options.timeout })
    }

    /// The server's root.
    #[must_use]
    pub fn server(&self) -> &Url {
        &self.server
    }

    /// The server's limits.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn info(&self) -> Result<Info, ClientError> {
        let response = self.send(self.request(Method::GET, api::INFO_PATH, 0)).await?;
        self.reader().json(response).await
    }

    /// Stores `content`, which is its owner's to wipe. Not repeated by itself: when the answer is lost, so is the only link.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create(
        &self,
        content: Bytes,
        create: &Create,
        on_progress: OnProgress,
    ) -> Result<Created, ClientError> {
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let path = format!("{}?{}", api::SECRETS_PATH, create.query());
        let mut request = self
            .request(Method::POST, &path, length)
            .header(header::CONTENT_TYPE, OCTET_STREAM)
            .header(header::CONTENT_LENGTH, length);
        if let Some(passphrase) = &create.passphrase {
            let encoded = Zeroizing::new(data_encoding::BASE64URL_NOPAD.encode(passphrase.expose().as_bytes()));
            request = request.header(api::OTS_PASSPHRASE, sensitive(&encoded));
        }
        if let Some(key) = &create.key {
            let shown = Zeroizing::new(format!("Bearer {}", key.expose().as_str()));
            request = request.header(header::AUTHORIZATION, sensitive(&shown));
        }
        let body = upload::UploadBody::new(content, on_progress);
        let response = self.send(request.body(reqwest::Body::wrap(body))).await?;
        self.reader().json(response).await
    }

    /// What may be known without reading; with the claim of an earlier read, also of a claimed secret. A server that asks to wait a moment
    /// is asked again then.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self, token: &Token, claim: Option<&ClaimKey>) -> Result<Status, ClientError> {
        let ask = async || {
            let mut request = self.request(Method::GET, &format!("{}/status", secret_path(token)), 0);
            if let Some(claim) = claim {
                request = request.header(api::IDEMPOTENCY_KEY, sensitive(claim.expose()));
            }
            self.send(request).await
        };
        let response = retry::wait_if_asked(ask).await?;
        self.reader().json(response).await
    }

    /// As [`Client::status`], with the server's own time: expiry goes by its clock, and this machine's may be another.
    ///
    /// # Errors
    /// [`ClientError`], but not that it is gone.
    pub async fn look(&self, token: &Token) -> Result<Look, ClientError> {
        let request = self.request(Method::GET, &format!("{}/status", secret_path(token)), 0);
        let response = request.send().await.map_err(|error| ClientError::request(&self.server, error))?;
        let at = date(&response).unwrap_or_else(Timestamp::now);
        match self.reader().successful(response).await {
            Ok(response) => Ok(Look { status: Some(self.reader().json(response).await?), at }),
            Err(ClientError::Gone) => Ok(Look { status: None, at }),
            Err(error) => Err(error),
        }
    }

    /// Refuses a size that nobody could have stored, before anything is claimed.
    ///
    /// # Errors
    /// [`ClientError::Protocol`].
    pub fn check_size(&self, size: u64) -> Result<(), ClientError> {
        self.reader().size(size).map(drop)
    }

    /// Reads a secret of `size` bytes, as [`Client::status`] said, under `claim`. A broken connection, or a server that is
    /// busy, is asked again with the same claim: the secret is this reader's until the lease ends.
    ///
    /// # Errors
    /// [`ClientError`]; when nobody could have stored so many bytes, before anything is claimed.
    pub async fn reveal(
        &self,
        token: &Token,
        claim: &ClaimKey,
        passphrase: Option<&Passphrase>,
        size: u64,
        on_progress: &OnProgress,
    ) -> Result<Zeroizing<Vec<u8>>, ClientError> {
        let expected = self.reader().size(size)?;
        let body = passphrase.map(reveal_body);
        retry(retry::READ, async || {
            let mut request = self
                .request(Method::POST, &format!("{}/reveal", secret_path(token)), size)
                .header(header::ACCEPT, OCTET_STREAM)
                .header(api::IDEMPOTENCY_KEY, sensitive(claim.expose()));
            if let Some(body) = &body {
                request = request.header(header::CONTENT_TYPE, api::JSON).body(body.clone());
            }
            let response = self.send(request).await?;
            self.reader().content(response, expected, on_progress).await
        })
        .await
    }

    /// Says that the content has arrived: the server destroys it. Asked again when the connection breaks; that it is
    /// gone already is as good.
    ///
    /// # Errors
    /// [`ClientError`]; the end of the lease then destroys the secret.
    pub async fn acknowledge(&self, token: &Token, claim: &ClaimKey) -> Result<(), ClientError> {
        retry(retry::ACKNOWLEDGE, async || {
            let request = self.request(Method::DELETE, &secret_path(token), 0);
            match self.send(request.header(api::IDEMPOTENCY_KEY, sensitive(claim.expose()))).await {
                Ok(_) | Err(ClientError::Gone) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Destroys a secret unread.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Gone`] when there is nothing to destroy.
    pub async fn burn(&self, token: &Token) -> Result<(), ClientError> {
        let response = self.send(self.request(Method::DELETE, &secret_path(token), 0)).await?;
        self.reader().destroyed(&response)
    }

    /// What became of the secret that a receipt is of. A server that asks to wait a moment is asked again then.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Gone`] when there is no such receipt.
    pub async fn receipt(&self, receipt: &Receipt) -> Result<ReceiptStatus, ClientError> {
        let ask = async || self.send(self.request(Method::GET, &receipt_path(receipt), 0)).await;
        let response = retry::wait_if_asked(ask).await?;
        self.reader().json(response).await
    }

    /// Destroys the secret that a receipt is of, unread. Asked again when the connection breaks: it is as good when that was done before.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Gone`] when there is no such receipt.
    pub async fn burn_by_receipt(&self, receipt: &Receipt) -> Result<(), ClientError> {
        retry(retry::ACKNOWLEDGE, async || {
            let response = self.send(self.request(Method::DELETE, &receipt_path(receipt), 0)).await?;
            self.reader().destroyed(&response)
        })
        .await
    }

    /// Asks how the server is. An unhealthy one answers too.
    ///
    /// # Errors
    /// [`ClientError`] when nothing answers, or not as a server does.
    pub async fn health(&self) -> Result<Health, ClientError> {
        let request = self.request(Method::GET, api::HEALTH_PATH, 0);
        let response = request.send().await.map_err(|error| ClientError::request(&self.server, error))?;
        let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == api::PROBLEM_JSON);
        let response = if is_problem { self.reader().successful(response).await? } else { response };
        let status = response.status();
        let health: Health = self.reader().json(response).await?;
        if !status.is_success() && health.status != "unhealthy" {
            return Err(ClientError::protocol(&self.server, format!("it answers {status}")));
        }
        Ok(health)
    }

    /// A request that may take the timeout and what `bytes` of content justify.
    fn request(&self, method: Method, path: &str, bytes: u64) -> RequestBuilder {
        let mut url = self.server.to_string();
        url.push_str(path.trim_start_matches('/'));
        self.http.request(method, url).timeout(self.timeout + Duration::from_secs(bytes / SLOWEST))
    }

    /// Sends a request; what isn't a success is an error.
    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| ClientError::request(&self.server, error))?;
        self.reader().successful(response).await
    }

    fn reader(&self) -> Reader<'_> {
        Reader(&self.server)
    }
}

/// What a server says of a secret, and when.
pub struct Look {
    /// What may be known without reading; none when it is gone.
    pub status: Option<Status>,
    /// The server's time, in whole seconds; this machine's if the answer had none.
    pub at: Timestamp,
}

/// When the server says that it answered (RFC 9110, section 6.6.1).
fn date(response: &Response) -> Option<Timestamp> {
    let text = response.headers().get(header::DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn secret_path(token: &Token) -> String {
    format!("{}/{}", api::SECRETS_PATH, token.expose().as_str())
}

fn receipt_path(receipt: &Receipt) -> String {
    format!("{}/{}", api::RECEIPTS_PATH, receipt.expose().as_str())
}

/// The body of a reveal; it is wiped when the last try is done with it.
#[expect(clippy::expect_used, reason = "text can be written as JSON, and memory takes it")]
fn reveal_body(passphrase: &Passphrase) -> Bytes {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        passphrase: &'a str,
    }
    // Room for every character escaped as \u0000, so that no smaller buffer is left behind unwiped.
    let mut body = Zeroizing::new(Vec::with_capacity(32 + 6 * passphrase.expose().len()));
    serde_json::to_writer(&mut *body, &Body { passphrase: passphrase.expose() }).expect("text is JSON");
    Bytes::from_owner(body)
}

/// A header value that no log shows. The callers' texts are base64url, claims and keys.
#[expect(clippy::expect_used, reason = "letters, digits, -, _ and a space can stand in a header")]
fn sensitive(text: &str) -> header::HeaderValue {
    let mut value =
        header::HeaderValue::from_str(text).expect("letters, digits, -, _ and a space can stand in a header");
    value.set_sensitive(true);
    value
}

fn is_loopback(server: &Url) -> bool {
    match server.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
