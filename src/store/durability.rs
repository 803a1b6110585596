//! What outlives the loss of a machine: whether what is acknowledged is on one disk, or on those of two. A store says what it knows of it,
//! and one that has to be synchronous takes nothing new while it isn't.

use std::fmt;

use super::{Engine, OpenError, Store, StoreError};
use crate::secret::SecretId;

/// What an embedded database lacks.
const ONE_FILE: &str = "it is a file on this machine; a PostgreSQL with standbys can be synchronous";

/// What outlives the loss of a machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// All that was acknowledged: it was on the disk of another machine before.
    Synchronous,
    /// Nothing: there is one disk, on which all of it is, and no other machine that somebody could go on with.
    #[default]
    OneNode,
    /// Not all: another machine may go on without what was acknowledged last. Or it isn't waited for the one disk.
    Asynchronous,
}

impl Durability {
    /// Each that there is.
    pub const ALL: [Self; 3] = [Self::Synchronous, Self::OneNode, Self::Asynchronous];

    /// As `/health` says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Synchronous => "synchronous",
            Self::OneNode => "one node",
            Self::Asynchronous => "asynchronous",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assurance {
    /// What outlives the loss of a machine.
    pub durability: Durability,
    /// What keeps it from being synchronous; nothing where it is.
    pub lacks: Option<String>,
    /// The machines that follow this one; none where there can be none.
    pub standbys: Option<Standbys>,
    /// Whether a commit has been waiting for one of them for long.
    pub commits_wait: bool,
}

/// The machines that follow a database, by what its commits have to do with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standbys {
    /// Commits wait for them.
    pub waited_for: u64,
    /// Commits will wait for them, when another goes.
    pub potential: u64,
    /// Commits don't wait for them.
    pub not_waited_for: u64,
    /// They are there, and more isn't ours to see.
    pub hidden: u64,
    /// They have a place kept for them, and aren't there.
    pub away: u64,
}

impl Standbys {
    /// Each number with its name.
    #[must_use]
    pub const fn by_name(&self) -> [(&'static str, u64); 5] {
        [
            ("synchronous", self.waited_for),
            ("potential", self.potential),
            ("asynchronous", self.not_waited_for),
            ("hidden", self.hidden),
            ("away", self.away),
        ]
    }
}

impl Assurance {
    /// Whether what is acknowledged outlives the loss of a machine.
    #[must_use]
    pub fn is_synchronous(&self) -> bool {
        self.durability == Durability::Synchronous
    }

    /// Whether commits wait for a machine that isn't there, as far as can be seen.
    #[must_use]
    pub fn waits_in_vain(&self) -> bool {
        let nobody = self.standbys.is_some_and(|standbys| standbys.waited_for + standbys.hidden == 0);
        self.is_synchronous() && (nobody || self.commits_wait)
    }
}

/// Connections to a database elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Those that are open.
    pub open: usize,
    /// Those of them that are used.
    pub in_use: usize,
    /// Calls that wait for one.
    pub waiting: usize,
    /// How many there can be.
    pub limit: usize,
}

impl Store {
    /// The same, which keeps nothing new while a lost machine could take it along.
    ///
    /// # Errors
    /// [`OpenError::NotSynchronous`] if it is so already.
    pub fn requiring_synchronous(mut self) -> Result<Self, OpenError> {
        let Assurance { durability, lacks, .. } = self.assurance();
        if let Some(lacks) = lacks {
            return Err(OpenError::NotSynchronous { durability, lacks });
        }
        self.requires_synchronous = true;
        Ok(self)
    }

    /// Whether it keeps nothing new while a lost machine could take it along.
    #[must_use]
    pub fn requires_synchronous(&self) -> bool {
        self.requires_synchronous
    }

    /// What outlives the loss of a machine, as it was found at the last look.
    #[must_use]
    pub fn assurance(&self) -> Assurance {
        match &self.engine {
            Engine::Sqlite(_) => Assurance { lacks: Some(ONE_FILE.to_owned()), ..Assurance::default() },
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => store.assurance(),
        }
    }

    /// Its connections, if it is elsewhere.
    #[must_use]
    pub fn connections(&self) -> Option<Connections> {
        match &self.engine {
            Engine::Sqlite(_) => None,
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => Some(store.connections()),
        }
    }

    /// Looks whether it is still so.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub(super) async fn look_at_durability(&self) {
        match &self.engine {
            Engine::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => store.look_at_durability().await,
        }
    }

    /// Refuses what is new while a lost machine could take it along, or nobody would ever say that it is kept.
    pub(super) async fn can_promise(&self) -> Result<(), StoreError> {
        let good = |assurance: &Assurance| assurance.is_synchronous() && !assurance.waits_in_vain();
        if !self.requires_synchronous || good(&self.assurance()) {
            return Ok(());
        }
        // It may have been mended: nobody is kept waiting for the next look.
        self.look_at_durability().await;
        match self.assurance() {
            assurance if good(&assurance) => Ok(()),
            assurance if assurance.waits_in_vain() => Err(StoreError::NoStandby),
            _ => Err(StoreError::NotDurable),
        }
    }

    /// Whether anything can be changed, though the engine answers: whoever says that a server does its work asks this, too.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::NoStandby`].
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn can_change(&self) -> Result<(), StoreError> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => store.can_change().await,
        }
    }

    /// Whether something was refused because somebody has locked the tables, and they are locked still.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn is_locked(&self) -> bool {
        match &self.engine {
            Engine::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => store.is_locked().await,
        }
    }

    /// Why a call failed, where that isn't its own doing: what has waited for others behind a commit that waits for a standby.
    pub(super) fn cause_of(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Busy | StoreError::Engine(_) if self.assurance().waits_in_vain() => StoreError::NoStandby,
            error => error,
        }
    }

    /// Whether what was committed just now may be acknowledged: each new connection was asked before it was used, so that another primary,
    /// which nobody follows, is known by now; and a commit that waits is let go of where nobody is to be waited for any more.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "it is asked of an engine elsewhere"))]
    pub(super) async fn has_kept_its_promise(&self, id: SecretId) -> Result<(), StoreError> {
        if !self.requires_synchronous {
            return Ok(());
        }
        let still_waits = match &self.engine {
            Engine::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => store.still_waits(id).await?,
        };
        if still_waits && self.assurance().is_synchronous() {
            return Ok(());
        }
        self.look_at_durability().await;
        Err(StoreError::NotDurable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_wait_in_vain_where_nobody_is_seen_that_could_answer() {
        let assurance =
            |durability, standbys| Assurance { durability, standbys: Some(standbys), ..Assurance::default() };
        let none = Standbys { away: 1, potential: 1, ..Standbys::default() };
        assert!(assurance(Durability::Synchronous, none).waits_in_vain());
        assert!(!assurance(Durability::Asynchronous, none).waits_in_vain());
        for there in [Standbys { waited_for: 1, ..none }, Standbys { hidden: 1, ..none }] {
            assert!(!assurance(Durability::Synchronous, there).waits_in_vain());
        }
        assert!(!Assurance { durability: Durability::Synchronous, ..Assurance::default() }.waits_in_vain());
        let there = assurance(Durability::Synchronous, Standbys { hidden: 1, ..none });
        assert!(Assurance { commits_wait: true, ..there }.waits_in_vain(), "whoever is there doesn't answer");
    }
}
