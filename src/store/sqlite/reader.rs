//! The thread that answers what changes nothing. Each answer is one short statement, so that no snapshot stays open
//! and holds up the writer's checkpoint.

use std::sync::mpsc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Job, engine_error, ops::time};
use crate::{
    secret::{ClaimHash, SecretId},
    store::Peek,
};

/// What can be asked.
pub(super) enum Query {
    Peek { id: SecretId, now: Timestamp },
    CountByKey,
    Ping,
}

/// What is answered.
pub(super) enum Found {
    Peek(Option<Box<Peek>>),
    Counts(Vec<([u8; 8], u64)>),
    Pong,
}

/// Answers until every sender is gone.
pub(super) fn run(connection: &Connection, queue: &mpsc::Receiver<Job<Query, Found>>) {
    while let Ok(job) = queue.recv() {
        let found = answer(connection, &job.call).map_err(|error| engine_error(&error));
        let _ = job.answer.send(found); // whoever asked may have gone away
    }
}

fn answer(connection: &Connection, query: &Query) -> rusqlite::Result<Found> {
    match query {
        Query::Peek { id, now } => peek(connection, *id, *now).map(|peek| Found::Peek(peek.map(Box::new))),
        Query::CountByKey => {
            // Counted here: SQLite would sort millions of rows to group them, and there are only ever a few keys.
            let mut counts: Vec<([u8; 8], u64)> = Vec::new();
            let mut statement = connection.prepare("SELECT key_id FROM record")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let key = row.get(0)?;
                match counts.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((key, 1)),
                }
            }
            Ok(Found::Counts(counts))
        }
        Query::Ping => {
            connection.prepare_cached("SELECT seq FROM record LIMIT 1")?.query_row([], |_| Ok(())).optional()?;
            Ok(Found::Pong)
        }
    }
}

fn peek(connection: &Connection, id: SecretId, now: Timestamp) -> rusqlite::Result<Option<Peek>> {
    connection
        .prepare_cached(
            "SELECT created_at, expires_at, kind, size, key_id, verifier, claim
             FROM record WHERE id = ?1 AND deadline > ?2",
        )?
        .query_row(params![id.0, now.as_millisecond()], |row| {
            Ok(Peek {
                created_at: time(row, 0)?,
                expires_at: time(row, 1)?,
                kind: row.get(2)?,
                size: row.get(3)?,
                key_id: row.get(4)?,
                verifier: row.get(5)?,
                claim: row.get::<_, Option<[u8; 32]>>(6)?.map(ClaimHash),
            })
        })
        .optional()
}
