//! What a page without a script says of a problem: in the reader's language, by the problem's code. A `detail` is for programs, in
//! English, and isn't shown. `js/problem.js` says the same with a script.

use std::borrow::Cow;

use super::{texts::Texts, ttl};
use crate::{
    api::{Code, Problem},
    server::settings::Settings,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The problem in words.
pub(super) fn words<'a>(text: &'a Texts, settings: &Settings, problem: &Problem) -> Cow<'a, str> {
    let known: &str = match problem.code {
        Code::TooLarge => {
            let of_key = problem.limit.and_then(|limit| usize::try_from(limit.get()).ok());
            let of_key = of_key.filter(|limit| *limit < settings.max_size);
            return Cow::Owned(match of_key {
                Some(limit) => text.key_too_large.with(size(limit)),
                None => text.too_large.with(size(settings.max_size)),
            });
        }
        Code::Validation => return of_value(text, settings, problem),
        Code::Unknown => return Cow::Owned(text.problem_unknown.with(problem.status)),
        Code::KeyRequired => &text.problem_key_required,
        Code::UserRequired => &text.problem_user_required,
        Code::CreationClosed => &text.problem_creation_closed,
        Code::Timeout => &text.problem_timeout,
        Code::TooLate => &text.problem_too_late,
        Code::RateLimited => &text.problem_rate_limited,
        Code::ForeignOrigin => &text.problem_foreign_origin,
        Code::Misdirected => &text.problem_misdirected,
        Code::Unreadable => &text.problem_unreadable,
        Code::Damaged => &text.problem_damaged,
        Code::Internal => &text.problem_internal,
        Code::Busy => &text.problem_busy,
        Code::QuotaExceeded => &text.problem_quota_exceeded,
        Code::ServerFull => &text.problem_server_full,
        Code::StorageFull => &text.problem_storage_full,
        Code::NotDurable => &text.problem_not_durable,
        Code::Unavailable => &text.problem_unavailable,
        Code::Gone => &text.gone_title,
        Code::PassphraseRequired | Code::WrongPassphrase => &text.problem_passphrase,
        Code::BadRequest
        | Code::BrowserRequest
        | Code::NotFound
        | Code::MethodNotAllowed
        | Code::UnsupportedMediaType => &text.problem_mismatch,
    };
    Cow::Borrowed(known)
}

/// By the first value that can't be taken: people gave three, and the page the others.
fn of_value<'a>(text: &'a Texts, settings: &Settings, problem: &Problem) -> Cow<'a, str> {
    let pointer = problem.errors.first().map_or("", |error| &error.pointer);
    match pointer.rsplit('/').next().unwrap_or_default() {
        "" | "content" => Cow::Borrowed(&text.empty),
        "passphrase" | "Ots-Passphrase" => Cow::Borrowed(&text.problem_passphrase),
        "ttl_seconds" => Cow::Owned(match problem.limit.filter(|limit| limit.get() < settings.max_ttl.as_secs()) {
            Some(limit) => text.key_too_long.with(ttl::words(text, limit.get())),
            None => ttl::too_long(settings, text),
        }),
        _ => Cow::Borrowed(&text.problem_mismatch),
    }
}

/// A size in the largest unit that it is a whole number of; such units are written alike in all languages.
fn size(bytes: usize) -> String {
    let (unit, name) = match bytes {
        _ if bytes.is_multiple_of(MIB) => (MIB, "MiB"),
        _ if bytes.is_multiple_of(KIB) => (KIB, "KiB"),
        _ => (1, "B"),
    };
    format!("{} {name}", bytes / unit)
}
