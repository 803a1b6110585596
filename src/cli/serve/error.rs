//! Why the server doesn't run.

use std::{io, net::SocketAddr};

#[cfg(unix)]
use super::sockets::SocketError;
use crate::{
    cli::{
        create_keys::KeysError,
        data::{DataError, open_words},
        error::{CallError, CommandError, Exit, FileError, StartError, describe},
    },
    secret::NoRandomness,
    server::{InvalidLogo, InvalidPair, InvalidSettings},
    store::{OpenError, StoreError},
    vault::VaultError,
    webhook::InvalidWebhooks,
};

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ServeError {
    #[error("--dev uses a key that everybody knows, so --listen has to be a loopback address")]
    DevelopmentAddress,
    #[error("--cleanup-interval can be at most 30s: expired secrets are gone within a minute")]
    CleanupInterval,
    #[error("--claim-lease can be at most 10m: what was read and never acknowledged is kept for so long")]
    ClaimLease,
    #[error("{0} has to be some 50 bytes more than --max-size, or the largest secret could never be stored")]
    Quota(&'static str),
    #[cfg(feature = "postgres")]
    #[error(
        "--require-synchronous is for a PostgreSQL with standbys, and the database is a file on this machine: name one with --database, or \
         leave it out"
    )]
    SynchronousFile,
    #[error("--no-create takes no secrets from anybody: leave it out, or --create-keys and --user-header")]
    NobodyAndSomebody,
    #[error("--user-header says whom a proxy has let in: name that proxy with --trusted-proxy")]
    UserOfNoProxy,
    #[error("--create-keys: {0}")]
    CreateKeys(#[source] KeysError),
    #[error("--webhook: {0}")]
    Webhooks(#[source] InvalidWebhooks),
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
    #[error("--logo: {path} {error}")]
    Logo { path: String, error: InvalidLogo },
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{}", open_words(.0))]
    Open(#[source] OpenError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(
        "{0} stored secret(s) are sealed under another SECRET_KEY: give that one, or add it with --old-key-file or in \
         SECRET_KEYS_OLD, or start with --allow-unreadable; nothing was changed"
    )]
    Unreadable(u64),
    #[cfg(unix)]
    #[error("can't listen on {at}: {source}")]
    Socket { at: String, source: SocketError },
    #[error("--tls-cert and --tls-key belong together: give both, or neither")]
    HalfAPair,
    #[error("--acme orders the certificate that the server serves with: leave it out, or --tls-cert and --tls-key")]
    TwoCertificates,
    #[error("--acme-contact is for the certificate that --acme DOMAIN orders: give that, too")]
    ContactForNothing,
    #[error(
        "this ots was built without ACME (cargo's feature acme): get the certificate otherwise, and give it with --tls-cert"
    )]
    NoAcme,
    #[error("--acme: {0}")]
    #[cfg_attr(not(feature = "acme"), expect(dead_code, reason = "nothing is ordered"))]
    Authority(#[source] CallError),
    #[error("TLS: {0}")]
    Tls(InvalidPair),
    #[error("can't listen on {address}: {}; choose another with --listen", .source.kind())]
    Listen { address: SocketAddr, source: io::Error },
    #[error("can't listen on {address}: {}; choose another with --metrics-listen", .source.kind())]
    Metrics { address: SocketAddr, source: io::Error },
    #[error("can't write the audit stream to {}: {}; choose another place with --audit", .to, describe(.source))]
    Audit { to: String, source: io::Error },
    #[error(
        "the thread that writes to the database has ended: {0}. Look at the disk and the system's log, \
         and start the server again: what was acknowledged is kept"
    )]
    WriterEnded(String),
    #[error(
        "the task that removes expired secrets has ended by itself: start the server again; what was acknowledged is kept"
    )]
    SweeperEnded,
    #[error(transparent)]
    Serve(#[from] NoRandomness),
    #[error(transparent)]
    Close(StoreError),
}

impl From<OpenError> for ServeError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<InvalidPair> for ServeError {
    fn from(error: InvalidPair) -> Self {
        match error {
            InvalidPair::Read { path, source } => Self::File(FileError::new("read", &path)(source)),
            error => Self::Tls(error),
        }
    }
}

impl CommandError for ServeError {
    fn exit(&self) -> Exit {
        match self {
            Self::DevelopmentAddress
            | Self::CleanupInterval
            | Self::ClaimLease
            | Self::Quota(_)
            | Self::NobodyAndSomebody
            | Self::UserOfNoProxy
            | Self::Settings(_)
            | Self::Webhooks(_)
            | Self::Logo { .. }
            | Self::HalfAPair
            | Self::TwoCertificates
            | Self::ContactForNothing
            | Self::NoAcme
            | Self::Tls(_) => Exit::Usage,
            Self::Open(OpenError::Io { .. }) | Self::Audit { .. } => Exit::File,
            Self::CreateKeys(error) => error.exit(),
            Self::Authority(error) => error.exit(),
            Self::File(error) => error.exit(),
            Self::Data(error) => error.exit(),
            Self::Start(error) => error.exit(),
            Self::WriterEnded(_) | Self::SweeperEnded => Exit::Ended,
            Self::Open(_)
            | Self::Vault(_)
            | Self::Unreadable(_)
            | Self::Listen { .. }
            | Self::Metrics { .. }
            | Self::Serve(_)
            | Self::Close(_) => Exit::Other,
            #[cfg(unix)]
            Self::Socket { .. } => Exit::Other,
            #[cfg(feature = "postgres")]
            Self::SynchronousFile => Exit::Usage,
        }
    }
}
