//! Where the key for a server that wants one comes from: a file or the environment; never the arguments, never the configuration.

use std::{
    env::VarError,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use zeroize::Zeroizing;

use crate::{
    cli::error::{CommandError, Exit, FileError},
    secret::{CreateKey, InvalidCreateKey},
};

/// The variable that holds a key.
const VARIABLE: &str = "OTS_API_KEY";

/// The option for it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ApiKeyArgs {
    /// The key to create with (or set `OTS_API_KEY`)
    #[arg(long, value_name = "FILE", env = "OTS_API_KEY_FILE", value_hint = clap::ValueHint::FilePath)]
    api_key_file: Option<PathBuf>,
    /// Whether only the configuration names the file: the variable beats that.
    #[arg(skip)]
    pub(in crate::cli) is_configured: bool,
}

/// Why there is no key. Holds nothing of it.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ApiKeyError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("there is no file of that name (--api-key-file, OTS_API_KEY_FILE); a key itself goes into {VARIABLE}")]
    NoFile(#[source] io::Error),
    #[error("{} holds no API key: {error}", .path.display())]
    InFile { path: PathBuf, error: InvalidCreateKey },
    #[error("{VARIABLE} holds no API key: {0}")]
    InVariable(InvalidCreateKey),
}

impl CommandError for ApiKeyError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::NoFile(_) | Self::InFile { .. } => Exit::File,
            Self::InVariable(_) => Exit::Usage,
        }
    }
}

impl ApiKeyArgs {
    /// Leaves out the file that the configuration names.
    pub(in crate::cli) fn forget(&mut self) {
        self.api_key_file = None;
    }

    /// The key, if one was given.
    pub(in crate::cli) fn key(&self) -> Result<Option<Arc<CreateKey>>, ApiKeyError> {
        let variable = match std::env::var(VARIABLE) {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Some(Zeroizing::new(text)),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(_)) => Some(Zeroizing::default()),
        };
        match (&self.api_key_file, variable) {
            (Some(path), None) => in_file(path).map(Some),
            (Some(path), Some(_)) if !self.is_configured => in_file(path).map(Some),
            (_, Some(text)) => parsed(&text).map(Some).map_err(ApiKeyError::InVariable),
            (None, None) => Ok(None),
        }
    }
}

fn in_file(path: &Path) -> Result<Arc<CreateKey>, ApiKeyError> {
    let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| unread(path, error))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| InvalidCreateKey);
    text.and_then(parsed).map_err(|error| ApiKeyError::InFile { path: path.to_owned(), error })
}

fn parsed(text: &str) -> Result<Arc<CreateKey>, InvalidCreateKey> {
    text.trim().parse().map(Arc::new)
}

/// A name is told only if something has it: else it may be the key itself.
fn unread(path: &Path, error: io::Error) -> ApiKeyError {
    if path.symlink_metadata().is_ok() {
        FileError::new("read", path)(error).into()
    } else {
        ApiKeyError::NoFile(error)
    }
}
