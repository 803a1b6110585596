//! The outbox: messages are written in the statement that they tell of, and read by whoever of the servers sends them.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    PostgresStore,
    batch::Value,
    error::Fault,
    line::{Call, Repeat, Values},
    row::{self, column, count},
    skew::Skew,
    statements,
};
use crate::{
    secret::{HookId, SecretId},
    store::{Message, Record, StoreError, Waiting, outbox::Event},
};

/// Messages that one statement removes at most, of webhooks that nobody knows.
const DROPPED: usize = 1000;

/// The first of each secret, if it is due.
pub(super) const MESSAGES: &str = "
    SELECT number, hook, id, at, event, size, ttl, tries_left, made_by, tries, answer FROM ots.outbox AS o
    WHERE hook = $1 AND due <= $2 AND NOT EXISTS (
        SELECT FROM ots.outbox AS e WHERE e.id = o.id AND e.hook = o.hook AND e.number < o.number
    ) ORDER BY due, number LIMIT $3";

pub(super) const WAITING: &str = "SELECT hook, count(*), min(at) FROM ots.outbox GROUP BY hook";

const DELIVERED: &str = "DELETE FROM ots.outbox WHERE number = ANY ($1::bigint[])";

const PUT_OFF: &str = "
    UPDATE ots.outbox AS o SET due = $2, tries = o.tries + (o.number = $1)::integer
    FROM ots.outbox AS f WHERE f.number = $1 AND o.id = f.id AND o.hook = f.hook AND o.number >= f.number";

/// What is old, as far as it is among the first: those are the oldest, but for a clock that was wrong.
const GIVE_UP: &str = "
    DELETE FROM ots.outbox WHERE number = ANY (ARRAY(
        SELECT number FROM (SELECT number, at FROM ots.outbox ORDER BY number LIMIT 20000) AS first WHERE at < $1 ORDER BY number LIMIT $2
    )) RETURNING number";

/// Those that are an hour old.
const DROP: &str = "
    DELETE FROM ots.outbox WHERE number = ANY (ARRAY(
        SELECT number FROM ots.outbox
        WHERE hook <> ALL ($1::bytea[]) AND at < (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 3600000
        LIMIT $2 FOR UPDATE SKIP LOCKED
    )) RETURNING number";

/// By the database's clock, as it is when the row could be had.
const LEAD: &str = "
    INSERT INTO ots.courier AS c (one, holder, until) VALUES (1, $1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2::bigint)
    ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE c.holder = excluded.holder OR c.until <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    RETURNING one";

impl PostgresStore {
    pub(in crate::store) async fn messages(
        &self,
        hook: HookId,
        now: Timestamp,
        at_most: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let values = vec![
            Value::new(hook.0.to_vec()),
            Value::new(self.skew.there(now)),
            Value::new(i64::try_from(at_most).unwrap_or(i64::MAX)),
        ];
        let rows = self.ask(MESSAGES, values).await.map_err(Fault::into_error)?;
        rows.iter().map(|row| message(row, &self.skew)).collect()
    }

    pub(in crate::store) async fn delivered(&self, mut numbers: Vec<i64>) -> Result<(), StoreError> {
        numbers.sort_unstable();
        self.change(DELIVERED, vec![Value::new(numbers)], Repeat::Safely).await.map(drop)
    }

    pub(in crate::store) async fn put_off(&self, number: i64, until: Timestamp) -> Result<(), StoreError> {
        let values = vec![Value::new(number), Value::new(self.skew.there(until))];
        self.change(PUT_OFF, values, Repeat::Never).await.map(drop)
    }

    pub(in crate::store) async fn give_up(&self, noted_before: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        let limit = i64::try_from(at_most).unwrap_or(i64::MAX);
        let values = vec![Value::new(self.skew.there(noted_before)), Value::new(limit)];
        self.change(GIVE_UP, values, Repeat::Never).await
    }

    pub(in crate::store) async fn drop_for_others(&self, known: &[HookId]) -> Result<usize, StoreError> {
        let (known, limit): (Vec<_>, _) = (known.iter().map(|hook| hook.0.to_vec()).collect(), DROPPED);
        let mut dropped = 0;
        loop {
            let values = vec![Value::new(known.clone()), Value::new(i64::try_from(limit).unwrap_or(i64::MAX))];
            let some = self.change(DROP, values, Repeat::Never).await?;
            dropped += some;
            if some < limit {
                return Ok(dropped);
            }
        }
    }

    pub(in crate::store) async fn waiting(&self, _: Timestamp) -> Result<Vec<Waiting>, StoreError> {
        let rows = self.ask(WAITING, Vec::new()).await.map_err(Fault::into_error)?;
        let waiting = |row: &Row| {
            let oldest = row::time(row, 2, &self.skew)?.ok_or_else(damaged)?;
            Ok(Waiting { hook: HookId(row::bytes(row, 0)?), messages: count(row, 1)?, oldest })
        };
        rows.iter().map(waiting).collect()
    }

    pub(in crate::store) async fn lead(
        &self,
        holder: [u8; 16],
        _: Timestamp,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 2);
        Ok(self.change(LEAD, vec![Value::new(holder.to_vec()), Value::new(lease)], Repeat::Safely).await? > 0)
    }

    async fn change(&self, sql: &'static str, values: Values, repeat: Repeat) -> Result<usize, StoreError> {
        Ok(self.line.rows(Call::new(sql, values, repeat)).await.map_err(Fault::into_error)?.len())
    }

    /// Those that are told of every record, as a statement takes them.
    pub(super) fn every(&self) -> Value {
        Value::new(self.telling.every_in_a_row())
    }

    /// The statement that keeps a record, and what goes with it.
    pub(super) fn keeping(&self, record: Record) -> (&'static str, Values) {
        let (notify, by) = (record.notify, record.by.clone());
        let mut values = row::values(record, &self.skew);
        if notify.is_none() && self.telling.is_silent() {
            return (statements::INSERT_UNTOLD, values);
        }
        values.extend([Value::new(notify.map(|hook| hook.0.to_vec())), made_by(by), self.every()]);
        (statements::INSERT, values)
    }
}

/// Whom a record is made by, as a statement takes it.
pub(super) fn made_by(by: Option<Arc<str>>) -> Value {
    Value::new(by.map(|by| by.as_ref().to_owned()))
}

fn damaged() -> StoreError {
    StoreError::Damaged("a message can't be".to_owned())
}

fn message(row: &Row, skew: &Skew) -> Result<Message, StoreError> {
    let by: Option<&str> = column(row, 8)?;
    let event = Event {
        code: column(row, 4)?,
        size: column(row, 5)?,
        ttl: column(row, 6)?,
        left: column(row, 7)?,
        by: by.map(Arc::from),
        answer: column::<Option<&[u8]>>(row, 10)?.map(|answer| answer.try_into().map_err(|_| damaged())).transpose()?,
    };
    Ok(Message {
        number: column(row, 0)?,
        hook: HookId(row::bytes(row, 1)?),
        id: SecretId(row::bytes(row, 2)?),
        at: row::time(row, 3, skew)?.ok_or_else(damaged)?,
        told: event.told().ok_or_else(damaged)?,
        tries: u32::try_from(column::<i32>(row, 9)?).map_err(|_| damaged())?,
    })
}
