//! The store that many servers share: one PostgreSQL, 14 or newer, and each call in one statement.
//!
//! - [`address`]: the URL; [`password`]: where its password may be found; [`tls`]: whom to trust; [`way`]: which host is the primary.
//! - [`alone`](mod@alone): one connection for a start or a look; [`pooler`]: whether its session is its own; [`schema`]: the tables, and
//!   what has to be so of a database.
//! - [`line`](mod@line): the connections, and what is done when one breaks; [`batch`]: calls that go together.
//! - [`statements`]: the SQL; [`row`]: records in and out of it.
//! - [`skew`]: the database's clock, by which all servers agree.
//! - [`ping`]: whether it works. [`settling`]: the end of claims of a server's own. [`reading`]: what changes nothing; [`receipts`]: what is told of what is gone; [`requests`]: answers in the
//!   place of their requests; [`outbox`]: what webhooks are told; [`quotas`]: keeping no more than is allowed.
//! - [`census`], [`check`]: looks at how much there is, and at all of it.
//! - [`durability`]: what outlives the loss of a machine; [`locked`]: tables that somebody has locked.
//! - [`import`]: taking records in from another database.
//! - [`error`]: what PostgreSQL's errors mean.
//!
//! A read without a claim is one under a claim of the server's own making, released at once: two steps, so that one whose outcome isn't known
//! can be made again. As long as it isn't known, who else asks waits, and what could not be given out is given back.

mod address;
mod alone;
mod batch;
pub(super) mod census;
pub(super) mod check;
mod durability;
mod error;
mod import;
mod line;
mod locked;
mod outbox;
mod password;
mod ping;
mod pooler;
mod quotas;
mod reading;
mod receipts;
mod requests;
mod row;
mod schema;
mod settling;
mod skew;
mod statements;
mod tls;
mod way;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

pub(in crate::store) use self::import::{Import, ImportError};
pub use self::{
    address::{Address, InvalidAddress},
    error::StartError,
    password::Surroundings,
};
use self::{
    alone::alone,
    batch::Value,
    durability::Watch,
    error::Fault,
    line::{Call, Line, Repeat, Values},
    row::column,
    settling::{End, Settling, end, end_at, release},
    skew::Skew,
};
use super::{Access, Claimed, Gone, Record, State, StoreError, Swept, outbox::Telling};
use crate::{
    memory::Budget,
    secret::{ClaimHash, SecretId, random},
    tally::Tally,
};

/// Ciphertext that waits to be sent at most, in bytes, unless two of the largest contents are more.
const MEMORY: usize = 32 * 1024 * 1024;
/// What sealing may add to a content, and more.
const OVERHEAD: usize = 1024;
/// The largest value that PostgreSQL takes, and some room.
const LARGEST: usize = 512 * 1024 * 1024;
/// How long a claim of a server's own making lasts, if the server dies before it has released it or given it back. Longer than a failover.
const OWN_LEASE: Duration = Duration::from_secs(300);
/// How long to wait for another server that has the record in hand, at most; and before a look, at first and at last.
const IN_HAND: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(10);
const LONGEST_LOOK: Duration = Duration::from_millis(500);

/// A database that this server shares with others.
pub(super) struct PostgresStore {
    line: Arc<Line>,
    skew: Arc<Skew>,
    /// What waits to be sent.
    waiting: Budget,
    last_seen: Option<Timestamp>,
    /// When a change was last committed, and a sweep done: milliseconds since the epoch, 0 before the first.
    committed: AtomicI64,
    swept: AtomicI64,
    /// What the last look at its state found.
    known: tokio::sync::Mutex<State>,
    settling: Settling,
    telling: Arc<Telling>,
}

impl PostgresStore {
    /// Connects, checks the database, and makes or changes its tables where that is needed. `largest` is the largest content that will be
    /// kept, in bytes.
    ///
    /// # Errors
    /// [`StartError`], each of which says what to do.
    pub(super) fn open(
        address: &Address,
        largest: usize,
        telling: Arc<Telling>,
        tally: Arc<Tally>,
    ) -> Result<Self, StartError> {
        let skew = Arc::new(Skew::default());
        let (seen, watch) = alone(address, async |client| {
            schema::prepare(client, address).await?;
            Ok((schema::times(client, address, &skew).await?, Watch::begin(client, address).await?))
        })?;
        let line = Arc::new(Line::new(address, tally, watch)?);
        Ok(Self {
            settling: Settling::new(Arc::clone(&line), Arc::clone(&telling)),
            telling,
            line,
            waiting: Budget::new(MEMORY.max(2 * (largest + OVERHEAD))),
            last_seen: seen.and_then(|seen| skew.here(seen)),
            skew,
            committed: AtomicI64::new(0),
            swept: AtomicI64::new(0),
            known: tokio::sync::Mutex::default(),
        })
    }

    pub(super) async fn insert(&self, mut record: Record) -> Result<(), StoreError> {
        if record.sealed.len() > LARGEST {
            return Err(StoreError::TooLarge);
        }
        if !record.sealed.move_to(&self.waiting) {
            return Err(StoreError::Busy);
        }
        let (id, charge, bytes) = (record.id, record.charge, record.sealed.len());
        let (insert, values) = self.keeping(record);
        let call = Call { bytes, ..Call::about(id, insert, values, Repeat::Never) };
        let kept = if quotas::bind(&charge) {
            let keep = self.line.to_its_end(|line| quotas::keep(line, call, charge, None)).await;
            keep.map_err(Fault::into_error)?
        } else {
            !self.line.rows(call).await.map_err(Fault::into_error)?.is_empty()
        };
        self.has_committed();
        self.line.had_room();
        if kept { Ok(()) } else { Err(StoreError::Exists) }
    }

    /// Claims and releases. True once the claim is committed: nobody else gets it from then on, whatever becomes of the release.
    pub(super) async fn take(&self, id: SecretId, access: Access, now: Timestamp) -> Result<bool, StoreError> {
        let own = random().map_err(|error| StoreError::Engine(error.to_string()))?;
        let own = ClaimHash(own);
        let until = now.saturating_add(OWN_LEASE).unwrap_or(Timestamp::MAX);
        let doubt = self.settling.doubt(id, own);
        match self.claim_as(id, access, own, true, until, now).await {
            Err(Fault::Unknown(error)) => return Err(error),
            Err(fault) => {
                doubt.resolve();
                return Err(fault.into_error());
            }
            Ok(claimed) => {
                doubt.resolve();
                if claimed.is_none() {
                    return Ok(false);
                }
            }
        }
        // Who is refused, or not answered, has it all the same: nobody else gets it any more.
        let now = self.skew.there(now);
        if !self.released(id, own, now).await.unwrap_or(false) {
            self.settling.settle(End::Release(now), id, own);
        }
        Ok(true)
    }

    pub(super) async fn claim(
        &self,
        id: SecretId,
        access: Access,
        claim: ClaimHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        let claimed = self.claim_as(id, access, claim, false, until, now).await;
        if let Err(Fault::Unknown(_)) = &claimed {
            // The lease would run while the reader has nothing.
            self.settling.settle(End::GiveBackUntold(self.skew.there(until)), id, claim);
        }
        claimed.map_err(Fault::into_error)
    }

    async fn claim_as(
        &self,
        id: SecretId,
        access: Access,
        claim: ClaimHash,
        own: bool,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Claimed>, Fault> {
        let call = |sql, every| {
            let mut values = vec![
                Value::new(self.skew.there(now)),
                Value::new(claim.0.to_vec()),
                Value::new(self.skew.there(until)),
                Value::new(access == Access::Verified),
                Value::new(own),
            ];
            values.extend(every);
            Call::about(id, sql, values, Repeat::Safely)
        };
        let mut rows = Vec::new();
        if self.telling.is_silent() {
            rows = self.line.rows(call(statements::CLAIM_UNTOLD, None)).await?;
        }
        if rows.is_empty() {
            rows = self.persist(id, access, now, || call(statements::CLAIM, Some(self.every()))).await?;
        }
        let Some(row) = rows.first() else { return Ok(None) };
        self.has_committed();
        let reads: i32 = column(row, 1).map_err(Fault::Refused)?;
        Ok(Some(if reads == 1 { Claimed::New } else { Claimed::Again }))
    }

    /// Removes it if nobody has it, guarded or not.
    pub(super) async fn burn(&self, id: SecretId, now: Timestamp) -> Result<bool, StoreError> {
        let rows = self.persist(id, Access::Verified, now, || {
            let values = vec![Value::new(id.0.to_vec()), Value::new(self.skew.there(now)), self.every()];
            Call::new(statements::BURN, values, Repeat::Never)
        });
        let is_gone = !rows.await.map_err(Fault::into_error)?.is_empty();
        self.has_committed();
        Ok(is_gone)
    }

    pub(super) async fn release(&self, id: SecretId, claim: ClaimHash, now: Timestamp) -> Result<bool, StoreError> {
        if self.released(id, claim, self.skew.there(now)).await.map_err(Fault::into_error)? {
            return Ok(true);
        }
        // What was the primary may not know of the claim.
        let held = end(statements::HELD, id, claim, Repeat::Safely);
        let is_held = self.is_so(held).await.map_err(Fault::into_error)?;
        if is_held { Err(StoreError::Busy) } else { Ok(false) }
    }

    /// As of a time of the database's: whether it was claimed with that.
    async fn released(&self, id: SecretId, claim: ClaimHash, now: i64) -> Result<bool, Fault> {
        let untold = || end_at(statements::RELEASE_UNTOLD, id, claim, now, Repeat::Never);
        if self.telling.is_silent() && self.remove(untold()).await? {
            return Ok(true);
        }
        self.remove(release(id, claim, now, &self.telling, Repeat::Never)).await
    }

    pub(super) async fn fail_attempt(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        let limit_here = i32::try_from(limit).unwrap_or(i32::MAX);
        let rows = self.persist(id, Access::Verified, now, || {
            let values = vec![
                Value::new(id.0.to_vec()),
                Value::new(self.skew.there(now)),
                Value::new(claim.map(|claim| claim.0.to_vec())),
                Value::new(limit_here),
                self.every(),
            ];
            Call::new(statements::TRY, values, Repeat::Never)
        });
        let rows = rows.await.map_err(Fault::into_error)?;
        let Some(row) = rows.first() else { return Ok(None) };
        self.has_committed();
        let attempts: i32 = column(row, 0)?;
        let left = limit.saturating_sub(u32::try_from(attempts).unwrap_or(u32::MAX));
        if left == 0 {
            // It is dead to everybody; the sweeper removes it, if this doesn't.
            let values = vec![Value::new(id.0.to_vec()), Value::new(limit_here)];
            if let Err(fault) = self.remove(Call::new(statements::EXHAUSTED, values, Repeat::Never)).await {
                tracing::warn!(error = %fault.into_error(), "a record without tries is left to the sweeper");
            }
        }
        Ok(Some(left))
    }

    /// Runs a removal; whether it removed anything.
    async fn remove(&self, call: Call) -> Result<bool, Fault> {
        let rows = self.line.rows(call).await?;
        self.has_committed();
        Ok(!rows.is_empty())
    }

    pub(super) async fn sweep(&self, now: Timestamp, at_most: usize) -> Result<Swept, StoreError> {
        self.measure().await?;
        let limit = i64::try_from(at_most).unwrap_or(i64::MAX);
        let gone = self
            .sweep_by(statements::SWEEP, vec![Value::new(self.skew.there(now)), Value::new(limit), self.every()])
            .await?;
        let more = gone.len() == at_most;
        if !more {
            let call = Call::new(statements::FORGET_OWNERS, Vec::new(), Repeat::Never);
            self.line.rows(call).await.map_err(Fault::into_error)?;
            self.swept.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
        }
        Ok(Swept { gone, more })
    }

    pub(super) async fn sweep_leases(
        &self,
        since: Timestamp,
        now: Timestamp,
        at_most: usize,
    ) -> Result<Vec<Gone>, StoreError> {
        let limit = i64::try_from(at_most).unwrap_or(i64::MAX);
        let (since, now) = (self.skew.there(since), self.skew.there(now));
        let values = vec![Value::new(since), Value::new(now), Value::new(limit), self.every()];
        self.sweep_by(statements::SWEEP_LEASES, values).await
    }

    async fn sweep_by(&self, sql: &'static str, values: Values) -> Result<Vec<Gone>, StoreError> {
        let call = Call::new(sql, values, Repeat::Never);
        let rows = self.line.rows(call).await.map_err(Fault::into_error)?;
        if !rows.is_empty() {
            self.telling.has_told();
        }
        Ok(rows.iter().map(row::gone).collect())
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.line.ping().await
    }

    pub(super) async fn saw(&self, now: Timestamp) -> Result<(), StoreError> {
        let call = Call::new(statements::SAW, vec![Value::new(self.skew.there(now))], Repeat::Safely);
        self.line.rows(call).await.map(drop).map_err(Fault::into_error)
    }

    pub(super) fn last_seen(&self) -> Option<Timestamp> {
        self.last_seen
    }

    /// What is known here of a [`State`]; the rest as if nothing were kept.
    fn progress(&self) -> State {
        let time = |time: &AtomicI64| match time.load(Ordering::Relaxed) {
            0 => None,
            milliseconds => Timestamp::from_millisecond(milliseconds).ok(),
        };
        State {
            last_commit: time(&self.committed),
            last_sweep: time(&self.swept),
            lacks_space: self.line.is_full(),
            ..State::default()
        }
    }

    fn has_committed(&self) {
        self.committed.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
        self.telling.has_told();
    }

    /// It has no thread whose end would be its own.
    pub(super) async fn ended(&self) -> String {
        std::future::pending().await
    }

    /// Ends what claims of our own there are, and lets go of the connections.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        if self.line.is_closed() {
            return Err(StoreError::Closed);
        }
        self.settling.wait().await;
        self.line.close();
        Ok(())
    }
}
