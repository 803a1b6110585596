//! Files that appear whole or not at all, for their owner only: what was read, and keys.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::NamedTempFile;

use super::{error::FileError, interrupt::blocking};

/// A file that appears in its place whole or not at all, readable by its owner only. Dropped before that, it leaves nothing.
pub(super) struct NewFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Opens a temporary file beside `path`.
    pub(super) fn create(path: &Path) -> Result<Self, FileError> {
        let directory = directory(path);
        let file = tempfile::Builder::new()
            .prefix(".ots-")
            .tempfile_in(directory)
            .map_err(FileError::new("write to", directory))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// The place that it was opened for.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file itself, to be written to also when it is in its place.
    pub(super) fn handle(&self) -> Result<File, FileError> {
        self.file.as_file().try_clone().map_err(FileError::new("write", &self.path))
    }

    /// Writes the content to the disk.
    pub(super) fn write(&mut self, content: &[u8]) -> Result<(), FileError> {
        let written = self.file.write_all(content).and_then(|()| self.file.as_file().sync_all());
        written.map_err(FileError::new("write", &self.path))
    }

    /// As [`NewFile::write`], on another thread. The file stays here: whoever stops waiting for it removes it.
    pub(super) async fn write_aside(
        &self,
        content: Arc<impl AsRef<[u8]> + Send + Sync + 'static>,
    ) -> Result<(), FileError> {
        let file = self.file.as_file().try_clone();
        let write = move || {
            let mut file = file?;
            file.write_all((*content).as_ref()).and_then(|()| file.sync_all())
        };
        blocking(write).await.map_err(FileError::new("write", &self.path))
    }

    /// Puts the file into its place. Where there is one already and it isn't `replace`d, the file comes back.
    pub(super) fn place(self, path: &Path, replace: bool) -> Result<(), (FileError, Option<Self>)> {
        let placed = if replace { self.file.persist(path) } else { self.file.persist_noclobber(path) };
        placed.map_err(|error| {
            let taken = error.error.kind() == io::ErrorKind::AlreadyExists;
            let failed = FileError::new("write", path)(error.error);
            (failed, taken.then_some(Self { file: error.file, path: self.path }))
        })?;
        // Before the server is told.
        sync_name(path);
        Ok(())
    }
}

/// So that a new file's name, too, survives a power cut.
pub(super) fn sync_name(path: &Path) {
    let _ = File::open(directory(path)).and_then(|directory| directory.sync_all());
}

pub(super) fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
