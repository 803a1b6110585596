//! Errors on the wire: `application/problem+json` (RFC 9457). `detail` says what to do and is always a string, as
//! FastAPI's clients expect. No part of what was submitted is repeated.

use std::{
    borrow::Cow,
    num::{NonZeroU32, NonZeroU64},
};

use serde::{Deserialize, Serialize};

/// A stable word for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// 400: not JSON, or not HTTP as it should be.
    BadRequest,
    /// 401: creating needs a key, and none that is taken came.
    KeyRequired,
    /// 401: creating needs somebody whom the server's proxy names.
    UserRequired,
    /// 403: nobody creates here.
    CreationClosed,
    /// 403: a browser asked by itself; people read on the page.
    BrowserRequest,
    /// 403: another website's page asks.
    ForeignOrigin,
    /// 403: the secret has a passphrase, and none came.
    PassphraseRequired,
    /// 403: the passphrase is wrong.
    WrongPassphrase,
    /// 404: unknown, read, burned or expired: one and the same.
    Gone,
    /// 404: no such path.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 408: the client was too slow.
    Timeout,
    /// 409: the secret has been read, burned, or has expired, so that its receipt burns nothing.
    TooLate,
    /// 413.
    TooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 421: the server answers to other names.
    Misdirected,
    /// 422: a value can't be taken.
    Validation,
    /// 429: too much from one address.
    RateLimited,
    /// 500: the record is sealed under a key that the server wasn't given.
    Unreadable,
    /// 500: the record is damaged where it is kept.
    Damaged,
    /// 500.
    Internal,
    /// 507: as much of the client's is kept as is allowed.
    QuotaExceeded,
    /// 507: as much is kept as is allowed.
    ServerFull,
    /// 503: try again soon.
    Busy,
    /// 503: the server's disk is full.
    StorageFull,
    /// 503: what is stored now could be lost with one machine, and mustn't be.
    NotDurable,
    /// 503: the store fails.
    Unavailable,
    /// A word that this version doesn't know.
    #[serde(other)]
    Unknown,
}

impl Code {
    /// Each that a server answers.
    pub const ALL: [Self; 27] = [
        Self::BadRequest,
        Self::KeyRequired,
        Self::UserRequired,
        Self::CreationClosed,
        Self::BrowserRequest,
        Self::ForeignOrigin,
        Self::PassphraseRequired,
        Self::WrongPassphrase,
        Self::Gone,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::TooLate,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Misdirected,
        Self::Validation,
        Self::RateLimited,
        Self::Unreadable,
        Self::Damaged,
        Self::Internal,
        Self::Busy,
        Self::StorageFull,
        Self::NotDurable,
        Self::Unavailable,
        Self::QuotaExceeded,
        Self::ServerFull,
    ];

    /// The word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::KeyRequired => "key_required",
            Self::UserRequired => "user_required",
            Self::CreationClosed => "creation_closed",
            Self::BrowserRequest => "browser_request",
            Self::ForeignOrigin => "foreign_origin",
            Self::PassphraseRequired => "passphrase_required",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::Gone => "gone",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Timeout => "timeout",
            Self::TooLate => "too_late",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Misdirected => "misdirected",
            Self::Validation => "validation",
            Self::RateLimited => "rate_limited",
            Self::Unreadable => "unreadable",
            Self::Damaged => "damaged",
            Self::Internal => "internal",
            Self::Busy => "busy",
            Self::StorageFull => "storage_full",
            Self::NotDurable => "not_durable",
            Self::Unavailable => "unavailable",
            Self::QuotaExceeded => "quota_exceeded",
            Self::ServerFull => "server_full",
            Self::Unknown => "unknown",
        }
    }

    /// The status that goes with it. A word that this version doesn't know came with its own, in [`Problem::status`].
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::KeyRequired | Self::UserRequired => 401,
            Self::BrowserRequest
            | Self::CreationClosed
            | Self::ForeignOrigin
            | Self::PassphraseRequired
            | Self::WrongPassphrase => 403,
            Self::Gone | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::TooLate => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Misdirected => 421,
            Self::Validation => 422,
            Self::RateLimited => 429,
            Self::Unreadable | Self::Damaged | Self::Internal | Self::Unknown => 500,
            Self::Busy | Self::StorageFull | Self::NotDurable | Self::Unavailable => 503,
            Self::QuotaExceeded | Self::ServerFull => 507,
        }
    }

    /// The status in words (RFC 9110; 507 is of RFC 4918).
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad Request",
            Self::KeyRequired | Self::UserRequired => "Unauthorized",
            Self::BrowserRequest
            | Self::CreationClosed
            | Self::ForeignOrigin
            | Self::PassphraseRequired
            | Self::WrongPassphrase => "Forbidden",
            Self::Gone | Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::Timeout => "Request Timeout",
            Self::TooLate => "Conflict",
            Self::TooLarge => "Content Too Large",
            Self::UnsupportedMediaType => "Unsupported Media Type",
            Self::Misdirected => "Misdirected Request",
            Self::Validation => "Unprocessable Content",
            Self::RateLimited => "Too Many Requests",
            Self::Unreadable | Self::Damaged | Self::Internal | Self::Unknown => "Internal Server Error",
            Self::Busy | Self::StorageFull | Self::NotDurable | Self::Unavailable => "Service Unavailable",
            Self::QuotaExceeded | Self::ServerFull => "Insufficient Storage",
        }
    }
}

/// What is wrong with one member or parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901) into the body; `/query/…` and `/headers/…` for what isn't in it.
    pub pointer: Cow<'static, str>,
    /// What is wrong there and what would be right.
    pub detail: String,
}

impl FieldError {
    /// An error at a place.
    pub fn new(pointer: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

/// An error as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The status in words.
    pub title: Cow<'static, str>,
    /// The status code: the code's, or as it came with a code that this version doesn't know.
    pub status: u16,
    /// What is wrong and what to do about it.
    pub detail: Cow<'static, str>,
    /// A stable word for programs.
    pub code: Code,
    /// For `validation`: each thing that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<FieldError>,
    /// For what is too large, in bytes, or is to be kept too long, in seconds: how much is allowed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<NonZeroU64>,
    /// For `wrong_passphrase`: how many tries are left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attempts_left: Option<u32>,
    /// For `rate_limited`: after how many seconds to try again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after: Option<NonZeroU32>,
}

impl Problem {
    /// A problem with nothing but the usual members; status and title follow from the code.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(code.title()),
            status: code.status(),
            detail: detail.into(),
            code,
            errors: Vec::new(),
            limit: None,
            attempts_left: None,
            retry_after: None,
        }
    }

    /// The one `404` for unknown, read, burned and expired.
    #[must_use]
    pub fn gone() -> Self {
        Self::new(Code::Gone, "Secret not found, already viewed, or expired")
    }

    /// A `422` that lists what is wrong.
    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{}: {}", one.pointer.trim_start_matches('/'), one.detail),
            _ => "Several values can't be taken; each is listed in errors".to_owned(),
        };
        Self { errors, ..Self::new(Code::Validation, detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_on_the_wire_as_it_always_was() {
        let problem = Problem::new(Code::StorageFull, "d");
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"d","code":"storage_full"}"#
        );
    }

    #[test]
    fn a_code_of_a_later_version_keeps_its_status() {
        let later = r#"{"type":"about:blank","title":"Too Early","status":425,"detail":"d","code":"too_early"}"#;
        let problem: Problem = serde_json::from_str(later).unwrap();
        assert_eq!((problem.code, problem.status), (Code::Unknown, 425));
    }
}
