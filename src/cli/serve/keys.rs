//! Where the server's keys come from.

use std::{path::Path, sync::Arc};

use zeroize::Zeroizing;

use super::{Serve, data::in_container};
use crate::{
    cli::{Exit, Failure},
    crypto::at_rest::{Keyring, MasterKey},
    store::Store,
    vault::Vault,
};

/// The key of `--dev`: known to everybody, so it serves this machine only.
const DEVELOPMENT_KEY: &str = "development_secret_key";

impl Serve {
    pub(super) async fn vault(&self, store: &Arc<Store>, data: &Path) -> Result<Vault, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Other, error.to_string());
        let current = MasterKey::derive(&self.secret_key(data)?).map_err(|error| failed(&error))?;
        let old = std::env::var("SECRET_KEYS_OLD").map(Zeroizing::new).unwrap_or_default();
        let old = old
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(|key| MasterKey::derive(key.as_bytes()))
            .collect::<Result<_, _>>()
            .map_err(|error| failed(&error))?;
        let vault = Vault::new(Arc::clone(store), Keyring::new(current, old), self.claim_lease)
            .await
            .map_err(|error| failed(&error))?;
        match vault.unreadable() {
            0 => {}
            count if self.allow_unreadable => {
                tracing::warn!(count, "there are secrets that none of the keys opens; they stay as they are");
            }
            count => {
                return Err(Failure::new(
                    Exit::Other,
                    format!(
                        "{count} stored secret(s) are sealed under another SECRET_KEY: give that one, add it to \
                         SECRET_KEYS_OLD, or start with --allow-unreadable; nothing was changed"
                    ),
                ));
            }
        }
        Ok(vault)
    }

    /// The variable; a file; a service manager's credential; with `--dev` the fixed key; on a host a key of our own.
    fn secret_key(&self, data: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if let Some(key) = std::env::var_os("SECRET_KEY").filter(|key| !key.is_empty()) {
            let key = Zeroizing::new(key.into_encoded_bytes());
            if !self.dev && key.as_slice() == DEVELOPMENT_KEY.as_bytes() {
                tracing::warn!(
                    "SECRET_KEY is the development key, which everybody knows: make one with: openssl rand -hex 32"
                );
            }
            return Ok(key);
        }
        if let Some(path) = &self.secret_key_file {
            return read_key(path);
        }
        if let Some(path) = std::env::var_os("CREDENTIALS_DIRECTORY").map(|dir| Path::new(&dir).join("secret_key"))
            && path.exists()
        {
            return read_key(&path);
        }
        if self.dev {
            return Ok(Zeroizing::new(DEVELOPMENT_KEY.as_bytes().to_vec()));
        }
        if in_container() {
            let message = "a container needs SECRET_KEY or --secret-key-file: a key made inside it would be lost with it. \
                           Make one with: openssl rand -hex 32";
            return Err(Failure::new(Exit::Other, message));
        }
        own_key(&data.join("secret.key"))
    }
}

/// A key from a file; one newline at its end doesn't belong to it.
fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut key = Zeroizing::new(std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?);
    while key.last().is_some_and(u8::is_ascii_whitespace) {
        key.pop();
    }
    if key.is_empty() {
        let message = format!("{} is empty: make a key with: openssl rand -hex 32", path.display());
        return Err(Failure::new(Exit::File, message));
    }
    Ok(key)
}

/// The key that this host made for itself, made now if there is none. It appears whole or not at all.
fn own_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if path.exists() {
        return read_key(path);
    }
    let key: Zeroizing<[u8; 32]> =
        Zeroizing::new(crate::secret::random().map_err(|error| Failure::new(Exit::Other, error.to_string()))?);
    let text = Zeroizing::new(data_encoding::HEXLOWER.encode(key.as_ref()));
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".secret-").tempfile_in(directory).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            let _ = std::fs::File::open(directory).and_then(|directory| directory.sync_all());
            tracing::info!("made a secret key in {}", path.display());
            Ok(Zeroizing::new(text.as_bytes().to_vec()))
        }
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => read_key(path),
        Err(error) => Err(failed(error.error)),
    }
}
