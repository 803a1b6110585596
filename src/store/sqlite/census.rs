//! A look at how much there is, from the counts and the ends of indexes where they tell it: quick, however many records there are. Only
//! what needs a key is read from every row.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{reader::Reader, schema, tables::time};
use crate::{
    secret::KeyId,
    store::{Census, KeyUse, OpenError, Usage, files::beside},
};

/// No lease is longer: claimed records die before it is over.
const LONGEST_LEASE: SignedDuration = SignedDuration::from_mins(10);

/// How much is kept in the database at `path`, beside a server that may be running on it.
pub(in crate::store) fn census_of(path: &Path, now: Timestamp) -> Result<Census, OpenError> {
    let connection = schema::open_beside(path)?;
    census(&connection, path, now).map_err(|error| schema::describe(path, &error))
}

/// The same for what needs each key.
pub(in crate::store) fn keys_of(path: &Path) -> Result<Vec<KeyUse>, OpenError> {
    let connection = schema::open_beside(path)?;
    keys(&connection).map_err(|error| schema::describe(path, &error))
}

pub(super) fn census(connection: &Connection, path: &Path, now: Timestamp) -> rusqlite::Result<Census> {
    let milliseconds = now.as_millisecond();
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u64>(0));
    let at = |sql: &str, with: i64| connection.query_row(sql, [with], |row| time(row, 0)).optional();
    let leased = now.saturating_add(LONGEST_LEASE).unwrap_or(Timestamp::MAX).as_millisecond();
    let claimed = "SELECT count(*) FROM record WHERE deadline > ?1 AND deadline <= ?2 AND claim IS NOT NULL";
    let dead = "SELECT count(*) FROM record WHERE deadline <= ?1";
    let requests = "SELECT count(*) FROM record WHERE kind = 8 AND deadline > ?1";
    let held = Reader::held_of(connection)?.iter().fold(Usage::default(), |all, held| Usage {
        records: all.records.saturating_add(held.records),
        bytes: all.bytes.saturating_add(held.bytes),
    });
    let (owners, largest) = connection.query_row(
        "SELECT count(*), coalesce(max(records), 0), coalesce(max(bytes), 0) FROM owner",
        [],
        |row| Ok((row.get(0)?, Usage { records: row.get(1)?, bytes: row.get(2)? })),
    )?;
    let page_size = number("PRAGMA page_size")?;
    Ok(Census {
        held,
        dead: connection.query_row(dead, [milliseconds], |row| row.get(0))?,
        claimed: connection.query_row(claimed, params![milliseconds, leased], |row| row.get(0))?,
        requests: connection.query_row(requests, [milliseconds], |row| row.get(0))?,
        receipts: number("SELECT count(*) FROM receipt")?,
        oldest: at("SELECT created_at FROM record WHERE seq > ?1 ORDER BY seq LIMIT 1", i64::MIN)?,
        next_deadline: at("SELECT deadline FROM record WHERE deadline > ?1 ORDER BY deadline LIMIT 1", milliseconds)?,
        owners,
        largest,
        messages: number("SELECT count(*) FROM outbox")?,
        file: number("PRAGMA page_count")?.saturating_mul(page_size),
        free: number("PRAGMA freelist_count")?.saturating_mul(page_size),
        wal: beside(path, "wal").metadata().map_or(0, |wal| wal.len()),
    })
}

pub(super) fn keys(connection: &Connection) -> rusqlite::Result<Vec<KeyUse>> {
    let mut statement = connection.prepare(
        "SELECT min(created_at), max(max(expires_at, deadline)), key_id, count(*), sum(sealed_len)
         FROM record NOT INDEXED GROUP BY key_id",
    )?;
    let use_of = |row: &Row<'_>| {
        Ok(KeyUse {
            key_id: KeyId(row.get(2)?),
            held: Usage { records: row.get(3)?, bytes: row.get(4)? },
            oldest: time(row, 0)?,
            needed_until: time(row, 1)?,
        })
    };
    statement.query_map([], use_of)?.collect()
}
