//! The thread that owns the write connection.
//!
//! It takes what has queued, runs it in one transaction and answers only after the commit. While it commits, the next
//! batch gathers: group commit without a timer, so that a lone call waits for nobody. Between batches the files are kept clean.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    cleaner::Cleaner,
    error::{engine_error, may_lack_space},
    job::Work,
    progress::Progress,
    tables::Tables,
    transaction::{Broken, transaction},
};
use crate::{
    store::{StoreError, damage::Damage},
    tally::Tally,
};

/// Calls in one transaction at most.
const BATCH_CALLS: usize = 512;
/// Ciphertext in one transaction at most, in bytes.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// How long to wait before each further try to write over a commit that failed, in milliseconds: five seconds in all.
const SETTLE_PAUSES: [u64; 6] = [0, 50, 200, 750, 1500, 2500];

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
    /// Both.
    Replaces(usize),
}

impl Effect {
    fn bytes(self) -> usize {
        if let Self::Adds(bytes) | Self::Replaces(bytes) = self { bytes } else { 0 }
    }

    fn adds(self) -> bool {
        matches!(self, Self::Adds(_) | Self::Replaces(_))
    }

    fn removes(self) -> bool {
        matches!(self, Self::Removes | Self::Replaces(_))
    }
}

/// Why the writer came to an end by itself: it can't go on without breaking a promise.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// What was running may or may not be kept, and only a recovery can tell.
    #[error("a commit failed, and nothing could be written after it ({0})")]
    Unsettled(StoreError),
    #[error("a transaction could be neither ended nor rolled back ({0})")]
    Stuck(StoreError),
}

pub(super) struct Writer {
    tables: Tables,
    cleaner: Cleaner,
    progress: Arc<Progress>,
    damage: Arc<Damage>,
    tally: Arc<Tally>,
}

impl Writer {
    pub(super) fn new(
        tables: Tables,
        cleaner: Cleaner,
        progress: Arc<Progress>,
        damage: Arc<Damage>,
        tally: Arc<Tally>,
    ) -> Self {
        tables.connection.set_prepared_statement_cache_capacity(48);
        Self { tables, cleaner, progress, damage, tally }
    }

    /// Works until it is told to close, or everybody who could call has gone; then empties the WAL.
    ///
    /// # Errors
    /// [`Ended`]: what ran then is answered by nobody.
    pub(super) fn run(mut self, queue: &Receiver<Message>) -> Result<(), Ended> {
        let mut closing = None;
        while closing.is_none() {
            match queue.recv_timeout(self.cleaner.wait()) {
                Ok(Message::Call(first)) => {
                    let batch;
                    (batch, closing) = gather(first, queue);
                    self.tally.queue.add(-i64::try_from(batch.len()).unwrap_or_default());
                    self.work(batch)?;
                    if self.cleaner.is_overdue() {
                        self.cleaner.step(&self.tables);
                    }
                }
                Ok(Message::Close(closed)) => closing = Some(closed),
                Err(RecvTimeoutError::Timeout) => self.cleaner.step(&self.tables),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let _ = self.tables.connection.execute_batch("PRAGMA optimize");
        // The last connection to go deletes the WAL.
        self.cleaner.empty_wal(&self.tables);
        drop(self);
        if let Some(closed) = closing {
            let _ = closed.send(());
        }
        Ok(())
    }

    /// Runs a batch, and answers it. When the engine fails in the middle nothing has been kept: each call is then run
    /// in a transaction of its own, so that it answers for itself only.
    fn work(&mut self, mut batch: Vec<Call>) -> Result<(), Ended> {
        self.cleaner.count(batch.len());
        let removes = batch.iter().any(|call| call.effect.removes());
        match self.commit(&mut batch) {
            Ok(Ok(())) => finish(batch, None),
            Ok(Err(_)) => {
                let mut left = batch.into_iter();
                while let Some(call) = left.next() {
                    if let Err(ended) = self.alone(call) {
                        std::mem::forget(left);
                        return Err(ended);
                    }
                }
            }
            Err(ended) => {
                // To answer is to say what a crash might make untrue: whoever waits is let down by the end of the process.
                std::mem::forget(batch);
                return Err(ended);
            }
        }
        if removes {
            self.cleaner.removed();
        }
        Ok(())
    }

    /// One call in a transaction of its own; one that frees space may use what was kept back.
    fn alone(&mut self, call: Call) -> Result<(), Ended> {
        let mut batch = vec![call];
        let done = self.alone_in(&mut batch);
        match done {
            Ok(Ok(())) => finish(batch, None),
            // What is full was told when it was first so.
            Ok(Err(error)) => {
                if error != StoreError::Full {
                    tracing::warn!(%error, "a call to the database failed");
                }
                finish(batch, Some(&error));
            }
            Err(ended) => {
                std::mem::forget(batch);
                return Err(ended);
            }
        }
        Ok(())
    }

    fn alone_in(&mut self, batch: &mut [Call]) -> Result<Result<(), StoreError>, Ended> {
        let adds = batch.iter().any(|call| call.effect.adds());
        let error = match self.commit(batch)? {
            Err(error) if may_lack_space(&error) => error,
            done => return Ok(done.map_err(|error| engine_error(&error))),
        };
        let room = !adds && self.cleaner.make_room(&self.tables);
        let error = if room {
            let again = self.commit(batch)?;
            self.cleaner.close_room(&self.tables);
            match again {
                Ok(()) => return Ok(Ok(())),
                Err(error) => error,
            }
        } else {
            error
        };
        let full = may_lack_space(&error) && self.cleaner.disk_is_full();
        let error = if full { StoreError::Full } else { engine_error(&error) };
        if error == StoreError::Full {
            self.cleaner.found_full();
        }
        Ok(Err(error))
    }

    /// Runs every call in one transaction. When its outcome isn't known, it is made known before anything else is done or said.
    fn commit(&mut self, batch: &mut [Call]) -> Result<rusqlite::Result<()>, Ended> {
        self.tally.batches.note(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        let began = Instant::now();
        let done = transaction(&self.tables.connection, || {
            self.tables.begin();
            for call in batch {
                call.work.run(&self.tables)?;
            }
            self.tables.counts.write(&self.tables.connection)
        });
        self.tally.commits.since(began);
        if done.is_err() {
            self.tally.failed_commits.one();
        }
        let Tables { counts, receipts, outbox, .. } = &self.tables;
        let given_up =
            [("the counts of records", &counts.given_up), ("the receipts", receipts), ("the outbox", &outbox.given_up)];
        for (place, given_up) in given_up {
            if let Some(why) = given_up.damage() {
                self.damage.report(place, &why);
            }
        }
        match done {
            Ok(()) => {
                self.progress.committed();
                self.tables.outbox.committed();
                Ok(Ok(()))
            }
            Err(Broken::Statement(error)) => Ok(Err(error)),
            Err(Broken::Commit(error)) => {
                if !was_cut_off(&error) {
                    tracing::error!(%error, "a commit failed: nothing is answered until something could be written after it");
                    self.settle()?;
                }
                Ok(Err(error))
            }
            Err(Broken::Stuck(error)) => Err(Ended::Stuck(engine_error(&error))),
        }
    }

    /// Writes over a commit that failed: its frames may lie in the WAL, where a recovery would find them.
    fn settle(&mut self) -> Result<(), Ended> {
        let (mut last, mut room) = (StoreError::Closed, false);
        for pause in SETTLE_PAUSES {
            std::thread::sleep(Duration::from_millis(pause));
            match self.tables.settle() {
                Ok(()) => {
                    if room {
                        self.cleaner.close_room(&self.tables);
                    }
                    return Ok(());
                }
                Err(Broken::Stuck(error)) => return Err(Ended::Stuck(engine_error(&error))),
                Err(broken) => last = engine_error(&broken.into_error()),
            }
            if !room && self.cleaner.disk_is_full() {
                self.cleaner.give_up_reserve();
                room = true;
            }
        }
        Err(Ended::Unsettled(last))
    }
}

/// Whether a commit failed before its last frame was written: then it has no outcome that could be found.
fn was_cut_off(error: &rusqlite::Error) -> bool {
    let written = rusqlite::ffi::SQLITE_IOERR_WRITE;
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
        || matches!(error, rusqlite::Error::SqliteFailure(code, _) if code.extended_code == written)
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
    batch.sort_by_key(|call| call.effect.adds());
    (batch, closing)
}

/// Answers calls with what they came to, or with what failed.
fn finish(batch: Vec<Call>, failed: Option<&StoreError>) {
    for call in batch {
        call.work.finish(failed.cloned());
    }
}
