//! The file of create keys: what `serve --create-keys` reads and `keygen` writes. One line a key, `NAME HASH`, and after them perhaps
//! `expires=`, `ttl-max=` and `size-max=`; blank lines and what follows `#` are passed over. The keys themselves aren't in it, and no error
//! repeats anything of it: somebody may have put one there.

mod append;
mod line;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::error::{CommandError, Exit, FileError};
use crate::{memory::read_regular, secret::CreateKey, server::ListedKey};
pub(super) use append::{Appended, KeyFile};
use line::Mistake;
pub(super) use line::{ttl, written};

/// Bytes of a file at most: some hundred thousand keys.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Why a file of keys can't be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeysError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "this is a key, and not the file of keys: name that one; and as the key stands in this shell's history now, make another"
    )]
    KeyItself,
    #[error("{}, line {line}: {mistake}", .path.display())]
    Line { path: PathBuf, line: usize, mistake: Mistake },
}

impl CommandError for KeysError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::KeyItself | Self::Line { .. } => Exit::Usage,
        }
    }
}

/// Reads the keys. Whether others than its owner can do more with the file than they should is logged.
pub(super) fn read(path: &Path) -> Result<Vec<ListedKey>, KeysError> {
    if path.to_str().is_some_and(|text| text.parse::<CreateKey>().is_ok()) {
        return Err(KeysError::KeyItself);
    }
    let (file, text) = read_regular(path, LARGEST).map_err(FileError::new("read", path))?;
    let keys = listed(path, &text)?;
    tell_of_access(path, &file);
    Ok(keys)
}

/// The keys in a file's text.
fn listed(path: &Path, text: &[u8]) -> Result<Vec<ListedKey>, KeysError> {
    line::all(text).map_err(|(line, mistake)| KeysError::Line { path: path.to_owned(), line, mistake })
}

/// Whoever can write the file can make keys; whoever can read it learns who has some.
fn tell_of_access(path: &Path, file: &File) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let Ok(mode) = file.metadata().map(|metadata| metadata.permissions().mode()) else { return };
        let path = path.display();
        if mode & 0o022 != 0 {
            tracing::warn!(
                "others than its owner can write {path}, and so make keys for themselves: chmod 600, or 640"
            );
        } else if mode & 0o004 != 0 {
            tracing::warn!(
                "everybody on this host can read {path}: the names in it, and the keys' hashes. chmod 600, or 640"
            );
        }
    }
    #[cfg(not(unix))]
    let _ = (path, file);
}
