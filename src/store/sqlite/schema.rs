//! Opening the database file: settings, and migrations over `user_version`.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::store::OpenError;

/// Numbered SQL, applied in order, each in one transaction. Forward only.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_records.sql"),
    include_str!("migrations/0002_state.sql"),
    include_str!("migrations/0003_owners.sql"),
    include_str!("migrations/0004_receipts.sql"),
    include_str!("migrations/0005_receipts_by_id.sql"),
    include_str!("migrations/0006_outbox.sql"),
    include_str!("migrations/0007_requests.sql"),
];

/// "ots1": tells our files from other SQLite databases.
const APPLICATION_ID: i64 = 0x6f74_7331;

/// Bytes in a page. Two kibibytes keep a short secret's only overflow page small (payload.rs).
pub(super) const PAGE_SIZE: usize = 2048;

/// Pages in the WAL before SQLite copies them to the database by itself: 16 MiB. With a batch on top it has to fit into
/// the reserve (mod.rs), so that it can still be copied when the disk is full.
pub(super) const AUTOCHECKPOINT_PAGES: u32 = 8192;

/// Opens the write connection: creates the file if it isn't there, and brings its schema up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    open_with(path, MIGRATIONS)
}

fn open_with(path: &Path, migrations: &[&str]) -> Result<Connection, OpenError> {
    let describe = |error: rusqlite::Error| describe(path, &error);
    let mut connection = Connection::open(path).map_err(describe)?;
    let found = inspect(path, &connection, migrations)?;
    if found == 0 {
        connection
            .execute_batch(&format!("PRAGMA page_size = {PAGE_SIZE}; PRAGMA auto_vacuum = INCREMENTAL;"))
            .map_err(describe)?;
    }
    connection
        .execute_batch(
            "PRAGMA busy_timeout = 250;
             PRAGMA secure_delete = ON;
             PRAGMA trusted_schema = OFF;
             PRAGMA cell_size_check = ON;
             PRAGMA temp_store = MEMORY;",
        )
        .map_err(describe)?;
    migrate(path, &mut connection, found, migrations)?;
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA cache_size = -8192;
             PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES};"
        ))
        .map_err(describe)?;
    // What it may not write, be it the WAL alone, SQLite opens for reading, and that stays so for as long as the server runs.
    match write_version(&connection) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => Err(describe(error)),
        _ => Ok(connection),
    }
}

/// Whether its records are on their way into another database (moving.rs): some may be there already.
pub(super) fn is_half_moved(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'moving'")?.exists([])
}

/// Writes the schema's version again: to the first page, which every database has and nothing works without.
pub(super) fn write_version(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)
}

/// Opens the connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let describe = |error: rusqlite::Error| describe(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(describe)?;
    connection
        .execute_batch("PRAGMA busy_timeout = 1000; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -1024;")
        .map_err(describe)?;
    Ok(connection)
}

/// Opens a connection beside a server that may be running, which changes nothing. Refuses what isn't a database of this version.
pub(super) fn open_beside(path: &Path) -> Result<Connection, OpenError> {
    let describe = |error: rusqlite::Error| describe(path, &error);
    // To read a WAL is to write which part of it is being read; and to close it must not move nor delete it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(describe)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(describe)?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = 5000;")
        .map_err(describe)?;
    is_current(path, &connection)?;
    Ok(connection)
}

/// The schema that the file has, 0 if it is new. Refuses what isn't ours, and changes nothing.
fn inspect(path: &Path, connection: &Connection, migrations: &[&str]) -> Result<i64, OpenError> {
    let describe = |error: rusqlite::Error| describe(path, &error);
    let number = |connection: &Connection, pragma: &str| {
        connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0)).map_err(describe)
    };
    let found = number(connection, "user_version")?;
    let application = number(connection, "application_id")?;
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let empty = number(connection, "schema_version")? == 0;
    if application != APPLICATION_ID && !(empty && application == 0) {
        return Err(OpenError::Foreign(path.to_owned(), "another program's database".to_owned()));
    }
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Refuses what isn't a database of this version.
fn is_current(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let found = inspect(path, connection, MIGRATIONS)?;
    if usize::try_from(found) == Ok(MIGRATIONS.len()) {
        return Ok(());
    }
    let why = format!("it is of an older ots (schema {found}): start the server once, which brings it up to date");
    Err(OpenError::Engine(path.to_owned(), why))
}

fn migrate(path: &Path, connection: &mut Connection, found: i64, migrations: &[&str]) -> Result<(), OpenError> {
    let describe = |error: rusqlite::Error| describe(path, &error);
    for (version, sql) in (1_i64..).zip(migrations).filter(|(version, _)| *version > found) {
        let transaction = connection.transaction().map_err(describe)?;
        transaction.execute_batch(sql).map_err(describe)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(describe)?;
        transaction.pragma_update(None, "user_version", version).map_err(describe)?;
        transaction.commit().map_err(describe)?;
    }
    Ok(())
}

pub(super) fn describe(path: &Path, error: &rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign(path.to_owned(), error.to_string()),
        // What its disk can't read, SQLite calls so too.
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged(path.to_owned(), error.to_string()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse(path.to_owned()),
        _ => OpenError::Engine(path.to_owned(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    /// The real ones and one of this test's own: from each version on, what is missing is applied once, and an older binary then leaves
    /// the file alone.
    #[test]
    fn migrations_are_applied_in_order_once_and_only_forward() {
        let own = "ALTER TABLE record ADD COLUMN colour TEXT; UPDATE record SET colour = 'red';";
        let all = [MIGRATIONS, &[own]].concat();
        let newest = i64::try_from(all.len()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let insert = "INSERT INTO record (id, created_at, expires_at, deadline, kind, size, key_id, sealed_len)
                      VALUES (x'01', 1, 2, 2, 0, 0, x'02', 0)";
        for from in 1..all.len() {
            let path = directory.path().join(format!("{from}.db"));
            open_with(&path, &all[..from]).unwrap().execute(insert, []).unwrap();
            for _ in 0..2 {
                let connection = open_with(&path, &all).unwrap();
                assert_eq!(version(&connection), newest);
                let colour: String = connection.query_row("SELECT colour FROM record", [], |row| row.get(0)).unwrap();
                assert_eq!(colour, "red", "what was there is kept, and changed once");
            }
            let before = std::fs::read(&path).unwrap();
            let older = open_with(&path, &all[..from]);
            assert!(matches!(older, Err(OpenError::Newer { found, .. }) if found == newest));
            assert!(std::fs::read(&path).unwrap() == before);
        }
        assert_eq!(version(&open_with(&directory.path().join("new.db"), &all).unwrap()), newest);
    }

    /// One that fails changes nothing, not even in its first statements.
    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.db");
        drop(open_writer(&path).unwrap());
        let broken =
            [MIGRATIONS, &["ALTER TABLE record ADD COLUMN colour TEXT; SELECT nonsense FROM nowhere;"]].concat();
        assert!(matches!(open_with(&path, &broken), Err(OpenError::Engine(..))));
        let connection = open_writer(&path).unwrap();
        assert_eq!(version(&connection), i64::try_from(MIGRATIONS.len()).unwrap());
        assert!(connection.prepare("SELECT colour FROM record").is_err());
    }
}
