//! Where a store is, as a URL names it.

use std::{fmt, path::PathBuf, str::FromStr};

#[cfg(feature = "postgres")]
use super::postgres::{Address, InvalidAddress};

/// The engine, and where it keeps its data.
///
/// ```
/// use ots::store::Location;
///
/// assert_eq!("sqlite:/var/lib/ots/ots.db".parse(), Ok(Location::Sqlite("/var/lib/ots/ots.db".into())));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file: `sqlite:FILE`, or `sqlite://FILE` where another program wants the slashes.
    Sqlite(PathBuf),
    /// A database that servers share: `postgres://USER@HOST/DATABASE`, or `postgresql://`, in libpq's words.
    #[cfg(feature = "postgres")]
    Postgres(Box<Address>),
}

/// The text names no store. Doesn't repeat it: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    /// An engine that this build doesn't have.
    #[cfg(not(feature = "postgres"))]
    #[error("this ots was built without PostgreSQL (the cargo feature postgres): use sqlite:FILE, or another build")]
    Engine,
    /// A database of PostgreSQL that can't be.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(#[from] InvalidAddress),
    /// None that is known.
    #[error("write it as sqlite:FILE or postgres://USER@HOST/DATABASE")]
    Form,
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(url: &str) -> Result<Self, InvalidLocation> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.trim_start_matches("//").is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Box::new(url.parse()?))),
            #[cfg(not(feature = "postgres"))]
            Some(("postgres" | "postgresql", _)) => Err(InvalidLocation::Engine),
            _ => Err(InvalidLocation::Form),
        }
    }
}

impl Location {
    /// The same, with so many connections at most, where there are any.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn with_connections(self, connections: u16) -> Self {
        match self {
            Self::Postgres(address) => Self::Postgres(Box::new(address.with_connections(connections.into()))),
            other @ Self::Sqlite(_) => other,
        }
    }
}

/// Without a password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            #[cfg(feature = "postgres")]
            Self::Postgres(address) => write!(f, "PostgreSQL ({address})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_store_or_is_refused_without_being_repeated() {
        for (url, path) in [("sqlite:a.db", "a.db"), ("sqlite:///var/a.db", "/var/a.db"), ("sqlite:/a:b", "/a:b")] {
            assert_eq!(url.parse(), Ok(Location::Sqlite(path.into())), "{url}");
        }
        for (url, error) in [
            ("", InvalidLocation::Form),
            ("a.db", InvalidLocation::Form),
            ("sqlite:", InvalidLocation::Form),
            ("sqlite://", InvalidLocation::Form),
            ("mysql://hunter2@host", InvalidLocation::Form),
            #[cfg(not(feature = "postgres"))]
            ("postgres://ots:hunter2@host/ots", InvalidLocation::Engine),
            #[cfg(feature = "postgres")]
            (
                "postgres://ots:hunter2@host/ots?x=1",
                InvalidLocation::Postgres(InvalidAddress::Option(Some("x".to_owned()))),
            ),
        ] {
            assert!(!error.to_string().contains("hunter2"));
            assert_eq!(url.parse::<Location>(), Err(error), "{url}");
        }
    }
}
