//! The contract of a store, and the choice of engine by URL: [`sqlite`] in this process, or [`postgres`], which several share.
//!
//! A store keeps opaque records by [`SecretId`]. Every call is one atomic step whose effect is durable before it
//! returns; time is passed in, never read inside. A record is *live* at `now` while `now < expires_at`, and once
//! claimed while `now < claim_until`: a record that isn't live is gone to every caller, swept or not.

mod census;
mod checked;
mod clock;
mod damage;
mod due;
mod durability;
mod error;
mod files;
mod location;
#[cfg(feature = "postgres")]
pub mod migrate;
mod outbox;
#[cfg(feature = "postgres")]
pub mod postgres;
mod quota;
mod receipt;
mod record;
mod request;
mod sqlite;
pub mod sweeper;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

pub use census::{Census, KeyUse};
pub use checked::Checked;
pub use durability::{Assurance, Connections, Durability, Standbys};
pub use error::{OpenError, StoreError};
pub use files::create_private_directory;
pub use location::{InvalidLocation, Location};
pub use outbox::{Message, Told, Waiting};
pub use quota::{Charge, Quota, Quotas, Usage, Whose};
pub use receipt::{Burnt, By, ReceiptState, Trace};
pub use record::{Access, Claimed, Gone, Head, Held, Record, State, Stored, Swept};
pub use request::REQUEST;

use crate::{
    memory::Budget,
    secret::{ClaimHash, SecretId},
    tally::Tally,
};
use damage::Damage;
use due::Due;
use outbox::Telling;

/// A store, of one of the engines that are known.
pub struct Store {
    engine: Engine,
    damage: Arc<Damage>,
    due: Due,
    telling: Arc<Telling>,
    clock_ahead: AtomicBool,
    requires_synchronous: bool,
}

enum Engine {
    Sqlite(sqlite::SqliteStore),
    #[cfg(feature = "postgres")]
    Postgres(postgres::PostgresStore),
}

/// The same call of whichever engine it is.
macro_rules! of {
    ($engine:expr, $store:ident => $call:expr) => {
        match $engine {
            Engine::Sqlite($store) => $call,
            #[cfg(feature = "postgres")]
            Engine::Postgres($store) => $call,
        }
    };
}

/// The same, where the embedded engine answers at once.
macro_rules! of_async {
    ($engine:expr, $store:ident => $call:expr) => {
        match $engine {
            Engine::Sqlite($store) => $call,
            #[cfg(feature = "postgres")]
            Engine::Postgres($store) => $call.await,
        }
    };
}

use {of, of_async};

impl Store {
    /// Opens the store, making it if it isn't there. `largest` is the largest content that will be kept, in bytes.
    ///
    /// # Errors
    /// [`OpenError`], each of which says what to do. Nothing that was there is changed then.
    pub fn open(location: &Location, largest: usize) -> Result<Self, OpenError> {
        Self::open_counted(location, largest, Arc::default())
    }

    /// The same, and counts what it does.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_counted(location: &Location, largest: usize, tally: Arc<Tally>) -> Result<Self, OpenError> {
        let (damage, telling) = (Arc::new(Damage::default()), Arc::new(Telling::default()));
        let engine = match location {
            Location::Sqlite(path) => {
                let store = sqlite::SqliteStore::open(path, largest, Arc::clone(&damage), Arc::clone(&telling), tally)?;
                if store.is_half_moved().unwrap_or(false) {
                    return Err(OpenError::HalfMoved(path.clone()));
                }
                #[cfg(feature = "postgres")]
                migrate::tell_where_to(path, &store);
                Engine::Sqlite(store)
            }
            #[cfg(feature = "postgres")]
            Location::Postgres(address) => {
                let opened = postgres::PostgresStore::open(address, largest, Arc::clone(&telling), tally);
                Engine::Postgres(opened.map_err(OpenError::Postgres)?)
            }
        };
        let (due, clock_ahead) = (Due::new(), AtomicBool::new(false));
        Ok(Self { engine, damage, due, telling, clock_ahead, requires_synchronous: false })
    }

    /// Looks at the whole of a store, beside a server that may be running on it, and changes nothing.
    ///
    /// # Errors
    /// [`OpenError`] when there is nothing that could be looked at.
    pub fn check(location: &Location) -> Result<Checked, OpenError> {
        match location {
            Location::Sqlite(path) => sqlite::check::check(path),
            #[cfg(feature = "postgres")]
            Location::Postgres(address) => postgres::check::check(address).map_err(OpenError::Postgres),
        }
    }

    /// How much a store keeps at `now`, beside a server that may be running on it.
    ///
    /// # Errors
    /// [`OpenError`] when there is nothing that could be looked at.
    pub fn census_of(location: &Location, now: Timestamp) -> Result<Census, OpenError> {
        match location {
            Location::Sqlite(path) => sqlite::census::census_of(path, now),
            #[cfg(feature = "postgres")]
            Location::Postgres(address) => postgres::census::census_of(address, now).map_err(OpenError::Postgres),
        }
    }

    /// What needs each key, in the same way. Reads every record.
    ///
    /// # Errors
    /// [`OpenError`] when there is nothing that could be looked at.
    pub fn keys_of(location: &Location) -> Result<Vec<KeyUse>, OpenError> {
        match location {
            Location::Sqlite(path) => sqlite::census::keys_of(path),
            #[cfg(feature = "postgres")]
            Location::Postgres(address) => postgres::census::keys_of(address).map_err(OpenError::Postgres),
        }
    }

    /// Keeps a record. What waits to be written is counted by the store, in place of where the content was counted before.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the id is known: it is never overwritten. [`StoreError::Busy`] also when too much waits.
    /// [`StoreError::OverQuota`] when there would be more than the record's charge allows. [`StoreError::NotDurable`].
    pub async fn insert(&self, record: Record) -> Result<(), StoreError> {
        let expires_at = record.head.expires_at;
        let id = record.id;
        self.can_promise().await?;
        let inserted = of!(&self.engine, store => store.insert(record).await);
        self.noticed(id, inserted)?;
        self.has_kept_its_promise(id).await?;
        self.due.by(expires_at);
        Ok(())
    }

    /// The record with its content, if it is live and either unclaimed or claimed with `claim`. Changes nothing. A guarded record comes
    /// without its content, unless the caller says by `access` that it will see to the passphrase. The content is counted under `memory`.
    ///
    /// # Errors
    /// [`StoreError::Busy`] also when the content finds no memory.
    pub async fn load(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        access: Access,
        now: Timestamp,
        memory: &Budget,
    ) -> Result<Option<Stored>, StoreError> {
        let loaded = of!(&self.engine, store => store.load(id, claim, access, now, memory).await);
        self.noticed(id, loaded)
    }

    /// What [`Store::load`] gives, without the content.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn peek(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        now: Timestamp,
    ) -> Result<Option<Head>, StoreError> {
        let peeked = of_async!(&self.engine, store => store.peek(id, claim, now));
        self.noticed(id, peeked)
    }

    /// Removes the record if it is live, unclaimed and open to `access`. False otherwise. What was loaded before may be delivered
    /// once this has said true, to one caller.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(&self, id: SecretId, access: Access, now: Timestamp) -> Result<bool, StoreError> {
        let outcome = of!(&self.engine, store => store.take(id, access, now).await);
        self.noticed(id, outcome)
    }

    /// Marks the record with `claim` until `now + lease`, if it is live, unclaimed and open to `access`. Says so again, and leaves the lease
    /// as it was, if it is marked with the same claim and the lease lasts. What was loaded before may be delivered once this has said either.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(
        &self,
        id: SecretId,
        access: Access,
        claim: ClaimHash,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        let claimed = of!(&self.engine, store => store.claim(id, access, claim, until, now).await);
        let claimed = self.noticed(id, claimed)?;
        if claimed.is_some() {
            self.due.by(until);
        }
        Ok(claimed)
    }

    /// Removes the record if it is marked with `claim`, live or not: the reader's acknowledgement. `now` is when it came, for the receipt.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release(&self, id: SecretId, claim: ClaimHash, now: Timestamp) -> Result<bool, StoreError> {
        let outcome = of!(&self.engine, store => store.release(id, claim, now).await);
        self.noticed(id, outcome)
    }

    /// Removes the record unread, if it is live and unclaimed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn burn(&self, id: SecretId, now: Timestamp) -> Result<bool, StoreError> {
        let outcome = of!(&self.engine, store => store.burn(id, now).await);
        self.noticed(id, outcome)
    }

    /// Counts one wrong passphrase against a live record, unclaimed or claimed with `claim`, and tells how many tries are left; with none left the record
    /// is removed. Nothing if there is no such record.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fail_attempt(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        let outcome = of!(&self.engine, store => store.fail_attempt(id, claim, limit, now).await);
        self.noticed(id, outcome)
    }

    /// Removes at most `at_most` records that are no longer live; fewer when they are large.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, now: Timestamp, at_most: usize) -> Result<Swept, StoreError> {
        of!(&self.engine, store => store.sweep(now, at_most).await)
    }

    /// Removes claimed records whose lease ended after `since`, and has ended at `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sweep_leases(&self, since: Timestamp, now: Timestamp, at_most: usize) -> Result<Vec<Gone>, StoreError> {
        of!(&self.engine, store => store.sweep_leases(since, now, at_most).await)
    }

    /// Has whatever does the store's work, reading and writing, answer something trivial.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        of!(&self.engine, store => store.ping().await)
    }

    /// Notes that the server runs at `now`, for the next start to compare its clock with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn saw(&self, now: Timestamp) -> Result<(), StoreError> {
        of!(&self.engine, store => store.saw(now).await)
    }

    /// Says that what `id` names can't be opened though its key is here: it was altered. Told once, and shown by the store's state.
    pub fn found_damaged(&self, id: SecretId, why: &str) {
        self.damage.report(&damage::name(id), why);
    }

    fn noticed<T>(&self, id: SecretId, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Damaged(why)) = &outcome {
            self.found_damaged(id, why);
        }
        outcome.map_err(|error| self.cause_of(error))
    }

    /// When the server is last known to have run.
    fn last_seen(&self) -> Option<Timestamp> {
        of!(&self.engine, store => store.last_seen())
    }

    /// When the first of the records dies that are live at `now`.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    async fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        of_async!(&self.engine, store => store.next_deadline(now))
    }

    fn set_clock_ahead(&self, ahead: bool) {
        self.clock_ahead.store(ahead, Ordering::Relaxed);
    }

    /// How the store is at `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn state(&self, now: Timestamp) -> Result<State, StoreError> {
        let state = of_async!(&self.engine, store => store.state(now))?;
        let clock_ahead = self.clock_ahead.load(Ordering::Relaxed);
        Ok(State { damaged: self.damage.count(), clock_ahead, ..state })
    }

    /// How much is kept at `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        of_async!(&self.engine, store => store.census(now))
    }

    /// What needs each key. Reads every record, on the caller's thread.
    ///
    /// # Errors
    /// [`StoreError`].
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "an engine elsewhere makes its caller wait")
    )]
    pub async fn keys(&self) -> Result<Vec<KeyUse>, StoreError> {
        of_async!(&self.engine, store => store.keys())
    }

    /// Waits until the store has come to an end, and says why: by itself, if nobody has closed it. A server can't go on then.
    pub async fn ended(&self) -> String {
        of!(&self.engine, store => store.ended().await)
    }

    /// Finishes what is queued, leaves the files small and closes them.
    ///
    /// # Errors
    /// [`StoreError::Closed`] when it was closed before, or its threads have ended by themselves.
    pub async fn close(&self) -> Result<(), StoreError> {
        of!(&self.engine, store => store.close().await)
    }
}
