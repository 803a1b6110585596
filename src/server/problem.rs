//! What goes wrong, as the client is told: each error of the layers below becomes one problem, here and nowhere else. What the
//! operator has to know of it is logged once, where the request is answered.

use std::{borrow::Cow, num::NonZeroU64};

use hyper::StatusCode;

use super::creation::Denied;
use crate::{
    api::{Code, FieldError, Malformed, Problem},
    store::{StoreError, Whose},
    vault::VaultError,
};

/// Why a request fails: what the client is told, and the error behind it, for the log.
pub(super) struct Failed {
    pub(super) problem: Box<Problem>,
    pub(super) cause: Option<Box<VaultError>>,
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), cause: None }
    }
}

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        Self { problem: Box::new(of_vault(&error)), cause: Some(Box::new(error)) }
    }
}

fn of_vault(error: &VaultError) -> Problem {
    match error {
        VaultError::PassphraseNeeded => Problem::new(
            Code::PassphraseRequired,
            "This secret has a passphrase: send it with POST …/reveal, as {\"passphrase\": \"…\"}. Nothing was destroyed",
        ),
        VaultError::WrongPassphrase { left } => Problem {
            attempts_left: Some(*left),
            ..Problem::new(
                Code::WrongPassphrase,
                if *left == 0 {
                    "The passphrase is wrong, and that was the last try: the secret has been destroyed"
                } else {
                    "The passphrase is wrong; the secret is still there. Try again while attempts are left"
                },
            )
        },
        VaultError::Unreadable => Problem::new(
            Code::Unreadable,
            "This secret is sealed under a key that the server wasn't given: ask its operator for SECRET_KEYS_OLD. Nothing was \
             destroyed",
        ),
        VaultError::Damaged => damaged(),
        VaultError::Crypto(_) => Problem::new(Code::Internal, "The server failed; nothing was stored or read"),
        VaultError::Store(error) => of_store(error),
    }
}

fn of_store(error: &StoreError) -> Problem {
    match error {
        StoreError::Busy => busy(),
        StoreError::Full => {
            Problem::new(Code::StorageFull, "The server has no disk space left; secrets that it has can still be read")
        }
        StoreError::NotDurable => Problem::new(
            Code::NotDurable,
            "What is stored now could be lost with one of the server's machines, so it takes nothing; secrets that it has can still be read. Try \
             again later",
        ),
        StoreError::NoStandby => Problem::new(
            Code::Unavailable,
            "The server's database waits for another machine, which is away: until it is back nothing is stored or given out. What was \
             acknowledged is kept; try again later",
        ),
        StoreError::Locked => Problem::new(
            Code::Unavailable,
            "Somebody works on the server's database and has locked it: nothing was stored, given or destroyed. Try again later",
        ),
        StoreError::TooLarge => too_large(None),
        StoreError::OverQuota(whose) => over_quota(*whose),
        StoreError::Damaged(_) => damaged(),
        StoreError::Exists | StoreError::Engine(_) | StoreError::Closed => {
            Problem::new(Code::Unavailable, "The server's database doesn't answer as it should; try again later")
        }
    }
}

/// The `507` for more than may be kept.
fn over_quota(whose: Whose) -> Problem {
    match whose {
        Whose::Owner => Problem::new(
            Code::QuotaExceeded,
            "As much of yours is kept here as is allowed for one; nothing was stored. Wait until some of it has been read or has expired, \
             or burn what isn't needed",
        ),
        Whose::All => Problem::new(
            Code::ServerFull,
            "The server keeps as much as it may; nothing was stored. Try again when something has been read or has expired, or ask its \
             operator",
        ),
    }
}

/// The `500` for what is damaged on the server's disk.
fn damaged() -> Problem {
    Problem::new(
        Code::Damaged,
        "The server's database is damaged at a place that this needs: nothing was stored, given or destroyed. Ask the server's \
         operator",
    )
}

/// Logs what the operator has to know; what clients do wrong isn't that.
pub(super) fn log(error: &VaultError) {
    match error {
        VaultError::Unreadable => {
            tracing::error!("a secret can't be opened: it was sealed under another SECRET_KEY");
        }
        VaultError::Crypto(error) => tracing::error!(%error, "cryptography failed"),
        VaultError::Store(error @ (StoreError::Exists | StoreError::Engine(_) | StoreError::Closed)) => {
            tracing::error!(%error, "the store failed");
        }
        // What is damaged was told where it was found.
        VaultError::Damaged
        | VaultError::Store(
            StoreError::Busy
            | StoreError::Full
            | StoreError::NotDurable
            | StoreError::NoStandby
            | StoreError::Locked
            | StoreError::TooLarge
            | StoreError::OverQuota(_)
            | StoreError::Damaged(_),
        )
        | VaultError::PassphraseNeeded
        | VaultError::WrongPassphrase { .. } => {}
    }
}

/// The status that a problem is answered with.
#[expect(clippy::expect_used, reason = "the statuses of all codes are between 400 and 507")]
pub(super) fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.code.status()).expect("a code has a status of HTTP")
}

/// The `500` for a mistake of ours.
pub(super) fn mistake() -> Problem {
    Problem::new(
        Code::Internal,
        "The server failed by a mistake of its own, which its log tells of: whether it did what was asked isn't known",
    )
}

/// The `401` or `403` for whoever may not create.
pub(super) fn denied(denied: Denied) -> Problem {
    match denied {
        Denied::Closed => Problem::new(
            Code::CreationClosed,
            "Nothing can be stored on this server: it only gives out what it has. Nothing was stored",
        ),
        Denied::Key => Problem::new(
            Code::KeyRequired,
            "Storing a secret needs a key here, and none that is valid came: send it as Authorization: Bearer KEY. The server's operator \
             gives keys out. Nothing was stored",
        ),
        Denied::User => Problem::new(
            Code::UserRequired,
            "Storing a secret needs somebody who is signed in, and nobody is: use the server's public address, where its proxy asks. \
             Nothing was stored",
        ),
    }
}

/// The `503` for more than the server can hold.
pub(super) fn busy() -> Problem {
    Problem::new(Code::Busy, "The server has more to do than it can hold; try again in a second")
}

/// The `413`, with the limit in bytes where it is known.
pub(super) fn too_large(max: Option<usize>) -> Problem {
    let detail = match max {
        Some(max) => format!("The secret is too large: at most {max} bytes are kept here (GET /api/v1/info tells)"),
        None => "The body is too large (GET /api/v1/info tells the limit)".to_owned(),
    };
    Problem { limit: max.and_then(limit), ..Problem::new(Code::TooLarge, detail) }
}

fn limit(bytes: usize) -> Option<NonZeroU64> {
    u64::try_from(bytes).ok().and_then(NonZeroU64::new)
}

/// The `413` for more than a key allows.
pub(super) fn too_large_for_key(max: usize) -> Problem {
    let detail = format!("The secret is too large: at most {max} bytes can be stored with this key");
    Problem { limit: limit(max), ..Problem::new(Code::TooLarge, detail) }
}

/// The `503` for a client beyond the cap on connections.
pub(super) fn too_many_connections() -> Problem {
    Problem::new(Code::Busy, "The server has too many connections; try again in a second")
}

/// The `503` for a client behind a proxy that has its share of the requests under way.
pub(super) fn too_many_requests() -> Problem {
    Problem::new(Code::Busy, "Too many requests from your address are under way; try again in a second")
}

/// The `400` for a client that speaks without TLS where there has to be TLS.
pub(super) fn needs_tls() -> Problem {
    Problem::new(Code::BadRequest, "This port speaks TLS: ask with https:// in place of http://; nothing was done")
}

/// The `400` for a request that doesn't say which host it asks, or says it twice.
pub(super) fn no_host() -> Problem {
    Problem::new(
        Code::BadRequest,
        "A request has to have one Host header, with a host and perhaps a port; nothing was done",
    )
}

/// The `400` for a header that comes twice and says two things.
pub(super) fn contradictory(header: &'static str) -> Problem {
    let detail =
        format!("The header {header} comes twice with different values: send it once; nothing was stored or read");
    Problem::new(Code::BadRequest, detail)
}

/// What is said of a webhook that nobody can pick. Its name isn't repeated.
pub(super) fn no_webhook(place: &'static str, has_others: bool) -> Problem {
    let detail = if has_others {
        "no webhook of that name is known here: ask the server's operator which there are, or leave it out"
    } else {
        "this server has no webhook to pick: its operator gives it one with serve --webhook NAME=URL, or leave it out"
    };
    Problem::validation(vec![FieldError::new(place, detail)])
}

/// The `422` for one value.
pub(super) fn invalid(pointer: impl Into<Cow<'static, str>>, error: impl std::error::Error) -> Problem {
    Problem::validation(vec![FieldError::new(pointer, error.to_string())])
}

/// The `400` or `422` for a body.
pub(super) fn malformed(malformed: Malformed) -> Problem {
    match malformed {
        Malformed::NotJson => {
            Problem::new(Code::BadRequest, "The body isn't JSON in UTF-8; nothing was stored or read")
        }
        Malformed::Invalid(errors) => Problem::validation(errors),
    }
}

/// The `404` for a path without a route.
pub(super) fn nothing_here() -> Problem {
    Problem::new(Code::NotFound, "There is nothing at this path; see the API's description")
}
