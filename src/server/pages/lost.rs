//! What a browser gets in place of JSON, where a person may have come by a link that isn't whole: a page in words. What merely clings to
//! a link (a full stop, a bracket, a slash) is taken away. Only the address's form decides, never what is stored.

use std::str::FromStr;

use hyper::{
    HeaderMap, Method, StatusCode,
    header::{self, HeaderName},
    http::request::Parts,
};

use super::{
    html, problems,
    templates::{Here, LostPage},
    texts::Texts,
};
use crate::{
    api::Code,
    secret::{LINK_PATH, RECEIPT_PATH, REQUEST_PATH, Receipt, Token},
    server::{
        call::{App, Call},
        negotiate::Accepted,
        problem::{self, Failed},
        reply::Reply,
    },
};

/// Below these only programs ask.
const OF_PROGRAMS: [&str; 3] = ["/api/", "/assets/", "/docs/"];

/// Whether a person looks at what is answered: a browser that opens a page says so.
pub(in crate::server) fn looked_at(head: &Parts) -> bool {
    let path = head.uri.path();
    !OF_PROGRAMS.iter().any(|programs| path.starts_with(programs)) && is_browser(&head.headers)
}

fn is_browser(headers: &HeaderMap) -> bool {
    let destination = headers.get(HeaderName::from_static("sec-fetch-dest"));
    destination.is_some_and(|value| value == "document") || Accepted::read(headers, header::ACCEPT).names("text/html")
}

/// The page in place of a problem.
pub(in crate::server) fn instead_of(app: &App, head: &Parts, failed: Failed) -> Reply {
    let Failed { problem, cause } = failed;
    let text = Texts::for_reader(head);
    let path = head.uri.path();
    if problem.code == Code::NotFound {
        return to_its_link(head).unwrap_or_else(|| not_whole(app, text, path));
    }
    let words = problems::words(text, &app.settings, &problem);
    html(problem::status(&problem), text, &LostPage::failed(text, Here::at(path, &app.settings.face), &words))
        .because(cause)
        .coded(problem.code)
}

/// The page for a secret's or a receipt's address that can't be one.
pub(super) fn mangled(app: &App, call: &Call<'_>) -> Reply {
    to_its_link(call.head).unwrap_or_else(|| not_whole(app, Texts::for_reader(call.head), call.head.uri.path()))
}

fn not_whole(app: &App, text: &'static Texts, path: &str) -> Reply {
    let here = Here::at(path, &app.settings.face);
    html(StatusCode::NOT_FOUND, text, &LostPage::mangled(text, here, path)).coded(Code::NotFound)
}

/// To the link itself, if the path is one with something around its token or receipt. A browser takes what follows `#` along.
fn to_its_link(head: &Parts) -> Option<Reply> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return None;
    }
    let path = head.uri.path().strip_prefix('/')?;
    let of_token = path.strip_prefix(LINK_PATH).or_else(|| path.strip_prefix(REQUEST_PATH));
    let (rest, whole) = match (of_token, path.strip_prefix(RECEIPT_PATH)) {
        (Some(rest), _) => (rest, bare::<Token>(rest)?.expose()),
        (_, Some(rest)) => (rest, bare::<Receipt>(rest)?.expose()),
        _ => return None,
    };
    let up = "../".repeat(rest.matches('/').count());
    let to = format!("{up}{}", whole.as_str());
    Some(Reply::empty(StatusCode::SEE_OTHER).with_value(header::LOCATION, to))
}

/// The token or receipt, when nothing but punctuation and white space is around it. A `#` among them is more than that: a script makes a
/// link of it.
fn bare<T: FromStr>(rest: &str) -> Option<T> {
    let whole = decoded(rest)?;
    let bare = whole.trim_matches(|sign: char| !sign.is_alphanumeric());
    if whole.contains('#') { None } else { bare.parse().ok() }
}

/// A path's text, its escapes decoded; none if it isn't UTF-8.
fn decoded(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clings_to_a_token_is_taken_away() {
        let token = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        for around in ["T.", "T)", "T/", "T//", "T%22", "%3CT%3E", "T%E2%80%A6", "*T*", "T%20", "T,", "T%3A-%20"] {
            let found = bare::<Token>(&around.replace('T', token));
            assert_eq!(found.map(|token| token.expose().as_str().to_owned()).as_deref(), Some(token), "{around}");
        }
        for other in ["", "abc", "T%23", "T%23KEY", "Tx", "T.x", "T/x", "T%", "T%zz", "T%ff", "T%F", "T.T"] {
            assert!(bare::<Token>(&other.replace('T', token)).is_none(), "{other}");
        }
        let receipt = format!("r-{token}");
        for around in ["R.", "R)", "R//", "%3CR%3E", "*R*"] {
            let found = bare::<Receipt>(&around.replace('R', &receipt)).unwrap();
            assert_eq!(found.expose().as_str(), receipt, "{around}");
        }
        assert!(bare::<Receipt>(token).is_none() && bare::<Receipt>(&format!("%23{receipt},{receipt}")).is_none());
    }
}
