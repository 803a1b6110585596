//! Which error is which exit code, and how errors are told.

use std::{fmt, io, path::Path, process::ExitCode};

use crate::{
    api::{Code, Problem},
    client::ClientError,
    store::OpenError,
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
    /// Interrupted: 128 + SIGINT.
    Interrupted = 130,
    /// Whoever read our output has gone: 128 + SIGPIPE. Said to nobody.
    BrokenPipe = 141,
}

impl Exit {
    /// For [`std::process`].
    #[must_use]
    pub fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// A command's error: one line that says what to do, and the code.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    cause: Option<anyhow::Error>,
}

impl Failure {
    /// An error of that code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), cause: None }
    }

    /// With what `-v` shows.
    #[must_use]
    pub fn because(self, cause: impl Into<anyhow::Error>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// A local file that can't be used; `verb` is what was tried.
    pub(crate) fn file(verb: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(Exit::File, format!("can't {verb} {}: {}", path.display(), describe(error)))
    }

    /// Output that can't be written. That its reader went away is not worth a word.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::new(Exit::BrokenPipe, "")
        } else {
            Self::new(Exit::File, format!("can't write to standard output: {}", describe(error)))
        }
    }

    /// The server's no. `wrong` says what is wrong when it counts a try, as in "the passphrase is".
    pub(crate) fn refused(problem: Problem, wrong: &str) -> Self {
        let exit = match problem.code {
            Code::PassphraseRequired | Code::WrongPassphrase => Exit::Refused,
            Code::Internal | Code::Unreadable | Code::BrowserRequest | Code::BadRequest => Exit::Other,
            _ => Exit::Rejected,
        };
        let message = match problem.attempts_left {
            Some(0) => format!("{wrong} wrong, and that was the last try: the secret has been destroyed"),
            Some(1) => format!("{wrong} wrong; the secret is still there, 1 try left"),
            Some(left) => format!("{wrong} wrong; the secret is still there, {left} tries left"),
            None => format!("the server said no: {}", problem.detail),
        };
        Self::new(exit, message).because(ClientError::Problem(Box::new(problem)))
    }

    /// The code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells the error on stderr, as a line or as an object, and gives the code.
    #[must_use]
    pub fn report(&self, json: bool, verbose: bool) -> ExitCode {
        if self.exit != Exit::BrokenPipe {
            let text = if json {
                let error = serde_json::json!({ "message": self.message, "exit_code": self.exit as u8 });
                serde_json::json!({ "error": error }).to_string()
            } else {
                let mut text = format!("ots: {}", self.message);
                if let (true, Some(cause)) = (verbose, &self.cause) {
                    for cause in cause.chain() {
                        text.push_str(&format!("\n  because: {cause}"));
                    }
                }
                text
            };
            super::terminal::say(&text);
        }
        self.exit.code()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match error {
            ClientError::Gone => Exit::Gone,
            ClientError::Unreachable { .. } | ClientError::TimedOut { .. } => Exit::Unreachable,
            ClientError::Incomplete { .. } => Exit::Damaged,
            ClientError::Problem(problem) => return Self::refused(*problem, "the passphrase is"),
            ClientError::Protocol { .. } | ClientError::PlainHttp { .. } => Exit::Other,
            ClientError::Certificates(_) => Exit::File,
        };
        Self::new(exit, error.to_string()).because(error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let exit = if matches!(error, OpenError::Io { .. }) { Exit::File } else { Exit::Other };
        Self::new(exit, error.to_string()).because(error)
    }
}

/// An I/O error without its number.
fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
