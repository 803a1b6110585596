//! Why `request` asked nobody.

use std::{fmt, io, path::PathBuf};

use crate::{
    api::Code,
    cli::{
        error::{CallError, CommandError, Exit, FileError, OutputError},
        interrupt::Interrupt,
        passphrase::PassphraseError,
        put::ApiKeyError,
    },
    client::ClientError,
    crypto::CryptoError,
    secret::{InvalidRequestLabel, NoRandomness},
};

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum RequestError {
    #[error("can't listen for signals: {0}")]
    Start(io::Error),
    #[error("{0}")]
    Interrupted(Interrupt),
    /// It is open, or may be, and nobody has its link.
    #[error("{error}{undone}")]
    Undone { error: Box<RequestError>, undone: Undone },
    #[error(transparent)]
    Label(#[from] InvalidRequestLabel),
    #[error("--ttl is counted in whole seconds")]
    WholeSeconds,
    #[error("{} exists: choose another name with -o", .0.display())]
    Exists(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
    #[error(
        "this server takes requests of those who have a key: ask its operator for one, and give it with --api-key-file or OTS_API_KEY"
    )]
    KeyWanted,
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("this server takes no requests: it is older than this ots")]
    TooOld,
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the server's answer has no token in it: is it an ots server?")]
    NoToken,
    #[error("the server told no webhook of it: it is older than this ots, or something between changed its answer")]
    NoName,
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// What became of a request whose link nobody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Undone {
    Nothing,
    Withdrawn,
    Open,
    MayBeOpen,
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "; nothing was asked",
            Self::Withdrawn => "; the link wasn't printed, so the request has been taken back",
            Self::Open => "; the link wasn't printed, and the request could not be taken back: nobody can answer it, and it expires",
            Self::MayBeOpen => "; if the server has the request, nobody has its link, and it expires",
        })
    }
}

impl From<ClientError> for RequestError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Problem(problem) if problem.code == Code::KeyRequired => Self::KeyWanted,
            ClientError::Problem(problem) if problem.code == Code::NotFound => Self::TooOld,
            error => Self::Call(error.into()),
        }
    }
}

impl CommandError for RequestError {
    fn exit(&self) -> Exit {
        match self {
            Self::Label(_) | Self::WholeSeconds => Exit::Usage,
            Self::Start(_) | Self::Crypto(_) | Self::Randomness(_) | Self::NoToken | Self::NoName => Exit::Other,
            Self::Interrupted(interrupt) => interrupt.exit(),
            Self::Undone { error, .. } => error.exit(),
            Self::Exists(_) => Exit::File,
            Self::File(error) => error.exit(),
            Self::Passphrase(error) => error.exit(),
            Self::ApiKey(error) => error.exit(),
            Self::KeyWanted => Exit::Refused,
            Self::TooOld => Exit::Rejected,
            Self::Call(error) => error.exit(),
            Self::Output(error) => error.exit(),
        }
    }
}
