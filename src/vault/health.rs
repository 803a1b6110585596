//! How the vault is: whether its store does its work, and what is wrong though it does.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Vault;
use crate::store::{Assurance, Connections, Durability, State, StoreError};

/// How long the store's threads may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long what is dead may wait to be removed, and what is removed to leave the files.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// How the vault is, though it works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// What is wrong.
    pub troubles: Vec<Trouble>,
    /// What the store says of itself.
    pub state: State,
    /// What outlives the loss of a machine.
    pub durability: Durability,
}

/// What can be wrong while secrets are still stored and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The store has more to do than it can queue.
    Busy,
    /// Damaged places were met.
    Damage {
        /// How many, since the start.
        places: u64,
    },
    /// The clock is far ahead of the last known time: nothing is removed for having expired.
    ClockAhead,
    /// Something has been dead for long and is not removed.
    RemovalLate,
    /// What was removed is still in the files.
    FilesLate,
    /// The disk is full, or so nearly that the space that is kept back couldn't be had.
    StorageFull,
    /// What is stored could be lost with one machine, and mustn't be: nothing new is taken.
    NotDurable,
    /// Secrets are kept that none of the keys opens, and nobody has said that this is known.
    Unreadable {
        /// How many.
        records: u64,
    },
    /// Files were to be read again and couldn't be: what was read before is in use.
    OldFiles,
    /// The audit stream isn't written, or wasn't a moment ago.
    AuditLate {
        /// Its lines that are lost, since the start.
        lost: u64,
    },
}

impl Vault {
    /// How the vault is.
    ///
    /// # Errors
    /// [`StoreError`] when the store doesn't do its work, or its threads don't answer in time.
    pub async fn health(&self) -> Result<Health, StoreError> {
        let now = Timestamp::now();
        let mut troubles = Vec::new();
        if self.is_busy().await? {
            troubles.push(Trouble::Busy);
        }
        let state = self.store.state(now).await?;
        let unreadable = self.unreadable_of(&state);
        let audit = &self.tally().audit;
        let assurance = self.store.assurance();
        let durability = assurance.durability;
        let late = |since: Option<Timestamp>| since.is_some_and(|since| now.duration_since(since) > LATE);
        let wrong = [
            (state.damaged > 0, Trouble::Damage { places: state.damaged }),
            (state.clock_ahead, Trouble::ClockAhead),
            (late(state.oldest_dead) && !state.clock_ahead, Trouble::RemovalLate),
            (late(state.unclean_since), Trouble::FilesLate),
            (state.lacks_space, Trouble::StorageFull),
            (self.store.requires_synchronous() && !assurance.is_synchronous(), Trouble::NotDurable),
            (unreadable > 0, Trouble::Unreadable { records: unreadable }),
            (self.tally().has_old_files(), Trouble::OldFiles),
            (audit.is_troubled(), Trouble::AuditLate { lost: audit.lost.get() }),
        ];
        troubles.extend(wrong.into_iter().filter(|(is_so, _)| *is_so).map(|(_, trouble)| trouble));
        Ok(Health { troubles, state, durability })
    }

    /// How many secrets none of the keys opens, of those that are kept, where nobody has said that this is known.
    #[must_use]
    pub fn unreadable_of(&self, state: &State) -> u64 {
        self.expected.others(state).iter().map(|held| held.records).sum()
    }

    /// Whether somebody has locked the tables of a database elsewhere, so that what is asked of them is refused.
    pub async fn is_locked(&self) -> bool {
        self.store.is_locked().await
    }

    /// What outlives the loss of a machine, as it is known.
    #[must_use]
    pub fn assurance(&self) -> Assurance {
        self.store.assurance()
    }

    /// Whether nothing is taken that could be lost with one machine.
    #[must_use]
    pub fn requires_synchronous(&self) -> bool {
        self.store.requires_synchronous()
    }

    /// The connections to a database elsewhere.
    #[must_use]
    pub fn connections(&self) -> Option<Connections> {
        self.store.connections()
    }

    /// Whether the store does its work, and nothing more.
    ///
    /// # Errors
    /// [`StoreError`] when it doesn't, or its threads don't answer in time.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.is_busy().await.map(drop)
    }

    /// Has the store read and write. True when it works, and on what others asked.
    async fn is_busy(&self) -> Result<bool, StoreError> {
        let silent = |_| StoreError::Engine("no answer from the thread that writes".to_owned());
        let is_busy = match tokio::time::timeout(PATIENCE, self.store.ping()).await.map_err(silent)? {
            Ok(()) => false,
            Err(StoreError::Busy) => true,
            Err(error) => return Err(error),
        };
        self.store.can_change().await?;
        Ok(is_busy)
    }
}
