//! What PostgreSQL's errors mean: to whoever starts a server, and to a caller.

use std::{error::Error as _, io, path::PathBuf};

use rustls::CertificateError;
use tokio_postgres::{
    Error,
    error::{Severity, SqlState},
};

use super::address::Address;
use crate::store::StoreError;

/// The oldest PostgreSQL that will do.
pub(super) const OLDEST: i32 = 14;

/// Why the database can't be used. Each says what to do; none has a password in it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nobody answers there.
    #[error("can't reach PostgreSQL ({at}): {why}. Does it run there, and listen on that address (listen_addresses)?")]
    Unreachable {
        /// The database.
        at: String,
        /// Why.
        why: String,
    },
    /// No password was given.
    #[error(
        "PostgreSQL ({at}) wants a password for the user {user}, and none was given: put it into PGPASSWORD, ~/.pgpass, or a file \
         for --database-password-file"
    )]
    NoPassword {
        /// The database.
        at: String,
        /// As whom.
        user: String,
    },
    /// The password is wrong.
    #[error("PostgreSQL ({at}) doesn't take the password of the user {user}, or knows no such user")]
    Password {
        /// The database.
        at: String,
        /// As whom.
        user: String,
    },
    /// Nobody may come from here.
    #[error(
        "PostgreSQL ({at}) lets nobody in as {user} from here ({why}): give its pg_hba.conf a line for that, such as: hostssl \
         {database} {user} ADDRESS scram-sha-256"
    )]
    NotAllowed {
        /// The database's place.
        at: String,
        /// As whom.
        user: String,
        /// Into what.
        database: String,
        /// What it says.
        why: String,
    },
    /// There is no such database.
    #[error("PostgreSQL ({at}) has no such database: make it with: CREATE DATABASE {database} OWNER {user}")]
    NoDatabase {
        /// The database's place.
        at: String,
        /// Whose it should be.
        user: String,
        /// Its name.
        database: String,
    },
    /// It may not make or use its tables.
    #[error(
        "the user {user} may not do there what a server has to ({at}: {why}): let it own its schema with: CREATE SCHEMA ots \
         AUTHORIZATION {user} (or, if there is one: REASSIGN its tables to {user})"
    )]
    NoRights {
        /// The database.
        at: String,
        /// As whom.
        user: String,
        /// What it says.
        why: String,
    },
    /// The role may not come into the database.
    #[error(
        "the user {user} may not connect to the database {database} of PostgreSQL ({at}): allow it there with: GRANT CONNECT ON DATABASE \
         {database} TO {user}"
    )]
    NoConnect {
        /// The database's place.
        at: String,
        /// As whom.
        user: String,
        /// Into what.
        database: String,
    },
    /// Somebody else has locked its tables.
    #[error(
        "somebody has locked the tables in PostgreSQL ({at}: {why}): find out who with: SELECT pid, usename, application_name, query FROM \
         pg_locks JOIN pg_stat_activity USING (pid) WHERE relation = 'ots.record'::regclass; let it finish, or end it with: SELECT \
         pg_terminate_backend(pid)"
    )]
    Locked {
        /// The database.
        at: String,
        /// What it says.
        why: String,
    },
    /// No host lets anything be written.
    #[error(
        "no PostgreSQL there can be written to ({at}): name the primary too, separated by a comma; or, if it is the primary, turn \
         default_transaction_read_only off"
    )]
    ReadOnly {
        /// The database.
        at: String,
    },
    /// It is too old.
    #[error("PostgreSQL ({at}) is of version {found}: 14 or newer is needed")]
    Old {
        /// The database.
        at: String,
        /// Its version.
        found: String,
    },
    /// It says that something is committed before it is on the disk.
    #[error(
        "synchronous_commit is off in PostgreSQL ({at}), so that what was acknowledged could be lost: leave it out of the URL's options"
    )]
    NotDurable {
        /// The database.
        at: String,
    },
    /// It doesn't do TLS.
    #[error(
        "PostgreSQL ({at}) doesn't speak TLS: turn ssl on there; or, if all of the way to it is yours, put sslmode=disable behind the \
         ? of the URL"
    )]
    NoTls {
        /// The database.
        at: String,
    },
    /// Its certificate is for another name.
    #[error(
        "the certificate of PostgreSQL ({at}) is for another name: use a name in the URL that it has ({why}), or give the server \
         another certificate"
    )]
    TlsName {
        /// The database.
        at: String,
        /// What it is for.
        why: String,
    },
    /// Its certificate isn't to be trusted.
    #[error(
        "the certificate of PostgreSQL ({at}) can't be trusted: {why}. If an authority of your own signed it, put \
         sslrootcert=FILE behind the ? of the URL"
    )]
    TlsTrust {
        /// The database.
        at: String,
        /// Why.
        why: String,
    },
    /// The certificates to trust can't be read.
    #[error("sslrootcert: {} can't be used: {why}", .path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// This side's certificate, or its key, can't be used.
    #[error("{option}: {} can't be used: {why}", .path.display())]
    OwnCertificate {
        /// The option of the URL.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It doesn't let this side in for the certificate that it shows, or for showing none.
    #[error(
        "PostgreSQL ({at}) wants a certificate of the user {user}, and takes none or another than it was shown ({why}): put \
         sslcert=FILE and sslkey=FILE behind the ? of the URL, signed by an authority of its ssl_ca_file, for the name {user} (or one \
         that its pg_ident.conf maps to it)"
    )]
    Certificate {
        /// The database.
        at: String,
        /// As whom.
        user: String,
        /// What it says.
        why: String,
    },
    /// A pooler stands between that doesn't keep a session's connection.
    #[error(
        "between this server and PostgreSQL ({at}) is a pooler that can't be used ({why}): connect to PostgreSQL itself, or have the \
         pooler keep a connection for each session (PgBouncer: pool_mode = session, ignore_startup_parameters = options)"
    )]
    Pooled {
        /// The database.
        at: String,
        /// Why.
        why: String,
    },
    /// TLS can't be done here.
    #[error("TLS to the database can't be done: {0}")]
    Tls(String),
    /// A newer `ots` has changed the tables so that this one can't use them.
    #[error(
        "the tables in PostgreSQL ({at}) are of a newer ots (schema {found}, this one knows {known}): start that version; nothing was \
         changed"
    )]
    Newer {
        /// The database.
        at: String,
        /// Its schema.
        found: i32,
        /// The newest schema of this binary.
        known: i32,
    },
    /// There are no tables of ours.
    #[error("there is nothing of ots in PostgreSQL ({at}): start the server once, which makes its tables")]
    Empty {
        /// The database.
        at: String,
    },
    /// Something else.
    #[error("PostgreSQL ({at}) can't be used: {why}")]
    Other {
        /// The database.
        at: String,
        /// Why.
        why: String,
    },
}

impl StartError {
    pub(super) fn tls(error: impl std::fmt::Display) -> Self {
        Self::Tls(error.to_string())
    }

    /// What a failure to connect, or to do the first things, comes from.
    pub(super) fn of(address: &Address, error: &Error) -> Self {
        let (at, user, database) = (address.to_string(), shown(address.user()), shown(address.database()));
        let why = words(error);
        if let Some(said) = error.as_db_error() {
            let certificate = said.message().contains("certificate");
            return match *said.code() {
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION if certificate => Self::Certificate { at, user, why },
                // As PgBouncer says it, of the options that every session starts with, and of transactions.
                SqlState::PROTOCOL_VIOLATION if is_a_poolers(said.message()) => Self::Pooled { at, why },
                // Somebody else's were there, or ours elsewhere.
                SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => Self::Pooled { at, why },
                SqlState::INVALID_PASSWORD => Self::Password { at, user },
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Self::NotAllowed { at, user, database, why },
                SqlState::INVALID_CATALOG_NAME => Self::NoDatabase { at, user, database },
                // A session that doesn't come about ends by it.
                SqlState::INSUFFICIENT_PRIVILEGE if said.parsed_severity() == Some(Severity::Fatal) => {
                    Self::NoConnect { at, user, database }
                }
                SqlState::LOCK_NOT_AVAILABLE => Self::Locked { at, why },
                SqlState::INSUFFICIENT_PRIVILEGE => Self::NoRights { at, user, why },
                SqlState::READ_ONLY_SQL_TRANSACTION => Self::ReadOnly { at },
                _ => Self::Other { at, why },
            };
        }
        if let Some(tls) = cause::<rustls::Error>(error) {
            return match tls {
                // Its word on ours.
                rustls::Error::AlertReceived(_) => Self::Certificate { at, user, why: clean(&tls.to_string()) },
                rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                ) => Self::TlsName { at, why: clean(&tls.to_string()) },
                tls => Self::TlsTrust { at, why: clean(&tls.to_string()) },
            };
        }
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        match cause::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::PermissionDenied) if text.contains("does not allow writes") => Self::ReadOnly { at },
            _ if text.contains("password missing") => Self::NoPassword { at, user },
            _ if text.contains("does not support TLS") => Self::NoTls { at },
            _ => Self::Unreachable { at, why },
        }
    }
}

fn is_a_poolers(message: &str) -> bool {
    message.contains("startup parameter") || message.contains("pooling mode")
}

/// The first cause of this kind.
fn cause<E: std::error::Error + 'static>(error: &Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(inner) = next {
        if let Some(found) = inner.downcast_ref::<E>() {
            // An error of I/O may hold another, which isn't among its sources.
            return Some(found);
        }
        let held = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = held.and_then(|held| held.downcast_ref::<E>()) {
            return Some(found);
        }
        next = inner.source();
    }
    None
}

/// What it says, in one line and without its details: those may hold values.
pub(super) fn words(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} (SQLSTATE {})", clean(said.message()), said.code().code()),
        None => match error.source() {
            Some(source) => clean(&format!("{error}: {source}")),
            None => clean(&error.to_string()),
        },
    }
}

/// Without what could drive a terminal or begin a line, and not endless.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|next| if next.is_control() { ' ' } else { next }).take(300).collect()
}

/// A name as it is written in SQL, if that is simple.
fn shown(name: &str) -> String {
    let plain = name.chars().all(|next| next.is_ascii_alphanumeric() || next == '_');
    if plain && !name.is_empty() { name.to_owned() } else { format!("\"{}\"", clean(name).replace('"', "\"\"")) }
}

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It never got there.
    Unsent(StoreError),
    /// Neither: its connection had been closed before.
    Stale(StoreError),
    /// It was refused, and changed nothing.
    Refused(StoreError),
    /// It was sent, and whether it was done isn't known.
    Unknown(StoreError),
}

impl Fault {
    /// What a failure after a statement was sent means.
    pub(super) fn of(error: &Error) -> Self {
        let why = StoreError::Engine(words(error));
        let Some(code) = error.code() else { return Self::Unknown(why) };
        match *code {
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::TRANSACTION_RESOLUTION_UNKNOWN => Self::Unknown(why),
            SqlState::DISK_FULL => Self::Refused(StoreError::Full),
            // A row's lock has a place, where it was waited for; a table's hasn't.
            SqlState::LOCK_NOT_AVAILABLE if error.as_db_error().is_some_and(|said| said.where_().is_none()) => {
                Self::Refused(StoreError::Locked)
            }
            SqlState::QUERY_CANCELED
            | SqlState::LOCK_NOT_AVAILABLE
            | SqlState::T_R_DEADLOCK_DETECTED
            | SqlState::T_R_SERIALIZATION_FAILURE => Self::Refused(StoreError::Busy),
            SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => Self::Refused(StoreError::Damaged(words(error))),
            _ => Self::Refused(why),
        }
    }

    /// As a caller is told it.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Unsent(error) | Self::Stale(error) | Self::Refused(error) | Self::Unknown(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_lines_kept() {
        assert_eq!((shown("ots"), shown("my \"db")), ("ots".to_owned(), "\"my \"\"db\"".to_owned()));
        assert_eq!(clean("a\nb\u{1b}[31m"), "a b [31m");
    }
}
