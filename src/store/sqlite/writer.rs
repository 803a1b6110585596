//! The thread that owns the write connection.
//!
//! It takes what has queued, runs it in one transaction and answers only after the commit. While it commits, the next
//! batch gathers: group commit without a timer, so that a lone call waits for nobody. Between batches it keeps the
//! files clean: ciphertext that was removed leaves the WAL, and free pages go back to the file system.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{engine_error, job::Work, progress::Progress, reserve::Reserve, tables::Tables};
use crate::store::StoreError;

/// Calls in one transaction at most.
const BATCH_CALLS: usize = 512;
/// Ciphertext in one transaction at most, in bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How long the queue has to be empty before the files are cleaned.
const IDLE: Duration = Duration::from_millis(500);
/// How long removed ciphertext may stay in the WAL under constant load.
const LATEST_CHECKPOINT: Duration = Duration::from_secs(20);
/// How soon to try again when somebody's open snapshot kept the WAL from being emptied.
const CHECKPOINT_RETRY: Duration = Duration::from_secs(1);
/// How long to sleep when there is nothing to do.
const ASLEEP: Duration = Duration::from_secs(60);
/// Free pages that are left for the next secrets.
const SPARE_PAGES: i64 = 1024;
/// Free pages given back between two looks at the queue.
const VACUUM_STEP: u32 = 8192;

/// What the writer is sent.
pub(super) enum Message {
    Call(Call),
    /// Ends it, once what came before is done; answered when the files are small and closed.
    Close(oneshot::Sender<()>),
}

/// A call that changes something.
pub(super) struct Call {
    pub(super) effect: Effect,
    pub(super) work: Box<dyn Work>,
}

/// What a call does to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Adds so many bytes: what a full disk has to refuse.
    Adds(usize),
    /// Changes a few bytes.
    Changes,
    /// Removes ciphertext: the files have to be cleaned after it.
    Removes,
}

impl Effect {
    fn bytes(self) -> usize {
        if let Self::Adds(bytes) = self { bytes } else { 0 }
    }
}

pub(super) struct Writer {
    tables: Tables,
    reserve: Reserve,
    progress: Arc<Progress>,
    /// Since when the WAL may hold removed ciphertext.
    dirty_since: Option<Instant>,
    /// Not before then is a checkpoint tried again.
    retry_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(tables: Tables, reserve: Reserve, progress: Arc<Progress>) -> Self {
        tables.connection.set_prepared_statement_cache_capacity(32);
        // What was removed just before a crash may still be in the WAL.
        Self { tables, reserve, progress, dirty_since: Some(Instant::now()), retry_at: None }
    }

    /// Works until it is told to close, or everybody who could call has gone; then empties the WAL.
    pub(super) fn run(mut self, queue: &Receiver<Message>) {
        let mut closing = None;
        while closing.is_none() {
            match queue.recv_timeout(self.wait()) {
                Ok(Message::Call(first)) => {
                    let batch;
                    (batch, closing) = gather(first, queue);
                    self.work(batch);
                    if self.dirty_since.is_some_and(|since| since.elapsed() > LATEST_CHECKPOINT) && self.may_retry() {
                        self.checkpoint();
                    }
                }
                Ok(Message::Close(closed)) => closing = Some(closed),
                Err(RecvTimeoutError::Timeout) => self.clean(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.checkpoint();
        let _ = self.tables.connection.execute_batch("PRAGMA optimize");
        drop(self);
        if let Some(closed) = closing {
            let _ = closed.send(());
        }
    }

    fn may_retry(&self) -> bool {
        self.retry_at.is_none_or(|at| Instant::now() >= at)
    }

    fn wait(&self) -> Duration {
        match (self.dirty_since, self.retry_at) {
            (None, _) => ASLEEP,
            (Some(_), None) => IDLE,
            (Some(_), Some(at)) => at.saturating_duration_since(Instant::now()).max(IDLE),
        }
    }

    /// Runs a batch, and answers it. When the engine fails in the middle nothing has been kept: each call is then run
    /// in a transaction of its own, so that it answers for itself only.
    fn work(&mut self, mut batch: Vec<Call>) {
        let removes = batch.iter().any(|call| call.effect == Effect::Removes);
        match self.transaction(&mut batch) {
            Ok(()) => finish(batch, None),
            Err(Broken::Statement(_) | Broken::Commit(StoreError::Full)) => {
                for call in batch {
                    self.alone(call);
                }
            }
            Err(Broken::Commit(error)) => {
                tracing::error!(%error, "a commit failed");
                finish(batch, Some(&error));
            }
        }
        if removes {
            self.dirty_since.get_or_insert_with(Instant::now);
        }
    }

    /// One call in a transaction of its own; one that frees space may use what was kept back.
    fn alone(&mut self, call: Call) {
        let mut batch = vec![call];
        let mut done = self.transaction(&mut batch);
        let frees = batch.iter().all(|call| !matches!(call.effect, Effect::Adds(_)));
        if frees && matches!(done, Err(Broken::Statement(StoreError::Full) | Broken::Commit(StoreError::Full))) {
            // With the reserve's space the WAL can move to the database, and then has room for this call.
            let given_up = self.reserve.give_up();
            let emptied = self.checkpoint();
            if given_up || emptied {
                done = self.transaction(&mut batch);
                // What the WAL took is free again: hold it before anybody else takes it.
                if self.checkpoint() {
                    self.reserve.restore();
                }
            }
            self.dirty_since.get_or_insert_with(Instant::now);
        }
        match done {
            Ok(()) => finish(batch, None),
            Err(Broken::Statement(error) | Broken::Commit(error)) => {
                tracing::warn!(%error, "a call to the database failed");
                finish(batch, Some(&error));
            }
        }
    }

    /// Runs every call in one transaction.
    fn transaction(&self, batch: &mut [Call]) -> Result<(), Broken> {
        let connection = &self.tables.connection;
        let statement = |error: rusqlite::Error| {
            roll_back(connection);
            Broken::Statement(engine_error(&error))
        };
        self.tables.begin().map_err(statement)?;
        for call in batch {
            call.work.run(&self.tables).map_err(statement)?;
        }
        self.tables.write_counts().map_err(statement)?;
        let commit = connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        commit.map_err(|error| {
            roll_back(connection);
            Broken::Commit(engine_error(&error))
        })?;
        self.progress.committed();
        Ok(())
    }

    /// Idle work, a step at a time: empty the WAL, give free pages back, hold the reserve again.
    fn clean(&mut self) {
        if self.dirty_since.is_none() || !self.may_retry() {
            return;
        }
        let free =
            self.tables.connection.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0)).unwrap_or(0);
        if free > SPARE_PAGES {
            match self.give_back_pages() {
                // More may be left: come back when the queue is empty again.
                Ok(()) if free > SPARE_PAGES + i64::from(VACUUM_STEP) => {
                    if self.dirty_since.is_some_and(|since| since.elapsed() < LATEST_CHECKPOINT) {
                        return;
                    }
                }
                Ok(()) => {}
                Err(error) => tracing::debug!(%error, "free pages could not be given back"),
            }
        }
        if self.checkpoint() {
            self.reserve.restore();
        }
    }

    fn give_back_pages(&self) -> rusqlite::Result<()> {
        // Each step of this statement frees one page.
        let mut statement = self.tables.connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_STEP})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// Moves the WAL into the database, syncs that, and empties the WAL. False when that has to be tried again.
    fn checkpoint(&mut self) -> bool {
        let busy = self.tables.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        let emptied = match busy {
            Ok(0) => true,
            Ok(_) => {
                tracing::debug!("somebody reads the database: the WAL is emptied later");
                false
            }
            Err(error) => {
                tracing::warn!(%error, "the WAL could not be emptied; it will be tried again");
                false
            }
        };
        if emptied {
            self.progress.checkpointed();
            self.dirty_since = None;
            self.retry_at = None;
        } else {
            self.dirty_since.get_or_insert_with(Instant::now);
            self.retry_at = Some(Instant::now() + CHECKPOINT_RETRY);
        }
        emptied
    }
}

/// Where a batch broke.
enum Broken {
    Statement(StoreError),
    Commit(StoreError),
}

/// The first call and what else has queued, up to the word to close if it is there.
fn gather(first: Call, queue: &Receiver<Message>) -> (Vec<Call>, Option<oneshot::Sender<()>>) {
    let mut bytes = first.effect.bytes();
    let mut batch = vec![first];
    let mut closing = None;
    while batch.len() < BATCH_CALLS && bytes < BATCH_BYTES {
        match queue.try_recv() {
            Ok(Message::Call(call)) => {
                bytes += call.effect.bytes();
                batch.push(call);
            }
            Ok(Message::Close(closed)) => {
                closing = Some(closed);
                break;
            }
            Err(_) => break,
        }
    }
    // Calls that wait together depend on none of each other. With the removals first, the inserts take the pages that
    // came free, which then are written once and not twice.
    batch.sort_by_key(|call| matches!(call.effect, Effect::Adds(_)));
    (batch, closing)
}

/// Answers calls with what they came to, or with what failed.
fn finish(batch: Vec<Call>, failed: Option<&StoreError>) {
    for call in batch {
        call.work.finish(failed.cloned());
    }
}

fn roll_back(connection: &rusqlite::Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
}
