//! The way to the database: so many connections and no more, a bound on what waits for one, and what is done when one breaks.
//!
//! A statement whose connection broke may or may not have been done. It is sent again only where that changes nothing: it reads, or it
//! claims with a claim that is nobody else's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType};
use tokio_postgres::{Row, error::SqlState, types::ToSql};

use super::{
    Address,
    batch::{self, Batches, Value},
    durability::Watch,
    error::{Fault, StartError, words},
    locked::Locked,
    tls,
    way::{By, Way},
};
use crate::{
    secret::SecretId,
    store::{Connections, StoreError},
    tally::Tally,
};

/// Calls that are under way or wait for a connection at most; more are [`StoreError::Busy`].
const QUEUE: u64 = 4096;
/// How long a call waits for a connection, or for others to go with.
pub(super) const WAIT: Duration = Duration::from_secs(5);
/// How long all hosts together may take to be connected to.
const CREATE: Duration = Duration::from_secs(6);
/// How long a statement may take to be answered, and what each MiB that goes with it adds.
pub(super) const BOUND: Duration = Duration::from_secs(8);
const BOUND_PER_MIB: Duration = Duration::from_millis(250);
/// For how long what may be repeated is, after its connection broke.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long to wait before it is repeated, at first and at last.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// For how long a disk is taken for full where nothing new has come, in milliseconds.
const FULL: u64 = 60_000;
/// What every connection of the line is set to: the statements go by indexes, however many rows were there when they were prepared, and
/// their plans are made once.
const PLANS: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off";

/// What goes with a statement.
pub(super) type Values = Vec<Value>;

/// Whether a statement may be sent again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    Never,
    Safely,
}

/// A statement on its way.
pub(super) struct Call {
    pub(super) sql: &'static str,
    pub(super) values: Values,
    /// The record that it is about, if its statement takes many of them.
    pub(super) record: Option<SecretId>,
    pub(super) repeat: Repeat,
    /// Bytes that go with it.
    pub(super) bytes: usize,
}

impl Call {
    /// A statement by itself.
    pub(super) fn new(sql: &'static str, values: Values, repeat: Repeat) -> Self {
        Self { sql, values, record: None, repeat, bytes: 0 }
    }

    /// A statement that takes many records, for one of them. Its first value is the record's id.
    pub(super) fn about(id: SecretId, sql: &'static str, mut values: Values, repeat: Repeat) -> Self {
        values.insert(0, Value::new(id.0.to_vec()));
        Self { record: Some(id), ..Self::new(sql, values, repeat) }
    }
}

/// All connections.
pub(super) struct Line {
    pool: Pool,
    way: Arc<Way>,
    pub(super) batches: Batches,
    pub(super) watch: Arc<Watch>,
    pub(super) locked: Locked,
    tally: Arc<Tally>,
    began: Instant,
    /// Calls under way or waiting.
    calls: AtomicU64,
    /// When the database last answered, in milliseconds after `began`.
    answered: AtomicU64,
    /// When it last had no room for something, likewise; 0, if it has had since.
    full: AtomicU64,
}

/// A connection that somebody uses. It goes back when it is known to have nothing under way, and else is closed.
pub(super) struct Borrowed {
    object: Option<Object>,
    is_idle: bool,
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(object) = self.object.take().filter(|object| !self.is_idle || object.is_closed()) {
            drop(Object::take(object));
        }
    }
}

/// One of the calls that are counted.
struct Counted(Arc<Line>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
        self.0.tally.queue.add(-1);
    }
}

impl Line {
    /// Connects when somebody calls: not yet. Each connection begins with what `watch` asks.
    pub(super) fn new(address: &Address, tally: Arc<Tally>, watch: Arc<Watch>) -> Result<Self, StartError> {
        tally.queue_limit.set(i64::try_from(QUEUE).unwrap_or(i64::MAX));
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let mut config = address.config.clone();
        // What the URL says comes last, and wins.
        config.options(format!("{PLANS} {}", address.config.get_options().unwrap_or_default()));
        let way = Arc::new(Way::new(&config, tls::connector(&address.tls)?));
        let manager = Manager::from_connect(config, By(Arc::clone(&way)), settings);
        let pool = Pool::builder(manager)
            .max_size(address.connections.max(1))
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CREATE))
            .runtime(Runtime::Tokio1)
            .post_create(watch.hook())
            .build()
            .map_err(|error| StartError::Other { at: address.to_string(), why: error.to_string() })?;
        Ok(Self {
            pool,
            way,
            batches: Batches::default(),
            watch,
            locked: Locked::default(),
            tally,
            began: Instant::now(),
            calls: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            full: AtomicU64::new(0),
        })
    }

    /// The rows that a call gives. It runs to its end though whoever asked goes away.
    pub(super) async fn rows(self: &Arc<Self>, call: Call) -> Result<Vec<Row>, Fault> {
        self.to_its_end(|line| async move { line.work(&Arc::new(call)).await }).await
    }

    /// Runs work that is one call, to its end.
    pub(super) async fn to_its_end<T: Send + 'static, W: Future<Output = Result<T, Fault>> + Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> W,
    ) -> Result<T, Fault> {
        if self.pool.is_closed() {
            return Err(Fault::Unsent(StoreError::Closed));
        }
        self.tally.queue.add(1);
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(self));
        if before >= QUEUE {
            return Err(Fault::Unsent(StoreError::Busy));
        }
        let work = work(Arc::clone(self));
        let done = tokio::spawn(async move {
            let done = work.await;
            drop(counted);
            done
        });
        done.await.unwrap_or(Err(Fault::Unsent(StoreError::Closed)))
    }

    async fn work(self: &Arc<Self>, call: &Arc<Call>) -> Result<Vec<Row>, Fault> {
        let end = Instant::now() + PATIENCE;
        let (mut pause, mut in_doubt, mut fresh) = (PAUSE, false, false);
        loop {
            let fault = match self.send(call).await {
                Ok(rows) => return Ok(rows),
                Err(fault) => fault,
            };
            match &fault {
                Fault::Unknown(_) if call.repeat == Repeat::Safely => in_doubt = true,
                // With another connection, once.
                Fault::Stale(_) if !fresh && !in_doubt => {
                    fresh = true;
                    continue;
                }
                _ if !in_doubt => return Err(fault),
                _ => {}
            }
            if Instant::now() >= end || self.pool.is_closed() {
                return Err(Fault::Unknown(fault.into_error()));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn send(self: &Arc<Self>, call: &Arc<Call>) -> Result<Vec<Row>, Fault> {
        self.hold(call.sql).await?;
        if let Some(id) = call.record {
            return batch::together(self, id, call).await;
        }
        let values: Vec<_> = call.values.iter().map(|value| value as _).collect();
        self.once(call.sql, &values, call.bytes).await
    }

    /// Sends a statement once.
    pub(super) async fn once(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        bytes: usize,
    ) -> Result<Vec<Row>, Fault> {
        let mut borrowed = self.borrow().await?;
        let began = Instant::now();
        let sent = async {
            let Some(client) = &borrowed.object else { return Err(Fault::Unsent(StoreError::Closed)) };
            let statement = client.prepare_cached(sql).await.map_err(|error| match Fault::of(&error) {
                Fault::Unknown(why) => Fault::Stale(why),
                fault => fault,
            })?;
            client.query(&statement, values).await.map_err(|error| self.judge(&error))
        };
        let outcome = self.answered(bytes, sent).await;
        self.tally.commits.since(began);
        // Whoever is refused was answered, too.
        borrowed.is_idle = matches!(outcome, Ok(_) | Err(Fault::Refused(_)));
        if borrowed.is_idle {
            self.heard();
            self.tell_of_lock(&borrowed, &outcome).await;
        } else {
            self.tally.failed_commits.one();
        }
        outcome
    }

    /// What `work` with so many bytes on a connection comes to, if the database says so in time and stays the primary.
    pub(super) async fn answered<T>(
        &self,
        bytes: usize,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::select! {
            biased;
            done = tokio::time::timeout(bound(bytes), work) => done.unwrap_or_else(|_| Err(silent())),
            () = self.way.another() => {
                Err(Fault::Unknown(StoreError::Engine("another host has become the primary".to_owned())))
            }
        }
    }

    /// A connection, when one is free.
    pub(super) async fn borrow(&self) -> Result<Borrowed, Fault> {
        let (asked, why) = (Instant::now(), |why: &str| StoreError::Engine(why.to_owned()));
        let mut got = self.pool.get().await;
        while let Some(object) =
            got.as_ref().ok().filter(|object| !self.way.is_current(Object::metrics(object).created))
        {
            tracing::debug!(age = ?Object::metrics(object).age(), "a connection to what was the primary is let go of");
            if let Ok(object) = got {
                drop(Object::take(object));
            }
            got = self.pool.get().await;
        }
        match got {
            Ok(object) => Ok(Borrowed { object: Some(object), is_idle: false }),
            Err(PoolError::Timeout(TimeoutType::Wait)) => Err(self.waited_since(asked)),
            Err(PoolError::Timeout(_)) => Err(Fault::Unsent(why("the database can't be reached in time"))),
            Err(PoolError::Closed) => Err(Fault::Unsent(StoreError::Closed)),
            Err(PoolError::Backend(error)) => Err(Fault::Unsent(StoreError::Engine(words(&error)))),
            Err(error) => Err(Fault::Unsent(StoreError::Engine(error.to_string()))),
        }
    }

    /// What it means that a call has waited in vain since then.
    pub(super) fn waited_since(&self, asked: Instant) -> Fault {
        if self.heard_since(asked) {
            return Fault::Unsent(StoreError::Busy);
        }
        Fault::Unsent(StoreError::Engine("the database doesn't answer".to_owned()))
    }

    /// What a failure of a statement means. What can't be written any more may have another primary by now: every connection is made anew.
    pub(super) fn judge(&self, error: &tokio_postgres::Error) -> Fault {
        if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
            self.begin_anew();
        }
        let fault = Fault::of(error);
        if fault == Fault::Refused(StoreError::Full) {
            tracing::error!(why = words(error), "the database's disk is full: make room there");
            self.full.store(self.now(), Ordering::Relaxed);
        }
        fault
    }

    pub(super) fn begin_anew(&self) {
        let _ = self.pool.retain(|_, _| false);
    }

    /// Says that the database answered.
    pub(super) fn heard(&self) {
        self.answered.fetch_max(self.now(), Ordering::Relaxed);
    }

    /// In milliseconds after `began`, from 1 on.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Says that it had room for something new.
    pub(super) fn had_room(&self) {
        self.full.store(0, Ordering::Relaxed);
    }

    /// Whether it had no room a moment ago, and none since.
    pub(super) fn is_full(&self) -> bool {
        let full = self.full.load(Ordering::Relaxed);
        full > 0 && self.now() < full.saturating_add(FULL)
    }

    /// Whether it has answered anybody since then.
    pub(super) fn heard_since(&self, then: Instant) -> bool {
        let answered = self.answered.load(Ordering::Relaxed);
        answered > 0 && self.began + Duration::from_millis(answered) >= then
    }

    /// Whether it has ever answered.
    pub(super) fn was_heard(&self) -> bool {
        self.answered.load(Ordering::Relaxed) > 0
    }

    /// How many connections there are.
    pub(super) fn connections(&self) -> Connections {
        let status = self.pool.status();
        let in_use = status.size.saturating_sub(status.available);
        Connections { open: status.size, in_use, waiting: status.waiting, limit: status.max_size }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    /// Lets go of all connections; what is under way is finished.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

impl Borrowed {
    /// The connection, to be used and given back by [`Borrowed::done`].
    pub(super) fn client_mut(&mut self) -> Option<&mut Object> {
        self.object.as_mut()
    }

    pub(super) fn client(&self) -> Option<&Object> {
        self.object.as_ref()
    }

    /// Says that nothing is under way on it.
    pub(super) fn done(&mut self) {
        self.is_idle = true;
    }
}

/// How long a statement with so many bytes may take.
fn bound(bytes: usize) -> Duration {
    let mebibytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
    BOUND.saturating_add(BOUND_PER_MIB.saturating_mul(mebibytes))
}

/// No answer came in time.
fn silent() -> Fault {
    Fault::Unknown(StoreError::Engine("the database didn't answer in time".to_owned()))
}
