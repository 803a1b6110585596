//! What a receipt tells. As long as its secret is there, its record is what is told from; the removal of that leaves what is told from then
//! on, in the same commit.

use jiff::Timestamp;

use super::{Engine, Store, StoreError, damage};
use crate::secret::{ReceiptId, SecretId};

/// What became of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptState {
    /// Nobody has answered the request that it is of.
    Open,
    /// Nothing yet.
    Unread,
    /// A reader has it, and hasn't acknowledged it.
    Claimed {
        /// The lease's end.
        until: Timestamp,
    },
    /// Its reader has acknowledged it.
    Delivered,
    /// It was given out, and nobody has acknowledged it: the lease ended, or it was read by something that can't.
    Unconfirmed,
    /// It was destroyed unread.
    Burned(By),
    /// Its time was over, and nobody had read it.
    Expired,
    /// The request that it is of was taken back unanswered.
    Withdrawn,
}

/// Who destroyed a secret unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Somebody who has its link.
    Link,
    /// Somebody who has its receipt.
    Receipt,
    /// Wrong passphrases: the last try was used up.
    Tries,
}

/// What a receipt tells. Times have millisecond precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// What became of the secret.
    pub state: ReceiptState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it would be gone, or would have been.
    pub expires_at: Timestamp,
    /// When a reader got it.
    pub claimed_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// Wrong passphrases that were counted against it.
    pub attempts: u32,
}

/// What burning by a receipt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Burnt {
    /// It was unread, and is gone.
    Now(SecretId),
    /// It was an open request, and is taken back.
    Withdrawn(SecretId),
    /// This receipt has burned it before, or it is of a request that was taken back.
    Already,
    /// It has a reader, or has had its end otherwise.
    TooLate,
    /// There is no such receipt, or no longer.
    Unknown,
}

/// How a secret came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Delivered,
    Unconfirmed,
    Burned(By),
    Expired,
    Withdrawn,
}

impl End {
    const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Unconfirmed,
        Self::Burned(By::Link),
        Self::Burned(By::Receipt),
        Self::Burned(By::Tries),
        Self::Expired,
        Self::Withdrawn,
    ];

    /// As it is stored.
    pub(super) fn code(self) -> i16 {
        match self {
            Self::Delivered => 1,
            Self::Unconfirmed => 2,
            Self::Burned(By::Link) => 3,
            Self::Burned(By::Receipt) => 4,
            Self::Burned(By::Tries) => 5,
            Self::Expired => 6,
            Self::Withdrawn => 7,
        }
    }

    /// None for what was never stored.
    pub(super) fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.code() == code)
    }
}

impl From<End> for ReceiptState {
    fn from(end: End) -> Self {
        match end {
            End::Delivered => Self::Delivered,
            End::Unconfirmed => Self::Unconfirmed,
            End::Burned(by) => Self::Burned(by),
            End::Expired => Self::Expired,
            End::Withdrawn => Self::Withdrawn,
        }
    }
}

/// What a removed record has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tombstone {
    pub(super) receipt: ReceiptId,
    pub(super) end: End,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) claimed_at: Option<Timestamp>,
    pub(super) ended_at: Timestamp,
    pub(super) attempts: u32,
}

impl From<Tombstone> for Trace {
    fn from(left: Tombstone) -> Self {
        let Tombstone { end, created_at, expires_at, claimed_at, ended_at, attempts, .. } = left;
        Self { state: end.into(), created_at, expires_at, claimed_at, ended_at: Some(ended_at), attempts }
    }
}

impl Store {
    /// What `receipt` tells at `now`; none where there is no such receipt, or no longer. What is dead and not yet removed is told as what its
    /// removal will leave.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn trace(&self, receipt: ReceiptId, now: Timestamp) -> Result<Option<Trace>, StoreError> {
        let trace = match &self.engine {
            Engine::Sqlite(store) => store.trace(receipt, now),
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => store.trace(receipt, now).await,
        };
        self.noticed_of(receipt, trace)
    }

    /// Removes the record that has `receipt` unread, if it is live and unclaimed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn burn_by_receipt(&self, receipt: ReceiptId, now: Timestamp) -> Result<Burnt, StoreError> {
        let burnt = match &self.engine {
            Engine::Sqlite(store) => store.burn_by_receipt(receipt, now).await,
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => store.burn_by_receipt(receipt, now).await,
        };
        self.noticed_of(receipt, burnt)
    }

    /// Forgets at most `at_most` receipts whose secrets came to their end before that; how many. Where it is fewer, there are no more of
    /// them, or they come at a later call: an engine that keeps very many looks through some at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_receipts(&self, ended_before: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        match &self.engine {
            Engine::Sqlite(store) => store.forget_receipts(ended_before, at_most).await,
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => store.forget_receipts(ended_before, at_most).await,
        }
    }

    fn noticed_of<T>(&self, receipt: ReceiptId, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Damaged(why)) = &outcome {
            self.damage.report(&damage::name_of_receipt(receipt), why);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_a_code_of_its_own() {
        for (code, end) in (1..).zip(End::ALL) {
            assert_eq!((end.code(), End::from_code(code)), (code, Some(end)));
        }
        assert_eq!((End::from_code(0), End::from_code(8)), (None, None));
    }
}
