//! What a look at a store tells: how much it keeps, for how long, and under which keys.

use jiff::Timestamp;

use super::Usage;
use crate::secret::KeyId;

/// How much a store keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// All records, dead ones that wait to be removed included, and their ciphertext.
    pub held: Usage,
    /// Dead ones that wait to be removed.
    pub dead: u64,
    /// Live ones that a reader has claimed.
    pub claimed: u64,
    /// Live ones that are requests, which nobody has answered.
    pub requests: u64,
    /// What removed ones have left for their receipts.
    pub receipts: u64,
    /// When the oldest was made.
    pub oldest: Option<Timestamp>,
    /// When the first of the live ones dies.
    pub next_deadline: Option<Timestamp>,
    /// How many owners there are; none where nobody has a quota of their own.
    pub owners: u64,
    /// The most that one of them has: records, and bytes, not of the same one perhaps.
    pub largest: Usage,
    /// Messages that wait to be delivered to webhooks.
    pub messages: u64,
    /// Bytes of the database.
    pub file: u64,
    /// Those of its pages that are free.
    pub free: u64,
    /// Bytes of what isn't moved into it yet.
    pub wal: u64,
}

/// What needs a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// The key.
    pub key_id: KeyId,
    /// Records that it sealed, and their ciphertext.
    pub held: Usage,
    /// When the oldest of them was made.
    pub oldest: Timestamp,
    /// When the last of them expires.
    pub needed_until: Timestamp,
}
