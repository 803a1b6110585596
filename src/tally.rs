//! What is counted while a server runs: numbers that whoever counts never waits for. They stand below all other modules, so that each
//! counts where a thing happens; the server shows them (`server::metrics`).
//!
//! - [`Tally`]: all of them, one for a server.
//! - [`Count`], [`Gauge`], [`Histogram`]: what it is made of.
//! - `webhooks`: how each webhook gets on.

mod webhooks;

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;

pub use webhooks::{Webhook, Webhooks};

/// What only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What grows and shrinks.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// So many more; fewer, if it is negative.
    pub fn add(&self, more: i64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// It is so much now.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// It is so much now; gives how much it was.
    pub fn replace(&self, value: i64) -> i64 {
        self.0.swap(value, Ordering::Relaxed)
    }

    /// How much it is.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many fell at or below each of some bounds. Whole numbers of a unit, of which so many make one of what is shown.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    per_one: u32,
    within: [AtomicU64; N],
    beyond: AtomicU64,
    sum: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Each bound, and how many fell at or below it but above the one before; the last bound is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// What they make in all.
    pub sum: f64,
}

impl<const N: usize> Histogram<N> {
    const fn new(bounds: [u64; N], per_one: u32) -> Self {
        let within = [const { AtomicU64::new(0) }; N];
        Self { bounds, per_one, within, beyond: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    /// One of so much.
    pub fn note(&self, value: u64) {
        let place = self.bounds.iter().position(|bound| value <= *bound);
        let bucket = place.and_then(|place| self.within.get(place)).unwrap_or(&self.beyond);
        bucket.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// How they are spread.
    #[expect(clippy::cast_precision_loss, reason = "nobody reads more digits of a sum")]
    pub fn distribution(&self) -> Distribution {
        let shown = |value: u64| value as f64 / f64::from(self.per_one);
        let bounds = self.bounds.iter().map(|bound| shown(*bound)).chain([f64::MAX]);
        let counts = self.within.iter().chain([&self.beyond]).map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Distribution { buckets, count, sum: shown(self.sum.load(Ordering::Relaxed)) }
    }
}

/// Durations in microseconds, shown in seconds.
#[derive(Debug)]
pub struct Durations(Histogram<12>);

impl Default for Durations {
    /// From half a millisecond to ten seconds.
    fn default() -> Self {
        let bounds =
            [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000];
        Self(Histogram::new(bounds, 1_000_000))
    }
}

impl Durations {
    /// One that began then and ends now.
    pub fn since(&self, began: Instant) {
        self.note(began.elapsed());
    }

    /// One that took so long.
    pub fn note(&self, took: Duration) {
        self.0.note(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// How they are spread, in seconds.
    pub fn distribution(&self) -> Distribution {
        self.0.distribution()
    }
}

/// What becomes of secrets; each is counted once it is on the disk.
#[derive(Debug, Default)]
pub struct Secrets {
    /// Made.
    pub created: Count,
    /// Read by one who named no claim: removed before it left.
    pub delivered: Count,
    /// Read under a claim, by its first request.
    pub claimed: Count,
    /// Given again to the same reader.
    pub repeated: Count,
    /// Removed by their reader's acknowledgement.
    pub acknowledged: Count,
    /// Destroyed unread because somebody asked for it.
    pub burned: Count,
    /// Destroyed by the last wrong passphrase.
    pub exhausted: Count,
    /// Removed unread because their time was over.
    pub expired: Count,
    /// Read, never acknowledged, and removed when the lease was over.
    pub lapsed: Count,
    /// Wrong passphrases.
    pub wrong_passphrases: Count,
}

/// How the audit stream gets on.
#[derive(Debug, Default)]
pub struct Audit {
    /// Lines that wait to be written.
    pub queue: Gauge,
    /// Lines that were written.
    pub written: Count,
    /// Lines that were not, and never will be.
    pub lost: Count,
    /// When the write began that hasn't ended, when writes began to fail, and when a line was last lost: milliseconds since 1970; else 0.
    writing: Gauge,
    failing: Gauge,
    lost_at: Gauge,
}

impl Audit {
    /// Says that a write begins.
    pub fn begins(&self) {
        self.writing.set(now());
    }

    /// Says that it is done. Whether it goes on after a failure.
    pub fn ends(&self) -> bool {
        self.writing.set(0);
        self.failing.replace(0) != 0
    }

    /// Says that it failed. Whether it is the first that did.
    pub fn fails(&self) -> bool {
        self.writing.set(0);
        let first = self.failing.get() == 0;
        if first {
            self.failing.set(now());
        }
        first
    }

    /// So many lines are lost.
    pub fn lose(&self, lines: u64) {
        self.lost.add(lines);
        self.lost_at.set(now());
    }

    /// For how long what was to be written has not been.
    pub fn late(&self) -> Duration {
        let since = [&self.writing, &self.failing].into_iter().map(Gauge::get).filter(|since| *since > 0).min();
        age(since.unwrap_or_else(now))
    }

    /// Whether something is wrong with it, or was a minute ago.
    pub fn is_troubled(&self) -> bool {
        self.failing.get() > 0
            || self.late() > Duration::from_secs(5)
            || age(self.lost_at.get()) < Duration::from_secs(60)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn age(since: i64) -> Duration {
    Duration::from_millis(u64::try_from(now().saturating_sub(since)).unwrap_or_default())
}

/// What is counted of a server.
#[derive(Debug)]
pub struct Tally {
    /// What becomes of secrets.
    pub secrets: Secrets,
    /// Calls that wait for the thread that writes.
    pub queue: Gauge,
    /// How many can.
    pub queue_limit: Gauge,
    /// Calls in one transaction.
    pub batches: Histogram<8>,
    /// How long a transaction took, its commit included.
    pub commits: Durations,
    /// Transactions that failed.
    pub failed_commits: Count,
    /// The audit stream.
    pub audit: Audit,
    /// The webhooks.
    pub webhooks: Webhooks,
    /// When the certificate expires, in seconds since 1970; 0 without one.
    certificate: Gauge,
    /// 1 while the create keys in use are older than their file, which can't be taken.
    pub old_keys: Gauge,
    /// 1 while the certificate in use is.
    pub old_certificate: Gauge,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            secrets: Secrets::default(),
            queue: Gauge::default(),
            queue_limit: Gauge::default(),
            batches: Histogram::new([1, 2, 4, 8, 16, 64, 256, 512], 1),
            commits: Durations::default(),
            failed_commits: Count::default(),
            audit: Audit::default(),
            webhooks: Webhooks::default(),
            certificate: Gauge::default(),
            old_keys: Gauge::default(),
            old_certificate: Gauge::default(),
        }
    }
}

impl Tally {
    /// Whether what is in use was to be read again, and couldn't be.
    pub fn has_old_files(&self) -> bool {
        self.old_keys.get() + self.old_certificate.get() > 0
    }

    /// Says when the certificate expires that is in use from now on.
    pub fn certificate_expires(&self, at: Timestamp) {
        self.certificate.set(at.as_second());
    }

    /// When that is, in seconds since 1970, if there is one.
    pub fn certificate_expiry(&self) -> Option<i64> {
        Some(self.certificate.get()).filter(|at| *at != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_each_once() {
        let durations = Durations::default();
        for milliseconds in [0, 1, 1, 3, 9_999, 10_000, 10_001, 60_000] {
            durations.note(Duration::from_millis(milliseconds));
        }
        let distribution = durations.distribution();
        assert_eq!(distribution.count, 8);
        let of = |bound: f64| distribution.buckets.iter().find(|(known, _)| (known - bound).abs() < 1e-9).unwrap().1;
        assert_eq!((of(0.0005), of(0.001), of(0.005), of(10.0), of(f64::MAX)), (1, 2, 1, 2, 2));
        assert!((distribution.sum - 90.005).abs() < 1e-9, "{}", distribution.sum);
    }
}
