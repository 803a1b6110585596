//! Where the server's keys come from: the current one, and those that it replaced.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{DataArgs, DataError};
use crate::{
    cli::{
        error::{CommandError, Exit, FileError},
        new_file::NewFile,
    },
    crypto::at_rest::{Keyring, MasterKey},
    secret::{InvalidSecretKey, NoRandomness, SecretKey, random},
};

/// The variable of the current key.
const CURRENT: &str = "SECRET_KEY";
/// The variable of those that it replaced.
const OLD: &str = "SECRET_KEYS_OLD";
/// The file of the server's own.
const OWN: &str = "secret.key";
/// Fewer bytes than this can be guessed: 128 bits, if each byte were random.
const SHORT: usize = 16;
/// The key of `--dev`: known to everybody, so it serves this machine only.
const DEVELOPMENT_KEY: &str = "development_secret_key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum KeyError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{CURRENT} {}{}", .0, advice(*.0))]
    Variable(InvalidSecretKey),
    #[error("{} {error}{}", .path.display(), advice(*.error))]
    KeyFile { path: PathBuf, error: InvalidSecretKey },
    #[error("{OLD} isn't UTF-8 text: put each old key into a file of its own and give it with --old-key-file")]
    OldNotText,
    #[error(
        "{OLD} has a key with white space at an edge: separate the keys with commas alone, or put each into a file of its \
         own and give it with --old-key-file"
    )]
    OldEdge,
    #[error("{} {error}: an old key's file holds that key alone", .path.display())]
    OldFile { path: PathBuf, error: InvalidSecretKey },
    #[cfg(feature = "postgres")]
    #[error(
        "servers that share a database need the same key: make one with openssl rand -hex 32, and give it to each of them with \
         {CURRENT} or --secret-key-file"
    )]
    Shared,
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

fn advice(error: InvalidSecretKey) -> &'static str {
    match error {
        InvalidSecretKey::Empty => ": make a key with: openssl rand -hex 32",
        _ => {
            ", so SECRET_KEYS_OLD could not hold it later: make a key with: openssl rand -hex 32 (and give the file of one \
             that is in use with --old-key-file)"
        }
    }
}

impl CommandError for KeyError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Variable(_) | Self::OldNotText | Self::OldEdge => Exit::Usage,
            #[cfg(feature = "postgres")]
            Self::Shared => Exit::Usage,
            Self::KeyFile { .. } | Self::OldFile { .. } => Exit::File,
            Self::Randomness(_) => Exit::Other,
        }
    }
}

impl DataArgs {
    /// Every key that opens something, the current one first; that one is made if there is none.
    pub(super) fn keyring(&self, data: &Path) -> Result<Keyring, DataError> {
        let key = match self.given_key()? {
            Some(key) => key,
            None => own_key(&data.join(OWN))?,
        };
        self.with_old(&key)
    }

    /// Whether a key has to be made.
    pub(in crate::cli) fn would_make_a_key(&self, data: &Path) -> bool {
        let has_credential = credential().is_some_and(|path| path.exists());
        let is_given = self.dev || self.secret_key_file.is_some() || variable(CURRENT).is_some() || has_credential;
        !is_given && !data.join(OWN).exists()
    }

    /// The same, but nothing is made: none if there is no key.
    pub(in crate::cli) fn existing_keyring(&self, data: &Path) -> Result<Option<Keyring>, DataError> {
        let own = data.join(OWN);
        match self.given_key()? {
            Some(key) => self.with_old(&key).map(Some),
            None if own.exists() => self.with_old(&read_key(&own)?).map(Some),
            None => Ok(None),
        }
    }

    fn with_old(&self, key: &SecretKey) -> Result<Keyring, DataError> {
        let current = MasterKey::derive(key.expose())?;
        let old = self.old_keys()?.iter().map(|key| MasterKey::derive(key.expose())).collect::<Result<_, _>>()?;
        Ok(Keyring::new(current, old))
    }

    /// The variable; a file; a service manager's credential; with `--dev` the fixed key. None: the server has a key of its own.
    fn given_key(&self) -> Result<Option<SecretKey>, KeyError> {
        if let Some(given) = variable(CURRENT) {
            let key = SecretKey::parse(given).map_err(KeyError::Variable)?;
            warn_if_short(&key, CURRENT);
            if let Some(path) = &self.secret_key_file {
                tracing::warn!("{CURRENT} is set and counts; {} of --secret-key-file doesn't", path.display());
            }
            if !self.dev && key.expose() == DEVELOPMENT_KEY.as_bytes() {
                tracing::warn!(
                    "SECRET_KEY is the development key, which everybody knows: make one with: openssl rand -hex 32"
                );
            }
            return Ok(Some(key));
        }
        if let Some(path) = &self.secret_key_file {
            warn_if_others_read(path);
            return read_given(path).map(Some);
        }
        // Its permissions are the service manager's affair: with an access list they look wider than they are.
        if let Some(path) = credential() {
            if path.exists() {
                return read_given(&path).map(Some);
            }
            tracing::info!(
                "no credential is named secret_key: with LoadCredential=secret_key:FILE it would be the key"
            );
        }
        if self.dev {
            tracing::warn!("--dev: the key is one that everybody knows; for this machine and nothing that matters");
            let key = SecretKey::parse(Zeroizing::new(DEVELOPMENT_KEY.into()));
            return key.map(Some).map_err(KeyError::Variable);
        }
        Ok(None)
    }

    /// Those of the variable, and one a file.
    fn old_keys(&self) -> Result<Vec<SecretKey>, KeyError> {
        let mut keys = SecretKey::parse_old(variable(OLD).unwrap_or_default()).map_err(|error| match error {
            InvalidSecretKey::NotText => KeyError::OldNotText,
            _ => KeyError::OldEdge,
        })?;
        for path in &self.old_key_file {
            warn_if_others_read(path);
            let given = Zeroizing::new(std::fs::read(path).map_err(FileError::new("read", path))?);
            let wrong = |error| KeyError::OldFile { path: path.clone(), error };
            keys.push(SecretKey::parse_whole(given).map_err(wrong)?);
        }
        Ok(keys)
    }
}

/// The key that a server made for itself beside its database, if it has one: its file, and its id.
#[cfg(feature = "postgres")]
pub(in crate::cli) fn made_beside(database: &Path) -> Option<(PathBuf, crate::secret::KeyId)> {
    let path = database.with_file_name(OWN);
    let key = read_key(&path).ok()?;
    let id = MasterKey::derive(key.expose()).ok()?.id();
    Some((path, id))
}

/// Where a service manager puts the key, if it has one for us.
fn credential() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(|directory| Path::new(&directory).join("secret_key"))
}

/// A variable's bytes, if it is set to any.
fn variable(name: &str) -> Option<Zeroizing<Vec<u8>>> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(|value| Zeroizing::new(value.into_encoded_bytes()))
}

fn read_key(path: &Path) -> Result<SecretKey, KeyError> {
    let given = Zeroizing::new(std::fs::read(path).map_err(FileError::new("read", path))?);
    SecretKey::parse(given).map_err(|error| KeyError::KeyFile { path: path.to_owned(), error })
}

/// A key that somebody chose.
fn read_given(path: &Path) -> Result<SecretKey, KeyError> {
    let key = read_key(path)?;
    warn_if_short(&key, &path.display().to_string());
    Ok(key)
}

/// It is taken, since what it sealed needs it.
fn warn_if_short(key: &SecretKey, place: &str) {
    if key.expose().len() < SHORT {
        tracing::warn!("{place} is so short that it can be guessed: make a key with: openssl rand -hex 32");
    }
}

/// The key that this server made for itself, made now if there is none. It appears whole or not at all.
fn own_key(path: &Path) -> Result<SecretKey, KeyError> {
    if path.exists() {
        warn_if_others_read(path);
        return read_key(path);
    }
    let bytes = Zeroizing::new(random::<32>()?);
    let text = Zeroizing::new(data_encoding::HEXLOWER.encode(bytes.as_ref()));
    let mut file = NewFile::create(path)?;
    file.write(text.as_bytes())?;
    match file.place(path, false) {
        Ok(()) => {
            tracing::info!("made a secret key in {}, beside the data: they are kept or lost together", path.display());
        }
        // Another server was faster.
        Err((_, Some(_))) => {}
        Err((error, None)) => return Err(error.into()),
    }
    read_key(path)
}

#[cfg(unix)]
pub(super) fn warn_if_others_read(path: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(metadata) = path.metadata() else { return };
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    // A file of somebody else's that this user reads by its group has to stay so.
    let others = if ours { 0o044 } else { 0o004 };
    if metadata.is_file() && metadata.mode() & others != 0 {
        tracing::warn!("{} can be read by others: chmod {} it", path.display(), if ours { "600" } else { "o-rwx" });
    }
}

#[cfg(not(unix))]
pub(super) fn warn_if_others_read(_: &Path) {}
