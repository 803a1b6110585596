//! What changes nothing: loading, peeking, and how the store is.

use std::time::Instant;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    IN_HAND, LONGEST_LOOK, LOOK, PostgresStore,
    batch::Value,
    error::Fault,
    line::{Call, Repeat, Values},
    row::{self, column, count},
    statements,
};
use crate::{
    memory::{Budget, Buffer},
    secret::{ClaimHash, KeyId, SecretId},
    store::{Access, Census, Head, Held, KeyUse, State, StoreError, Stored},
};

/// Ciphertext that comes with its record, in bytes; more comes in slices of [`SLICE`] bytes, each counted before it is asked for.
const INLINE: i64 = 16 * 1024;
const SLICE: usize = 1024 * 1024;

impl PostgresStore {
    pub(in crate::store) async fn load(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        access: Access,
        now: Timestamp,
        memory: &Budget,
    ) -> Result<Option<Stored>, StoreError> {
        let Some(row) = self.look(id, claim, access, INLINE, now).await? else { return Ok(None) };
        let head = row::head(&row)?;
        // None where there isn't as much as there should be.
        let length = column::<Option<i64>>(&row, 8)?.and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or_else(|| StoreError::Damaged("its ciphertext isn't as long as it was".to_owned()))?;
        let here: Option<&[u8]> = column(&row, 9)?;
        let sealed = match here {
            Some(here) => {
                let reservation = memory.reserve(here.len()).ok_or(StoreError::Busy)?;
                Some(Buffer::from(here).counted(reservation))
            }
            None if length == 0 => Some(Buffer::default()),
            None => self.slices(id, claim, now, length, memory).await?,
        };
        Ok(sealed.map(|sealed| Stored { head, sealed }))
    }

    /// A long ciphertext; none if it goes meanwhile. It never changes, so that its slices belong together.
    async fn slices(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        now: Timestamp,
        length: usize,
        memory: &Budget,
    ) -> Result<Option<Buffer>, StoreError> {
        let mut sealed = Buffer::with_capacity(length).map_err(|_| StoreError::Busy)?;
        if !sealed.reserve(memory, length) {
            return Err(StoreError::Busy);
        }
        while sealed.len() < length {
            let values: Values = vec![
                Value::new(id.0.to_vec()),
                Value::new(claim.map(|claim| claim.0.to_vec())),
                Value::new(self.skew.there(now)),
                Value::new(i32::try_from(sealed.len() + 1).unwrap_or(i32::MAX)),
                Value::new(i32::try_from(SLICE).unwrap_or(i32::MAX)),
            ];
            let rows = self.ask(statements::SLICE, values).await.map_err(Fault::into_error)?;
            let Some(row) = rows.first() else { return Ok(None) };
            let slice: &[u8] = column(row, 0)?;
            if slice.is_empty() || slice.len() > length - sealed.len() {
                return Err(StoreError::Damaged(format!("there are not {length} bytes of ciphertext")));
            }
            sealed.append(slice, Some(length)).map_err(|_| StoreError::Busy)?;
        }
        Ok(Some(sealed))
    }

    pub(in crate::store) async fn peek(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        now: Timestamp,
    ) -> Result<Option<Head>, StoreError> {
        // None is short enough to come along.
        let row = self.look(id, claim, Access::Verified, -1, now).await?;
        row.map(|row| row::head(&row)).transpose()
    }

    /// The record's row, once no server has it in hand.
    async fn look(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        access: Access,
        inline: i64,
        now: Timestamp,
    ) -> Result<Option<Row>, StoreError> {
        let waits = Instant::now();
        loop {
            let values = vec![
                Value::new(claim.map(|claim| claim.0.to_vec())),
                Value::new(self.skew.there(now)),
                Value::new(access == Access::Verified),
                Value::new(inline),
            ];
            let call = Call::about(id, statements::LOAD, values, Repeat::Safely);
            let row = self.line.rows(call).await.map_err(Fault::into_error)?.into_iter().next();
            match row {
                Some(row) if column(&row, 7)? => {}
                Some(row) => return Ok(Some(row)),
                None => {
                    let values =
                        vec![Value::new(claim.map(|claim| claim.0.to_vec())), Value::new(self.skew.there(now))];
                    let live = Call::about(id, statements::LIVE, values, Repeat::Safely);
                    if !self.is_so(live).await.map_err(Fault::into_error)? {
                        return Ok(None);
                    }
                }
            }
            wait(waits).await?;
        }
    }

    /// The rows of a statement about a record, which is made again as long as it gives none and a server has the record in hand.
    pub(super) async fn persist(
        &self,
        id: SecretId,
        access: Access,
        now: Timestamp,
        call: impl Fn() -> Call,
    ) -> Result<Vec<Row>, Fault> {
        let waits = Instant::now();
        loop {
            let rows = self.line.rows(call()).await?;
            if !rows.is_empty() || !self.in_hand(id, access, now, waits).await? {
                return Ok(rows);
            }
        }
    }

    /// Waits while a server has the record in hand: whether it is gone shows then.
    ///
    /// # Errors
    /// [`StoreError::Busy`] once it has been so for long: a server may have died over it.
    async fn in_hand(&self, id: SecretId, access: Access, now: Timestamp, since: Instant) -> Result<bool, Fault> {
        let values = vec![Value::new(self.skew.there(now)), Value::new(access == Access::Verified)];
        if !self.is_so(Call::about(id, statements::IN_HAND, values, Repeat::Safely)).await? {
            return Ok(false);
        }
        wait(since).await.map_err(Fault::Refused)?;
        Ok(true)
    }

    /// Measures how far the database's clock is from ours.
    pub(super) async fn measure(&self) -> Result<(), StoreError> {
        let before = Timestamp::now();
        let rows = self.ask(statements::TIME, Vec::new()).await.map_err(Fault::into_error)?;
        if let Some(row) = rows.first() {
            self.skew.measure(before, column(row, 0)?, Timestamp::now());
        }
        Ok(())
    }

    /// When the first of the records dies that are live at `now`; none where that can't be told: there is a next look in any case.
    pub(in crate::store) async fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let rows = self.ask(statements::NEXT, vec![Value::new(self.skew.there(now))]).await.ok()?;
        row::time(rows.first()?, 0, &self.skew).ok().flatten()
    }

    pub(in crate::store) async fn state(&self, now: Timestamp) -> Result<State, StoreError> {
        let asked = Instant::now();
        let rows = self.ask(statements::STATE, vec![Value::new(self.skew.there(now))]);
        let rows = match tokio::time::timeout(self.line.patience(), rows).await {
            Ok(rows) => rows.map_err(Fault::into_error)?,
            // It works, on what others asked: as it was then.
            Err(_) if self.line.heard_since(asked) => return Ok(self.known.lock().await.clone()),
            Err(_) => return Err(StoreError::Engine("the database doesn't answer".to_owned())),
        };
        let mut state = self.progress();
        for row in &rows {
            state.oldest_dead = row::time(row, 0, &self.skew)?;
            if column::<Option<&[u8]>>(row, 1)?.is_some() {
                let (records, bytes) = (count(row, 2)?, count(row, 3)?);
                state.held.push(Held { key_id: KeyId(row::bytes(row, 1)?), records, bytes });
            }
        }
        self.known.lock().await.clone_from(&state);
        Ok(state)
    }

    pub(in crate::store) async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        let rows = self.ask(statements::CENSUS, super::census::at(now, &self.skew)).await.map_err(Fault::into_error)?;
        rows.first().map_or(Ok(Census::default()), |row| super::census::of(row, &self.skew))
    }

    pub(in crate::store) async fn keys(&self) -> Result<Vec<KeyUse>, StoreError> {
        let rows = self.ask(statements::KEYS, Vec::new()).await.map_err(Fault::into_error)?;
        rows.iter().map(|row| super::census::key_of(row, &self.skew)).collect()
    }

    /// What it says of its record, agreed to.
    pub(super) async fn is_so(&self, call: Call) -> Result<bool, Fault> {
        let rows = self.line.rows(call).await?;
        rows.first().map_or(Ok(false), |row| column(row, 1)).map_err(Fault::Refused)
    }

    pub(super) async fn ask(&self, sql: &'static str, values: Values) -> Result<Vec<Row>, Fault> {
        self.line.rows(Call::new(sql, values, Repeat::Safely)).await
    }
}

/// Waits before the next look, the longer the longer it has been waited, and not for ever.
pub(super) async fn wait(since: Instant) -> Result<(), StoreError> {
    let waited = since.elapsed();
    if waited > IN_HAND {
        return Err(StoreError::Busy);
    }
    tokio::time::sleep((LOOK + waited / 2).min(LONGEST_LOOK)).await;
    Ok(())
}
