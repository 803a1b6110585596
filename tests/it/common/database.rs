//! A look into the database of a server, and into the files of one that has ended.

use std::path::Path;

use rusqlite::Connection;

/// A copy of the database, WAL and all: what a look at it changes, the next server doesn't see.
pub fn copy_of(data: &Path) -> (Connection, tempfile::TempDir) {
    let copy = super::directory();
    for name in ["ots.db", "ots.db-wal"] {
        if data.join(name).exists() {
            std::fs::copy(data.join(name), copy.path().join(name)).unwrap();
        }
    }
    (Connection::open(copy.path().join("ots.db")).unwrap(), copy)
}

/// Runs SQL on the database of a data directory, in words that every engine knows.
pub fn execute(data: &Path, sql: &str) {
    if super::engine::psql(data, sql).is_none() {
        Connection::open(data.join("ots.db")).unwrap().execute_batch(sql).unwrap();
    }
}

/// The number that a query gives.
pub fn number(data: &Path, sql: &str) -> i64 {
    match super::engine::psql(data, sql) {
        Some(said) => said.parse().unwrap(),
        None => Connection::open(data.join("ots.db")).unwrap().query_row(sql, [], |row| row.get(0)).unwrap(),
    }
}

/// Fails unless SQLite finds the database sound, each record has its whole payload, no payload is without its record, and what is
/// counted under each key and for each owner is there. How many records there are. What is in PostgreSQL is held to the same.
pub fn assert_sound(data: &Path) -> i64 {
    if let Some(location) = super::engine::shared_by(data) {
        let checked = ots::store::Store::check(&location).unwrap();
        assert_eq!(checked.findings, [""; 0]);
        return i64::try_from(checked.records).unwrap();
    }
    let (database, _copy) = copy_of(data);
    let number = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let torn = "SELECT count(*) FROM record WHERE sealed_len !=
                (SELECT coalesce(sum(length(bytes)), 0) FROM payload WHERE chunk BETWEEN seq * 1024 AND seq * 1024 + 1023)";
    assert_eq!(number(torn), 0, "each record has its whole payload");
    let orphans = "SELECT count(*) FROM payload WHERE chunk / 1024 NOT IN (SELECT seq FROM record)";
    assert_eq!(number(orphans), 0, "no payload is without its record");
    let miscounted = "SELECT count(*) FROM held FULL JOIN
                      (SELECT key_id, count(*) AS records, sum(sealed_len) AS bytes FROM record GROUP BY key_id) AS there
                      USING (key_id) WHERE coalesce(held.records, 0) != coalesce(there.records, 0)
                      OR coalesce(held.bytes, 0) != coalesce(there.bytes, 0)";
    assert_eq!(number(miscounted), 0, "what is held is counted");
    let miscounted = "SELECT count(*) FROM owner FULL JOIN (SELECT owner, count(*) AS records, sum(sealed_len) AS bytes
                      FROM record WHERE owner IS NOT NULL GROUP BY owner) AS there USING (owner)
                      WHERE owner.records IS NOT there.records OR owner.bytes IS NOT there.bytes";
    assert_eq!(number(miscounted), 0, "what each owner has is counted");
    number("SELECT count(*) FROM record")
}

/// Damages the first page of a table or of an index, in the file of a server that has ended.
pub fn ruin(data: &Path, name: &str) {
    let path = data.join("ots.db");
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u64 = Connection::open(&path).unwrap().query_row(root, [name], |row| row.get(0)).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let at = usize::try_from(page - 1).unwrap() * 2048;
    bytes[at..at + 2048].fill(0xee);
    std::fs::write(path, bytes).unwrap();
}
