//! Files and directories that only their owner can use, and the lock that keeps a second server out.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use super::OpenError;

/// `<path>-<suffix>`, as SQLite names its own files beside the database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-");
    name.push(suffix);
    name.into()
}

pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let path_of_lock = beside(path, "lock");
    let file = itself(private(OpenOptions::new().create(true).truncate(false).write(true)))
        .open(&path_of_lock)
        .and_then(|file| given_to_the_owner(path, file))
        .map_err(|source| OpenError::Io { what: "create", path: path_of_lock.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { what: "lock", path: path_of_lock, source }),
    }
}

/// Files opened with these options are no links: whoever may write to a service's directory must not lead an administrator's command, which
/// may be root's, to any file.
pub(super) fn itself(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}

/// What root makes in a service's directory is the service's, which could not open it otherwise.
fn given_to_the_owner(path: &Path, file: File) -> std::io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let directory = fs::metadata(
            path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        )?;
        if rustix::process::geteuid().is_root() && directory.uid() != 0 && file.metadata()?.uid() == 0 {
            fchown(&file, Some(directory.uid()), Some(directory.gid()))?;
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(file)
}

/// Makes a directory that only its owner can enter, with its parents.
///
/// # Errors
/// [`OpenError::Io`].
pub fn create_private_directory(path: &Path) -> Result<(), OpenError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| OpenError::Io { what: "create the directory", path: path.to_owned(), source })
}

pub(super) fn create_private_file(path: &Path) -> Result<File, OpenError> {
    private(OpenOptions::new().create(true).truncate(false).read(true).write(true))
        .open(path)
        .map_err(|source| OpenError::Io { what: "write", path: path.to_owned(), source })
}

/// Files made with these options are readable and writable by their owner only.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes the names in `path`'s directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), OpenError> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only Unix lets a directory be opened, and has this need.
    #[cfg(unix)]
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(|source| OpenError::Io {
        what: "sync",
        path: directory.to_owned(),
        source,
    })?;
    Ok(())
}
