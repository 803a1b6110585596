//! What each changing call of the store's contract does to the tables. The caller has a transaction open.

use std::cell::Cell;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params, types::Type};

use super::{
    counts::Counts,
    given_up::GivenUp,
    job::Failure,
    payload,
    receipts::{Mark, Removal},
    schema,
    transaction::{Broken, transaction},
};
use crate::{
    secret::{ClaimHash, KeyId, OwnerId, SecretId},
    store::{Access, By, Claimed, Gone, Head, REQUEST, Record},
};

/// The tables, changed only inside an open transaction.
pub(super) struct Tables {
    pub(super) connection: Connection,
    pub(super) counts: Counts,
    /// Whether receipts are done without.
    pub(super) receipts: GivenUp,
    /// The row of the next record; none before the first. One that came to nothing stays free.
    next: Cell<Option<i64>>,
}

/// Where a record lies, and what it is counted under: nothing where that was damaged, so that the record can be removed all the same.
pub(super) struct Place {
    pub(super) seq: i64,
    key_id: Option<KeyId>,
    owner: Option<OwnerId>,
    pub(super) sealed_len: usize,
    pub(super) id: Option<SecretId>,
    claimed: bool,
    mark: Option<Mark>,
}

impl Place {
    pub(super) const COLUMNS: &'static str = "seq, key_id, sealed_len, owner, id, claim IS NOT NULL, \
         receipt, created_at, expires_at, deadline, claimed_at, attempts, kind";
    /// How many there are.
    pub(super) const COUNT: usize = 13;

    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let sealed_len = row.get(2).unwrap_or(0).min(payload::MAX_SEALED);
        let owner = row.get(3).ok().flatten().map(OwnerId);
        let (id, claimed) = (row.get(4).ok().map(SecretId), row.get(5).unwrap_or_default());
        let (seq, key_id) = (row.get(0)?, row.get(1).ok().map(KeyId));
        Ok(Self { seq, key_id, owner, sealed_len, id, claimed, mark: Mark::from_row(row, 6, claimed) })
    }

    /// As it is told once it is removed.
    pub(super) fn gone(&self) -> Gone {
        Gone { id: self.id, claimed: self.claimed }
    }
}

impl Tables {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, counts: Counts::default(), receipts: GivenUp::default(), next: Cell::default() }
    }

    pub(super) fn insert(&self, record: &Record) -> Result<bool, Failure> {
        self.counts.admit(&self.connection, &record.charge, record.sealed.len())?;
        match self.add(record) {
            Ok(()) => Ok(true),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts an answer in the place of its request, if that is open: whatever either of them is counted under.
    pub(super) fn answer(&self, request: SecretId, answer: &Record, now: Timestamp) -> Result<bool, Failure> {
        let open = self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM record WHERE id = ?1 AND kind = ?2 AND claim IS NULL AND deadline > ?3",
                Place::COLUMNS
            ))?
            .query_row(params![request.0, REQUEST, now.as_millisecond()], Place::from_row)
            .optional()?;
        let Some(open) = open else { return Ok(false) };
        let count = |records| self.counts.add(open.key_id, open.owner, records, open.sealed_len);
        count(-1);
        let admitted = self.counts.admit(&self.connection, &answer.charge, answer.sealed.len());
        count(1);
        admitted?;
        self.remove(&open)?;
        self.add(answer)?;
        Ok(true)
    }

    fn add(&self, record: &Record) -> rusqlite::Result<()> {
        let Head { created_at, expires_at, kind, size, key_id, verifier } = &record.head;
        let sealed = record.sealed.as_ref();
        let seq = self.next_row()?;
        self.connection
            .prepare_cached(
                "INSERT INTO record (seq, id, created_at, expires_at, deadline, kind, size, key_id, verifier, sealed_len,
                                     owner, receipt)
                 VALUES (?9, ?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?10, ?11)",
            )?
            .execute(params![
                record.id.0,
                created_at.as_millisecond(),
                expires_at.as_millisecond(),
                kind,
                size,
                key_id.0,
                verifier.map(|verifier| verifier.0),
                sealed.len(),
                seq,
                record.charge.owner.map(|owner| owner.0),
                record.receipt.map(|receipt| receipt.0),
            ])?;
        payload::write(&self.connection, seq, sealed)?;
        self.counts.add(Some(*key_id), record.charge.owner, 1, sealed.len());
        Ok(())
    }

    /// After the last row that a record may have: SQLite's own choice would follow one that damage has put beyond it.
    fn next_row(&self) -> rusqlite::Result<i64> {
        let last = |connection: &Connection| {
            connection.query_row(
                "SELECT coalesce(max(seq), 0) FROM record WHERE seq < ?1",
                [payload::LAST_ROW],
                |row| row.get::<_, i64>(0),
            )
        };
        let row = match self.next.get() {
            Some(row) => row,
            None => last(&self.connection)? + 1,
        };
        self.next.set(Some(row + 1));
        Ok(row)
    }

    pub(super) fn take(&self, id: SecretId, access: Access, now: Timestamp) -> Result<bool, Failure> {
        let place = self.unclaimed(id, access, now)?;
        self.remove_if(place, Removal::Given(now))
    }

    /// As unread: nobody has claimed it, whether or not it is guarded.
    pub(super) fn burn(&self, id: SecretId, now: Timestamp) -> Result<bool, Failure> {
        let place = self.unclaimed(id, Access::Verified, now)?;
        self.remove_if(place, Removal::Burned(By::Link, now))
    }

    pub(super) fn claim(
        &self,
        id: SecretId,
        access: Access,
        claim: ClaimHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Claimed>, Failure> {
        if let Some(place) = self.unclaimed(id, access, now)? {
            self.connection
                .prepare_cached(
                    "UPDATE record SET claim = ?2, deadline = ?3, claimed_at = CASE WHEN receipt IS NOT NULL THEN ?4 END
                     WHERE seq = ?1",
                )?
                .execute(params![place.seq, claim.0, until.as_millisecond(), now.as_millisecond()])?;
            return Ok(Some(Claimed::New));
        }
        let again = self
            .connection
            .prepare_cached(
                "SELECT 1 FROM record WHERE id = ?1 AND claim = ?2 AND deadline > ?3 AND (verifier IS NULL OR ?4)",
            )?
            .exists(params![id.0, claim.0, now.as_millisecond(), access == Access::Verified])?;
        Ok(again.then_some(Claimed::Again))
    }

    pub(super) fn release(&self, id: SecretId, claim: ClaimHash, now: Timestamp) -> Result<bool, Failure> {
        let place = self
            .connection
            .prepare_cached(&format!("SELECT {} FROM record WHERE id = ?1 AND claim = ?2", Place::COLUMNS))?
            .query_row(params![id.0, claim.0], Place::from_row)
            .optional()?;
        self.remove_if(place, Removal::Acknowledged(now))
    }

    pub(super) fn fail_attempt(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, Failure> {
        let counted = self
            .connection
            .prepare_cached(&format!(
                "UPDATE record SET attempts = attempts + 1
                 WHERE id = ?1 AND deadline > ?2 AND (claim IS NULL OR claim = ?3) RETURNING {}, attempts",
                Place::COLUMNS
            ))?
            .query_row(params![id.0, now.as_millisecond(), claim.map(|claim| claim.0)], |row| {
                Ok((Place::from_row(row)?, row.get::<_, u32>(Place::COUNT)?))
            })
            .optional()?;
        let Some((place, attempts)) = counted else { return Ok(None) };
        let left = limit.saturating_sub(attempts);
        if left == 0 {
            self.end(&place, Removal::Burned(By::Tries, now))?;
        }
        Ok(Some(left))
    }

    /// Says that a transaction begins.
    pub(super) fn begin(&self) {
        self.counts.begin();
    }

    /// Writes something that means nothing, in a transaction of its own: what a commit that failed may have left in the WAL is
    /// written over by it.
    pub(super) fn settle(&self) -> Result<(), Broken> {
        transaction(&self.connection, || schema::write_version(&self.connection))
    }

    /// Notes that the server runs at `now`.
    pub(super) fn saw(&self, now: Timestamp) -> Result<(), Failure> {
        self.connection
            .prepare_cached("UPDATE state SET seen_at = ?1 WHERE one = 1")?
            .execute([now.as_millisecond()])?;
        Ok(())
    }

    /// The record, if it is live, unclaimed and open to `access`.
    fn unclaimed(&self, id: SecretId, access: Access, now: Timestamp) -> Result<Option<Place>, Failure> {
        let place = self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM record
                 WHERE id = ?1 AND claim IS NULL AND deadline > ?2 AND (verifier IS NULL OR ?3)",
                Place::COLUMNS
            ))?
            .query_row(params![id.0, now.as_millisecond(), access == Access::Verified], Place::from_row)
            .optional()?;
        Ok(place)
    }

    fn remove_if(&self, place: Option<Place>, how: Removal) -> Result<bool, Failure> {
        let Some(place) = place else { return Ok(false) };
        self.end(&place, how)?;
        Ok(true)
    }

    /// Removes a record, and leaves what its receipt tells.
    pub(super) fn end(&self, place: &Place, how: Removal) -> Result<(), Failure> {
        self.remove(place)?;
        if let Some(mark) = &place.mark {
            self.bury(&mark.left(how))?;
        }
        Ok(())
    }

    /// Removes a record, which may go on elsewhere.
    pub(super) fn remove(&self, place: &Place) -> Result<(), Failure> {
        payload::remove(&self.connection, place.seq)?;
        self.connection.prepare_cached("DELETE FROM record WHERE seq = ?1")?.execute([place.seq])?;
        self.counts.add(place.key_id, place.owner, -1, place.sealed_len);
        Ok(())
    }
}

/// Reads a time from a column of milliseconds; one that can't be is damage.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let milliseconds = row.get(column)?;
    Timestamp::from_millisecond(milliseconds)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error)))
}
