//! Records on their way into another database ([`migrate`](crate::store::migrate)): what is to go, what has gone, and that no server runs
//! on the file meanwhile.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    SqliteStore,
    error::engine_error,
    job::Failure,
    outbox::{self, MESSAGE},
    payload,
    reader::{HEAD, Reader},
    receipts::{self, TOMBSTONE},
    tables::{Place, Tables, time},
    writer::Effect,
};
use crate::{
    memory::Buffer,
    secret::{ClaimHash, HookId, KeyId, OwnerId, ReceiptId, SecretId, random},
    store::{
        Head, StoreError, Usage, damage,
        migrate::{Batch, Mark, Marked, Moving, Outgoing},
        receipt::{End, Tombstone},
    },
};

/// Records in a batch at most, and bytes of ciphertext after which it ends.
const RECORDS: usize = 64;
const BYTES: usize = 4 * 1024 * 1024;
/// Receipts in one at most, and messages.
const RECEIPTS: usize = 256;
const MESSAGES: usize = 256;

/// A database has the first two for as long as it is being moved. `moved` names the rows that are gone, and still have to be removed. The rest
/// stays: under which keys there was something to be moved, and where to.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS moving (one INTEGER PRIMARY KEY CHECK (one = 1), staging BLOB NOT NULL, destination TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS moved (seq INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS moved_key (key_id BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS moved_to (place TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

impl SqliteStore {
    /// Begins, or goes on with what was begun, of records under these keys: gives the claim to stage with, and all keys of which there has been
    /// something to move. None if it was begun for another destination.
    pub(in crate::store) async fn begin_moving(
        &self,
        destination: String,
        keys: Vec<KeyId>,
    ) -> Result<Option<(ClaimHash, Vec<KeyId>)>, StoreError> {
        let fresh: [u8; 32] = random().map_err(|error| StoreError::Engine(error.to_string()))?;
        self.write(Effect::Changes, move |tables| {
            let connection = &tables.connection;
            connection.execute_batch(TABLES)?;
            connection.execute(
                "INSERT INTO moving (one, staging, destination) VALUES (1, ?1, ?2) ON CONFLICT DO NOTHING",
                params![fresh, destination],
            )?;
            let (staging, begun): ([u8; 32], String) =
                connection
                    .query_row("SELECT staging, destination FROM moving", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if begun != destination {
                return Ok(None);
            }
            for key in &keys {
                connection.prepare_cached("INSERT OR IGNORE INTO moved_key (key_id) VALUES (?1)")?.execute([key.0])?;
            }
            let mut statement = connection.prepare_cached("SELECT key_id FROM moved_key ORDER BY key_id")?;
            let keys = statement.query_map([], |row| row.get(0).map(KeyId))?.collect::<rusqlite::Result<_>>()?;
            Ok(Some((ClaimHash(staging), keys)))
        })
        .await
    }

    /// Some of the rows that are gone and not removed.
    pub(in crate::store) async fn marked(&self) -> Result<Vec<Marked>, StoreError> {
        self.write(Effect::Changes, |tables| {
            let mut statement = tables.connection.prepare_cached(
                "SELECT seq, id, claim, receipt, claimed_at, notify FROM moved JOIN record USING (seq) ORDER BY seq LIMIT 256",
            )?;
            let rows = statement.query_map([], |row| {
                let claim = row.get::<_, Option<[u8; 32]>>(2)?.map(ClaimHash);
                Ok(Marked { seq: row.get(0)?, id: SecretId(row.get(1)?), claim, mark: mark(row, 3) })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The next of those after row `last` that are live at `now`.
    pub(in crate::store) async fn next_to_move(&self, last: i64, now: Timestamp) -> Result<Batch, StoreError> {
        self.write(Effect::Changes, move |tables| next(tables, last, now)).await
    }

    /// Notes that these are gone: they are staged in the other database.
    pub(in crate::store) async fn mark(&self, seqs: Vec<i64>) -> Result<(), StoreError> {
        self.write(Effect::Changes, move |tables| {
            for seq in &seqs {
                tables.connection.prepare_cached("INSERT OR IGNORE INTO moved (seq) VALUES (?1)")?.execute([seq])?;
            }
            Ok(())
        })
        .await
    }

    /// Removes what is gone; how much that was.
    pub(in crate::store) async fn remove_marked(&self, seqs: Vec<i64>) -> Result<Usage, StoreError> {
        self.write(Effect::Removes, move |tables| {
            let mut removed = Usage::default();
            for seq in &seqs {
                let place = tables
                    .connection
                    .prepare_cached(&format!("SELECT {} FROM record WHERE seq = ?1", Place::COLUMNS))?
                    .query_row([seq], Place::from_row)
                    .optional()?;
                if let Some(place) = place {
                    tables.remove(&place)?;
                    removed.records += 1;
                    removed.bytes += u64::try_from(place.sealed_len).unwrap_or(u64::MAX);
                }
                tables.connection.prepare_cached("DELETE FROM moved WHERE seq = ?1")?.execute([seq])?;
            }
            Ok(removed)
        })
        .await
    }

    /// Some of the messages to webhooks after number `last`, in their order.
    pub(in crate::store) async fn messages_to_move(&self, last: i64) -> Result<Outgoing, StoreError> {
        self.write(Effect::Changes, move |tables| {
            let of = format!("SELECT {MESSAGE} FROM outbox WHERE number > ?1 ORDER BY number LIMIT {MESSAGES}");
            let mut statement = tables.connection.prepare_cached(&of)?;
            let mut found = Outgoing::default();
            for row in statement.query_map([last], |row| Ok((row.get(0)?, outbox::message(row).ok())))? {
                match row {
                    Ok((number, message)) => {
                        found.last = Some(number);
                        found.unreadable += u64::from(message.is_none());
                        found.messages.extend(message);
                    }
                    // What lies before it is moved first.
                    Err(error) if is_damage(&error) => {
                        found.unreadable += u64::from(found.last.is_none());
                        break;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(found)
        })
        .await
    }

    /// Some of what records that are gone have left, and can be read.
    pub(in crate::store) async fn receipts_to_move(&self) -> Result<Vec<Tombstone>, StoreError> {
        self.write(Effect::Changes, |tables| {
            let mut statement =
                tables.connection.prepare_cached(&format!("SELECT {TOMBSTONE} FROM receipt ORDER BY id"))?;
            let rows = statement.query_map([], |row| Ok(receipts::tombstone(row).ok()))?;
            let mut left = Vec::new();
            for row in rows {
                match row {
                    Ok(row) => left.extend(row),
                    Err(error) if is_damage(&error) => break,
                    Err(error) => return Err(error.into()),
                }
                if left.len() == RECEIPTS {
                    break;
                }
            }
            Ok(left)
        })
        .await
    }

    /// Removes those, which are kept elsewhere; how many.
    pub(in crate::store) async fn forget_moved(&self, receipts: Vec<ReceiptId>) -> Result<u64, StoreError> {
        self.write(Effect::Changes, move |tables| {
            let mut forget = tables.connection.prepare_cached("DELETE FROM receipt WHERE id = ?1")?;
            let mut forgotten = 0;
            for receipt in &receipts {
                forgotten += u64::from(forget.execute([receipt.0])? > 0);
            }
            Ok(forgotten)
        })
        .await
    }

    /// Says that all is moved that could be: a server may run on the rest. Where to is noted if something was, in this run or in one that was
    /// cut off.
    pub(in crate::store) async fn end_moving(
        &self,
        place: String,
        has_moved: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(Effect::Changes, move |tables| {
            let connection = &tables.connection;
            connection.execute(
                "INSERT OR REPLACE INTO moved_to (place, at)
                 SELECT ?1, ?2 WHERE ?3 OR (EXISTS (SELECT * FROM moved_key) AND NOT EXISTS (SELECT * FROM moved_to))",
                params![place, now.as_second(), has_moved],
            )?;
            connection.execute_batch("DROP TABLE IF EXISTS moved; DROP TABLE IF EXISTS moving;")?;
            Ok(())
        })
        .await
    }

    /// Where its secrets were moved, and when.
    pub(in crate::store) fn moved_to(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.readers.run(|reader| reader.look(moved_to))
    }
}

fn moved_to(connection: &Connection) -> rusqlite::Result<Vec<(String, Timestamp)>> {
    if !connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'moved_to'")?.exists([])? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT place, at FROM moved_to ORDER BY at")?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, Timestamp::from_second(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH))))?;
    rows.collect()
}

fn next(tables: &Tables, last: i64, now: Timestamp) -> Result<Batch, Failure> {
    let connection = &tables.connection;
    let mut batch = Batch::default();
    let (mut from, mut skip) = (last, 1_i64);
    let rows = loop {
        let rows: rusqlite::Result<Vec<i64>> = (|| {
            let mut statement =
                connection.prepare_cached("SELECT seq FROM record NOT INDEXED WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
            let rows =
                statement.query_map(params![from, i64::try_from(RECORDS).unwrap_or(i64::MAX)], |row| row.get(0))?;
            rows.collect()
        })();
        match rows {
            Ok(rows) => break rows,
            // A page that can't be read is passed over, until one can.
            Err(error) if is_damage(&error) && from < payload::LAST_ROW / 2 => {
                if skip == 1 {
                    batch.damaged.push(format!("some records can't be read: {error}"));
                }
                from = from.saturating_add(skip);
                skip = skip.saturating_mul(2);
            }
            Err(error) => return Err(error.into()),
        }
    };
    let mut bytes = 0;
    for seq in rows {
        batch.last = Some(seq);
        match read(tables, seq, now) {
            Ok(Read::Live(record)) => {
                bytes += record.sealed.len();
                batch.records.push(*record);
            }
            Ok(Read::Dead(left)) => {
                batch.dead += 1;
                batch.left.extend(left);
            }
            Ok(Read::Torn(why)) => batch.damaged.push(why),
            Err(error) if is_damage(&error) => {
                batch.damaged.push(format!("the record in row {seq} can't be read: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
        if bytes >= BYTES {
            break;
        }
    }
    Ok(batch)
}

enum Read {
    Live(Box<Moving>),
    Dead(Option<Tombstone>),
    Torn(String),
}

fn read(tables: &Tables, seq: i64, now: Timestamp) -> rusqlite::Result<Read> {
    let connection = &tables.connection;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {HEAD}, deadline, attempts, claim, owner, sealed_len, id, receipt, claimed_at, notify FROM record WHERE seq = ?1"
    ))?;
    let (record, length) = statement.query_row([seq], |row| {
        let record = Moving {
            seq,
            id: SecretId(row.get(11)?),
            head: Reader::head(row)?,
            deadline: time(row, 6)?,
            attempts: row.get(7)?,
            claim: row.get::<_, Option<[u8; 32]>>(8)?.map(ClaimHash),
            owner: row.get::<_, Option<[u8; 16]>>(9)?.map(OwnerId),
            mark: mark(row, 12),
            sealed: Buffer::default(),
        };
        Ok((record, row.get::<_, usize>(10)?))
    })?;
    if record.deadline <= now {
        let Moving { head: Head { created_at, expires_at, .. }, deadline: ended_at, attempts, claim, mark, .. } =
            record;
        let end = if claim.is_some() { End::Unconfirmed } else { End::Expired };
        let left = mark.receipt.map(|receipt| Tombstone {
            receipt,
            end,
            created_at,
            expires_at,
            claimed_at: mark.claimed_at,
            ended_at,
            attempts,
        });
        return Ok(Read::Dead(left));
    }
    let name = damage::name(record.id);
    let there = payload::length(connection, seq)?;
    if there != length {
        return Ok(Read::Torn(format!("{name} has {there} bytes of ciphertext in place of {length}")));
    }
    let mut sealed = Buffer::with_capacity(length).map_err(|_| payload::no_memory())?;
    payload::read(connection, seq, &mut sealed)?;
    Ok(Read::Live(Box::new(Moving { sealed, ..record })))
}

/// From the columns `receipt`, `claimed_at` and `notify`; without what is damaged.
fn mark(row: &Row<'_>, first: usize) -> Mark {
    let notify = row.get(first + 2).ok().flatten().map(HookId);
    match (row.get::<_, Option<[u8; 32]>>(first), receipts::maybe_time(row, first + 1)) {
        (Ok(receipt), Ok(claimed_at)) => Mark { receipt: receipt.map(ReceiptId), claimed_at, notify },
        _ => Mark { notify, ..Mark::default() },
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(engine_error(error), StoreError::Damaged(_))
}
