//! The database that an operator means, and why it can't be looked after.

use std::path::PathBuf;

use super::{
    answer::{Answer, Question},
    socket::{self, Asked},
};
use crate::{
    cli::{
        data::{DataArgs, DataError, open_words},
        error::{CommandError, Exit, FileError, OutputError},
        said::one_line,
        terminal,
    },
    crypto::CryptoError,
    store::{Location, OpenError, StoreError},
};

/// Why it couldn't be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("there is no database at {}: name the server's directory with --data-dir", .0.display())]
    Missing(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{}", open_words(.0))]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "no SECRET_KEY is given, and the signing secrets are made from it: give it, or run this where the server runs"
    )]
    NoKey,
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    #[error("the server said no: {0}")]
    Refused(String),
    #[error(
        "a server runs on this database and can't be asked: it removes what has expired by itself; to do it from here, stop the server first"
    )]
    Unreachable,
    #[error("the database is damaged: what is whole is served; see the findings above")]
    Damaged,
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl CommandError for AdminError {
    fn exit(&self) -> Exit {
        match self {
            Self::Data(error) => error.exit(),
            Self::File(error) => error.exit(),
            Self::Missing(_) | Self::Open(OpenError::Io { .. }) => Exit::File,
            Self::Damaged
            | Self::Open(OpenError::Damaged(..) | OpenError::Foreign(..))
            | Self::Store(StoreError::Damaged(_)) => Exit::Damaged,
            Self::NoKey => Exit::Usage,
            Self::Open(_) | Self::Store(_) | Self::Refused(_) | Self::Unreachable | Self::Crypto(_) => Exit::Other,
            Self::Output(error) => error.exit(),
        }
    }
}

/// A database that is there.
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) location: Location,
    /// Beside it a server may listen.
    file: Option<PathBuf>,
}

impl Place {
    pub(super) fn find(data: &DataArgs) -> Result<Self, AdminError> {
        let directory = data.dir()?;
        let location = data.location_in(&directory)?;
        let file = match &location {
            Location::Sqlite(path) if !path.try_exists().map_err(FileError::new("look for", path))? => {
                return Err(AdminError::Missing(path.clone()));
            }
            Location::Sqlite(path) => Some(path.clone()),
            #[cfg(feature = "postgres")]
            Location::Postgres(_) => None,
        };
        Ok(Self { directory, location, file })
    }

    /// Whether it is a database that servers share.
    pub(super) fn is_shared(&self) -> bool {
        self.file.is_none()
    }

    /// What the server that runs on it says; nothing if none does, or none that can be asked.
    pub(super) fn ask(&self, question: Question) -> Result<Option<Answer>, AdminError> {
        let Some(file) = &self.file else { return Ok(None) };
        match socket::ask(file, question) {
            Asked::Answered(Answer::Failed(why)) => Err(AdminError::Refused(one_line(&why))),
            Asked::Answered(answer) => Ok(Some(answer)),
            Asked::Nobody => Ok(None),
            Asked::Unanswered(why) => {
                let socket = socket::beside(file);
                terminal::say(&format!(
                    "ots: whoever listens on {} can't be asked ({why}): looking into the database itself",
                    socket.display()
                ));
                Ok(None)
            }
        }
    }
}
