//! Sockets in the file system, and those that the service manager opened before the server started.

use std::{
    env,
    fs::{self, Permissions},
    io::{self, ErrorKind},
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use listenfd::ListenFd;

use crate::cli::error::describe;

/// Why a socket can't be had.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum SocketError {
    #[error("there is something else at its path, which stays as it is: choose another path")]
    NoSocket,
    #[error("a server listens there: stop it first, or choose another path")]
    InUse,
    #[error("its folder isn't there: make it first, or choose another path")]
    NoFolder,
    #[error("{}", describe(.0))]
    Io(#[from] io::Error),
    #[error("the service manager gave none of that name: is there a .socket unit for it (LISTEN_FDS)?")]
    NotGiven,
    #[error("the service manager gave a socket that is neither of TCP nor a stream of unix")]
    OtherKind,
}

/// A socket's file, which goes with it; unless another has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    file: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let still = fs::symlink_metadata(&self.path).is_ok_and(|now| (now.dev(), now.ino()) == self.file);
        if still {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at a path, in the place of a socket that a dead server left there, if there is one; and of nothing else.
pub(super) fn listen(path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), SocketError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NoSocket),
        Ok(_) => match UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Ok(_) => return Err(SocketError::InUse),
            Err(error) => return Err(error.into()),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    // Until its rights are set it is its owner's alone, by the umask.
    let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => SocketError::NoFolder,
        _ => error.into(),
    })?;
    let made = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), file: (made.dev(), made.ino()) };
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    listener.set_nonblocking(true)?;
    Ok((listener, file))
}

/// What the service manager opened.
#[derive(Debug, Default)]
pub(super) struct Inherited(Vec<(String, Given)>);

/// A socket of its.
#[derive(Debug)]
pub(super) enum Given {
    Tcp(std::net::TcpListener),
    Unix(UnixListener),
    Other,
}

impl Inherited {
    /// Takes them. It changes the environment, so it comes before all threads.
    pub(super) fn take() -> Self {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut given = ListenFd::from_env();
        let all = (0..given.len()).map(|at| {
            let name = names.next().unwrap_or_default().to_owned();
            let unix = given.take_unix_listener(at).ok().flatten().map(Given::Unix);
            let socket = unix.or_else(|| given.take_tcp_listener(at).ok().flatten().map(Given::Tcp));
            (name, socket.unwrap_or(Given::Other))
        });
        Self(all.collect())
    }

    /// Those of that name, or all that are left.
    pub(super) fn named(&mut self, name: Option<&str>) -> Result<Vec<Given>, SocketError> {
        let (of_name, others) =
            std::mem::take(&mut self.0).into_iter().partition(|(given, _)| name.is_none_or(|name| name == given));
        self.0 = others;
        let of_name: Vec<(String, Given)> = of_name;
        if of_name.is_empty() {
            Err(SocketError::NotGiven)
        } else {
            Ok(of_name.into_iter().map(|(_, given)| given).collect())
        }
    }
}
