//! Where a store is, as a URL names it.

use std::{path::PathBuf, str::FromStr};

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
}

/// The text names no store. Doesn't repeat it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocation {
    /// An engine that this version doesn't have.
    #[error("this version has no PostgreSQL store; use sqlite:FILE")]
    Engine,
    /// None that is known.
    #[error("write it as sqlite:FILE")]
    Form,
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(url: &str) -> Result<Self, InvalidLocation> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.trim_start_matches("//").is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("postgres" | "postgresql", _)) => Err(InvalidLocation::Engine),
            _ => Err(InvalidLocation::Form),
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
            ("postgres://ots:hunter2@host/ots", InvalidLocation::Engine),
        ] {
            assert_eq!(url.parse::<Location>(), Err(error), "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
