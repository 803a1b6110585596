//! A line at the end of the file, whole and on the disk, whatever else is added at the same time; or nothing.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::{KeysError, LARGEST, listed};
use crate::{
    cli::{error::FileError, new_file::directory},
    memory::whole,
    server::ListedKey,
};

/// The file, locked: no other `keygen` changes it meanwhile.
pub(in crate::cli) struct KeyFile {
    file: File,
    path: PathBuf,
    /// Whether its last line has its end.
    ends: bool,
    length: u64,
    keys: Vec<ListedKey>,
}

impl KeyFile {
    /// Opens the file, made for its owner only if it isn't there, and waits until nobody else has it. What is in it has to be right: a
    /// server would refuse the new line with the others.
    pub(in crate::cli) fn lock(path: &Path) -> Result<Self, KeysError> {
        let (file, text) = locked(path).map_err(FileError::new("write", path))?;
        let keys = listed(path, &text)?;
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let ends = text.last().is_none_or(|last| *last == b'\n');
        Ok(Self { file, path: path.to_owned(), ends, length, keys })
    }

    /// The keys that are in it.
    pub(in crate::cli) fn keys(&self) -> &[ListedKey] {
        &self.keys
    }

    /// Adds a line, which is on the disk then.
    pub(in crate::cli) fn append(mut self, line: &str) -> Result<Appended, FileError> {
        let text = format!("{}{line}", if self.ends { "" } else { "\n" });
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        let appended = Appended(self);
        match written {
            Ok(()) => {
                // The name of a new file, too, survives a power cut.
                let _ = File::open(directory(&appended.0.path)).and_then(|directory| directory.sync_all());
                Ok(appended)
            }
            Err(error) => {
                let failed = FileError::new("write", &appended.0.path)(error);
                let _ = appended.take_back(); // a part of a line would be a mistake in the file
                Err(failed)
            }
        }
    }
}

/// A line that has been added, while nobody else could add another.
pub(in crate::cli) struct Appended(KeyFile);

impl Appended {
    /// Takes the line out again.
    pub(in crate::cli) fn take_back(self) -> Result<(), FileError> {
        let KeyFile { file, path, length, .. } = self.0;
        file.set_len(length).and_then(|()| file.sync_all()).map_err(FileError::new("write", &path))
    }
}

/// The file that is at `path` once it is locked: an editor may put another in its place meanwhile.
fn locked(path: &Path) -> io::Result<(File, Vec<u8>)> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        file.lock()?;
        if is_at(&file, path) {
            return whole(&file, LARGEST).map(|text| (file, text.to_vec()));
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let [opened, there] = [file.metadata(), path.metadata()].map(|found| found.map(|it| (it.dev(), it.ino())).ok());
    opened == there
}

/// Elsewhere a file that is open isn't replaced.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}
