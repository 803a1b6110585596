//! Which error is which exit code, and how errors are told. Each command has an enum of its own; here are the few errors
//! that several of them have in common.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{
    said::{self, one_line},
    terminal,
};
use crate::{
    api::{Code, Problem},
    client::ClientError,
};

/// The exit codes, as the man page lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything not below.
    Other = 1,
    /// Wrong usage.
    Usage = 2,
    /// Not found, already read, burned or expired.
    Gone = 3,
    /// The server can't be reached, or didn't answer in time.
    Unreachable = 4,
    /// Passphrase or API key wrong or missing.
    Refused = 5,
    /// What came can't be decrypted, or isn't whole.
    Damaged = 6,
    /// The server said no: too large, bad TTL, rate limit.
    Rejected = 7,
    /// A local file can't be read or written.
    File = 8,
    /// The server has ended by itself, since it could not go on and keep its promises.
    Ended = 9,
    /// Of a receipt: nobody has asked for the secret.
    Unread = 10,
    /// Of a receipt: a reader asked for it, and hasn't said yet that it has arrived.
    Claimed = 11,
    /// Of a receipt: it was given out, and nobody said that it has arrived.
    Unconfirmed = 12,
    /// Of a receipt: it was destroyed unread.
    Burned = 13,
    /// Of a receipt: nobody asked for it in time.
    Expired = 14,
    /// Of a receipt: nobody has answered its request.
    Open = 15,
    /// Of a receipt: its request was taken back unanswered.
    Withdrawn = 16,
    /// Hung up: 128 + SIGHUP.
    HungUp = 129,
    /// Interrupted: 128 + SIGINT.
    Interrupted = 130,
    /// Quit: 128 + SIGQUIT.
    Quit = 131,
    /// Whoever read our output has gone: 128 + SIGPIPE. Said to nobody.
    BrokenPipe = 141,
    /// Terminated: 128 + SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// For [`std::process`].
    #[must_use]
    pub fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// What a command ends with: its text is one line that says what to do, its sources are the causes that the line doesn't
/// tell already.
pub trait CommandError: Error {
    /// The code.
    fn exit(&self) -> Exit;

    /// Whether it is worth a word.
    fn is_told(&self) -> bool {
        self.exit() != Exit::BrokenPipe
    }
}

impl<E: CommandError + 'static> From<E> for Box<dyn CommandError> {
    fn from(error: E) -> Self {
        Box::new(error)
    }
}

/// Tells an error on stderr, as a line or as an object, and gives its code.
pub(super) fn report(error: &dyn CommandError, json: bool, verbose: bool) -> ExitCode {
    let exit = error.exit();
    if error.is_told() {
        let text = if json {
            let error = serde_json::json!({ "message": error.to_string(), "exit_code": exit as u8 });
            said::json(&serde_json::json!({ "error": error }))
        } else {
            let mut text = format!("ots: {}", one_line(&error.to_string()));
            let mut cause = error.source().filter(|_| verbose);
            while let Some(inner) = cause {
                text.push_str(&format!("\n  because: {}", one_line(&inner.to_string())));
                cause = inner.source();
            }
            text
        };
        match exit {
            Exit::HungUp | Exit::Interrupted | Exit::Quit | Exit::Terminated => terminal::say_and_end(text),
            _ => terminal::say(&text),
        }
    }
    exit.code()
}

/// A local file that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("can't {verb} {}: {}", .path.display(), describe(.error))]
pub struct FileError {
    /// What was tried.
    verb: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl FileError {
    /// For `map_err`.
    pub(super) fn new(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self { verb, path: path.to_owned(), error }
    }
}

impl CommandError for FileError {
    fn exit(&self) -> Exit {
        Exit::File
    }
}

/// Standard output that can't be written. That its reader went away is not worth a word.
#[derive(Debug, thiserror::Error)]
#[error("can't write to standard output: {}", describe(.0))]
pub(super) struct OutputError(pub(super) io::Error);

impl CommandError for OutputError {
    fn exit(&self) -> Exit {
        if self.0.kind() == io::ErrorKind::BrokenPipe { Exit::BrokenPipe } else { Exit::File }
    }
}

/// The runtime can't be had.
#[derive(Debug, thiserror::Error)]
#[error("can't start: {0}")]
pub(super) struct StartError(pub(super) io::Error);

impl CommandError for StartError {
    fn exit(&self) -> Exit {
        Exit::Other
    }
}

/// A call to a server that didn't do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The certificates to trust can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// No connection, or an answer that is none.
    #[error(transparent)]
    Client(ClientError),
    /// The server's no.
    #[error("{}", refusal(.0))]
    Refused(Box<Problem>),
    /// A passphrase, or what stands for one, is wrong, and the try was counted.
    #[error("{what} wrong{}", tries(*.left))]
    Wrong {
        /// As in "the passphrase is".
        what: &'static str,
        /// Tries that are left.
        left: u32,
        /// The server's own words.
        source: ClientError,
    },
}

impl CallError {
    /// Whether the same call may succeed a moment later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Client(error) => error.is_passing(),
            Self::Refused(problem) => matches!(problem.code, Code::Busy | Code::RateLimited | Code::Unavailable),
            Self::File(_) | Self::Wrong { .. } => false,
        }
    }
}

/// The server's no in its own words, as far as they aren't ours already.
fn refusal(problem: &Problem) -> String {
    if let [error] = problem.errors.as_slice()
        && error.pointer.ends_with("/ttl_seconds")
    {
        return format!("the server said no: --ttl: {}", error.detail);
    }
    match problem.detail.strip_prefix("The server ") {
        Some(rest) => format!("the server {rest}"),
        None => format!("the server said no: {}", problem.detail),
    }
}

fn tries(left: u32) -> String {
    match left {
        0 => ", and that was the last try: the secret has been destroyed".to_owned(),
        1 => "; the secret is still there, 1 try left".to_owned(),
        left => format!("; the secret is still there, {left} tries left"),
    }
}

impl CallError {
    /// `what` is wrong when the server counts a try, as in "the passphrase is".
    pub(super) fn of_read(error: ClientError, what: &'static str) -> Self {
        match error {
            ClientError::Problem(problem) => match problem.attempts_left {
                Some(left) => Self::Wrong { what, left, source: ClientError::Problem(problem) },
                None => Self::Refused(problem),
            },
            error => Self::Client(error),
        }
    }
}

impl CallError {
    /// Whether it can be tried with another passphrase.
    pub(super) fn leaves_tries(&self) -> bool {
        matches!(self, Self::Wrong { left: 1.., .. })
    }
}

impl From<ClientError> for CallError {
    fn from(error: ClientError) -> Self {
        Self::of_read(error, "the passphrase is")
    }
}

impl CommandError for CallError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Refused(problem) => exit_of(problem.code),
            Self::Client(error) | Self::Wrong { source: error, .. } => match error {
                ClientError::Gone => Exit::Gone,
                ClientError::Unreachable { .. } | ClientError::TimedOut { .. } | ClientError::Proxy { .. } => {
                    Exit::Unreachable
                }
                ClientError::Incomplete { .. } | ClientError::TooLong { .. } => Exit::Damaged,
                ClientError::Problem(problem) => exit_of(problem.code),
                ClientError::Protocol { .. } | ClientError::PlainHttp { .. } => Exit::Other,
                ClientError::Certificates(_) => Exit::File,
            },
        }
    }
}

fn exit_of(code: Code) -> Exit {
    match code {
        Code::PassphraseRequired | Code::WrongPassphrase | Code::KeyRequired | Code::UserRequired => Exit::Refused,
        Code::Damaged => Exit::Damaged,
        Code::Internal | Code::Unreadable | Code::BrowserRequest | Code::BadRequest => Exit::Other,
        _ => Exit::Rejected,
    }
}

/// An I/O error without its number.
pub(super) fn describe(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return "whoever read it went away".to_owned();
    }
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: Code, attempts_left: Option<u32>) -> ClientError {
        let problem = Problem { attempts_left, ..Problem::gone() };
        ClientError::Problem(Box::new(Problem { code, detail: "No.".into(), ..problem }))
    }

    #[test]
    fn a_cause_is_told_once() {
        for (code, left, exit, line, causes) in [
            (
                Code::WrongPassphrase,
                Some(2),
                Exit::Refused,
                "the key is wrong; the secret is still there, 2 tries left",
                1,
            ),
            (
                Code::WrongPassphrase,
                Some(1),
                Exit::Refused,
                "the key is wrong; the secret is still there, 1 try left",
                1,
            ),
            (
                Code::WrongPassphrase,
                Some(0),
                Exit::Refused,
                "the key is wrong, and that was the last try: the secret has been destroyed",
                1,
            ),
            (Code::PassphraseRequired, None, Exit::Refused, "the server said no: No.", 0),
            (Code::TooLarge, None, Exit::Rejected, "the server said no: No.", 0),
            (Code::Unreadable, None, Exit::Other, "the server said no: No.", 0),
        ] {
            let error = CallError::of_read(problem(code, left), "the key is");
            assert_eq!((error.to_string().as_str(), error.exit()), (line, exit));
            assert_eq!(error.source().is_some(), causes == 1, "{line}");
        }
    }

    #[test]
    fn a_reader_that_went_away_is_said_to_nobody() {
        assert_eq!(OutputError(io::ErrorKind::BrokenPipe.into()).exit(), Exit::BrokenPipe);
        let full = OutputError(io::Error::from_raw_os_error(28));
        assert_eq!((full.exit(), full.to_string().contains("os error")), (Exit::File, false));
    }
}
