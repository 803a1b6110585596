//! What goes wrong with a store: when it is opened, and when it is asked for something.

use std::path::PathBuf;

use super::{Durability, Whose};

/// Why a store didn't do what it was asked. Nothing was changed, unless it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The id exists already; the old record is as it was.
    #[error("a record with that id exists already")]
    Exists,
    /// The queue, or the memory for contents, is full: try again soon.
    #[error("the store has more to do than it can queue")]
    Busy,
    /// There would be more than a quota allows.
    #[error("as much is kept as is allowed")]
    OverQuota(Whose),
    /// It would be on one machine alone, and the store has to have it on two; or is, and is not to be relied on.
    #[error("what is stored now could be lost with one machine")]
    NotDurable,
    /// Commits wait for another machine that isn't there.
    #[error("no standby answers that the database's commits wait for")]
    NoStandby,
    /// Somebody has locked the database's tables.
    #[error("somebody has locked the database's tables")]
    Locked,
    /// No space is left on the disk.
    #[error("no space is left for the database")]
    Full,
    /// The record is larger than a store can keep.
    #[error("the record is larger than the store can keep")]
    TooLarge,
    /// What the record is read from is damaged. It stays as it is.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The engine failed, and says how.
    #[error("the database failed: {0}")]
    Engine(String),
    /// The store has been shut down.
    #[error("the database is closed")]
    Closed,
}

/// Why a store can't be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system refused.
    #[error("can't {what} {path}: {source}")]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Another server has it.
    #[error("{0} is in use by another server: stop that one first, or choose another --data-dir")]
    InUse(PathBuf),
    /// The file is not a database of ours.
    #[error("{0} is damaged, or is not an ots database ({1}): move it away to start with an empty one")]
    Foreign(PathBuf, String),
    /// The file is ours, and can't be read whole.
    #[error(
        "{0} is damaged, or its disk can't read it ({1}); nothing was changed. Look at the system's log, mend the disk and start \
         again; to go on without what it holds, choose another --data-dir"
    )]
    Damaged(PathBuf, String),
    /// A newer `ots` wrote it.
    #[error(
        "{path} was written by a newer ots (schema {found}, this one knows {known}): start that version; nothing was changed"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema of this binary.
        known: i64,
    },
    /// Its secrets are on their way into another database.
    #[error(
        "{0} is being moved into another database, where a part of it is: run ots admin migrate again, to its end, and serve that one"
    )]
    HalfMoved(PathBuf),
    /// The engine failed otherwise.
    #[error("can't open {0}: {1}")]
    Engine(PathBuf, String),
    /// What it keeps could be lost with one machine, and mustn't be.
    #[error(
        "--require-synchronous: the database's durability is {durability}: {lacks}. Or leave --require-synchronous out, if what was \
         acknowledged may be lost with a machine"
    )]
    NotSynchronous {
        /// What it is.
        durability: Durability,
        /// What is missing.
        lacks: String,
    },
    /// A database that is shared can't be used.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(super::postgres::StartError),
}
