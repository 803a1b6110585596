//! Where the server's data and keys are: what `serve` and the commands beside it on its host are told in the same words.

mod keys;

use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
#[cfg(feature = "postgres")]
use zeroize::Zeroizing;

use super::error::{CommandError, Exit, FileError, describe};
#[cfg(feature = "postgres")]
use crate::store::postgres::{self, Address};
use crate::{
    crypto::{CryptoError, at_rest::Keyring},
    store::{self, InvalidLocation, Location, OpenError},
};
pub(super) use keys::KeyError;
#[cfg(feature = "postgres")]
pub(super) use keys::made_beside;

/// The database and the keys.
#[derive(Debug, clap::Args)]
pub(super) struct DataArgs {
    /// Where to keep the database and the key [default: the platform's data directory]
    #[arg(long, value_name = "DIR", env = "OTS_DATA_DIR", value_hint = clap::ValueHint::DirPath)]
    data_dir: Option<PathBuf>,
    #[arg(
        help = "The database: sqlite:FILE or postgres://USER@HOST/DATABASE [default: sqlite:ots.db in the data directory]"
    )]
    #[arg(long, value_name = "URL", env = "OTS_DATABASE_URL", hide_env_values = true)]
    database: Option<String>,
    /// Read the password of a PostgreSQL from a file
    #[cfg(feature = "postgres")]
    #[arg(long, value_name = "FILE", env = "OTS_DATABASE_PASSWORD_FILE", value_hint = clap::ValueHint::FilePath)]
    database_password_file: Option<PathBuf>,
    /// Read the secret key from a file
    #[arg(long, value_name = "FILE", env = "OTS_SECRET_KEY_FILE", value_hint = clap::ValueHint::FilePath)]
    secret_key_file: Option<PathBuf>,
    /// Read an old key from a file, whole; can be given several times
    #[arg(long, value_name = "FILE", env = "OTS_OLD_KEY_FILE", value_hint = clap::ValueHint::FilePath)]
    old_key_file: Vec<PathBuf>,
    /// For development: a fixed key, data in ./storage/db, this machine only
    #[arg(long, env = "OTS_DEV", value_parser = BoolishValueParser::new())]
    pub(super) dev: bool,
}

/// Why they can't be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum DataError {
    #[error("--database: {0}")]
    Database(#[from] InvalidLocation),
    #[error("there is no home directory to keep the database in: choose a directory with --data-dir (or OTS_DATA_DIR)")]
    NoHome,
    #[error("{}", open_words(.0))]
    Open(#[source] OpenError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

impl CommandError for DataError {
    fn exit(&self) -> Exit {
        match self {
            Self::Database(_) => Exit::Usage,
            Self::Open(OpenError::Io { .. }) => Exit::File,
            Self::File(error) => error.exit(),
            Self::Key(error) => error.exit(),
            Self::NoHome | Self::Open(_) | Self::Crypto(_) => Exit::Other,
        }
    }
}

/// Why a store can't be opened; what the file system refuses may be allowed elsewhere.
pub(super) fn open_words(error: &OpenError) -> String {
    match error {
        OpenError::Io { what, path, source } => {
            let why = describe(source);
            format!("can't {what} {}: {why}; choose another place with --data-dir (or OTS_DATA_DIR)", path.display())
        }
        error => error.to_string(),
    }
}

impl From<OpenError> for DataError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// Where a container keeps its data, if it has the directory above it.
const CONTAINER_DATA: &str = "storage/db";
/// What such a container's image has.
const CONTAINER_ROOT: &str = "/app";
/// Where `--dev` does.
const DEVELOPMENT_DATA: &str = "storage/db";

impl DataArgs {
    /// The store that was named, if one was; with its password, where it has one.
    pub(super) fn location(&self) -> Result<Option<Location>, DataError> {
        let location = self.database.as_deref().map(str::parse).transpose()?;
        #[cfg(feature = "postgres")]
        if let Some(Location::Postgres(address)) = location {
            return Ok(Some(Location::Postgres(Box::new(self.with_password(*address)?))));
        }
        Ok(location)
    }

    /// The same, with its password.
    #[cfg(feature = "postgres")]
    fn with_password(&self, address: Address) -> Result<Address, DataError> {
        with_password(address, self.database.as_deref().unwrap_or_default(), self.database_password_file.as_deref())
    }

    /// The store that was named, else the one in the directory, which is made if it isn't there; and that directory.
    pub(super) fn place_of_a_server(&self, named: Option<Location>) -> Result<(PathBuf, Location), DataError> {
        #[cfg(feature = "postgres")]
        if let Some(location @ Location::Postgres(_)) = named {
            return Ok((self.dir()?, location));
        }
        let directory = self.make_dir()?;
        let location = named.unwrap_or_else(|| Location::Sqlite(directory.join("ots.db")));
        Ok((directory, location))
    }

    /// Every key, the current one first. That one is made if there is none, unless servers share the database: the others wouldn't have it.
    pub(super) fn keyring_of_a_server(&self, data: &Path, location: &Location) -> Result<Keyring, DataError> {
        match location {
            Location::Sqlite(_) => self.keyring(data),
            #[cfg(feature = "postgres")]
            Location::Postgres(_) => Ok(self.existing_keyring(data)?.ok_or(KeyError::Shared)?),
        }
    }

    /// The store that was named, else the one in the directory.
    pub(super) fn location_in(&self, directory: &Path) -> Result<Location, DataError> {
        Ok(self.location()?.unwrap_or_else(|| Location::Sqlite(directory.join("ots.db"))))
    }

    /// The directory of the database and of the server's own key, made for its owner only if it isn't there.
    fn make_dir(&self) -> Result<PathBuf, DataError> {
        let directory = self.dir()?;
        store::create_private_directory(&directory)?;
        Ok(directory)
    }

    /// The directory of the database and of the server's own key.
    pub(super) fn dir(&self) -> Result<PathBuf, DataError> {
        let surroundings = Surroundings {
            // systemd names several with colons between; the first is the server's.
            state: std::env::var_os("STATE_DIRECTORY")
                .and_then(|state| std::env::split_paths(&state).next())
                .filter(|state| !state.as_os_str().is_empty()),
            app: Some(PathBuf::from(CONTAINER_ROOT)).filter(|app| in_container() && app.is_dir()),
            platform: directories::ProjectDirs::from("", "", "ots").map(|dirs| dirs.data_dir().to_owned()),
        };
        match &self.data_dir {
            Some(given) => Ok(given.clone()),
            None => surroundings.data_dir(self.dev).ok_or(DataError::NoHome),
        }
    }
}

/// A PostgreSQL's address, as `url` gave it, with its password: that of a file that is named comes first; then the URL, and what libpq would
/// look at.
#[cfg(feature = "postgres")]
pub(super) fn with_password(address: Address, url: &str, file: Option<&Path>) -> Result<Address, DataError> {
    let Some(path) = file else {
        warn_if_others_see(&address, url);
        return Ok(address.with_password_of(&postgres::Surroundings::of_this_process()));
    };
    keys::warn_if_others_read(path);
    let given = Zeroizing::new(std::fs::read(path).map_err(FileError::new("read", path))?);
    let line = given.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    Ok(address.with_password(line, true))
}

/// Arguments are everybody's to read on this machine.
#[cfg(feature = "postgres")]
fn warn_if_others_see(address: &Address, url: &str) {
    if address.has_password() && std::env::args_os().any(|argument| argument.to_string_lossy().contains(url)) {
        tracing::warn!(
            "the database's password is among the arguments, which others on this machine can read: keep the URL in \
             OTS_DATABASE_URL, or the password in a file for --database-password-file"
        );
    }
}

/// What there is where the server runs.
struct Surroundings {
    /// A service manager's directory for it.
    state: Option<PathBuf>,
    /// A container's.
    app: Option<PathBuf>,
    /// The platform's, if there is a home directory.
    platform: Option<PathBuf>,
}

impl Surroundings {
    fn data_dir(self, development: bool) -> Option<PathBuf> {
        let development = development.then(|| PathBuf::from(DEVELOPMENT_DATA));
        development.or(self.state).or(self.app.map(|app| app.join(CONTAINER_DATA))).or(self.platform)
    }
}

fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
        || ["container", "KUBERNETES_SERVICE_HOST"].iter().any(|name| std::env::var_os(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_place_wins() {
        let path = |text: Option<&str>| text.map(PathBuf::from);
        for (development, state, app, platform, chosen) in [
            (true, Some("/var/lib/ots"), Some("/app"), Some("/home/data"), Some("storage/db")),
            (false, Some("/var/lib/ots"), Some("/app"), Some("/home/data"), Some("/var/lib/ots")),
            (false, None, Some("/app"), Some("/home/data"), Some("/app/storage/db")),
            (false, None, None, Some("/home/data"), Some("/home/data")),
            (false, None, None, None, None),
        ] {
            let surroundings = Surroundings { state: path(state), app: path(app), platform: path(platform) };
            assert_eq!(surroundings.data_dir(development), path(chosen));
        }
    }
}
