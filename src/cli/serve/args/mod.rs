//! The options of `serve`, and what they make together.

mod acme;
mod creation;
mod face;
mod guards;
mod quotas;
mod watch;
mod webhooks;
mod wire;

use std::{sync::Arc, time::Duration};

use clap::{ValueEnum, builder::BoolishValueParser};
use url::Url;

pub(super) use self::{acme::AcmeArgs, webhooks::WebhookArgs, wire::WireArgs};
use self::{creation::CreationArgs, face::FaceArgs, guards::GuardArgs, quotas::QuotaArgs, watch::WatchArgs};
use super::{ServeError, signals::Reloads};
use crate::{
    cli::{data::DataArgs, values},
    crypto::at_rest::OVERHEAD,
    server::{Options, Settings},
    tally::Tally,
    webhook::Webhooks,
};

/// Run the server
///
/// Without any option it listens on this machine only, keeps its database in the platform's data directory and makes
/// a key of its own there. `SECRET_KEY` (or --secret-key-file) brings the key, `SECRET_KEYS_OLD` (separated by commas) or
/// --old-key-file those it replaced.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Serve {
    #[command(flatten)]
    pub(super) wire: WireArgs,
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// Connections to a PostgreSQL at once [default: 16]
    #[cfg(feature = "postgres")]
    #[arg(long, value_name = "N", env = "OTS_DATABASE_CONNECTIONS", value_parser = values::number::<u16, 1000>)]
    pub(super) database_connections: Option<u16>,
    /// Take secrets only while a PostgreSQL has each on two machines
    #[cfg(feature = "postgres")]
    #[arg(long, env = "OTS_REQUIRE_SYNCHRONOUS", value_parser = BoolishValueParser::new())]
    pub(super) require_synchronous: bool,
    /// The root that links start with, as people reach it
    #[arg(long, value_name = "URL", env = "OTS_PUBLIC_URL", value_parser = values::public_url)]
    pub(super) public_url: Option<Url>,
    /// The largest secret, up to 100MiB
    #[arg(long, value_name = "SIZE", env = "OTS_MAX_SIZE", default_value = "1MiB", value_parser = values::size)]
    pub(super) max_size: usize,
    /// How long one is kept when nobody says [default: 24h, or --max-ttl]
    #[arg(long, value_name = "DUR", env = "OTS_DEFAULT_TTL", value_parser = values::duration)]
    pub(super) default_ttl: Option<Duration>,
    /// How long a secret can be kept
    #[arg(long, value_name = "DUR", env = "OTS_MAX_TTL", default_value = "30d", value_parser = values::duration)]
    pub(super) max_ttl: Duration,
    /// Have no page to share from: links still open in a browser
    #[arg(long, env = "OTS_NO_CREATE_PAGE", value_parser = BoolishValueParser::new())]
    pub(super) no_create_page: bool,
    /// How long a reader may ask again for what it is reading, at most 10m
    #[arg(long, value_name = "DUR", env = "OTS_CLAIM_LEASE", default_value = "45s", value_parser = values::duration)]
    pub(super) claim_lease: Duration,
    /// How long a receipt outlives its secret
    #[arg(long, value_name = "DUR", env = "OTS_RECEIPT_RETENTION", default_value = "30d", value_parser = values::duration)]
    pub(super) receipt_retention: Duration,
    /// How often expired secrets are removed, at most 30s
    #[arg(long, value_name = "DUR", env = "OTS_CLEANUP_INTERVAL", default_value = "10s", value_parser = values::duration)]
    pub(super) cleanup_interval: Duration,
    /// How long a clock that is far ahead isn't believed
    #[arg(long, value_name = "DUR", env = "OTS_CLOCK_GRACE", default_value = "10m", value_parser = values::duration)]
    pub(super) clock_grace: Duration,
    /// How long a client may be silent before it is cut off
    #[arg(long, value_name = "DUR", env = "OTS_CLIENT_TIMEOUT", default_value = "30s", value_parser = values::duration)]
    pub(super) client_timeout: Duration,
    /// Connections at once
    #[arg(long, value_name = "N", env = "OTS_MAX_CONNECTIONS", default_value_t = 1024)]
    #[arg(value_parser = values::number::<u32, 1_000_000>)]
    pub(super) max_connections: u32,
    /// How to write the log
    #[arg(long, value_name = "FORMAT", env = "OTS_LOG_FORMAT", default_value = "text")]
    pub(super) log_format: LogFormat,
    /// Start though no key opens some of the secrets; they stay as they are
    #[arg(long, env = "OTS_ALLOW_UNREADABLE", value_parser = BoolishValueParser::new())]
    pub(super) allow_unreadable: bool,
    #[command(flatten, next_help_heading = "Who may create")]
    pub(super) creation: CreationArgs,
    #[command(flatten, next_help_heading = "Who may do what")]
    pub(super) guards: GuardArgs,
    #[command(flatten, next_help_heading = "Quotas")]
    pub(super) quotas: QuotaArgs,
    #[command(flatten, next_help_heading = "What can be watched")]
    pub(super) watch: WatchArgs,
    #[command(flatten, next_help_heading = "What its pages say")]
    pub(super) face: FaceArgs,
}

/// How long a secret is kept when nobody says.
const DEFAULT_TTL: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

impl Serve {
    pub(super) fn settings(&self, reloads: &mut Reloads, tally: &Arc<Tally>) -> Result<Settings, ServeError> {
        if self.data.dev && !self.wire.is_loopback() {
            return Err(ServeError::DevelopmentAddress);
        }
        if self.cleanup_interval > Duration::from_secs(30) {
            return Err(ServeError::CleanupInterval);
        }
        if self.claim_lease > Duration::from_secs(600) {
            return Err(ServeError::ClaimLease);
        }
        if let Some(option) = self.quotas.too_small_for(self.max_size.saturating_add(OVERHEAD)) {
            return Err(ServeError::Quota(option));
        }
        let WebhookArgs { webhook, webhook_allow } = &self.watch.webhooks;
        Webhooks::check(webhook, webhook_allow).map_err(ServeError::Webhooks)?;
        let guards = self.guards.guards(self.wire.is_loopback());
        Ok(Settings::new(Options {
            max_size: self.max_size,
            default_ttl: self.default_ttl.unwrap_or(DEFAULT_TTL.min(self.max_ttl)),
            max_ttl: self.max_ttl,
            receipt_retention: self.receipt_retention,
            public_url: self.public_url.clone(),
            creation: self.creation.creation(&guards, reloads, tally)?,
            create_page: !self.no_create_page,
            client_timeout: self.client_timeout,
            max_connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
            shutdown_timeout: Duration::from_secs(30),
            face: self.face.face()?,
            guards,
        })?)
    }
}
