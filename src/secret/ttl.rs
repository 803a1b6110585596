//! How long a secret is kept.

use std::time::Duration;

/// The shortest time to live.
pub const MIN_TTL: Duration = Duration::from_secs(1);

/// How long a secret is kept: at least a second, at most what the server allows.
///
/// ```
/// use std::time::Duration;
/// use ots::secret::{InvalidTtl, Ttl};
///
/// let day = Duration::from_secs(86_400);
/// assert!(Ttl::from_seconds(1800.5, day).is_ok());
/// assert_eq!(Ttl::from_seconds(0.0, day), Err(InvalidTtl::TooShort));
/// assert_eq!(Ttl::from_seconds(86_401.0, day), Err(InvalidTtl::TooLong(day)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(Duration);

/// The time to live is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTtl {
    /// Shorter than a second, zero or negative.
    #[error("it has to be at least 1 second")]
    TooShort,
    /// Longer than the server keeps secrets.
    #[error("it can be at most {} here", in_words(*.0))]
    TooLong(Duration),
}

/// A duration, whole, in the largest unit that it is a number of.
fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length)).unwrap_or((1, "second"));
    match seconds / length {
        1 => format!("1 {unit}"),
        number => format!("{number} {unit}s"),
    }
}

impl Ttl {
    /// Takes seconds, fractions allowed, up to `max`. Kept to the millisecond.
    ///
    /// # Errors
    /// [`InvalidTtl`]; what isn't a number counts as too short.
    pub fn from_seconds(seconds: f64, max: Duration) -> Result<Self, InvalidTtl> {
        if seconds.is_nan() || seconds < MIN_TTL.as_secs_f64() {
            return Err(InvalidTtl::TooShort);
        }
        if seconds > max.as_secs_f64() {
            return Err(InvalidTtl::TooLong(max));
        }
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| InvalidTtl::TooLong(max))
    }

    /// How long.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }

    /// Takes a duration up to `max`.
    ///
    /// # Errors
    /// [`InvalidTtl`].
    pub fn new(duration: Duration, max: Duration) -> Result<Self, InvalidTtl> {
        Self::from_seconds(duration.as_secs_f64(), max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_is_said_in_words() {
        for (seconds, words) in [
            (30 * 86_400, "30 days"),
            (86_400, "1 day"),
            (129_600, "36 hours"),
            (5400, "90 minutes"),
            (61, "61 seconds"),
        ] {
            let error = InvalidTtl::TooLong(Duration::from_secs(seconds));
            assert_eq!(error.to_string(), format!("it can be at most {words} here"));
        }
    }
}
