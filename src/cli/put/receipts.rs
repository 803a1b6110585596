//! Where the receipts of what is stored go: a new file, a line each, or stderr.

use std::{
    cell::Cell,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::PutError;
use crate::cli::{error::FileError, new_file, terminal};

/// Made before anything is sent: a receipt that can't be kept costs nobody a secret. A file in which no printed link has its line is
/// removed again.
pub(super) enum Receipts<'a> {
    None,
    Stderr,
    File { file: File, path: &'a Path, kept: Cell<bool> },
}

impl<'a> Receipts<'a> {
    pub(super) fn open(path: Option<&'a PathBuf>) -> Result<Self, PutError> {
        let Some(path) = path else { return Ok(Self::None) };
        if path == Path::new("-") {
            return Ok(Self::Stderr);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Self::File { file, path, kept: Cell::new(false) }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(PutError::ReceiptFileExists(path.clone()))
            }
            Err(error) => Err(FileError::new("write", path)(error).into()),
        }
    }

    /// Whether there are any.
    pub(super) fn are_wanted(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Keeps a receipt's link, on the disk before the secret's link is printed.
    pub(super) fn keep(&self, link: &str) -> Result<(), PutError> {
        let Self::File { file, path, .. } = self else { return Ok(()) };
        let line = Zeroizing::new(format!("{link}\n"));
        let mut file = file;
        let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(FileError::new("write", path))?;
        new_file::sync_name(path);
        Ok(())
    }

    /// Says that the link of the secret has been printed, too.
    pub(super) fn printed(&self, link: &str) {
        match self {
            Self::None => {}
            Self::Stderr => terminal::say(&format!("receipt: {link}")),
            Self::File { kept, .. } => kept.set(true),
        }
    }
}

impl Drop for Receipts<'_> {
    fn drop(&mut self) {
        if let Self::File { path, kept, .. } = self
            && !kept.get()
        {
            let _ = std::fs::remove_file(path);
        }
    }
}
