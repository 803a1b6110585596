//! Asking the server that runs on a database, through the socket beside it. Whoever is behind that isn't believed more than another file
//! there: its answer is bounded in size and time, and has to be one.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::answer::{Answer, Question};

/// Where the server that has the database open listens.
pub(in crate::cli) fn beside(database: &Path) -> PathBuf {
    let mut name: OsString = database.as_os_str().to_owned();
    name.push("-admin.sock");
    name.into()
}

/// What came of asking.
pub(super) enum Asked {
    Answered(Answer),
    /// Nobody listens there.
    Nobody,
    /// Somebody may, and gave no answer: why.
    Unanswered(String),
}

#[cfg(not(unix))]
pub(super) fn ask(_: &Path, _: Question) -> Asked {
    Asked::Nobody
}

#[cfg(unix)]
pub(super) fn ask(database: &Path, question: Question) -> Asked {
    use std::{sync::mpsc, time::Duration};

    let wait = match question {
        Question::Stats | Question::Keys | Question::Webhooks => Duration::from_secs(20),
        Question::Sweep => Duration::from_secs(600),
    };
    let path = beside(database);
    let (done, asked) = mpsc::channel();
    // Each step of it may take for ever, if the other side wants that.
    std::thread::spawn(move || {
        let _ = done.send(exchange(&path, question));
    });
    asked.recv_timeout(wait).unwrap_or_else(|_| Asked::Unanswered("it doesn't answer".to_owned()))
}

#[cfg(unix)]
fn exchange(path: &Path, question: Question) -> Asked {
    use std::{
        io::{ErrorKind, Read as _, Write as _},
        os::unix::net::UnixStream,
    };

    /// The longest answer that is read, in bytes.
    const LONGEST: u64 = 1024 * 1024;

    let mut stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        // A path that is too long no server can have listened on.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput) =>
        {
            return Asked::Nobody;
        }
        Err(error) => return Asked::Unanswered(crate::cli::error::describe(&error)),
    };
    let mut text = String::new();
    let exchanged =
        writeln!(stream, "{}", question.word()).and_then(|()| stream.take(LONGEST).read_to_string(&mut text));
    match exchanged {
        Ok(_) => serde_json::from_str(&text)
            .map_or_else(|_| Asked::Unanswered("what it says is no answer".to_owned()), Asked::Answered),
        Err(error) => Asked::Unanswered(crate::cli::error::describe(&error)),
    }
}
