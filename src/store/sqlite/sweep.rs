//! Removing what is no longer live, in bounded transactions. What damage keeps from being removed is passed over and told once: the
//! rest goes all the same.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{
    SqliteStore,
    job::Failure,
    payload,
    receipts::Removal,
    tables::{Place, Tables},
    writer::Effect,
};
use crate::store::{Gone, StoreError, Swept};

/// Ciphertext that one sweep removes at most, in bytes: bounds the transaction.
const SWEEP_BYTES: usize = 16 * 1024 * 1024;
/// How soon what was passed over is tried again: a disk that failed to read may have got over it.
const AGAIN: Duration = Duration::from_secs(600);
/// Rows that one look through the table takes at most, where the index doesn't lead.
const ROWS: i64 = 20_000;

/// Dead records that could not be removed, by their row, and when that was last tried.
#[derive(Default)]
pub(super) struct PassedOver(Mutex<HashMap<i64, Instant>>);

impl PassedOver {
    /// Whether it was not known before.
    pub(super) fn note(&self, seq: i64) -> bool {
        self.known().insert(seq, Instant::now()).is_none()
    }

    /// The rows that aren't tried now.
    pub(super) fn now(&self) -> Vec<i64> {
        let mut rows: Vec<i64> =
            self.known().iter().filter(|(_, tried)| tried.elapsed() < AGAIN).map(|(seq, _)| *seq).collect();
        rows.sort_unstable();
        rows
    }

    fn known(&self) -> MutexGuard<'_, HashMap<i64, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SqliteStore {
    /// Removes at most `at_most` records that aren't live at `now`.
    pub(in crate::store) async fn sweep(&self, now: Timestamp, at_most: usize) -> Result<Swept, StoreError> {
        let passed_over = self.passed_over.now();
        let swept = self.write(Effect::Removes, move |tables| tables.sweep(now, at_most, &passed_over)).await;
        let swept = match swept {
            Err(StoreError::Damaged(_)) => self.sweep_singly(now, at_most).await?,
            swept => swept?,
        };
        self.fresh.forget_expired(now);
        if !swept.more {
            self.progress.swept();
        }
        Ok(swept)
    }

    /// Removes claimed records whose lease ended after `since`, and has ended at `now`.
    pub(in crate::store) async fn sweep_leases(
        &self,
        since: Timestamp,
        now: Timestamp,
        at_most: usize,
    ) -> Result<Vec<Gone>, StoreError> {
        self.write(Effect::Removes, move |tables| tables.sweep_leases(since, now, at_most)).await
    }

    /// One by one, so that what can't be removed is passed over.
    async fn sweep_singly(&self, now: Timestamp, at_most: usize) -> Result<Swept, StoreError> {
        let passed_over = self.passed_over.now();
        let dead = self.write(Effect::Changes, move |tables| tables.dead(now, at_most, &passed_over)).await;
        let dead = match dead {
            Err(StoreError::Damaged(why)) => {
                self.damage.report("the index by deadline", &why);
                return self.sweep_by_row(now).await;
            }
            dead => dead?,
        };
        let mut gone = Vec::new();
        for seq in &dead {
            gone.extend(self.remove_dead(*seq, now).await?);
        }
        Ok(Swept { gone, more: dead.len() == at_most })
    }

    /// Through the whole table: the index doesn't lead to all that is dead.
    async fn sweep_by_row(&self, now: Timestamp) -> Result<Swept, StoreError> {
        let passed_over = self.passed_over.now();
        let (mut gone, mut from) = (Vec::new(), Some(0));
        while let Some(first) = from {
            let dead;
            (dead, from) = self.write(Effect::Changes, move |tables| tables.dead_by_row(now, first)).await?;
            for seq in dead.into_iter().filter(|seq| passed_over.binary_search(seq).is_err()) {
                gone.extend(self.remove_dead(seq, now).await?);
            }
        }
        Ok(Swept { gone, more: false })
    }

    /// The record, if it could be removed. If not, its ciphertext is, if that can be reached.
    async fn remove_dead(&self, seq: i64, now: Timestamp) -> Result<Option<Gone>, StoreError> {
        let removed = self.write(Effect::Removes, move |tables| tables.remove_row(seq, now)).await;
        let Err(StoreError::Damaged(why)) = removed else { return removed.map(|place| Some(place.gone())) };
        if self.passed_over.note(seq) {
            self.damage.report(&format!("row {seq}, which can't be removed"), &why);
        }
        match self.write(Effect::Removes, move |tables| tables.remove_ciphertext(seq)).await {
            Ok(()) | Err(StoreError::Damaged(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Tables {
    /// Removes at most `at_most` records that aren't live at `now`, those that died first first, but none of `passed_over`.
    pub(super) fn sweep(&self, now: Timestamp, at_most: usize, passed_over: &[i64]) -> Result<Swept, Failure> {
        let dead = self.dead(now, at_most, passed_over)?;
        let mut bytes = 0;
        let mut gone = Vec::with_capacity(dead.len());
        for seq in &dead {
            let place = self.remove_row(*seq, now)?;
            bytes += place.sealed_len;
            gone.push(place.gone());
            if bytes >= SWEEP_BYTES {
                break;
            }
        }
        let more = gone.len() < dead.len() || dead.len() == at_most;
        Ok(Swept { gone, more })
    }

    /// Removes claimed records whose deadline lies after `since` and not after `now`.
    pub(super) fn sweep_leases(&self, since: Timestamp, now: Timestamp, at_most: usize) -> Result<Vec<Gone>, Failure> {
        let ended: Vec<i64> = self
            .connection
            .prepare_cached(
                "SELECT seq FROM record WHERE deadline > ?1 AND deadline <= ?2 AND claim IS NOT NULL LIMIT ?3",
            )?
            .query_map(params![since.as_millisecond(), now.as_millisecond(), at_most], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        ended.iter().map(|seq| Ok(self.remove_row(*seq, now)?.gone())).collect()
    }

    /// The rows of records that aren't live at `now`: from the index alone, so that no damaged record stands in the way of the others.
    pub(super) fn dead(&self, now: Timestamp, at_most: usize, passed_over: &[i64]) -> Result<Vec<i64>, Failure> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq FROM record INDEXED BY record_by_deadline WHERE deadline <= ?1 ORDER BY deadline, seq",
        )?;
        let rows = statement.query_map([now.as_millisecond()], |row| row.get(0))?;
        let mut dead = Vec::new();
        for seq in rows {
            let seq = seq?;
            if passed_over.binary_search(&seq).is_err() {
                dead.push(seq);
                if dead.len() == at_most {
                    break;
                }
            }
        }
        Ok(dead)
    }

    /// The same for a damaged index: some rows of the table from `from` on, and where to go on; nowhere at its end.
    pub(super) fn dead_by_row(&self, now: Timestamp, from: i64) -> Result<(Vec<i64>, Option<i64>), Failure> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT seq, deadline FROM record NOT INDEXED WHERE seq >= ?1 ORDER BY seq LIMIT ?2")?;
        let mut rows = statement.query(params![from, ROWS])?;
        let (mut dead, mut seen, mut last) = (Vec::new(), 0, from);
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    seen += 1;
                    last = row.get(0)?;
                    if row.get(1).is_ok_and(|deadline: i64| deadline <= now.as_millisecond()) {
                        dead.push(last);
                    }
                }
                Ok(None) => return Ok((dead, (seen == ROWS).then_some(last + 1))),
                Err(_) => break,
            }
        }
        drop(rows);
        Ok((dead, self.row_behind_damage(last)?))
    }

    /// The first row that can be reached behind a page that can't be read, after `last`.
    fn row_behind_damage(&self, last: i64) -> Result<Option<i64>, Failure> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT seq FROM record NOT INDEXED WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
        for step in (0..40).map(|power| 1_i64 << power) {
            if let Ok(found) = statement.query_row([last.saturating_add(step)], |row| row.get(0)).optional() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Removes one record that isn't live at `now`, by its row. Gives what was there.
    pub(super) fn remove_row(&self, seq: i64, now: Timestamp) -> Result<Place, Failure> {
        let place = self
            .connection
            .prepare_cached(&format!("SELECT {} FROM record WHERE seq = ?1", Place::COLUMNS))?
            .query_row([seq], Place::from_row)
            .optional()?;
        let missing = || Failure::Refused(StoreError::Damaged("an index names a row that isn't there".to_owned()));
        let place = place.ok_or_else(missing)?;
        self.end(&place, Removal::Died(now))?;
        Ok(place)
    }

    /// Removes the ciphertext alone, of a record that can't be removed whole.
    pub(super) fn remove_ciphertext(&self, seq: i64) -> Result<(), Failure> {
        Ok(payload::remove(&self.connection, seq)?)
    }
}
