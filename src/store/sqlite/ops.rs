//! What each changing call of the store's contract does to the tables. The caller has a transaction open.

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params, types::Type};

use super::payload;
use crate::{
    memory::{Budget, Reservation},
    secret::{ClaimHash, SecretId},
    store::{Access, Record, StoreError, Stored, Swept},
};

/// A call that changes something. It can be run again after its transaction was rolled back.
pub(super) enum Op {
    Insert {
        record: Record,
        #[expect(dead_code, reason = "held while the record waits")]
        reservation: Reservation,
    },
    Take {
        id: SecretId,
        access: Access,
        now: Timestamp,
    },
    Claim {
        id: SecretId,
        access: Access,
        claim: ClaimHash,
        until: Timestamp,
        now: Timestamp,
    },
    Release {
        id: SecretId,
        claim: ClaimHash,
    },
    Burn {
        id: SecretId,
        now: Timestamp,
    },
    FailAttempt {
        id: SecretId,
        limit: u32,
        now: Timestamp,
    },
    Sweep {
        now: Timestamp,
        at_most: usize,
    },
}

/// What a call came to.
pub(super) enum Done {
    Changed(bool),
    Record(Option<Stored>),
    AttemptsLeft(Option<u32>),
    Swept(Swept),
}

impl Done {
    pub(super) fn record(self) -> Option<Stored> {
        match self {
            Self::Record(record) => record,
            _ => None,
        }
    }

    pub(super) fn changed(self) -> bool {
        matches!(self, Self::Changed(true))
    }
}

/// Why a call came to nothing.
pub(super) enum Failure {
    /// Nothing was changed, and the transaction goes on.
    Refused(StoreError),
    /// The engine failed: the transaction has to be rolled back.
    Engine(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

/// Ciphertext that one sweep removes at most, in bytes: bounds the transaction.
const SWEEP_BYTES: usize = 16 * 1024 * 1024;

impl Op {
    /// Bytes that the call adds to its transaction.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Insert { record, .. } => record.sealed.len(),
            _ => 0,
        }
    }

    /// Whether the call adds nothing that is worth keeping out when the disk is full.
    pub(super) fn may_use_reserve(&self) -> bool {
        !matches!(self, Self::Insert { .. })
    }

    /// Whether ciphertext may have been removed.
    pub(super) fn removes(&self) -> bool {
        !matches!(self, Self::Insert { .. } | Self::Claim { .. })
    }

    pub(super) fn run(&self, tables: &Tables<'_>, scratch: &mut Vec<u8>) -> Result<Done, Failure> {
        match self {
            Self::Insert { record, .. } => tables.insert(record, scratch).map(Done::Changed),
            Self::Take { id, access, now } => tables.take(*id, *access, *now).map(Done::Record),
            Self::Claim { id, access, claim, until, now } => {
                tables.claim(*id, *access, *claim, *until, *now).map(Done::Record)
            }
            Self::Release { id, claim } => tables.release(*id, *claim).map(Done::Changed),
            Self::Burn { id, now } => tables.burn(*id, *now).map(Done::Changed),
            Self::FailAttempt { id, limit, now } => tables.fail_attempt(*id, *limit, *now).map(Done::AttemptsLeft),
            Self::Sweep { now, at_most } => tables.sweep(*now, *at_most).map(Done::Swept),
        }
    }
}

/// The tables inside an open transaction.
pub(super) struct Tables<'a> {
    pub(super) connection: &'a Connection,
    pub(super) budget: &'a Budget,
}

/// A record's small part, as far as reading it needs.
struct Head {
    seq: i64,
    expires_at: Timestamp,
    kind: u8,
    key_id: [u8; 8],
    sealed_len: usize,
}

impl Head {
    const COLUMNS: &'static str = "seq, expires_at, kind, key_id, sealed_len";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            expires_at: time(row, 1)?,
            kind: row.get(2)?,
            key_id: row.get(3)?,
            sealed_len: row.get(4)?,
        })
    }
}

impl Tables<'_> {
    fn insert(&self, record: &Record, scratch: &mut Vec<u8>) -> Result<bool, Failure> {
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT INTO record (id, created_at, expires_at, deadline, kind, size, key_id, verifier, sealed_len)
                 VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                record.id.0,
                record.created_at.as_millisecond(),
                record.expires_at.as_millisecond(),
                record.kind,
                record.size,
                record.key_id,
                record.verifier,
                record.sealed.len(),
            ]);
        match inserted {
            Ok(_) => {}
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        payload::write(self.connection, self.connection.last_insert_rowid(), &record.sealed, scratch)?;
        Ok(true)
    }

    fn take(&self, id: SecretId, access: Access, now: Timestamp) -> Result<Option<Stored>, Failure> {
        let Some(head) = self.unclaimed(id, access, now)? else { return Ok(None) };
        let stored = self.load(&head)?;
        self.remove(head.seq)?;
        Ok(Some(stored))
    }

    fn claim(
        &self,
        id: SecretId,
        access: Access,
        claim: ClaimHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Stored>, Failure> {
        if let Some(head) = self.unclaimed(id, access, now)? {
            let stored = self.load(&head)?;
            self.connection
                .prepare_cached("UPDATE record SET claim = ?2, deadline = ?3 WHERE seq = ?1")?
                .execute(params![head.seq, claim.0, until.as_millisecond()])?;
            return Ok(Some(stored));
        }
        let again = self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM record
                 WHERE id = ?1 AND claim = ?2 AND deadline > ?3 AND (verifier IS NULL OR ?4)",
                Head::COLUMNS
            ))?
            .query_row(params![id.0, claim.0, now.as_millisecond(), access == Access::Verified], Head::from_row)
            .optional()?;
        again.map(|head| self.load(&head)).transpose()
    }

    fn release(&self, id: SecretId, claim: ClaimHash) -> Result<bool, Failure> {
        let seq = self
            .connection
            .prepare_cached("SELECT seq FROM record WHERE id = ?1 AND claim = ?2")?
            .query_row(params![id.0, claim.0], |row| row.get(0))
            .optional()?;
        self.remove_if(seq)
    }

    fn burn(&self, id: SecretId, now: Timestamp) -> Result<bool, Failure> {
        let head = self.unclaimed(id, Access::Verified, now)?;
        self.remove_if(head.map(|head| head.seq))
    }

    fn fail_attempt(&self, id: SecretId, limit: u32, now: Timestamp) -> Result<Option<u32>, Failure> {
        let counted: Option<(i64, u32)> = self
            .connection
            .prepare_cached(
                "UPDATE record SET attempts = attempts + 1 WHERE id = ?1 AND deadline > ?2 RETURNING seq, attempts",
            )?
            .query_row(params![id.0, now.as_millisecond()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((seq, attempts)) = counted else { return Ok(None) };
        let left = limit.saturating_sub(attempts);
        if left == 0 {
            self.remove(seq)?;
        }
        Ok(Some(left))
    }

    fn sweep(&self, now: Timestamp, at_most: usize) -> Result<Swept, Failure> {
        let dead: Vec<(i64, usize)> = self
            .connection
            .prepare_cached("SELECT seq, sealed_len FROM record WHERE deadline <= ?1 ORDER BY deadline LIMIT ?2")?
            .query_map(params![now.as_millisecond(), at_most], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut bytes = 0;
        let mut removed = 0;
        for (seq, length) in &dead {
            self.remove(*seq)?;
            removed += 1;
            bytes += length;
            if bytes >= SWEEP_BYTES {
                break;
            }
        }
        Ok(Swept { removed, more: removed < dead.len() || dead.len() == at_most })
    }

    /// The record, if it is live, unclaimed and open to `access`.
    fn unclaimed(&self, id: SecretId, access: Access, now: Timestamp) -> Result<Option<Head>, Failure> {
        let head = self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM record
                 WHERE id = ?1 AND claim IS NULL AND deadline > ?2 AND (verifier IS NULL OR ?3)",
                Head::COLUMNS
            ))?
            .query_row(params![id.0, now.as_millisecond(), access == Access::Verified], Head::from_row)
            .optional()?;
        Ok(head)
    }

    fn load(&self, head: &Head) -> Result<Stored, Failure> {
        let reservation = self.budget.reserve(head.sealed_len).ok_or(Failure::Refused(StoreError::Busy))?;
        Ok(Stored {
            expires_at: head.expires_at,
            kind: head.kind,
            key_id: head.key_id,
            sealed: payload::read(self.connection, head.seq, head.sealed_len)?,
            reservation,
        })
    }

    fn remove_if(&self, seq: Option<i64>) -> Result<bool, Failure> {
        let Some(seq) = seq else { return Ok(false) };
        self.remove(seq)?;
        Ok(true)
    }

    fn remove(&self, seq: i64) -> Result<(), Failure> {
        payload::remove(self.connection, seq)?;
        self.connection.prepare_cached("DELETE FROM record WHERE seq = ?1")?.execute([seq])?;
        Ok(())
    }
}

/// Reads a time from a column of milliseconds.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let milliseconds = row.get(column)?;
    Timestamp::from_millisecond(milliseconds)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error)))
}
