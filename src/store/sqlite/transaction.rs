//! One transaction of the write connection: begun, committed or rolled back, and where it broke.

use rusqlite::Connection;

/// Where a transaction broke.
#[derive(Debug)]
pub(super) enum Broken {
    /// Before its end: it has left nothing behind.
    Statement(rusqlite::Error),
    /// In the commit. Unless it was cut off in writing, whether a crash would bring it back isn't known: its last frame may lie in the WAL,
    /// and only the next commit writes over it.
    Commit(rusqlite::Error),
    /// It can neither be ended nor rolled back.
    Stuck(rusqlite::Error),
}

impl Broken {
    pub(super) fn into_error(self) -> rusqlite::Error {
        match self {
            Self::Statement(error) | Self::Commit(error) | Self::Stuck(error) => error,
        }
    }
}

/// Runs `work` in a transaction.
pub(super) fn transaction(connection: &Connection, work: impl FnOnce() -> rusqlite::Result<()>) -> Result<(), Broken> {
    let done = execute(connection, "BEGIN IMMEDIATE").and_then(|()| work()).map_err(Broken::Statement);
    let done = done.and_then(|()| execute(connection, "COMMIT").map_err(Broken::Commit));
    // Some errors have rolled it back already.
    if done.is_err() && !connection.is_autocommit() {
        execute(connection, "ROLLBACK").map_err(Broken::Stuck)?;
    }
    done
}

fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}
