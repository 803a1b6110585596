//! The thread that answers what changes nothing. What has queued is answered in one short read transaction, so that pages are looked up
//! once for all of it, and no snapshot stays open and holds up the writer's checkpoint.

use std::sync::mpsc::{Receiver, SyncSender};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::oneshot;

use super::{
    engine_error,
    job::{Failure, Work},
    payload,
    syncer::{Progress, Settle},
    tables::time,
};
use crate::{
    memory::{Budget, Buffer},
    secret::{ClaimHash, KeyId, SecretId, Verifier},
    store::{Head, Held, StoreError, Stored},
};

/// Calls in one transaction at most.
const BATCH: usize = 64;

/// What the reader is sent.
pub(super) enum Message {
    Call(Box<dyn Work<Reader>>),
    /// Ends it; answered when it has let go of the database.
    Close(oneshot::Sender<()>),
}

/// The connection that only reads.
pub(super) struct Reader {
    connection: Connection,
    budget: Budget,
}

impl Reader {
    pub(super) fn new(connection: Connection, budget: Budget) -> Self {
        Self { connection, budget }
    }

    /// Answers until it is told to close, or everybody who could ask has gone.
    pub(super) fn run(self, queue: &Receiver<Message>, settle: SyncSender<Settle>, progress: &Progress) {
        let mut closing = None;
        while closing.is_none() {
            let Ok(first) = queue.recv() else { break };
            let mut batch = Vec::new();
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Call(call) => batch.push(call),
                    Message::Close(closed) => {
                        closing = Some(closed);
                        break;
                    }
                }
                next = if batch.len() < BATCH { queue.try_recv().ok() } else { None };
            }
            self.answer(batch, &settle, progress);
        }
        drop((self, settle));
        if let Some(closed) = closing {
            let _ = closed.send(());
        }
    }

    fn answer(&self, batch: Vec<Box<dyn Work<Self>>>, settle: &SyncSender<Settle>, progress: &Progress) {
        let snapshot = batch.len() > 1 && self.connection.execute_batch("BEGIN").is_ok();
        let answered: Vec<_> = batch
            .into_iter()
            .map(|mut call| {
                let failed = call.run(self).err().map(|error| engine_error(&error));
                (call, failed)
            })
            .collect();
        if snapshot && let Err(error) = self.connection.execute_batch("COMMIT") {
            tracing::warn!(%error, "a read transaction could not be ended");
        }
        // Whatever these calls saw is among what was begun by now; it may not be on the disk yet.
        let seen = progress.seen();
        for (call, failed) in answered {
            if failed.is_some() || !call.is_negative() || progress.is_synced(seen) {
                call.finish(failed);
            } else if let Err(unsent) = settle.send(Settle { batch: seen, jobs: vec![call] }) {
                unsent.0.jobs.into_iter().for_each(|job| job.finish(Some(StoreError::Closed)));
            }
        }
    }

    /// The record with its content.
    pub(super) fn load(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        now: Timestamp,
    ) -> Result<Option<Stored>, Failure> {
        let Some((head, seq, length)) = self.find(id, claim, now)? else { return Ok(None) };
        // A length that can't be is damage: it must not decide how much memory is taken.
        let length = length.min(payload::MAX_SEALED);
        let mut sealed = Buffer::with_capacity(length).map_err(|_| payload::no_memory())?;
        if !sealed.reserve(&self.budget, length) {
            return Err(Failure::Refused(StoreError::Busy));
        }
        payload::read(&self.connection, seq, &mut sealed)?;
        Ok(Some(Stored { head, sealed }))
    }

    /// What may be told of it.
    pub(super) fn peek(&self, id: SecretId, claim: Option<ClaimHash>, now: Timestamp) -> Result<Option<Head>, Failure> {
        Ok(self.find(id, claim, now)?.map(|(head, ..)| head))
    }

    /// What is kept under each key.
    pub(super) fn held(&self) -> Result<Vec<Held>, Failure> {
        let mut statement =
            self.connection.prepare_cached("SELECT key_id, records, bytes FROM held WHERE records > 0")?;
        let held = statement
            .query_map([], |row| Ok(Held { key_id: KeyId(row.get(0)?), records: row.get(1)?, bytes: row.get(2)? }))?
            .collect::<Result<_, _>>()?;
        Ok(held)
    }

    /// When the record died that has waited longest to be removed.
    pub(super) fn oldest_dead(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let oldest = self
            .connection
            .prepare_cached("SELECT deadline FROM record WHERE deadline <= ?1 ORDER BY deadline LIMIT 1")?
            .query_row([now.as_millisecond()], |row| time(row, 0))
            .optional()?;
        Ok(oldest)
    }

    /// Something trivial that reads the file.
    pub(super) fn ping(&self) -> Result<(), Failure> {
        self.connection.prepare_cached("SELECT seq FROM record LIMIT 1")?.query_row([], |_| Ok(())).optional()?;
        Ok(())
    }

    fn find(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        now: Timestamp,
    ) -> rusqlite::Result<Option<(Head, i64, usize)>> {
        self.connection
            .prepare_cached(
                "SELECT created_at, expires_at, kind, size, key_id, verifier, seq, sealed_len
                 FROM record WHERE id = ?1 AND deadline > ?2 AND (claim IS NULL OR claim = ?3)",
            )?
            .query_row(params![id.0, now.as_millisecond(), claim.map(|claim| claim.0)], |row| {
                Ok((head(row)?, row.get(6)?, row.get(7)?))
            })
            .optional()
    }
}

fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        created_at: time(row, 0)?,
        expires_at: time(row, 1)?,
        kind: row.get(2)?,
        size: row.get(3)?,
        key_id: KeyId(row.get(4)?),
        verifier: row.get::<_, Option<[u8; 32]>>(5)?.map(Verifier),
    })
}
