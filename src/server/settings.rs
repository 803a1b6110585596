//! What the server allows.

use std::time::Duration;

use url::Url;

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

impl Settings {
    /// The largest JSON body: each byte of content can take six (`\u0000`).
    pub(super) fn max_json(&self) -> usize {
        self.max_size.saturating_mul(6).saturating_add(16 * 1024)
    }

    /// The largest form: each byte of content can take three (`%0A`).
    pub(super) fn max_form(&self) -> usize {
        self.max_size.saturating_mul(3).saturating_add(16 * 1024)
    }
}
