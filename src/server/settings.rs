//! What the server allows, checked once.

use std::{sync::Arc, time::Duration};

use url::Url;

use super::{
    creation::{Creation, Limits},
    face::Face,
    guards::GuardOptions,
};
use crate::secret::{HookId, HookName, InvalidTtl, MIN_TTL, Ttl};

/// The largest content that a server may be told to take, in bytes.
pub const LARGEST_SIZE: usize = 100 * 1024 * 1024;

/// What the server is told, as yet unchecked.
#[derive(Debug, Clone)]
pub struct Options {
    /// The largest content, in bytes.
    pub max_size: usize,
    /// How long a secret is kept when nobody says.
    pub default_ttl: Duration,
    /// How long a secret can be kept.
    pub max_ttl: Duration,
    /// How long a receipt tells what became of a secret that is gone.
    pub receipt_retention: Duration,
    /// The root that links start with, with a trailing slash; without one, the host that the client asked.
    pub public_url: Option<Url>,
    /// Who may create.
    pub creation: Creation,
    /// Whether there is a page to share from.
    pub create_page: bool,
    /// How long a client may be silent, and how long it may take to send a request's head.
    pub client_timeout: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// How long requests may take to finish when the server stops.
    pub shutdown_timeout: Duration,
    /// What the server says of itself.
    pub face: Face,
    /// Whom it does what for.
    pub guards: GuardOptions,
}

/// What can't be allowed together, or at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    /// Larger than [`LARGEST_SIZE`].
    #[error("--max-size can be at most 100MiB")]
    MaxSize,
    /// No secret could be kept.
    #[error("--max-ttl has to be at least 1s")]
    MaxTtl,
    /// The default isn't allowed.
    #[error("--default-ttl and --max-ttl don't agree: {0}")]
    DefaultTtl(InvalidTtl),
}

/// What the server allows.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) max_size: usize,
    pub(super) default_ttl: Ttl,
    pub(super) max_ttl: Duration,
    pub(super) receipt_retention: Duration,
    pub(super) public_url: Option<Url>,
    pub(super) creation: Creation,
    pub(super) create_page: bool,
    pub(super) client_timeout: Duration,
    pub(super) max_connections: usize,
    pub(super) shutdown_timeout: Duration,
    pub(super) face: Arc<Face>,
    pub(super) guards: GuardOptions,
    /// The webhooks that a sender can pick.
    webhooks: Arc<[(HookName, HookId)]>,
}

impl Settings {
    /// Checks what was told.
    ///
    /// # Errors
    /// [`InvalidSettings`], in the words of the command line.
    pub fn new(options: Options) -> Result<Self, InvalidSettings> {
        if options.max_size > LARGEST_SIZE {
            return Err(InvalidSettings::MaxSize);
        }
        if options.max_ttl < MIN_TTL {
            return Err(InvalidSettings::MaxTtl);
        }
        let default_ttl = Ttl::new(options.default_ttl, options.max_ttl).map_err(InvalidSettings::DefaultTtl)?;
        Ok(Self {
            max_size: options.max_size,
            default_ttl,
            max_ttl: options.max_ttl,
            receipt_retention: options.receipt_retention,
            public_url: options.public_url,
            creation: options.creation,
            create_page: options.create_page,
            client_timeout: options.client_timeout,
            max_connections: options.max_connections,
            shutdown_timeout: options.shutdown_timeout,
            face: Arc::new(options.face),
            guards: options.guards,
            webhooks: Arc::default(),
        })
    }

    /// The same, with webhooks that a sender can pick by their names.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Vec<(HookName, HookId)>) -> Self {
        Self { webhooks: webhooks.into(), ..self }
    }

    /// The webhook of that name, if a sender can pick it.
    pub(super) fn webhook(&self, name: &str) -> Option<HookId> {
        self.webhooks.iter().find(|(known, _)| known.as_str() == name).map(|(_, id)| *id)
    }

    /// Whether a sender can pick any.
    pub(super) fn has_webhooks(&self) -> bool {
        !self.webhooks.is_empty()
    }

    /// The largest JSON body.
    pub(super) fn max_json(&self) -> usize {
        json_bytes(self.max_size)
    }

    /// The largest content that somebody may create, in bytes.
    pub(super) fn max_size_for(&self, limits: Limits) -> usize {
        limits.size.map_or(self.max_size, |size| size.min(self.max_size))
    }

    /// How long what somebody creates can be kept.
    pub(super) fn max_ttl_for(&self, limits: Limits) -> Duration {
        limits.ttl.map_or(self.max_ttl, |ttl| ttl.min(self.max_ttl))
    }

    /// The largest form: each byte of content can take three (`%0A`).
    pub(super) fn max_form(&self) -> usize {
        self.max_size.saturating_mul(3).saturating_add(16 * 1024)
    }
}

/// The largest JSON body for a content of so many bytes: each of them can take six (`\u0000`).
pub(super) fn json_bytes(content: usize) -> usize {
    content.saturating_mul(6).saturating_add(16 * 1024)
}
