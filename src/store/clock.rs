//! Whether the clock can be believed. One that is far ahead, as a host's may be before it has heard the time, makes everything look
//! expired: nothing is swept then until it has been so for a while. What is live is still the clock's to say, so that nothing is
//! delivered that has expired; but what was not swept is there again when the clock is mended.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// How far ahead of the last time that is known is far: less than a time zone.
const FAR: SignedDuration = SignedDuration::from_mins(50);

/// A clock beside the last time at which the server is known to have run.
#[derive(Debug)]
pub(super) struct Clock {
    seen: Option<Timestamp>,
    ahead_since: Option<Instant>,
    grace: Duration,
}

/// What may be done at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Sweep.
    Yes,
    /// Sweep: it was far ahead, and is believed from now on.
    Again,
    /// Don't, and say why: it has just been found to be far ahead.
    Lost,
    /// Still don't.
    No,
}

impl Clock {
    /// `seen` is the last time that is known, if one is; `grace` how long a clock has to be ahead before it is believed.
    pub(super) fn new(seen: Option<Timestamp>, grace: Duration) -> Self {
        Self { seen, ahead_since: None, grace }
    }

    /// Whether the clock, which says `now`, can be believed at the moment `at`.
    pub(super) fn judge(&mut self, now: Timestamp, at: Instant) -> Trust {
        let ahead = self.seen.is_some_and(|seen| now.duration_since(seen) > FAR);
        let waited = |since: Instant| at.saturating_duration_since(since);
        let trust = match (ahead, self.ahead_since) {
            (false, None) => Trust::Yes,
            (true, None) => Trust::Lost,
            (true, Some(since)) if waited(since) < self.grace => Trust::No,
            (_, Some(_)) => Trust::Again,
        };
        match trust {
            Trust::Yes | Trust::Again => (self.seen, self.ahead_since) = (Some(now), None),
            Trust::Lost => self.ahead_since = Some(at),
            Trust::No => {}
        }
        trust
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_far_ahead_is_believed_after_its_grace_or_when_it_is_mended() {
        let (start, grace) = (Instant::now(), Duration::from_secs(600));
        let later = |seconds| start + Duration::from_secs(seconds);
        let mut clock = Clock::new(Some(at("2026-01-01T00:00:00Z")), grace);
        assert_eq!(clock.judge(at("2026-01-01T00:40:00Z"), later(0)), Trust::Yes);
        assert_eq!(clock.judge(at("2026-01-01T01:20:00Z"), later(1)), Trust::Yes, "it is beside the last");
        assert_eq!(clock.judge(at("2025-01-01T00:00:00Z"), later(2)), Trust::Yes, "one that is behind harms nothing");
        assert_eq!(clock.judge(at("2036-01-01T00:00:00Z"), later(10)), Trust::Lost);
        assert_eq!(clock.judge(at("2036-01-01T00:09:00Z"), later(550)), Trust::No);
        assert_eq!(clock.judge(at("2025-01-01T00:10:00Z"), later(600)), Trust::Again, "it was mended");
        assert_eq!(clock.judge(at("2036-01-01T00:00:00Z"), later(700)), Trust::Lost);
        assert_eq!(clock.judge(at("2036-01-01T00:11:40Z"), later(1300)), Trust::Again, "it has been so for long");
        assert_eq!(clock.judge(at("2036-01-01T00:11:50Z"), later(1310)), Trust::Yes);
    }

    #[test]
    fn a_new_database_believes_any_clock() {
        assert_eq!(
            Clock::new(None, Duration::from_secs(1)).judge(at("2036-01-01T00:00:00Z"), Instant::now()),
            Trust::Yes
        );
    }
}
