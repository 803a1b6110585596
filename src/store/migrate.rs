//! Moving what an embedded database keeps into a PostgreSQL, so that no secret can be read on both sides, whenever this is cut off.
//!
//! A file from which records are moved is marked, before the first: no server starts on it, until the last is over. Then each record is
//!
//! 1. *staged* there: inserted with a claim of nobody's, so that nobody can read it yet;
//! 2. *marked* here as gone: it is never staged again;
//! 3. *published* there: it gets the claim that it had, or none;
//! 4. *removed* here, as a read removes it.
//!
//! Each step is durable before the next, and can be done again: what an earlier run has marked is published and removed first. Receipts go
//! with their records when these are published; those of records that are gone are copied, then removed. Messages to webhooks go first, so that
//! they stay before whatever is told of their records over there.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    Head, Held, Message, OpenError, StoreError, Usage,
    postgres::{Address, Import, ImportError, StartError},
    receipt::Tombstone,
    sqlite::SqliteStore,
};
use crate::{
    memory::Buffer,
    secret::{ClaimHash, HookId, KeyId, OwnerId, ReceiptId, SecretId},
};

/// For how long a database that can't be reached is tried again, and how soon.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(500);

/// A record with all that becomes of it.
#[derive(Debug)]
pub(super) struct Moving {
    /// Its row, here.
    pub(super) seq: i64,
    pub(super) id: SecretId,
    pub(super) head: Head,
    /// When it is gone, or its lease over.
    pub(super) deadline: Timestamp,
    /// Wrong passphrases so far.
    pub(super) attempts: u32,
    pub(super) claim: Option<ClaimHash>,
    pub(super) owner: Option<OwnerId>,
    pub(super) mark: Mark,
    pub(super) sealed: Buffer,
}

/// The receipt of a record, when its reader got it, and its webhook.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    pub(super) receipt: Option<ReceiptId>,
    pub(super) claimed_at: Option<Timestamp>,
    pub(super) notify: Option<HookId>,
}

/// One that is staged there, and gone here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marked {
    pub(super) seq: i64,
    pub(super) id: SecretId,
    pub(super) claim: Option<ClaimHash>,
    pub(super) mark: Mark,
}

/// Some of those that are to be moved.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Moving>,
    /// The last row that was looked at; none at the end.
    pub(super) last: Option<i64>,
    /// Rows that can't be read whole.
    pub(super) damaged: Vec<String>,
    /// Rows that are no longer live.
    pub(super) dead: u64,
    /// What the removal of these would leave.
    pub(super) left: Vec<Tombstone>,
}

/// Some of the messages that are to be moved.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pub(super) messages: Vec<Message>,
    /// The last number that was looked at; none at the end.
    pub(super) last: Option<i64>,
    pub(super) unreadable: u64,
}

/// What a migration did.
#[derive(Debug, Default)]
pub struct Migrated {
    /// What was there before, under each key.
    pub before: Vec<Held>,
    /// And what is left.
    pub after: Vec<Held>,
    /// What was published there.
    pub moved: Usage,
    /// Receipts of records that were gone, which are there now.
    pub receipts: u64,
    /// Messages to webhooks, which are there now.
    pub messages: u64,
    /// Records that had expired, which were left.
    pub expired: u64,
    /// Records that can't be read whole, which were left.
    pub damaged: Vec<String>,
    /// Records that the destination had already, from another copy of this database, which were left.
    pub there: u64,
    /// Whether it went to its end: a server can start on what is left.
    pub finished: bool,
    /// The keys under which there was something to be moved, in this run or before it.
    pub keys: Vec<KeyId>,
    /// Whether the destination has secrets under other keys.
    pub other_keys: bool,
}

/// Why it couldn't be done, or not to its end. What was moved is moved, and it can be begun again.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The file can't be opened.
    #[error(transparent)]
    From(OpenError),
    /// A server runs on it.
    #[error("a server runs on {0}: stop it first, so that nothing is read there while it is moved")]
    InUse(String),
    /// The file failed.
    #[error("{0}; what was moved is moved: run this again")]
    Store(StoreError),
    /// The destination can't be used.
    #[error(transparent)]
    To(StartError),
    /// It was begun with another destination.
    #[error(
        "it was begun to be moved into another database, where a part of it is already: name that one; nothing was changed"
    )]
    OtherDestination,
    /// The destination failed.
    #[error("the destination failed: {0}; what was moved is moved: run this again")]
    Lost(String),
}

impl From<StoreError> for MigrateError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Moves all that is live in the file at `from` to `to`, until `stop` is set. `told` hears how many bytes of how many are moved.
///
/// # Errors
/// [`MigrateError`].
pub async fn migrate(
    from: &Path,
    to: &Address,
    stop: &AtomicBool,
    mut told: impl FnMut(u64, u64),
) -> Result<Migrated, MigrateError> {
    let store =
        SqliteStore::open(from, 0, Arc::default(), Arc::default(), Arc::default()).map_err(|error| match error {
            OpenError::InUse(path) => MigrateError::InUse(path.display().to_string()),
            error => MigrateError::From(error),
        })?;
    let moved = move_all(&store, to, stop, &mut told).await;
    // Closing it leaves nothing in its files of what was removed.
    let closed = store.close().await;
    let moved = moved?;
    closed?;
    Ok(moved)
}

async fn move_all(
    store: &SqliteStore,
    to: &Address,
    stop: &AtomicBool,
    told: &mut impl FnMut(u64, u64),
) -> Result<Migrated, MigrateError> {
    let mut there = There { import: Some(Import::open(to).await.map_err(MigrateError::To)?), to };
    let (identity, held) = there.asked().await?;
    let before = store.state(Timestamp::now())?.held;
    let mut migrated = Migrated { before: before.clone(), ..Migrated::default() };
    let total = before.iter().map(|held| held.bytes).sum();
    let keys = before.iter().map(|held| held.key_id).collect();
    let begun = store.begin_moving(identity, keys).await?;
    let (staging, keys) = begun.ok_or(MigrateError::OtherDestination)?;
    migrated.other_keys = held.iter().any(|held| !keys.contains(&held.key_id));
    migrated.keys = keys;
    let mut last = 0;
    loop {
        let Outgoing { messages, last: next, unreadable } = store.messages_to_move(last).await?;
        if unreadable > 0 {
            migrated.damaged.push(format!("{unreadable} messages to webhooks can't be read"));
        }
        let Some(next) = next else { break };
        last = next;
        there.take_messages(&messages).await?;
        migrated.messages += u64::try_from(messages.len()).unwrap_or(u64::MAX);
        store.delivered(messages.iter().map(|message| message.number).collect()).await?;
    }
    loop {
        let marked = store.marked().await?;
        if marked.is_empty() {
            break;
        }
        finish(store, &mut there, staging, marked, &mut migrated.moved).await?;
        told(migrated.moved.bytes, total);
    }
    let mut last = 0;
    loop {
        if stop.load(Ordering::Relaxed) {
            migrated.after = store.state(Timestamp::now())?.held;
            return Ok(migrated);
        }
        let Batch { records, last: next, damaged, dead, left } = store.next_to_move(last, Timestamp::now()).await?;
        migrated.damaged.extend(damaged);
        migrated.expired += dead;
        there.keep(&left).await?;
        if !records.is_empty() {
            let ours = there.stage(staging, &records).await?;
            let marked: Vec<Marked> = records
                .iter()
                .zip(&ours)
                .filter(|(_, ours)| **ours)
                .map(|(record, _)| Marked { seq: record.seq, id: record.id, claim: record.claim, mark: record.mark })
                .collect();
            migrated.there += u64::try_from(records.len() - marked.len()).unwrap_or(u64::MAX);
            drop(records);
            store.mark(marked.iter().map(|marked| marked.seq).collect()).await?;
            finish(store, &mut there, staging, marked, &mut migrated.moved).await?;
            told(migrated.moved.bytes, total);
        }
        let Some(next) = next else { break };
        last = next;
    }
    while let left @ [_, ..] = &*store.receipts_to_move().await? {
        there.keep(left).await?;
        migrated.receipts += store.forget_moved(left.iter().map(|left| left.receipt).collect()).await?;
    }
    // What is in both is to be read in one: no server starts on this one then.
    if migrated.there == 0 {
        store.end_moving(format!("PostgreSQL ({to})"), migrated.moved.records > 0, Timestamp::now()).await?;
        migrated.finished = true;
    }
    migrated.after = store.state(Timestamp::now())?.held;
    Ok(migrated)
}

/// Tells whoever starts a server on what is left.
pub(super) fn tell_where_to(from: &Path, store: &SqliteStore) {
    for (place, at) in store.moved_to().unwrap_or_default() {
        tracing::warn!(
            "the secrets of {} were moved to {place} at {at}: links to them don't open here. Serve that database (--database), and take \
             this server out of service; or move the file away to begin with an empty one",
            from.display()
        );
    }
}

/// Publishes what is marked, and removes it here.
async fn finish(
    store: &SqliteStore,
    there: &mut There<'_>,
    staging: ClaimHash,
    marked: Vec<Marked>,
    moved: &mut Usage,
) -> Result<(), MigrateError> {
    there.publish(staging, &marked).await?;
    let removed = store.remove_marked(marked.iter().map(|marked| marked.seq).collect()).await?;
    moved.records += removed.records;
    moved.bytes += removed.bytes;
    Ok(())
}

/// The destination: what it is asked can be asked again, over another connection.
struct There<'a> {
    import: Option<Import>,
    to: &'a Address,
}

impl There<'_> {
    async fn asked(&mut self) -> Result<(String, Vec<Held>), MigrateError> {
        self.again(async |import| import.asked().await).await
    }

    async fn stage(&mut self, staging: ClaimHash, records: &[Moving]) -> Result<Vec<bool>, MigrateError> {
        self.again(async |import| import.stage(staging, records).await).await
    }

    async fn publish(&mut self, staging: ClaimHash, marked: &[Marked]) -> Result<(), MigrateError> {
        self.again(async |import| import.publish(staging, marked).await).await
    }

    async fn take_messages(&mut self, messages: &[Message]) -> Result<(), MigrateError> {
        self.again(async |import| import.take_messages(messages).await).await
    }

    async fn keep(&mut self, left: &[Tombstone]) -> Result<(), MigrateError> {
        if left.is_empty() {
            return Ok(());
        }
        self.again(async |import| import.keep(left).await).await
    }

    async fn again<T>(&mut self, work: impl AsyncFn(&mut Import) -> Result<T, ImportError>) -> Result<T, MigrateError> {
        let end = Instant::now() + PATIENCE;
        loop {
            let why = match &mut self.import {
                Some(import) => match work(import).await {
                    Ok(done) => return Ok(done),
                    Err(ImportError::Refused(why)) => return Err(MigrateError::Lost(why)),
                    Err(ImportError::Lost(why)) => why,
                },
                None => "it can't be reached".to_owned(),
            };
            if Instant::now() >= end {
                return Err(MigrateError::Lost(why));
            }
            self.import = None;
            tokio::time::sleep(AGAIN).await;
            self.import = Import::open(self.to).await.ok();
        }
    }
}
