//! How fast a webhook is told: several messages at once while it takes them; and once it can't be reached one at a time, ever more seldom.

use std::time::Duration;

use tokio::time::Instant;

use crate::secret::random;

/// Messages that are on their way to one webhook at once, each of another secret.
pub(super) const AT_ONCE: usize = 8;
/// The first wait after a failure, and the longest.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(3600);
/// Refusals one after the other, with nothing taken in between, that are as good as no answer.
const REFUSALS: u32 = 8;

/// How long to wait after so many failures, from 1 on: twice as long each time, less by up to a half, so that those who failed together
/// don't come again together.
pub(super) fn backoff(failures: u32) -> Duration {
    let doubled = SHORTEST.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    // Without randomness the wait is the whole one.
    let [random] = random::<1>().unwrap_or([u8::MAX]);
    doubled.min(LONGEST).mul_f64(0.5 + f64::from(random) / 510.0)
}

/// How long a receiver asked to wait, within bounds.
pub(super) fn as_asked(wait: Duration) -> Duration {
    wait.clamp(Duration::from_secs(1), LONGEST)
}

/// How a webhook has been lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    failures: u32,
    until: Option<Instant>,
}

impl Pace {
    /// How many messages may be on their way now.
    pub(super) fn places(&self, now: Instant) -> usize {
        match self.until {
            Some(until) if until > now => 0,
            // One is enough to find out.
            Some(_) => 1,
            None => AT_ONCE,
        }
    }

    /// How long nothing is to be sent.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// A message has been taken.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// A message wasn't. `is_whole` is whether no other would have been, `asked` what the receiver said of when to come again. Gives the pause
    /// that begins by it.
    pub(super) fn failed(&mut self, now: Instant, is_whole: bool, asked: Option<Duration>) -> Option<Duration> {
        // Those that were on their way together fail together, and are one failure.
        if self.until.is_some_and(|until| until > now) {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if !is_whole && self.failures < REFUSALS && self.until.is_none() {
            return None;
        }
        let failures = if is_whole { self.failures } else { self.failures.saturating_sub(REFUSALS - 1).max(1) };
        let pause = asked.map_or_else(|| backoff(failures), as_asked);
        self.until = Some(now + pause);
        Some(pause)
    }

    /// Somebody wants it tried now.
    pub(super) fn again(&mut self) {
        self.until = self.until.map(|_| Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_seconds_to_an_hour() {
        for (failures, from, to) in
            [(1, 1, 2), (2, 2, 4), (3, 4, 8), (10, 512, 1024), (12, 1800, 3600), (99, 1800, 3600)]
        {
            for _ in 0..20 {
                let wait = backoff(failures).as_secs_f64();
                assert!(wait >= f64::from(from) && wait <= f64::from(to), "{failures}: {wait}");
            }
        }
        let spread: std::collections::BTreeSet<Duration> = (0..50).map(|_| backoff(8)).collect();
        assert!(spread.len() > 5, "{spread:?}");
        assert_eq!(as_asked(Duration::ZERO), Duration::from_secs(1));
        assert_eq!(as_asked(Duration::from_secs(99_999)), LONGEST);
    }

    #[test]
    fn what_fails_together_is_one_failure_and_one_finds_out() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.places(now), AT_ONCE);
        let pause = pace.failed(now, true, None).unwrap();
        for _ in 0..7 {
            assert_eq!(pace.failed(now, true, None), None);
        }
        assert_eq!((pace.places(now), pace.pause(now)), (0, Some(pause)));
        let later = now + pause;
        assert_eq!((pace.places(later), pace.pause(later)), (1, None));
        let longer = pace.failed(later, true, None).unwrap();
        assert!(longer >= Duration::from_secs(2), "{longer:?}");
        pace.again();
        assert_eq!(pace.places(Instant::now()), 1);
        pace.succeeded();
        assert_eq!(pace.places(later), AT_ONCE);
        assert_eq!(pace.failed(now, true, Some(Duration::from_secs(77))), Some(Duration::from_secs(77)));
    }

    #[test]
    fn refusals_pause_when_there_is_nothing_else() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for _ in 0..REFUSALS - 1 {
            assert_eq!(pace.failed(now, false, None), None);
        }
        pace.succeeded();
        for _ in 0..REFUSALS - 1 {
            assert_eq!((pace.failed(now, false, None), pace.places(now)), (None, AT_ONCE));
        }
        let pause = pace.failed(now, false, None).unwrap();
        assert!(pause <= Duration::from_secs(2), "{pause:?}");
        assert!(pace.failed(now + pause, false, None).unwrap() >= Duration::from_secs(2));
    }
}
