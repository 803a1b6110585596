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
    #[error("it can be at most {} seconds here", .0.as_secs())]
    TooLong(Duration),
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
