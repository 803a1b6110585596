//! The thread that owns the write connection.
//!
//! It takes what has queued, runs it in one transaction and answers only after the commit. While it commits, the next
//! batch gathers: group commit without a timer, so that a lone call waits for nobody. Between batches it keeps the
//! files clean: ciphertext that was removed leaves the WAL, and free pages go back to the file system.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    Job, engine_error,
    ops::{Done, Failure, Op, Tables},
    reserve::Reserve,
};
use crate::{memory::Budget, store::StoreError};

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

type WriteJob = Job<Op, Done>;

pub(super) struct Writer {
    connection: Connection,
    reserve: Reserve,
    budget: Budget,
    /// A chunk as it is written: kept, so that it isn't allocated anew.
    scratch: Vec<u8>,
    /// Since when the WAL may hold removed ciphertext.
    dirty_since: Option<Instant>,
    /// Not before then is a checkpoint tried again.
    retry_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(connection: Connection, reserve: Reserve, budget: Budget) -> Self {
        connection.set_prepared_statement_cache_capacity(32);
        // What was removed just before a crash may still be in the WAL.
        Self { connection, reserve, budget, scratch: Vec::new(), dirty_since: Some(Instant::now()), retry_at: None }
    }

    /// Works until every sender is gone, then empties the WAL.
    pub(super) fn run(mut self, queue: &Receiver<WriteJob>) {
        loop {
            match queue.recv_timeout(self.wait()) {
                Ok(first) => {
                    self.work(gather(first, queue));
                    if self.dirty_since.is_some_and(|since| since.elapsed() > LATEST_CHECKPOINT) && self.may_retry() {
                        self.checkpoint();
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.clean(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.checkpoint();
        let _ = self.connection.execute_batch("PRAGMA optimize");
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
    fn work(&mut self, batch: Vec<WriteJob>) {
        let removes = batch.iter().any(|job| job.call.removes());
        match self.transaction(&batch) {
            Ok(done) => batch.into_iter().zip(done).for_each(|(job, done)| answer(job, done)),
            Err(Broken::Statement(_) | Broken::Commit(StoreError::Full)) => {
                for job in batch {
                    let done = self.alone(&job);
                    answer(job, done);
                }
            }
            Err(Broken::Commit(error)) => {
                tracing::error!(%error, "a commit failed");
                for job in batch {
                    answer(job, Err(error.clone()));
                }
            }
        }
        if removes {
            self.dirty_since.get_or_insert_with(Instant::now);
        }
    }

    /// One call in a transaction of its own; one that frees space may use what was kept back.
    fn alone(&mut self, job: &WriteJob) -> Result<Done, StoreError> {
        let mut done = self.one(job);
        if matches!(done, Err(StoreError::Full)) && job.call.may_use_reserve() {
            // With the reserve's space the WAL can move to the database, and then has room for this call.
            let given_up = self.reserve.give_up();
            let emptied = self.checkpoint();
            if given_up || emptied {
                done = self.one(job);
                // What the WAL took is free again: hold it before anybody else takes it.
                if self.checkpoint() {
                    self.reserve.restore();
                }
            }
            self.dirty_since.get_or_insert_with(Instant::now);
        }
        if let Err(error) = &done {
            tracing::warn!(%error, "a call to the database failed");
        }
        done
    }

    fn one(&mut self, job: &WriteJob) -> Result<Done, StoreError> {
        match self.transaction(std::slice::from_ref(job)) {
            Ok(done) => done.into_iter().next().unwrap_or(Err(StoreError::Closed)),
            Err(Broken::Statement(error) | Broken::Commit(error)) => Err(error),
        }
    }

    /// Runs every call in one transaction.
    fn transaction(&mut self, batch: &[WriteJob]) -> Result<Vec<Result<Done, StoreError>>, Broken> {
        let statement = |error: rusqlite::Error| Broken::Statement(engine_error(&error));
        let connection = &self.connection;
        connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([])).map_err(statement)?;
        let tables = Tables { connection, budget: &self.budget };
        let mut done = Vec::with_capacity(batch.len());
        for job in batch {
            match job.call.run(&tables, &mut self.scratch) {
                Ok(result) => done.push(Ok(result)),
                Err(Failure::Refused(error)) => done.push(Err(error)),
                Err(Failure::Engine(error)) => {
                    roll_back(connection);
                    return Err(statement(error));
                }
            }
        }
        let commit = connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        commit.map_err(|error| {
            roll_back(connection);
            Broken::Commit(engine_error(&error))
        })?;
        Ok(done)
    }

    /// Idle work, a step at a time: empty the WAL, give free pages back, hold the reserve again.
    fn clean(&mut self) {
        if self.dirty_since.is_none() || !self.may_retry() {
            return;
        }
        let free = self.connection.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0)).unwrap_or(0);
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
        let mut statement = self.connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_STEP})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// Moves the WAL into the database and empties it. False when that has to be tried again.
    fn checkpoint(&mut self) -> bool {
        let busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
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

/// The first call and what else has queued.
fn gather(first: WriteJob, queue: &Receiver<WriteJob>) -> Vec<WriteJob> {
    let mut bytes = first.call.size();
    let mut batch = vec![first];
    while batch.len() < BATCH_CALLS && bytes < BATCH_BYTES {
        let Ok(job) = queue.try_recv() else { break };
        bytes += job.call.size();
        batch.push(job);
    }
    // Calls that wait together depend on none of each other. With the removals first, the inserts take the pages that
    // came free, which then are written once and not twice.
    batch.sort_by_key(|job| matches!(job.call, Op::Insert { .. }));
    batch
}

/// Answers a call. Whoever made it may have gone away: that changes nothing.
fn answer(job: WriteJob, done: Result<Done, StoreError>) {
    let _ = job.answer.send(done);
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
}
