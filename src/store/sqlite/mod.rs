//! The embedded store: SQLite behind one thread that writes and one that reads.
//!
//! - [`schema`]: opening, settings, migrations.
//! - [`payload`]: how ciphertext lies in the file.
//! - [`ops`]: what each call of the contract does to the tables.
//! - [`writer`]: the thread that gathers calls into transactions, and keeps the files clean.
//! - [`reader`]: the thread that answers what changes nothing.
//! - [`reserve`]: disk space for reading when the disk is full.

mod ops;
mod payload;
mod reader;
mod reserve;
mod schema;
mod writer;

use std::{
    fs::File,
    path::Path,
    sync::{Mutex, mpsc},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{
    Access, OpenError, Peek, Record, StoreError, Stored, Swept,
    files::{beside, create_private_directory, create_private_file, lock},
};
use crate::{
    memory::Budget,
    secret::{ClaimHash, SecretId},
};
use ops::{Done, Op};

/// Calls that wait for a thread at most; more are [`StoreError::Busy`].
const QUEUE: usize = 4096;
/// Ciphertext that the store holds in memory at most, queued or loaded.
const MEMORY: usize = 32 * 1024 * 1024;
/// Disk space kept back, besides twice the largest record, in bytes: what the WAL may hold that isn't in the database yet.
const RESERVE: usize = 24 * 1024 * 1024;

/// What a queue holds: a call, and where its answer goes. An answer that nobody waits for is dropped.
struct Job<C, A> {
    call: C,
    answer: oneshot::Sender<Result<A, StoreError>>,
}

/// The embedded store. Cheap calls in, answers after the commit.
pub struct SqliteStore {
    writes: Mutex<Option<mpsc::SyncSender<Job<Op, Done>>>>,
    reads: Mutex<Option<mpsc::SyncSender<Job<reader::Query, reader::Found>>>>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    budget: Budget,
    /// Locked for as long as the store is open: a second server is refused.
    lock: File,
}

impl SqliteStore {
    /// Opens the database at `path`, making it and its directory (0600 and 0700) if they aren't there.
    ///
    /// `largest` is the largest content that will be kept, in bytes: disk space for removing it is held back.
    ///
    /// # Errors
    /// [`OpenError`], each of which says what to do. Nothing that was there is changed then.
    pub fn open(path: &Path, largest: usize) -> Result<Self, OpenError> {
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            create_private_directory(directory)?;
        }
        let lock = lock(path)?;
        create_private_file(path)?;
        let budget = Budget::new(MEMORY.max(largest));
        let connection = schema::open_writer(path)?;
        let reserve = reserve::Reserve::new(beside(path, "reserve"), RESERVE + 2 * largest);
        let reader = schema::open_reader(path)?;

        let (writes, write_queue) = mpsc::sync_channel(QUEUE);
        let (reads, read_queue) = mpsc::sync_channel(QUEUE);
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(work)
                .map_err(|error| OpenError::Engine(path.to_owned(), error.to_string()))
        };
        let writer = writer::Writer::new(connection, reserve, budget.clone());
        let threads = vec![
            spawn("ots-writer", Box::new(move || writer.run(&write_queue)))?,
            spawn("ots-reader", Box::new(move || reader::run(&reader, &read_queue)))?,
        ];
        Ok(Self {
            writes: Mutex::new(Some(writes)),
            reads: Mutex::new(Some(reads)),
            threads: Mutex::new(threads),
            budget,
            lock,
        })
    }

    pub(super) async fn insert(&self, record: Record) -> Result<(), StoreError> {
        if record.sealed.len() > payload::MAX_SEALED {
            return Err(StoreError::TooLarge);
        }
        let reservation = self.budget.reserve(record.sealed.len()).ok_or(StoreError::Busy)?;
        match self.write(Op::Insert { record, reservation }).await? {
            Done::Changed(true) => Ok(()),
            Done::Changed(false) => Err(StoreError::Exists),
            _ => Err(StoreError::Closed),
        }
    }

    pub(super) async fn take(
        &self,
        id: SecretId,
        access: Access,
        now: Timestamp,
    ) -> Result<Option<Stored>, StoreError> {
        self.write(Op::Take { id, access, now }).await.map(Done::record)
    }

    pub(super) async fn claim(
        &self,
        id: SecretId,
        access: Access,
        claim: ClaimHash,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Option<Stored>, StoreError> {
        self.write(Op::Claim { id, access, claim, until: now.saturating_add(lease).unwrap_or(Timestamp::MAX), now })
            .await
            .map(Done::record)
    }

    pub(super) async fn release(&self, id: SecretId, claim: ClaimHash) -> Result<bool, StoreError> {
        self.write(Op::Release { id, claim }).await.map(Done::changed)
    }

    pub(super) async fn burn(&self, id: SecretId, now: Timestamp) -> Result<bool, StoreError> {
        self.write(Op::Burn { id, now }).await.map(Done::changed)
    }

    pub(super) async fn fail_attempt(
        &self,
        id: SecretId,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        match self.write(Op::FailAttempt { id, limit, now }).await? {
            Done::AttemptsLeft(left) => Ok(left),
            _ => Err(StoreError::Closed),
        }
    }

    pub(super) async fn sweep(&self, now: Timestamp, at_most: usize) -> Result<Swept, StoreError> {
        match self.write(Op::Sweep { now, at_most }).await? {
            Done::Swept(swept) => Ok(swept),
            _ => Err(StoreError::Closed),
        }
    }

    pub(super) async fn peek(&self, id: SecretId, now: Timestamp) -> Result<Option<Peek>, StoreError> {
        match self.read(reader::Query::Peek { id, now }).await? {
            reader::Found::Peek(peek) => Ok(peek.map(|peek| *peek)),
            _ => Err(StoreError::Closed),
        }
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.read(reader::Query::Ping).await.map(|_| ())
    }

    pub(super) async fn count_by_key(&self) -> Result<Vec<([u8; 8], u64)>, StoreError> {
        match self.read(reader::Query::CountByKey).await? {
            reader::Found::Counts(counts) => Ok(counts),
            _ => Err(StoreError::Closed),
        }
    }

    /// Closes the queues and waits until the threads have finished what is in them.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        drop(self.writes.lock().map_err(|_| StoreError::Closed)?.take());
        drop(self.reads.lock().map_err(|_| StoreError::Closed)?.take());
        let threads = std::mem::take(&mut *self.threads.lock().map_err(|_| StoreError::Closed)?);
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok())).await;
        let _ = self.lock.unlock();
        if joined.unwrap_or(false) { Ok(()) } else { Err(StoreError::Closed) }
    }

    async fn write(&self, call: Op) -> Result<Done, StoreError> {
        send(&self.writes, call).await
    }

    async fn read(&self, call: reader::Query) -> Result<reader::Found, StoreError> {
        send(&self.reads, call).await
    }
}

/// Queues a call and waits for its answer.
async fn send<C, A>(queue: &Mutex<Option<mpsc::SyncSender<Job<C, A>>>>, call: C) -> Result<A, StoreError> {
    let (answer, answered) = oneshot::channel();
    {
        let queue = queue.lock().map_err(|_| StoreError::Closed)?;
        let queue = queue.as_ref().ok_or(StoreError::Closed)?;
        queue.try_send(Job { call, answer }).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => StoreError::Busy,
            mpsc::TrySendError::Disconnected(_) => StoreError::Closed,
        })?;
    }
    answered.await.map_err(|_| StoreError::Closed)?
}

/// Says of an engine's error what a caller can act on. SQLite's messages hold no bound values.
fn engine_error(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => StoreError::Full,
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Engine(error.to_string()),
    }
}
