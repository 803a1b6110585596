//! The outbox: messages are written in the transaction that they tell of, and read by whoever sends them. Where it is damaged it is done
//! without: nothing that a secret hangs on waits for a message.

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{SqliteStore, given_up::GivenUp, job::Failure, tables::time, writer::Effect};
use crate::{
    secret::{HookId, SecretId},
    store::{
        Message, StoreError, Told, Waiting,
        outbox::{Event, Telling},
    },
};

/// The columns that [`message`] reads.
pub(super) const MESSAGE: &str = "number, hook, id, at, event, size, ttl, tries_left, made_by, tries, answer";
/// Numbers that are taken at a time: what is written down for them is so once.
const NUMBERS: i64 = 1000;
/// No number is as high, unless damage has made it.
const LAST: i64 = 1 << 53;
/// Messages that one transaction removes at most, of webhooks that nobody knows.
const DROPPED: usize = 1000;

/// What is old, as far as it is among the first: those are the oldest, but for a clock that was wrong.
const OLD: &str = "SELECT number FROM (SELECT number, at FROM outbox ORDER BY number LIMIT 20000) WHERE at < ?1 ORDER BY number LIMIT ?2";

/// What the open transaction tells.
pub(super) struct Outbox {
    telling: Arc<Telling>,
    every: RefCell<Arc<[HookId]>>,
    has_told: Cell<bool>,
    /// The next number; none before the first. One that came to nothing is never given.
    next: Cell<Option<i64>>,
    /// What is written down: numbers up to that one are free for this run.
    taken: Cell<i64>,
    /// The same, as the open transaction writes it.
    taking: Cell<Option<i64>>,
    pub(super) given_up: GivenUp,
}

impl Outbox {
    pub(super) fn new(telling: Arc<Telling>) -> Self {
        Self {
            telling,
            every: RefCell::default(),
            has_told: Cell::default(),
            next: Cell::default(),
            taken: Cell::default(),
            taking: Cell::default(),
            given_up: GivenUp::default(),
        }
    }

    /// Says that a transaction begins.
    pub(super) fn begin(&self) {
        self.every.replace(self.telling.every());
        self.has_told.set(false);
        self.taking.set(None);
    }

    /// Says that it is on the disk.
    pub(super) fn committed(&self) {
        if let Some(taken) = self.taking.take() {
            self.taken.set(taken);
        }
        if self.has_told.take() {
            self.telling.has_told();
        }
    }

    /// Tells it to the webhooks of every record, and to this one's `own`, each once.
    pub(super) fn tell(
        &self,
        connection: &Connection,
        own: Option<HookId>,
        id: SecretId,
        at: Timestamp,
        told: &Told,
    ) -> rusqlite::Result<()> {
        let every = self.every.borrow();
        let own = own.filter(|own| !every.contains(own));
        if self.given_up.is_so() || (every.is_empty() && own.is_none()) {
            return Ok(());
        }
        let event = told.event();
        let mut hooks = every.iter().chain(own.as_ref());
        hooks
            .try_for_each(|hook| self.write(connection, *hook, id, at, &event))
            .inspect_err(|error| self.given_up.note(error))
    }

    fn write(
        &self,
        connection: &Connection,
        hook: HookId,
        id: SecretId,
        at: Timestamp,
        event: &Event,
    ) -> rusqlite::Result<()> {
        let Event { code, size, ttl, left, by, answer } = event;
        let (number, at) = (self.number(connection)?, at.as_millisecond());
        // With what waits before it: else each look would come by it in vain.
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO outbox (number, hook, id, at, due, event, size, ttl, tries_left, made_by, answer)
                 VALUES (?1, ?2, ?3, ?4, max(?4, coalesce((SELECT max(due) FROM outbox WHERE id = ?3 AND hook = ?2), ?4)), ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![number, hook.0, id.0, at, code, size, ttl, left, by.as_deref(), answer])?;
        self.has_told.set(true);
        Ok(())
    }

    /// The next number. What is given is written down before, some at a time, so that none is given again by a later run.
    fn number(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let number = match self.next.get() {
            Some(number) => number,
            None => last(connection)? + 1,
        };
        if number > self.taking.get().unwrap_or(self.taken.get()) {
            let taking = number + NUMBERS;
            connection.prepare_cached("UPDATE state SET numbered = ?1 WHERE one = 1")?.execute([taking])?;
            self.taking.set(Some(taking));
        }
        self.next.set(Some(number + 1));
        Ok(number)
    }
}

/// The last number that may have been given: also where one of the two places was damaged.
fn last(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row(
        "SELECT max(coalesce((SELECT numbered FROM state WHERE numbered BETWEEN 0 AND ?1), 0),
                    coalesce((SELECT max(number) FROM outbox WHERE number < ?1), 0))",
        [LAST],
        |row| row.get(0),
    )
}

/// From the columns [`MESSAGE`].
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let code = row.get(4)?;
    let event = Event {
        code,
        size: row.get(5)?,
        ttl: row.get(6)?,
        left: row.get(7)?,
        by: row.get::<_, Option<Arc<str>>>(8)?,
        answer: row.get(10)?,
    };
    Ok(Message {
        number: row.get(0)?,
        hook: HookId(row.get(1)?),
        id: SecretId(row.get(2)?),
        at: time(row, 3)?,
        told: event.told().ok_or(rusqlite::Error::IntegralValueOutOfRange(4, code.into()))?,
        tries: row.get(9)?,
    })
}

/// The first of each secret, if it is due. Those that can't be read are left out, and said to be so.
fn due(
    connection: &Connection,
    hook: HookId,
    now: Timestamp,
    at_most: usize,
) -> rusqlite::Result<(Vec<Message>, Option<rusqlite::Error>)> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {MESSAGE} FROM outbox AS o INDEXED BY outbox_by_due WHERE hook = ?1 AND due <= ?2 AND NOT EXISTS (
             SELECT * FROM outbox AS e INDEXED BY outbox_by_secret WHERE e.hook = ?1 AND e.id = o.id AND e.number < o.number
         ) ORDER BY due, number LIMIT ?3"
    ))?;
    let rows = statement.query_map(params![hook.0, now.as_millisecond(), at_most], |row| Ok(message(row)))?;
    let (mut messages, mut wrong) = (Vec::new(), None);
    for row in rows {
        match row? {
            Ok(message) => messages.push(message),
            Err(error) => wrong = Some(error),
        }
    }
    Ok((messages, wrong))
}

/// By the index alone, but for the oldest of each.
fn waiting(connection: &Connection) -> rusqlite::Result<Vec<Waiting>> {
    let mut statement = connection.prepare_cached(
        "SELECT hook, messages, (SELECT at FROM outbox WHERE number = first)
         FROM (SELECT hook, count(*) AS messages, min(number) AS first FROM outbox INDEXED BY outbox_by_due GROUP BY hook)",
    )?;
    let waiting = |row: &Row<'_>| {
        let (messages, oldest) = (row.get(1)?, time(row, 2)?);
        Ok(row.get(0).ok().map(|hook| Waiting { hook: HookId(hook), messages, oldest }))
    };
    statement.query_map([], waiting)?.filter_map(Result::transpose).collect()
}

impl SqliteStore {
    pub(in crate::store) fn messages(
        &self,
        hook: HookId,
        now: Timestamp,
        at_most: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let found = self.readers.run(|reader| reader.look(|connection| due(connection, hook, now, at_most)));
        let (messages, wrong) = self.unless_damaged("the outbox", found)?;
        if let Some(wrong) = wrong {
            self.damage.report("the outbox", &wrong.to_string());
        }
        Ok(messages)
    }

    pub(in crate::store) async fn delivered(&self, numbers: Vec<i64>) -> Result<(), StoreError> {
        let removed = self.write(Effect::Changes, move |tables| {
            let mut statement = tables.connection.prepare_cached("DELETE FROM outbox WHERE number = ?1")?;
            numbers.iter().try_for_each(|number| statement.execute([number]).map(drop)).map_err(Failure::from)
        });
        self.unless_damaged("the outbox", removed.await)
    }

    pub(in crate::store) async fn put_off(&self, number: i64, until: Timestamp) -> Result<(), StoreError> {
        let put_off = self.write(Effect::Changes, move |tables| {
            let put_off = "UPDATE outbox INDEXED BY outbox_by_secret SET due = ?2, tries = tries + (number = ?1)
                           WHERE (hook, id) = (SELECT hook, id FROM outbox WHERE number = ?1) AND number >= ?1";
            tables.connection.prepare_cached(put_off)?.execute(params![number, until.as_millisecond()])?;
            Ok(())
        });
        self.unless_damaged("the outbox", put_off.await)
    }

    pub(in crate::store) async fn give_up(&self, noted_before: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        let before = noted_before.as_millisecond();
        let are_any = |connection: &Connection| connection.prepare_cached(OLD)?.exists(params![before, 1]);
        let given_up = match self.readers.run(|reader| reader.look(are_any)) {
            Ok(true) => {
                let give_up = move |connection: &Connection| {
                    let old = format!("DELETE FROM outbox WHERE number IN ({OLD})");
                    connection.prepare_cached(&old)?.execute(params![before, at_most])
                };
                self.write(Effect::Changes, move |tables| Ok(give_up(&tables.connection)?)).await
            }
            none => none.map(usize::from),
        };
        self.unless_damaged("the outbox", given_up)
    }

    pub(in crate::store) async fn drop_for_others(&self, known: &[HookId]) -> Result<usize, StoreError> {
        let waiting = self.readers.run(|reader| reader.look(waiting));
        let others = self.unless_damaged("the outbox", waiting)?.into_iter().map(|waiting| waiting.hook);
        let mut dropped = 0;
        for hook in others.filter(|hook| !known.contains(hook)) {
            loop {
                let some = self.write(Effect::Changes, move |tables| {
                    let some =
                        "DELETE FROM outbox WHERE number IN (SELECT number FROM outbox WHERE hook = ?1 LIMIT ?2)";
                    Ok(tables.connection.prepare_cached(some)?.execute(params![hook.0, DROPPED])?)
                });
                let some = self.unless_damaged("the outbox", some.await)?;
                dropped += some;
                if some < DROPPED {
                    break;
                }
            }
        }
        Ok(dropped)
    }

    pub(in crate::store) fn waiting(&self, _: Timestamp) -> Result<Vec<Waiting>, StoreError> {
        self.unless_damaged("the outbox", self.readers.run(|reader| reader.look(waiting)))
    }

    /// Nobody shares the file.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as it is of the other engine")]
    pub(in crate::store) fn lead(&self, _: [u8; 16], _: Timestamp, _: Duration) -> Result<bool, StoreError> {
        Ok(true)
    }
}
