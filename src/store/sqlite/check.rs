//! A look at the whole file, beside a server that may be running on it: SQLite's own check of pages and indexes, then that every record
//! has its ciphertext and no ciphertext is without a record.

use std::{collections::BTreeMap, path::Path};

use rusqlite::{Connection, Row};

use super::{
    outbox::{self, MESSAGE},
    payload,
    reader::{HEAD, Reader},
    receipts::{self, TOMBSTONE},
    schema,
};
use crate::{
    secret::{KeyId, Kind, OwnerId},
    store::{Checked, Held, OpenError, Usage, damage},
};

/// Findings of one kind that are told; of more, how many there are.
const TOLD: usize = 20;

/// Looks at all of it, and changes nothing.
pub(in crate::store) fn check(path: &Path) -> Result<Checked, OpenError> {
    let error = |error: rusqlite::Error| schema::describe(path, &error);
    let connection = schema::open_beside(path)?;
    let mut checked = Checked::default();
    pages(&connection, &mut checked).map_err(error)?;
    {
        // Records and what counts them, as they are at one moment.
        let moment = connection.unchecked_transaction().map_err(error)?;
        let owners = records(&moment, &mut checked);
        counts(&moment, &mut checked);
        counts_of_owners(&moment, &owners, &mut checked);
        what_is_left(&moment, &mut checked);
        what_is_to_be_told(&moment, &mut checked);
    }
    orphans(&connection, &mut checked);
    Ok(checked)
}

/// SQLite's integrity check, a snapshot of its own: a server's files are cleaned after it.
fn pages(connection: &Connection, checked: &mut Checked) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({TOLD})"))?;
    let mut rows = statement.query([])?;
    loop {
        match rows.next() {
            Ok(Some(row)) => match row.get::<_, String>(0) {
                Ok(line) if line == "ok" => {}
                Ok(line) => checked.findings.extend(line.lines().map(|line| format!("SQLite: {line}"))),
                Err(error) => checked.findings.push(format!("SQLite: {error}")),
            },
            Ok(None) => return Ok(()),
            Err(error) => {
                checked.findings.push(format!("SQLite: {error}"));
                return Ok(());
            }
        }
    }
}

/// What each owner has.
type Owners = BTreeMap<OwnerId, Usage>;

/// Each record can be read, and its ciphertext is there and as long as it says. Gives what each owner has.
fn records(connection: &Connection, checked: &mut Checked) -> Owners {
    let mut by_key: BTreeMap<KeyId, (u64, u64)> = BTreeMap::new();
    let mut owners = Owners::new();
    let mut wrong = Wrong::default();
    each(connection, "record", "seq", &format!("{HEAD}, seq, id, sealed_len, owner"), &mut wrong, |row| {
        let seq: i64 = row.get("seq")?;
        let (id, expected) = match (row.get("id"), row.get::<_, u64>("sealed_len"), Reader::head(row)) {
            (Ok(id), Ok(length), Ok(head)) if Kind::from_byte(head.kind).is_some() => {
                let (records, bytes) = by_key.entry(head.key_id).or_default();
                *records += 1;
                *bytes += length;
                if let Some(owner) = row.get("owner").ok().flatten() {
                    let usage = owners.entry(OwnerId(owner)).or_default();
                    usage.records += 1;
                    usage.bytes += length;
                }
                (damage::name(crate::secret::SecretId(id)), length)
            }
            _ => return Ok(Some(format!("row {seq} of the records can't be read"))),
        };
        let length = payload::length(connection, seq)?;
        let is_whole = u64::try_from(length) == Ok(expected);
        Ok((!is_whole).then(|| format!("{id} has {length} bytes of ciphertext in place of {expected}")))
    });
    wrong.tell(&mut checked.findings);
    checked.held = by_key.into_iter().map(|(key_id, (records, bytes))| Held { key_id, records, bytes }).collect();
    checked.records = checked.held.iter().map(|held| held.records).sum();
    checked.bytes = checked.held.iter().map(|held| held.bytes).sum();
    owners
}

/// No ciphertext is without its record.
fn orphans(connection: &Connection, checked: &mut Checked) {
    let mut wrong = Wrong::default();
    let exists = |seq: i64| connection.prepare_cached("SELECT 1 FROM record WHERE seq = ?1")?.exists([seq]);
    each(connection, "payload", "chunk", "chunk", &mut wrong, |row| {
        let seq = payload::seq_of(row.get("chunk")?);
        Ok((!exists(seq)?).then(|| format!("there is ciphertext for row {seq} of the records, which isn't there")))
    });
    wrong.tell(&mut checked.findings);
}

/// What is counted as it changes is what there is.
fn counts(connection: &Connection, checked: &mut Checked) {
    match Reader::held_of(connection) {
        Ok(mut counted) => {
            counted.sort_by_key(|held| held.key_id);
            if counted != checked.held {
                checked.findings.push("the counts of records under each key aren't what there is".to_owned());
            }
        }
        Err(error) => checked.findings.push(format!("the counts of records can't be read: {error}")),
    }
}

/// The same for each owner, as far as there are any.
fn counts_of_owners(connection: &Connection, owners: &Owners, checked: &mut Checked) {
    let counted = || -> rusqlite::Result<Owners> {
        let mut statement = connection.prepare("SELECT owner, records, bytes FROM owner")?;
        let rows = statement
            .query_map([], |row| Ok((OwnerId(row.get(0)?), Usage { records: row.get(1)?, bytes: row.get(2)? })))?;
        rows.collect()
    };
    match counted() {
        Ok(counted) if counted == *owners => {}
        Ok(_) => checked.findings.push("the counts of records of each owner aren't what there is".to_owned()),
        Err(error) => checked.findings.push(format!("the counts of records of each owner can't be read: {error}")),
    }
}

/// What removed records have left can be read, and no record is both there and gone.
fn what_is_left(connection: &Connection, checked: &mut Checked) {
    let count = |wrong: &str| connection.query_row(wrong, [], |row| row.get::<_, u64>(0));
    let both = "SELECT count(*) FROM record WHERE receipt IN (SELECT id FROM receipt)";
    let torn = "SELECT count(*) FROM record WHERE receipt IS NOT NULL AND (length(receipt) <> 32 OR (claim IS NULL) <> (claimed_at IS NULL))";
    for (wrong, what) in [(both, "are told to be gone"), (torn, "have a receipt that can't be")] {
        match count(wrong) {
            Ok(0) => {}
            Ok(records) => checked.findings.push(format!("{records} records {what}")),
            Err(error) => checked.findings.push(format!("the receipts of records can't be read: {error}")),
        }
    }
    match unreadable(connection, &format!("SELECT {TOMBSTONE} FROM receipt"), |row| receipts::tombstone(row).is_err()) {
        Ok(0) => {}
        Ok(rows) => checked.findings.push(format!("{rows} rows of the receipts can't be read")),
        Err(error) => checked.findings.push(format!("the receipts can't be read: {error}")),
    }
}

/// Messages for webhooks can be read, and so can whom records name.
fn what_is_to_be_told(connection: &Connection, checked: &mut Checked) {
    let misnamed = "SELECT count(*) FROM record WHERE length(notify) <> 8";
    match connection.query_row(misnamed, [], |row| row.get::<_, u64>(0)) {
        Ok(0) => {}
        Ok(records) => checked.findings.push(format!("{records} records name a webhook that can't be")),
        Err(error) => checked.findings.push(format!("the webhooks of records can't be read: {error}")),
    }
    match unreadable(connection, &format!("SELECT {MESSAGE} FROM outbox"), |row| outbox::message(row).is_err()) {
        Ok(0) => {}
        Ok(rows) => checked.findings.push(format!("{rows} rows of the outbox can't be read")),
        Err(error) => checked.findings.push(format!("the outbox can't be read: {error}")),
    }
}

/// How many rows are not as they were written.
fn unreadable(connection: &Connection, rows: &str, is_wrong: impl Fn(&Row<'_>) -> bool) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare(rows)?;
    let rows = statement.query_map([], |row| Ok(is_wrong(row)))?;
    rows.filter(|row| !matches!(row, Ok(false))).try_fold(0, |count, row| row.map(|_| count + 1))
}

/// Goes through a table by its key, beyond pages that can't be read.
fn each(
    connection: &Connection,
    table: &str,
    key: &str,
    columns: &str,
    wrong: &mut Wrong,
    mut look: impl FnMut(&Row<'_>) -> rusqlite::Result<Option<String>>,
) {
    let query = format!("SELECT {columns} FROM {table} NOT INDEXED WHERE {key} >= ?1 ORDER BY {key}");
    let (mut from, mut skip) = (i64::MIN, 1_i64);
    loop {
        let outcome: rusqlite::Result<()> = (|| {
            let mut statement = connection.prepare_cached(&query)?;
            let mut rows = statement.query([from])?;
            while let Some(row) = rows.next()? {
                from = row.get::<_, i64>(key)?.saturating_add(1);
                skip = 1;
                match look(row) {
                    Ok(None) => {}
                    Ok(Some(finding)) => wrong.note(finding),
                    Err(error) => wrong.note(format!("row {} of {table} can't be checked: {error}", from - 1)),
                }
            }
            Ok(())
        })();
        let Err(error) = outcome else { return };
        if skip == 1 {
            wrong.note(format!("some rows of {table} after {} can't be read: {error}", from.max(0)));
        }
        match from.max(0).checked_add(skip).zip(skip.checked_mul(2)) {
            Some((beyond, twice)) => (from, skip) = (beyond, twice),
            None => return,
        }
    }
}

/// What is wrong, of one kind.
#[derive(Default)]
struct Wrong {
    told: Vec<String>,
    more: u64,
}

impl Wrong {
    fn note(&mut self, finding: String) {
        if self.told.len() < TOLD { self.told.push(finding) } else { self.more += 1 }
    }

    fn tell(self, findings: &mut Vec<String>) {
        findings.extend(self.told);
        if self.more > 0 {
            findings.push(format!("and {} more of that kind", self.more));
        }
    }
}
