//! Whether a connection gets on, and each answer on it: what tells a slow client from one that stands still.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// The slowest that a client may take an answer, in bytes a second, after the time that it may be silent.
const SLOWEST: u64 = 16 * 1024;
/// An answer below this many bytes, alone on its connection, isn't watched by itself: it holds next to nothing.
const SMALL: u64 = 16 * 1024;

/// When a connection last got on (a head or a part of a body came, or a part of an answer was taken), and its answers that are under way.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    last: AtomicU64,
    answers: Mutex<Vec<Weak<Taken>>>,
}

/// How far an answer has been taken.
#[derive(Debug)]
pub(super) struct Taken {
    begun: Instant,
    bytes: AtomicU64,
}

impl Taken {
    /// Notes that a part was taken.
    pub(super) fn note(&self, bytes: usize) {
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long the rest may still take to get on.
    fn left(&self, silence: Duration) -> Duration {
        let earned = Duration::from_secs(self.bytes.load(Ordering::Relaxed) / SLOWEST);
        (silence + earned).saturating_sub(self.begun.elapsed())
    }
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { since: Instant::now(), last: AtomicU64::new(0), answers: Mutex::default() })
    }

    /// Notes that the connection gets on.
    pub(super) fn note(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Watches an answer of so many bytes for as long as what is given lives; one that is small isn't, unless it is one of many.
    pub(super) fn watch(&self, bytes: u64, multiplexed: bool) -> Option<Arc<Taken>> {
        if bytes == 0 || bytes < SMALL && !multiplexed {
            return None;
        }
        let taken = Arc::new(Taken { begun: Instant::now(), bytes: AtomicU64::new(0) });
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|answer| answer.strong_count() > 0);
        answers.push(Arc::downgrade(&taken));
        Some(taken)
    }

    /// Returns when nothing has been noted for twice `silence`, or an answer is taken too slowly after `silence`, whatever else the connection
    /// does: each of its streams has to get on.
    pub(super) async fn stalled(&self, silence: Duration) {
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let left = (last + 2 * silence).saturating_sub(self.since.elapsed()).min(self.slowest_answer(silence));
            if left.is_zero() {
                return;
            }
            // An answer that begins meanwhile has as long.
            tokio::time::sleep(left.min(silence)).await;
        }
    }

    fn slowest_answer(&self, silence: Duration) -> Duration {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.iter().filter_map(Weak::upgrade).map(|taken| taken.left(silence)).min().unwrap_or(Duration::MAX)
    }
}
