//! What is kept under each key and for each owner: counted as it changes, and written down in the transaction that changes it.

use std::{cell::RefCell, collections::HashMap, hash::Hash};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{given_up::GivenUp, job::Failure};
use crate::{
    secret::{KeyId, OwnerId},
    store::{Charge, StoreError, Usage, Whose},
};

/// The counts, as the open transaction changes them.
#[derive(Default)]
pub(super) struct Counts {
    keys: Changes<KeyId>,
    owners: Changes<OwnerId>,
    pub(super) given_up: GivenUp,
}

/// Records and bytes that the open transaction adds; less than nothing when it removes more.
struct Changes<K>(RefCell<HashMap<K, (i64, i64)>>);

impl<K> Default for Changes<K> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Copy + Eq + Hash> Changes<K> {
    fn add(&self, key: K, records: i64, bytes: i64) {
        let mut changes = self.0.borrow_mut();
        let (all_records, all_bytes) = changes.entry(key).or_default();
        *all_records += records;
        *all_bytes += bytes;
    }

    fn of(&self, key: K) -> (i64, i64) {
        self.0.borrow().get(&key).copied().unwrap_or_default()
    }

    fn in_all(&self) -> (i64, i64) {
        self.0.borrow().values().fold((0, 0), |all, more| (all.0 + more.0, all.1 + more.1))
    }

    fn each(&self, mut write: impl FnMut(K, i64, i64) -> rusqlite::Result<()>) -> rusqlite::Result<()> {
        let changes = self.0.borrow();
        let mut changed = changes.iter().filter(|(_, change)| **change != (0, 0));
        changed.try_for_each(|(key, (records, bytes))| write(*key, *records, *bytes))
    }
}

impl Counts {
    /// Says that a transaction begins.
    pub(super) fn begin(&self) {
        self.keys.0.borrow_mut().clear();
        self.owners.0.borrow_mut().clear();
    }

    /// Counts so many records, of so many bytes in all; fewer than none when they go.
    pub(super) fn add(&self, key: Option<KeyId>, owner: Option<OwnerId>, records: i64, bytes: usize) {
        let bytes = records * i64::try_from(bytes).unwrap_or(i64::MAX);
        if let Some(key) = key {
            self.keys.add(key, records, bytes);
        }
        if let Some(owner) = owner {
            self.owners.add(owner, records, bytes);
        }
    }

    /// Refuses a record that goes beyond a quota, with all that the transaction has changed before it. Where damage keeps the counts from
    /// being read nobody is refused for it.
    pub(super) fn admit(&self, connection: &Connection, charge: &Charge, bytes: usize) -> Result<(), Failure> {
        let Charge { owner, within } = charge;
        let with_it = |(records, held): (i64, i64)| Usage {
            records: u64::try_from(records.saturating_add(1)).unwrap_or(0),
            bytes: u64::try_from(held).unwrap_or(0).saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)),
        };
        if let Some(owner) = owner.filter(|_| !within.each.is_none())
            && !within.each.allows(with_it(self.read(|| self.of(connection, owner))?))
        {
            return Err(Failure::Refused(StoreError::OverQuota(Whose::Owner)));
        }
        if !within.all.is_none() && !within.all.allows(with_it(self.read(|| self.in_all(connection))?)) {
            return Err(Failure::Refused(StoreError::OverQuota(Whose::All)));
        }
        Ok(())
    }

    /// Writes down what the transaction changed in all, before it is committed. Nothing hangs on it that a secret should be refused for:
    /// after damage the same calls can be run again, and aren't counted.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if self.given_up.is_so() {
            return Ok(());
        }
        self.write_all(connection).inspect_err(|error| self.given_up.note(error))
    }

    fn write_all(&self, connection: &Connection) -> rusqlite::Result<()> {
        // A sum that damage has made huge stays one that can be added to.
        self.keys.each(|key, records, bytes| {
            connection
                .prepare_cached(
                    "INSERT INTO held (key_id, records, bytes) VALUES (?1, ?2, ?3)
                     ON CONFLICT (key_id) DO UPDATE SET
                         records = max(min(records, 1 << 60), -1 << 60) + ?2,
                         bytes = max(min(bytes, 1 << 60), -1 << 60) + ?3",
                )?
                .execute(params![key.0, records, bytes])
                .map(drop)
        })?;
        self.owners.each(|owner, records, bytes| {
            let left: i64 = connection
                .prepare_cached(
                    "INSERT INTO owner (owner, records, bytes) VALUES (?1, ?2, ?3)
                     ON CONFLICT (owner) DO UPDATE SET
                         records = max(min(records, 1 << 60), -1 << 60) + ?2,
                         bytes = max(min(bytes, 1 << 60), -1 << 60) + ?3
                     RETURNING records",
                )?
                .query_row(params![owner.0, records, bytes], |row| row.get(0))?;
            if left <= 0 {
                connection.prepare_cached("DELETE FROM owner WHERE owner = ?1")?.execute([owner.0])?;
            }
            Ok(())
        })
    }

    fn of(&self, connection: &Connection, owner: OwnerId) -> rusqlite::Result<(i64, i64)> {
        let (records, bytes) = connection
            .prepare_cached("SELECT records, bytes FROM owner WHERE owner = ?1")?
            .query_row([owner.0], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?
            .unwrap_or_default();
        let (more, more_bytes) = self.owners.of(owner);
        Ok((records.saturating_add(more), bytes.saturating_add(more_bytes)))
    }

    fn in_all(&self, connection: &Connection) -> rusqlite::Result<(i64, i64)> {
        let mut statement = connection.prepare_cached("SELECT records, bytes FROM held")?;
        let mut rows = statement.query([])?;
        let (mut records, mut bytes) = self.keys.in_all();
        while let Some(row) = rows.next()? {
            records = records.saturating_add(row.get(0)?);
            bytes = bytes.saturating_add(row.get(1)?);
        }
        Ok((records, bytes))
    }

    /// Nothing where that is damaged.
    fn read(&self, look: impl FnOnce() -> rusqlite::Result<(i64, i64)>) -> rusqlite::Result<(i64, i64)> {
        if self.given_up.is_so() {
            return Ok((i64::MIN, 0));
        }
        look().or_else(|error| {
            self.given_up.note(&error);
            if self.given_up.is_so() { Ok((i64::MIN, 0)) } else { Err(error) }
        })
    }
}
