//! The contract of a store, and the choice of engine.
//!
//! A store keeps opaque records by [`SecretId`]. Every call is one atomic step whose effect is durable before it
//! returns; time is passed in, never read inside. A record is *live* at `now` while `now < expires_at`, and once
//! claimed while `now < claim_until`: a record that isn't live is gone to every caller, swept or not.

mod files;
mod record;
pub mod sqlite;
pub mod sweeper;

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;

pub use files::create_private_directory;
pub use record::{Access, Peek, Record, Stored};

use crate::secret::{ClaimHash, SecretId};

/// What one bounded sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Records removed.
    pub removed: usize,
    /// Whether the bound stopped it before the end.
    pub more: bool,
}

/// Why a store didn't do what it was asked. Nothing was changed, unless it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The id exists already; the old record is as it was.
    #[error("a record with that id exists already")]
    Exists,
    /// The queue, or the memory for contents, is full: try again soon.
    #[error("the store has more to do than it can queue")]
    Busy,
    /// No space is left on the disk.
    #[error("no space is left for the database")]
    Full,
    /// The record is larger than a store can keep.
    #[error("the record is larger than the store can keep")]
    TooLarge,
    /// The engine failed, and says how; whether the call took effect is not known if it failed in the commit.
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
    /// The file is not a database, or is damaged.
    #[error("{0} is damaged, or is not an ots database ({1}): move it away to start with an empty one")]
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
    /// The engine failed otherwise.
    #[error("can't open {0}: {1}")]
    Engine(PathBuf, String),
}

/// A store, of one of the engines that are known.
pub enum Store {
    /// The embedded engine.
    Sqlite(sqlite::SqliteStore),
}

impl Store {
    /// Keeps a record.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the id is known: it is never overwritten.
    pub async fn insert(&self, record: Record) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.insert(record).await,
        }
    }

    /// Removes and returns the record if it is live, unclaimed and open to `access`.
    pub async fn take(&self, id: SecretId, access: Access, now: Timestamp) -> Result<Option<Stored>, StoreError> {
        match self {
            Self::Sqlite(store) => store.take(id, access, now).await,
        }
    }

    /// Marks the record with `claim` until `now + lease` and returns it, if it is live, unclaimed and open to `access`.
    /// Marked with the same claim, and the lease lasting, it is returned again and the lease stays as it was.
    pub async fn claim(
        &self,
        id: SecretId,
        access: Access,
        claim: ClaimHash,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Option<Stored>, StoreError> {
        match self {
            Self::Sqlite(store) => store.claim(id, access, claim, lease, now).await,
        }
    }

    /// Removes the record if it is marked with `claim`, live or not: the reader's acknowledgement.
    pub async fn release(&self, id: SecretId, claim: ClaimHash) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.release(id, claim).await,
        }
    }

    /// Removes the record unread, if it is live and unclaimed.
    pub async fn burn(&self, id: SecretId, now: Timestamp) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.burn(id, now).await,
        }
    }

    /// What may be told of a live record without reading it.
    pub async fn peek(&self, id: SecretId, now: Timestamp) -> Result<Option<Peek>, StoreError> {
        match self {
            Self::Sqlite(store) => store.peek(id, now).await,
        }
    }

    /// Counts one wrong passphrase against a live record and tells how many tries are left; with none left the record
    /// is removed. Nothing if there is no such record.
    pub async fn fail_attempt(&self, id: SecretId, limit: u32, now: Timestamp) -> Result<Option<u32>, StoreError> {
        match self {
            Self::Sqlite(store) => store.fail_attempt(id, limit, now).await,
        }
    }

    /// Removes at most `at_most` records that are no longer live; fewer when they are large.
    pub async fn sweep(&self, now: Timestamp, at_most: usize) -> Result<Swept, StoreError> {
        match self {
            Self::Sqlite(store) => store.sweep(now, at_most).await,
        }
    }

    /// Has the engine answer something trivial.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.ping().await,
        }
    }

    /// How many records there are under each key.
    pub async fn count_by_key(&self) -> Result<Vec<([u8; 8], u64)>, StoreError> {
        match self {
            Self::Sqlite(store) => store.count_by_key().await,
        }
    }

    /// Finishes what is queued, leaves the files small and closes them.
    pub async fn close(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.close().await,
        }
    }
}
