//! What goes wrong, as the client is told: each error of the layers below becomes one problem, here and nowhere else.

use crate::{
    api::{Code, FieldError, Malformed, Problem},
    store::StoreError,
    vault::VaultError,
};

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::PassphraseNeeded => Self::new(
                403,
                "Forbidden",
                Code::PassphraseRequired,
                "This secret has a passphrase: send it with POST …/reveal, as {\"passphrase\": \"…\"}. Nothing was destroyed",
            ),
            VaultError::WrongPassphrase { left } => Self {
                attempts_left: Some(left),
                ..Self::new(
                    403,
                    "Forbidden",
                    Code::WrongPassphrase,
                    if left == 0 {
                        "The passphrase is wrong, and that was the last try: the secret has been destroyed"
                    } else {
                        "The passphrase is wrong; the secret is still there. Try again while attempts are left"
                    },
                )
            },
            VaultError::Unreadable => {
                tracing::error!("a secret can't be opened: it was sealed under another SECRET_KEY, or was altered");
                Self::new(
                    500,
                    "Internal Server Error",
                    Code::Unreadable,
                    "The server can't open this secret with the keys it was given; ask its operator for SECRET_KEYS_OLD",
                )
            }
            VaultError::Crypto(error) => {
                tracing::error!(%error, "cryptography failed");
                Self::new(500, "Internal Server Error", Code::Internal, "The server failed; nothing was stored or read")
            }
            VaultError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let unavailable = |code, detail| Self::new(503, "Service Unavailable", code, detail);
        match error {
            StoreError::Busy => {
                unavailable(Code::Busy, "The server has more to do than it can hold; try again in a second")
            }
            StoreError::Full => unavailable(
                Code::StorageFull,
                "The server has no disk space left; secrets that it has can still be read",
            ),
            StoreError::TooLarge => too_large(None),
            StoreError::Exists | StoreError::Engine(_) | StoreError::Closed => {
                tracing::error!(%error, "the store failed");
                unavailable(Code::Unavailable, "The server's database doesn't answer as it should; try again later")
            }
        }
    }
}

/// The `413`, with the limit in bytes where it is known.
pub(super) fn too_large(max: Option<usize>) -> Problem {
    let detail = match max {
        Some(max) => format!("The secret is too large: at most {max} bytes are kept here (GET /api/v1/info tells)"),
        None => "The body is too large (GET /api/v1/info tells the limit)".to_owned(),
    };
    Problem::new(413, "Content Too Large", Code::TooLarge, detail)
}

/// The `503` for a client beyond the cap on connections.
pub(super) fn too_many_connections() -> Problem {
    Problem::new(503, "Service Unavailable", Code::Busy, "The server has too many connections; try again in a second")
}

pub(super) fn invalid(pointer: impl Into<std::borrow::Cow<'static, str>>, error: impl std::error::Error) -> Problem {
    Problem::validation(vec![FieldError::new(pointer, error.to_string())])
}

pub(super) fn malformed(malformed: Malformed) -> Problem {
    match malformed {
        Malformed::NotJson => Problem::new(
            400,
            "Bad Request",
            Code::BadRequest,
            "The body isn't JSON in UTF-8; nothing was stored or read",
        ),
        Malformed::Invalid(errors) => Problem::validation(errors),
    }
}

pub(super) fn nothing_here() -> Problem {
    Problem::new(404, "Not Found", Code::NotFound, "There is nothing at this path; see the API's description")
}
