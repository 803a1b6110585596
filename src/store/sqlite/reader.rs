//! Connections that only read, one a processor: a call that changes nothing runs where it was made, which is quicker than a thread's
//! turn. Each is one short read transaction, so that no snapshot stays open and holds up the writer's checkpoint.

use std::{
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{INLINE, error::engine_error, job::Failure, payload, schema, tables::time};
use crate::{
    memory::{Budget, Buffer},
    secret::{ClaimHash, KeyId, SecretId, Verifier},
    store::{Access, Head, Held, OpenError, StoreError, Stored},
};

/// Connections at most: each has a cache.
const MOST: usize = 8;

/// The columns of a record that [`Reader::head`] reads.
pub(super) const HEAD: &str = "created_at, expires_at, kind, size, key_id, verifier";

/// The connections; each is taken out when the store is closed.
pub(super) struct Readers {
    pool: Vec<Mutex<Option<Reader>>>,
    next: AtomicUsize,
}

impl Readers {
    /// Opens them.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let count = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, MOST);
        let reader = || {
            let connection = schema::open_reader(path)?;
            Ok(Mutex::new(Some(Reader { connection })))
        };
        let pool = (0..count).map(|_| reader()).collect::<Result<_, _>>()?;
        Ok(Self { pool, next: AtomicUsize::new(0) })
    }

    /// Runs `work` on one of them, in a transaction of its own.
    pub(super) fn run<T>(&self, work: impl FnOnce(&Reader) -> Result<T, Failure>) -> Result<T, StoreError> {
        let reader = self.free();
        let reader = reader.as_ref().and_then(|reader| reader.as_ref()).ok_or(StoreError::Closed)?;
        reader.in_transaction(work).map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Engine(error) => engine_error(&error),
        })
    }

    /// One that nobody uses now, else the one whose turn it is.
    fn free(&self) -> Option<MutexGuard<'_, Option<Reader>>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let mut pool = self.pool.iter().cycle().skip(turn % self.pool.len().max(1)).take(self.pool.len());
        let first = pool.clone().next()?;
        pool.find_map(|reader| match reader.try_lock() {
            Ok(reader) => Some(reader),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })
        .or_else(|| Some(first.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Keeps them all from reading, for as long as what is given lives.
    pub(super) fn hold(&self) -> Vec<MutexGuard<'_, Option<Reader>>> {
        self.pool.iter().map(|reader| reader.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Closes them: calls are [`StoreError::Closed`] from then on.
    pub(super) fn close(&self) {
        for reader in &self.pool {
            drop(reader.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

/// A connection that only reads.
pub(super) struct Reader {
    connection: Connection,
}

impl Reader {
    /// Whatever comes of `work`, the connection is free again after it.
    fn in_transaction<T>(&self, work: impl FnOnce(&Self) -> Result<T, Failure>) -> Result<T, Failure> {
        // Left by one that panicked.
        self.end("ROLLBACK")?;
        self.execute("BEGIN")?;
        let outcome = work(self);
        // Some errors of the engine have ended the transaction already.
        self.end("COMMIT").or_else(|_| self.end("ROLLBACK"))?;
        outcome
    }

    fn end(&self, statement: &str) -> rusqlite::Result<()> {
        if self.connection.is_autocommit() { Ok(()) } else { self.execute(statement) }
    }

    fn execute(&self, statement: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(statement)?.execute([]).map(drop)
    }

    /// The record with its content, if the caller may have it, unless that is longer than it may be here.
    pub(super) fn load(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        access: Access,
        now: Timestamp,
        within: Within<'_>,
    ) -> Result<Option<Loaded>, Failure> {
        let Some((head, seq, length)) = self.find(id, claim, now)? else { return Ok(None) };
        if head.verifier.is_some() && access == Access::Open {
            return Ok(Some(Loaded::Whole(Stored { head, sealed: Buffer::default() })));
        }
        if length > within.at_most {
            return Ok(Some(Loaded::Large));
        }
        // A length that can't be is damage: what is there decides how much memory is taken.
        let length = if length > INLINE { payload::length(&self.connection, seq)? } else { length };
        let mut sealed = Buffer::with_capacity(length).map_err(|_| payload::no_memory())?;
        if !sealed.reserve(within.memory, length) {
            return Err(Failure::Refused(StoreError::Busy));
        }
        payload::read(&self.connection, seq, &mut sealed)?;
        Ok(Some(Loaded::Whole(Stored { head, sealed })))
    }

    /// What a look at the tables tells.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        Ok(look(&self.connection)?)
    }

    /// What may be told of it.
    pub(super) fn peek(&self, id: SecretId, claim: Option<ClaimHash>, now: Timestamp) -> Result<Option<Head>, Failure> {
        Ok(self.find(id, claim, now)?.map(|(head, ..)| head))
    }

    /// What is kept under each key.
    pub(super) fn held(&self) -> Result<Vec<Held>, Failure> {
        Ok(Self::held_of(&self.connection)?)
    }

    /// The same, of another connection.
    pub(super) fn held_of(connection: &Connection) -> rusqlite::Result<Vec<Held>> {
        let mut statement = connection.prepare_cached("SELECT key_id, records, bytes FROM held WHERE records > 0")?;
        // A sum that damage has made negative says nothing worth failing for.
        let count =
            |row: &Row<'_>, column: usize| row.get::<_, i64>(column).ok().and_then(|count| u64::try_from(count).ok());
        statement
            .query_map([], |row| {
                let key_id = KeyId(row.get(0).unwrap_or_default());
                Ok(Held { key_id, records: count(row, 1).unwrap_or(0), bytes: count(row, 2).unwrap_or(0) })
            })?
            .collect()
    }

    /// When the record died that has waited longest to be removed.
    pub(super) fn oldest_dead(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let oldest = self
            .connection
            .prepare_cached("SELECT deadline FROM record WHERE deadline <= ?1 ORDER BY deadline LIMIT 1")?
            .query_row([now.as_millisecond()], |row| Ok(time(row, 0).unwrap_or(Timestamp::MIN)))
            .optional()?;
        Ok(oldest)
    }

    /// When the first of the records dies that are live at `now`.
    pub(super) fn next_deadline(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let next = self
            .connection
            .prepare_cached("SELECT deadline FROM record WHERE deadline > ?1 ORDER BY deadline LIMIT 1")?
            .query_row([now.as_millisecond()], |row| time(row, 0))
            .optional()?;
        Ok(next)
    }

    /// When the server is last known to have run.
    pub(super) fn last_seen(&self) -> Result<Option<Timestamp>, Failure> {
        let seen = self
            .connection
            .prepare_cached("SELECT seen_at FROM state WHERE seen_at IS NOT NULL")?
            .query_row([], |row| time(row, 0))
            .optional()?;
        Ok(seen)
    }

    /// Something trivial that goes the way to the leaves of every table and index, to the first or the last: where neither can be reached,
    /// nothing works.
    pub(super) fn ping(&self) -> Result<(), Failure> {
        let look = |query: &str| self.connection.prepare_cached(query)?.exists([]).map(drop);
        for (first, last) in [
            ("SELECT 1 FROM record WHERE seq = 0", "SELECT 1 FROM record WHERE seq = 1 << 62"),
            ("SELECT 1 FROM record WHERE id = x''", "SELECT 1 FROM record WHERE id = x'ffffffff'"),
            ("SELECT 1 FROM record WHERE deadline < -1", "SELECT 1 FROM record WHERE deadline > 1 << 62"),
            ("SELECT 1 FROM payload WHERE chunk = 0", "SELECT 1 FROM payload WHERE chunk = 1 << 62"),
        ] {
            look(first).or_else(|_| look(last))?;
        }
        Ok(())
    }

    /// What may be told of a record, from the columns [`HEAD`].
    pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<Head> {
        Ok(Head {
            created_at: time(row, 0)?,
            expires_at: time(row, 1)?,
            kind: row.get(2)?,
            size: row.get(3)?,
            key_id: KeyId(row.get(4)?),
            verifier: row.get::<_, Option<[u8; 32]>>(5)?.map(Verifier),
        })
    }

    fn find(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        now: Timestamp,
    ) -> rusqlite::Result<Option<(Head, i64, usize)>> {
        self.connection
            .prepare_cached(&format!(
                "SELECT {HEAD}, seq, sealed_len
                 FROM record WHERE id = ?1 AND deadline > ?2 AND (claim IS NULL OR claim = ?3)"
            ))?
            .query_row(params![id.0, now.as_millisecond(), claim.map(|claim| claim.0)], |row| {
                Ok((Self::head(row)?, row.get(6)?, row.get(7)?))
            })
            .optional()
    }
}

/// Bounds for what is loaded.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    /// Where it is counted.
    pub(super) memory: &'a Budget,
    /// How long it may be, in bytes.
    pub(super) at_most: usize,
}

/// A record that was found.
pub(super) enum Loaded {
    Whole(Stored),
    /// Its content is longer than was asked for.
    Large,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that panicked or failed in the middle is as good as new for the next.
    #[test]
    fn a_reader_survives_what_runs_on_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        schema::open_writer(&path).unwrap();
        let readers = Readers::open(&path).unwrap();
        for _ in 0..20 {
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                readers.run(|_| -> Result<(), Failure> { panic!("as a bug would") })
            }));
            assert!(panicked.is_err());
            let failed = readers.run(|_| -> Result<(), Failure> { Err(rusqlite::Error::InvalidQuery.into()) });
            assert!(matches!(failed, Err(StoreError::Engine(_))));
            assert_eq!(readers.run(Reader::ping), Ok(()));
        }
    }
}
