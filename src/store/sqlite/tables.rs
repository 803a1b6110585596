//! What each changing call of the store's contract does to the tables. The caller has a transaction open.

use std::{cell::Cell, sync::Arc};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params, types::Type};

use super::{
    counts::Counts,
    given_up::GivenUp,
    job::Failure,
    outbox::Outbox,
    payload,
    receipts::{Mark, Removal},
    schema,
    transaction::{Broken, transaction},
};
use crate::{
    secret::{ClaimHash, HookId, KeyId, OwnerId, SecretId},
    store::{Access, By, Claimed, Gone, Head, REQUEST, Record, Told, outbox::Telling},
};

/// The tables, changed only inside an open transaction.
pub(super) struct Tables {
    pub(super) connection: Connection,
    pub(super) counts: Counts,
    /// Whether receipts are done without.
    pub(super) receipts: GivenUp,
    pub(super) outbox: Outbox,
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
    request: bool,
    notify: Option<HookId>,
}

impl Place {
    pub(super) const COLUMNS: &'static str = "seq, key_id, sealed_len, owner, id, claim IS NOT NULL, \
         receipt, created_at, expires_at, deadline, claimed_at, attempts, kind, notify";
    /// How many there are.
    pub(super) const COUNT: usize = 14;

    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let sealed_len = row.get(2).unwrap_or(0).min(payload::MAX_SEALED);
        let owner = row.get(3).ok().flatten().map(OwnerId);
        let (id, claimed) = (row.get(4).ok().map(SecretId), row.get(5).unwrap_or_default());
        let (seq, key_id) = (row.get(0)?, row.get(1).ok().map(KeyId));
        let (request, notify) =
            (row.get(12).is_ok_and(|kind: u8| kind == REQUEST), row.get(13).ok().flatten().map(HookId));
        let mark = Mark::from_row(row, 6, claimed);
        Ok(Self { seq, key_id, owner, sealed_len, id, claimed, mark, request, notify })
    }

    pub(super) fn is_request(&self) -> bool {
        self.request
    }

    /// As it is told once it is removed.
    pub(super) fn gone(&self) -> Gone {
        Gone { id: self.id, claimed: self.claimed, request: self.request }
    }

    /// What webhooks are told of its removal, and as of when; nothing where they have been told why.
    fn told(&self, how: Removal) -> Option<(Told, Timestamp)> {
        Some(match how {
            Removal::Acknowledged(now) => (Told::Acknowledged, now),
            Removal::Given(now) => (Told::Delivered, now),
            Removal::Burned(By::Tries, _) => return None,
            Removal::Burned(_, now) if self.request => (Told::Withdrawn, now),
            Removal::Burned(by, now) => (Told::Burned(by), now),
            Removal::Died(now) if self.request => (Told::Unanswered, now),
            Removal::Died(now) => (Told::Expired { read: self.claimed }, now),
        })
    }
}

impl Tables {
    pub(super) fn new(connection: Connection, telling: Arc<Telling>) -> Self {
        let (counts, receipts, outbox) = (Counts::default(), GivenUp::default(), Outbox::new(telling));
        Self { connection, counts, receipts, outbox, next: Cell::default() }
    }

    pub(super) fn insert(&self, record: &Record) -> Result<bool, Failure> {
        self.counts.admit(&self.connection, &record.charge, record.sealed.len())?;
        match self.add(record, record.notify) {
            Ok(()) => {}
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.tell_made(record, record.notify)?;
        Ok(true)
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
        self.add(answer, open.notify)?;
        self.tell(open.notify, Some(request), now, &Told::Answered { answer: answer.id })?;
        self.tell_made(answer, open.notify)?;
        Ok(true)
    }

    fn tell_made(&self, record: &Record, notify: Option<HookId>) -> rusqlite::Result<()> {
        self.tell(notify, Some(record.id), record.head.created_at, &Told::made(record))
    }

    /// Tells it to webhooks. A record whose id is damaged has no name that could be told.
    fn tell(&self, notify: Option<HookId>, id: Option<SecretId>, at: Timestamp, told: &Told) -> rusqlite::Result<()> {
        id.map_or(Ok(()), |id| self.outbox.tell(&self.connection, notify, id, at, told))
    }

    fn add(&self, record: &Record, notify: Option<HookId>) -> rusqlite::Result<()> {
        let Head { created_at, expires_at, kind, size, key_id, verifier } = &record.head;
        let sealed = record.sealed.as_ref();
        let seq = self.next_row()?;
        self.connection
            .prepare_cached(
                "INSERT INTO record (seq, id, created_at, expires_at, deadline, kind, size, key_id, verifier, sealed_len,
                                     owner, receipt, notify)
                 VALUES (?9, ?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?10, ?11, ?12)",
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
                notify.map(|notify| notify.0),
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
            self.tell(place.notify, Some(id), now, &Told::Claimed)?;
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
        self.tell(place.notify, Some(id), now, &Told::WrongPassphrase { left })?;
        if left == 0 {
            self.end(&place, Removal::Burned(By::Tries, now))?;
        }
        Ok(Some(left))
    }

    /// Says that a transaction begins.
    pub(super) fn begin(&self) {
        self.counts.begin();
        self.outbox.begin();
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

    /// Removes a record, leaves what its receipt tells, and tells webhooks.
    pub(super) fn end(&self, place: &Place, how: Removal) -> Result<(), Failure> {
        self.remove(place)?;
        if let Some(mark) = &place.mark {
            self.bury(&mark.left(how))?;
        }
        if let Some((told, at)) = place.told(how) {
            self.tell(place.notify, place.id, at, &told)?;
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
