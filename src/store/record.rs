//! What a store keeps, and what it gives of it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    memory::Buffer,
    secret::{HookId, KeyId, ReceiptId, SecretId, Verifier},
    store::Charge,
};

/// What may be told of a record without reading it. All of it is opaque to a store but the times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// When it was made; millisecond precision is kept.
    pub created_at: Timestamp,
    /// When it is gone; millisecond precision is kept.
    pub expires_at: Timestamp,
    /// A small number that the caller understands.
    pub kind: u8,
    /// Bytes of content.
    pub size: u64,
    /// Which key sealed it.
    pub key_id: KeyId,
    /// What a passphrase is checked against; a record that has one is *guarded*.
    pub verifier: Option<Verifier>,
}

/// What a store keeps.
#[derive(Debug)]
pub struct Record {
    /// The lookup key.
    pub id: SecretId,
    /// What may be told of it.
    pub head: Head,
    /// The ciphertext.
    pub sealed: Buffer,
    /// Whom it is counted under, and what bounds that.
    pub charge: Charge,
    /// What tells of it, also when it is gone; none where nobody wants to know.
    pub receipt: Option<ReceiptId>,
    /// The webhook that its maker picked, besides those that are told of every record. An answer has its request's in place of this.
    pub notify: Option<HookId>,
    /// The name of the key, or of the user, that it was made with: it goes into the message that tells of that, and isn't kept with the record.
    pub by: Option<Arc<str>>,
}

/// A record as a reader gets it.
#[derive(Debug)]
pub struct Stored {
    /// As inserted.
    pub head: Head,
    /// The ciphertext, counted where the caller said, for as long as it lives.
    pub sealed: Buffer,
}

/// Whether the caller has shown the passphrase of a guarded record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// No: a guarded record is not given out and not touched.
    Open,
    /// Yes, or it needs none.
    Verified,
}

/// What a claim came to, for whoever has the record now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// It is theirs from now on.
    New,
    /// It was theirs already.
    Again,
}

/// A record that was removed because its time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// Its lookup key; none where that was damaged.
    pub id: Option<SecretId>,
    /// Whether it was its claim's time.
    pub claimed: bool,
    /// Whether it was a request, which nobody had answered.
    pub request: bool,
}

/// What one bounded sweep did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// What it removed.
    pub gone: Vec<Gone>,
    /// Whether the bound stopped it before the end.
    pub more: bool,
}

/// How a store is: what health and metrics tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Records that are kept, dead ones that wait to be removed included, under each key.
    pub held: Vec<Held>,
    /// When the record died that has waited longest to be removed.
    pub oldest_dead: Option<Timestamp>,
    /// When a change was last known to be on the disk; none since the start.
    pub last_commit: Option<Timestamp>,
    /// When a sweep last came to its end.
    pub last_sweep: Option<Timestamp>,
    /// When removed ciphertext was last known to be gone from the files.
    pub last_checkpoint: Option<Timestamp>,
    /// Since when removed ciphertext may still be in the files.
    pub unclean_since: Option<Timestamp>,
    /// Bytes of what was written and isn't in the database itself yet.
    pub wal_bytes: u64,
    /// Whether something found no disk space, or the space that is kept back for removals couldn't be had.
    pub lacks_space: bool,
    /// Damaged places that were met since the start.
    pub damaged: u64,
    /// Whether the clock is far ahead of the last known time, so that nothing is swept.
    pub clock_ahead: bool,
}

/// What is kept under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The key.
    pub key_id: KeyId,
    /// How many records.
    pub records: u64,
    /// Bytes of ciphertext.
    pub bytes: u64,
}
