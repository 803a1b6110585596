//! Receipts: what a record that has one leaves when it is removed, and what is told of it before and after that.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::Type};

use super::{
    SqliteStore,
    job::Failure,
    tables::{Place, Tables, time},
    writer::Effect,
};
use crate::{
    secret::{ReceiptId, SecretId},
    store::{
        Burnt, By, REQUEST, ReceiptState, StoreError, Trace,
        receipt::{End, Tombstone},
    },
};

/// Tombstones that one look for old ones takes in at most: a few milliseconds.
const LOOK: usize = 20_000;

/// A tombstone's columns, as [`tombstone`] reads them.
pub(super) const TOMBSTONE: &str = "id, state, created_at, expires_at, claimed_at, ended_at, attempts";

/// What a record's receipt is, and what there is to tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    receipt: ReceiptId,
    created_at: Timestamp,
    expires_at: Timestamp,
    deadline: Timestamp,
    claimed_at: Option<Timestamp>,
    attempts: u32,
    request: bool,
    claimed: bool,
}

/// Why a record is removed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Removal {
    /// Its reader has acknowledged it, in time or not.
    Acknowledged(Timestamp),
    /// It is given out, to somebody who can't acknowledge it.
    Given(Timestamp),
    /// It is destroyed: unread, unless its tries were used up by whoever has it.
    Burned(By, Timestamp),
    /// Its time is over, as was found then.
    Died(Timestamp),
}

impl Mark {
    const COLUMNS: &'static str = "receipt, created_at, expires_at, deadline, claimed_at, attempts, kind";

    /// From these columns, the first of which is at `first`. None where there is no receipt, and where anything is damaged: that doesn't
    /// keep a record from being removed.
    pub(super) fn from_row(row: &Row<'_>, first: usize, claimed: bool) -> Option<Self> {
        Self::read(row, first, claimed).ok().flatten()
    }

    fn read(row: &Row<'_>, first: usize, claimed: bool) -> rusqlite::Result<Option<Self>> {
        let Some(receipt) = row.get(first)? else { return Ok(None) };
        Ok(Some(Self {
            receipt: ReceiptId(receipt),
            created_at: time(row, first + 1)?,
            expires_at: time(row, first + 2)?,
            deadline: time(row, first + 3)?,
            claimed_at: maybe_time(row, first + 4)?,
            attempts: row.get(first + 5)?,
            request: row.get::<_, u8>(first + 6)? == REQUEST,
            claimed,
        }))
    }

    /// What is told of the record while it is there.
    fn trace(&self, now: Timestamp) -> Trace {
        let Self { created_at, expires_at, deadline: until, claimed_at, attempts, .. } = *self;
        let state = match self.claimed {
            _ if until <= now => return self.tombstone(self.death(), until, claimed_at).into(),
            true => ReceiptState::Claimed { until },
            false if self.request => ReceiptState::Open,
            false => ReceiptState::Unread,
        };
        Trace { state, created_at, expires_at, claimed_at, ended_at: None, attempts }
    }

    /// What the record leaves.
    pub(super) fn left(&self, how: Removal) -> Tombstone {
        match how {
            // Once the lease has ended it was told that nobody said so.
            Removal::Acknowledged(now) if self.deadline <= now => self.left(Removal::Died(now)),
            Removal::Acknowledged(now) => self.tombstone(End::Delivered, now, self.claimed_at),
            Removal::Given(now) => self.tombstone(End::Unconfirmed, now, Some(now)),
            Removal::Burned(By::Link | By::Receipt, now) if self.request => {
                self.tombstone(End::Withdrawn, now, self.claimed_at)
            }
            Removal::Burned(_, now) if self.claimed => self.tombstone(End::Unconfirmed, now, self.claimed_at),
            Removal::Burned(by, now) => self.tombstone(End::Burned(by), now, self.claimed_at),
            Removal::Died(_) => self.tombstone(self.death(), self.deadline, self.claimed_at),
        }
    }

    fn death(&self) -> End {
        if self.claimed { End::Unconfirmed } else { End::Expired }
    }

    fn tombstone(&self, end: End, ended_at: Timestamp, claimed_at: Option<Timestamp>) -> Tombstone {
        let Self { receipt, created_at, expires_at, attempts, .. } = *self;
        Tombstone { receipt, end, created_at, expires_at, claimed_at, ended_at, attempts }
    }
}

impl Tables {
    /// Keeps what a removed record leaves.
    pub(super) fn bury(&self, left: &Tombstone) -> rusqlite::Result<()> {
        if self.receipts.is_so() {
            return Ok(());
        }
        let Tombstone { receipt, end, created_at, expires_at, claimed_at, ended_at, attempts } = left;
        let bury = || {
            self.connection
                .prepare_cached(&format!(
                    "INSERT OR REPLACE INTO receipt ({TOMBSTONE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                ))?
                .execute(params![
                    receipt.0,
                    end.code(),
                    created_at.as_millisecond(),
                    expires_at.as_millisecond(),
                    claimed_at.map(Timestamp::as_millisecond),
                    ended_at.as_millisecond(),
                    attempts,
                ])
        };
        bury().map(drop).inspect_err(|error| self.receipts.note(error))
    }

    fn burn_by_receipt(&self, receipt: ReceiptId, now: Timestamp) -> Result<Burnt, Failure> {
        let damaged = |what: &str| Failure::Refused(StoreError::Damaged(format!("its {what} can't be")));
        let found = self
            .connection
            .prepare_cached(&format!(
                "SELECT {}, claim IS NULL AND deadline > ?2 FROM record WHERE receipt = ?1",
                Place::COLUMNS
            ))?
            .query_row(params![receipt.0, now.as_millisecond()], |row| {
                Ok((Place::from_row(row)?, row.get::<_, bool>(Place::COUNT)?))
            })
            .optional()?;
        if let Some((place, is_unread)) = found {
            if !is_unread {
                return Ok(Burnt::TooLate);
            }
            let id = place.id.ok_or_else(|| damaged("id"))?;
            self.end(&place, Removal::Burned(By::Receipt, now))?;
            return Ok(if place.is_request() { Burnt::Withdrawn(id) } else { Burnt::Now(id) });
        }
        let code = self
            .connection
            .prepare_cached("SELECT state FROM receipt WHERE id = ?1")?
            .query_row([receipt.0], |row| row.get(0))
            .optional()?;
        Ok(match code.map(|code| End::from_code(code).ok_or_else(|| damaged("state"))).transpose()? {
            None => Burnt::Unknown,
            Some(End::Burned(By::Receipt) | End::Withdrawn) => Burnt::Already,
            Some(_) => Burnt::TooLate,
        })
    }

    fn forget_receipts(&self, old: &[ReceiptId], ended_before: Timestamp) -> Result<usize, Failure> {
        let mut forget = self.connection.prepare_cached("DELETE FROM receipt WHERE id = ?1 AND ended_at < ?2")?;
        let mut forgotten = 0;
        for id in old {
            forgotten += forget.execute(params![id.0, ended_before.as_millisecond()])?;
        }
        Ok(forgotten)
    }
}

impl SqliteStore {
    pub(in crate::store) fn trace(&self, receipt: ReceiptId, now: Timestamp) -> Result<Option<Trace>, StoreError> {
        self.readers.run(|reader| reader.look(|connection| trace(connection, receipt, now)))
    }

    pub(in crate::store) async fn burn_by_receipt(
        &self,
        receipt: ReceiptId,
        now: Timestamp,
    ) -> Result<Burnt, StoreError> {
        // By its id: what the receipt leads to is not to be had from memory any more.
        if let Some(id) = self.readers.run(|reader| reader.look(|connection| secret_of(connection, receipt)))? {
            self.fresh.forget(id);
        }
        self.write(Effect::Removes, move |tables| tables.burn_by_receipt(receipt, now)).await
    }

    pub(in crate::store) async fn forget_receipts(
        &self,
        ended_before: Timestamp,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        let look = |after: Option<ReceiptId>| {
            self.readers.run(|reader| reader.look(|connection| old(connection, after, ended_before, at_most)))
        };
        let after = self.looked.get();
        let found = match look(after) {
            // From the middle to the end there was none: from the start, then.
            Ok(Old { ids, next: None }) if ids.is_empty() && after.is_some() => look(None),
            found => found,
        };
        let forgotten = match found {
            Ok(Old { ids, next }) => {
                self.looked.set(next);
                if ids.is_empty() {
                    return Ok(0);
                }
                self.write(Effect::Changes, move |tables| tables.forget_receipts(&ids, ended_before)).await
            }
            Err(error) => Err(error),
        };
        self.unless_damaged("the receipts", forgotten)
    }
}

/// How far the last look for old tombstones came; none at their end, where the next begins anew.
#[derive(Default)]
pub(super) struct Looked(Mutex<Option<ReceiptId>>);

impl Looked {
    fn get(&self) -> Option<ReceiptId> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, last: Option<ReceiptId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

/// What a look for old tombstones has found.
struct Old {
    ids: Vec<ReceiptId>,
    next: Option<ReceiptId>,
}

/// Looks at tombstones in the order of their secrets' creation, behind `after`: what wasn't created before can't have ended before. There is
/// no index by their end, which would cost each reader more than a look now and then costs.
fn old(
    connection: &Connection,
    after: Option<ReceiptId>,
    ended_before: Timestamp,
    at_most: usize,
) -> rusqlite::Result<Old> {
    // An id begins with the second of its secret's creation.
    let second = u32::try_from(ended_before.as_second().saturating_add(1).max(0)).unwrap_or(u32::MAX).to_be_bytes();
    let mut statement =
        connection.prepare_cached("SELECT id, ended_at FROM receipt WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3")?;
    let after = after.map_or(Vec::new(), |after| after.0.to_vec());
    let mut rows = statement.query(params![after, second, LOOK])?;
    let (mut old, mut seen) = (Old { ids: Vec::new(), next: None }, 0);
    while let Some(row) = rows.next()? {
        let id = ReceiptId(row.get(0)?);
        seen += 1;
        if row.get::<_, i64>(1)? < ended_before.as_millisecond() {
            old.ids.push(id);
        }
        if old.ids.len() == at_most || seen == LOOK {
            old.next = Some(id);
            break;
        }
    }
    Ok(old)
}

/// In one snapshot: a record that is there has left nothing yet.
fn trace(connection: &Connection, receipt: ReceiptId, now: Timestamp) -> rusqlite::Result<Option<Trace>> {
    let kept = connection
        .prepare_cached(&format!("SELECT {}, claim IS NOT NULL FROM record WHERE receipt = ?1", Mark::COLUMNS))?
        .query_row([receipt.0], |row| Mark::read(row, 0, row.get(7)?))
        .optional()?
        .flatten();
    if let Some(mark) = kept {
        return Ok(Some(mark.trace(now)));
    }
    let left = connection
        .prepare_cached(&format!("SELECT {TOMBSTONE} FROM receipt WHERE id = ?1"))?
        .query_row([receipt.0], tombstone)
        .optional()?;
    Ok(left.map(Trace::from))
}

fn secret_of(connection: &Connection, receipt: ReceiptId) -> rusqlite::Result<Option<SecretId>> {
    let id = connection.prepare_cached("SELECT id FROM record WHERE receipt = ?1")?;
    { id }.query_row([receipt.0], |row| row.get(0).map(SecretId)).optional()
}

/// From the columns [`TOMBSTONE`].
pub(super) fn tombstone(row: &Row<'_>) -> rusqlite::Result<Tombstone> {
    let code = row.get(1)?;
    Ok(Tombstone {
        receipt: ReceiptId(row.get(0)?),
        end: End::from_code(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(1, code.into()))?,
        created_at: time(row, 2)?,
        expires_at: time(row, 3)?,
        claimed_at: maybe_time(row, 4)?,
        ended_at: time(row, 5)?,
        attempts: row.get(6)?,
    })
}

/// A time that may be missing; one that can't be is damage.
pub(super) fn maybe_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let milliseconds: Option<i64> = row.get(column)?;
    let time = milliseconds.map(Timestamp::from_millisecond).transpose();
    time.map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(error)))
}
