//! The socket beside the database, through which `ots admin` asks the server that has it open. No new way in: who can reach it can read the
//! database too. It decides nothing that a promise depends on, so that it may end alone.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::runtime::Handle;

use crate::{
    audit::Journal,
    cli::admin::{
        answer::{self, Answer, Question, Stats, Swept},
        socket,
    },
    secret::KeyId,
    store::{Location, Quotas, Store, StoreError, sweeper},
    webhook::Shown,
};

/// How long whoever asks may take for the question, and for taking the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the files may take to be clean after a sweep, load or no load.
const CLEANING: Duration = Duration::from_secs(15);
/// The longest question, in bytes.
const LONGEST: u64 = 64;

/// What the answers are made from.
pub(super) struct Desk {
    pub(super) store: Arc<Store>,
    /// Told what a sweep removes.
    pub(super) journal: Arc<Journal>,
    /// The current key first.
    pub(super) keys: Vec<KeyId>,
    pub(super) quotas: Quotas,
    pub(super) webhooks: Vec<Shown>,
}

/// The socket's file, removed when the server ends.
pub(super) struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Listens beside the database, whose lock this process holds: what a server before it left there is nobody's. A server that can't listen
/// there serves all the same.
/// A database that servers share needs none: whoever looks after it asks that.
pub(super) fn administer(location: &Location, desk: Desk) -> Option<Socket> {
    let path = match location {
        Location::Sqlite(database) => socket::beside(database),
        #[cfg(feature = "postgres")]
        Location::Postgres(_) => return None,
    };
    let listener = match listen(&path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, "no socket for ots admin at {}: it can look into the database, and not ask this server", path.display());
            return None;
        }
    };
    let runtime = Handle::current();
    let serve = move || {
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => {
                    if let Err(error) = serve_one(&stream, &desk, &runtime) {
                        tracing::debug!(%error, "a question of ots admin wasn't answered");
                    }
                }
                // No descriptor is left, say.
                Err(_) => std::thread::sleep(Duration::from_secs(1)),
            }
        }
    };
    let spawned = std::thread::Builder::new().name("ots-admin".to_owned()).spawn(serve);
    let socket = Socket(path);
    spawned.ok().map(|_| socket)
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::other("something else lies there, and is left alone")),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn serve_one(stream: &UnixStream, desk: &Desk, runtime: &Handle) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line)?;
    let answer = match Question::parse(&line) {
        Some(question) => runtime
            .block_on(desk.answer(question))
            .unwrap_or_else(|error| Answer::Failed(format!("{error}; nothing that was stored is lost"))),
        None => Answer::Failed("this server doesn't know that question: ask with the ots that it runs from".to_owned()),
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    let mut stream = stream;
    stream.write_all(&text)
}

impl Desk {
    async fn answer(&self, question: Question) -> Result<Answer, StoreError> {
        let now = Timestamp::now();
        match question {
            Question::Stats => {
                let census = self.store.census(now).await?;
                Ok(Answer::Stats(Stats::new(&census, Some(self.quotas))))
            }
            Question::Webhooks => {
                let waiting = self.store.waiting(now).await?;
                Ok(Answer::Webhooks(answer::webhooks(&self.webhooks, Some(&waiting))))
            }
            Question::Keys => Ok(Answer::Keys(answer::keys(&self.keys, &self.store.keys().await?))),
            Question::Sweep if self.store.state(now).await?.clock_ahead => Ok(Answer::Failed(
                "the clock is far ahead of the last time that the server ran: nothing is removed until it has been so for a \
                 while (serve --clock-grace)"
                    .to_owned(),
            )),
            Question::Sweep => {
                let removed = sweeper::sweep(&self.store, &|gone: &[_]| super::note_gone(&self.journal, gone)).await?;
                Ok(Answer::Swept(Swept::new(removed, self.is_clean().await?)))
            }
        }
    }

    /// Whether the files come to hold nothing of what was removed.
    async fn is_clean(&self) -> Result<bool, StoreError> {
        let end = Instant::now() + CLEANING;
        loop {
            if self.store.state(Timestamp::now()).await?.unclean_since.is_none() {
                return Ok(true);
            }
            if Instant::now() > end {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
