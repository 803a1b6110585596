//! Where the stream goes: a file that may be moved away at any time, standard output, or the system's log.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};
#[cfg(unix)]
use std::{
    os::unix::{fs::MetadataExt as _, net::UnixDatagram},
    time::Duration,
};

/// Where the stream is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To the end of a file.
    File(PathBuf),
    /// To standard output.
    Stdout,
    /// To the system's log, by its socket.
    Syslog(PathBuf),
}

/// The way there, open.
pub(super) enum Sink {
    File(LogFile),
    Stdout {
        /// Bytes of the next line that are out.
        begun: usize,
    },
    #[cfg(unix)]
    Syslog(Syslog),
}

impl Sink {
    /// Opens it.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn open(target: Target) -> io::Result<Self> {
        match target {
            Target::File(path) => {
                let file = LogFile::open(&path)?;
                Ok(Self::File(LogFile { path, file: Some(file), begun: 0 }))
            }
            Target::Stdout => Ok(Self::Stdout { begun: 0 }),
            #[cfg(unix)]
            Target::Syslog(path) => Syslog::new(path).map(Self::Syslog),
            #[cfg(not(unix))]
            Target::Syslog(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Writes whole lines, and takes what is written out of them, so that nothing is written twice.
    ///
    /// # Errors
    /// What is left was not written.
    pub(super) fn write(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::File(file) => file.write(lines),
            Self::Stdout { begun } => {
                let mut stdout = io::stdout().lock();
                drain(&mut stdout, lines, begun)?;
                stdout.flush()
            }
            #[cfg(unix)]
            Self::Syslog(syslog) => syslog.write(lines),
        }
    }
}

/// Writes lines, of the first of which so many bytes are there already. What is there whole is taken out; what was begun stays, so that it can
/// be written elsewhere.
fn drain(to: &mut impl io::Write, lines: &mut Vec<u8>, begun: &mut usize) -> io::Result<()> {
    while let Some(left) = lines.get(*begun..).filter(|left| !left.is_empty()) {
        match to.write(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                *begun += written;
                let whole = lines.iter().take(*begun).rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                lines.drain(..whole);
                *begun -= whole;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A file that is appended to, and made anew when it isn't at its path any more.
pub(super) struct LogFile {
    path: PathBuf,
    file: Option<File>,
    /// Bytes of the next line that are in it.
    begun: usize,
}

impl LogFile {
    /// Its owner's only. A line that a crash has torn stays alone.
    fn open(path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut last = [b'\n'];
        if file.metadata()?.len() > 0 && file.seek(SeekFrom::End(-1)).is_ok() {
            file.read_exact(&mut last)?;
        }
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        Ok(file)
    }

    fn write(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        if self.was_moved() {
            self.file = None;
            self.begun = 0;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(Self::open(&self.path)?),
        };
        drain(file, lines, &mut self.begun)
    }

    /// Whether another file is at the path, or none.
    #[cfg(unix)]
    fn was_moved(&self) -> bool {
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let open = self.file.as_ref().and_then(|file| file.metadata().ok()).map(identity);
        open != std::fs::metadata(&self.path).ok().map(identity)
    }

    /// Elsewhere a file that is open stays where it is.
    #[cfg(not(unix))]
    fn was_moved(&self) -> bool {
        false
    }
}

/// The system's log, a datagram a line (RFC 3164, as it is on this machine's own socket).
#[cfg(unix)]
pub(super) struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

/// How long the system's log may take for a line.
#[cfg(unix)]
const SYSLOG_PATIENCE: Duration = Duration::from_secs(1);
/// Facility authpriv, severity info.
#[cfg(unix)]
const PRIORITY: u8 = 10 * 8 + 6;

#[cfg(unix)]
impl Syslog {
    fn new(path: PathBuf) -> io::Result<Self> {
        let socket = Some(Self::connect(&path)?);
        Ok(Self { path, socket })
    }

    fn connect(path: &Path) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_write_timeout(Some(SYSLOG_PATIENCE))?;
        Ok(socket)
    }

    fn write(&mut self, lines: &mut Vec<u8>) -> io::Result<()> {
        while let Some(end) = memchr::memchr(b'\n', lines) {
            let socket = match &self.socket {
                Some(socket) => socket,
                // Whoever took the lines may have been started anew.
                None => self.socket.insert(Self::connect(&self.path)?),
            };
            let time = jiff::Timestamp::now().strftime("%b %e %H:%M:%S");
            let mut datagram = format!("<{PRIORITY}>{time} ots[{}]: ", std::process::id()).into_bytes();
            datagram.extend(lines.iter().take(end));
            if let Err(error) = socket.send(&datagram) {
                self.socket = None;
                return Err(error);
            }
            drop(lines.drain(..=end));
        }
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_moved_is_made_anew_and_a_torn_line_stays_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().unwrap();
        let (path, old) = (directory.path().join("audit"), directory.path().join("audit.1"));
        std::fs::write(&path, "{\"torn").unwrap();
        let mut sink = Sink::open(Target::File(path.clone())).unwrap();
        sink.write(&mut b"1\n2\n".to_vec()).unwrap();
        std::fs::rename(&path, &old).unwrap();
        sink.write(&mut b"3\n".to_vec()).unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "{\"torn\n1\n2\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "3\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
        sink.write(&mut b"4\n".to_vec()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "4\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_line_that_was_begun_in_a_file_that_was_moved_is_whole_in_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit");
        std::fs::write(&path, "fir").unwrap(); // the disk was full then
        let mut log = LogFile { file: Some(File::options().append(true).open(&path).unwrap()), path, begun: 3 };
        std::fs::rename(&log.path, directory.path().join("audit.1")).unwrap();
        log.write(&mut b"first\nsecond\n".to_vec()).unwrap();
        assert_eq!(std::fs::read_to_string(&log.path).unwrap(), "first\nsecond\n");
    }

    #[test]
    fn what_is_written_in_part_goes_on_where_it_was() {
        /// Takes three bytes, and then fails once.
        struct Filling(Vec<u8>, bool);
        impl io::Write for Filling {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.1, false) {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                let taken = bytes.len().min(3);
                self.0.extend(&bytes[..taken]);
                self.1 = self.0.len() == 3;
                Ok(taken)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut to, mut lines, mut begun) = (Filling(Vec::new(), false), b"first\nsecond\n".to_vec(), 0);
        assert!(drain(&mut to, &mut lines, &mut begun).is_err());
        assert_eq!((lines.as_slice(), begun), (&b"first\nsecond\n"[..], 3), "a line that is elsewhere is there whole");
        drain(&mut to, &mut lines, &mut begun).unwrap();
        assert_eq!((to.0.as_slice(), lines.len(), begun), (&b"first\nsecond\n"[..], 0, 0));
    }

    #[test]
    fn the_systems_log_gets_a_datagram_a_line_and_may_come_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let listener = UnixDatagram::bind(&path).unwrap();
        let mut sink = Sink::open(Target::Syslog(path.clone())).unwrap();
        sink.write(&mut b"{\"a\":1}\n{\"b\":2}\n".to_vec()).unwrap();
        let receive = |listener: &UnixDatagram| {
            let mut buffer = [0; 1024];
            let length = listener.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        let first = receive(&listener);
        assert!(first.starts_with("<86>") && first.ends_with(&format!(" ots[{}]: {{\"a\":1}}", std::process::id())));
        assert!(receive(&listener).ends_with("{\"b\":2}"));
        drop(listener);
        let mut left = b"{\"c\":3}\n".to_vec();
        assert!(sink.write(&mut left).is_err() && sink.write(&mut left).is_err());
        std::fs::remove_file(&path).unwrap();
        let listener = UnixDatagram::bind(&path).unwrap();
        sink.write(&mut left).unwrap();
        assert!(receive(&listener).ends_with("{\"c\":3}") && left.is_empty());
    }
}
