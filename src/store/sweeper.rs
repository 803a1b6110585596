//! The sweeper: removes what has expired, batch by batch, for as long as the server runs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    Gone, Store, StoreError,
    clock::{Clock, Trust},
};

/// Records that one batch removes at most: other requests pass between batches.
const BATCH: usize = 256;
/// How often the time is written down, for the next start to compare its clock with.
const NOTE: Duration = Duration::from_secs(300);
/// How long a message for a webhook is tried to be delivered.
const TOLD: Duration = Duration::from_secs(24 * 3600);
/// How soon after a sweep the next one is at the soonest, if no claim's end comes before: records that die one after the other go together.
const SOONEST: Duration = Duration::from_secs(1);
/// How often it is told that messages were given up.
const TELL: Duration = Duration::from_secs(3600);

/// When the sweeper does what.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// It sweeps whenever a record dies, and at the latest after this.
    pub interval: Duration,
    /// A clock that is far ahead of the last known time is believed once it has been so for this long.
    pub grace: Duration,
    /// How long a receipt is kept after its secret's end.
    pub retention: Duration,
}

/// Sweeps at once, and again. What was removed is told to `told`. Never returns; drop it to stop. A failure is logged and tried again.
pub async fn run(store: Arc<Store>, settings: Settings, told: impl Fn(&[Gone])) {
    let Settings { interval, grace, retention } = settings;
    let mut clock = Clock::new(store.last_seen(), grace);
    let mut noted: Option<Instant> = None;
    let mut lost_at: Option<Timestamp> = None;
    let mut given_up = GivenUp::default();
    loop {
        store.due.begin();
        let now = Timestamp::now();
        let trust = clock.judge(now, Instant::now());
        tell(trust, grace);
        store.look_at_durability().await;
        store.set_clock_ahead(matches!(trust, Trust::Lost | Trust::No));
        if matches!(trust, Trust::Lost | Trust::No) {
            // What this clock has given, it may take: a lease that began by it ends by it.
            let since = *lost_at.get_or_insert(now);
            match store.sweep_leases(since, now, BATCH).await {
                Ok(gone) => told(&gone),
                Err(error) => tracing::warn!(%error, "ended leases could not be swept; it will be tried again"),
            }
        } else {
            lost_at = None;
            if noted.is_none_or(|noted| noted.elapsed() >= NOTE) && store.saw(now).await.is_ok() {
                noted = Some(Instant::now());
            }
            match sweep(&store, &told).await {
                Ok(0) => {}
                Ok(removed) => tracing::debug!(removed, "swept"),
                Err(error) => tracing::warn!(%error, "the sweep failed; it will be tried again"),
            }
            if let Err(error) = forget(&store, now, retention).await {
                tracing::warn!(%error, "old receipts could not be removed; it will be tried again");
            }
            match give_up(&store, now).await {
                Ok(messages) => given_up.more(messages),
                Err(error) => tracing::warn!(%error, "old messages could not be removed; it will be tried again"),
            }
            if let Some(next) = store.next_deadline(now).await {
                store.due.by(next.max(now + SOONEST));
            }
        }
        store.due.wait(interval).await;
    }
}

/// Removes all that has expired, and tells it to `told`; how many records.
///
/// # Errors
/// [`StoreError`]; what was removed and told before it is.
pub async fn sweep(store: &Store, told: &impl Fn(&[Gone])) -> Result<usize, StoreError> {
    let mut removed = 0;
    loop {
        let swept = store.sweep(Timestamp::now(), BATCH).await?;
        removed += swept.gone.len();
        told(&swept.gone);
        if !swept.more {
            return Ok(removed);
        }
    }
}

/// Removes the receipts whose secrets ended longer ago than they are kept.
async fn forget(store: &Store, now: Timestamp, retention: Duration) -> Result<(), StoreError> {
    let ended_before = now.saturating_sub(retention).unwrap_or(Timestamp::MIN);
    while store.forget_receipts(ended_before, BATCH).await? == BATCH {}
    Ok(())
}

/// Messages that were given up and nobody has been told of: they are many while a receiver stays away.
#[derive(Default)]
struct GivenUp {
    messages: usize,
    told: Option<Instant>,
}

impl GivenUp {
    fn more(&mut self, messages: usize) {
        self.messages += messages;
        if self.messages > 0 && self.told.is_none_or(|told| told.elapsed() >= TELL) {
            tracing::warn!(messages = self.messages, "webhooks could not be told for a day, and won't be");
            *self = Self { messages: 0, told: Some(Instant::now()) };
        }
    }
}

/// Removes the messages that could not be delivered for a day; how many.
async fn give_up(store: &Store, now: Timestamp) -> Result<usize, StoreError> {
    let noted_before = now.saturating_sub(TOLD).unwrap_or(Timestamp::MIN);
    let mut given_up = 0;
    loop {
        let some = store.give_up(noted_before, BATCH).await?;
        given_up += some;
        if some < BATCH {
            return Ok(given_up);
        }
    }
}

fn tell(trust: Trust, grace: Duration) {
    match trust {
        Trust::Lost => tracing::warn!(
            "the clock is far ahead of the last time that this server ran: nothing is removed for having expired until it has \
             been so for {} s (--clock-grace)",
            grace.as_secs()
        ),
        Trust::Again => tracing::info!("the clock is believed: what has expired is removed again"),
        Trust::Yes | Trust::No => {}
    }
}
