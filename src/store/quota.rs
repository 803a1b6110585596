//! How much may be kept, in all and for each owner. Counted in the transaction that changes it, so that no race goes beyond.

use crate::secret::OwnerId;

/// So many records, and so many bytes of ciphertext; none is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Records, dead ones that wait to be removed included.
    pub records: Option<u64>,
    /// Bytes of ciphertext.
    pub bytes: Option<u64>,
}

impl Quota {
    /// Whether it bounds nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether as much as `usage` may be kept.
    #[must_use]
    pub fn allows(&self, usage: Usage) -> bool {
        self.records.is_none_or(|most| usage.records <= most) && self.bytes.is_none_or(|most| usage.bytes <= most)
    }
}

/// What bounds a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    /// All that is kept.
    pub all: Quota,
    /// What one owner has.
    pub each: Quota,
}

/// Whose quota has no room left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The owner's own.
    Owner,
    /// Everybody's.
    All,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Records, dead ones that wait to be removed included.
    pub records: u64,
    /// Bytes of ciphertext.
    pub bytes: u64,
}

/// Whom a new record is counted under, and within which bounds it is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charge {
    /// Whose it is; a record that is nobody's counts only towards all.
    pub owner: Option<OwnerId>,
    /// What it may not go beyond.
    pub within: Quotas,
}
