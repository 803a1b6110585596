//! Takes from a pasted text what mail programs, chats and people put around a link. Only what is certain is taken off: no
//! link has any of it, so what is left is what the sender made, or isn't whole and is refused.

use url::Url;
use zeroize::Zeroizing;

use super::is_loopback_name;

/// What stands before a link: quotes of all kinds, brackets, emphasis.
const BEFORE: &[char] = &['<', '(', '{', '"', '\'', '`', '*', '“', '”', '„', '‟', '‘', '’', '‚', '«', '»', '‹', '›'];
/// What stands after one: those, and what ends a sentence. Neither token nor key ends with any of them.
const AFTER: &[char] = &[
    '>', ')', '}', ']', '"', '\'', '`', '*', '“', '”', '„', '‟', '‘', '’', '‚', '«', '»', '‹', '›', '.', ',', ';', ':',
    '!', '?', '/', '\\', '|', '…', '。', '，', '、', '！', '？', '）', '」',
];
/// What can follow a whole key in an address, and is no part of it: what trackers append, or the rest of a wrapper.
const ENDS_KEY: &[char] = &['?', '&', '#', '<', '>', '"', '\'', '`', '(', ')', '[', ']', '{', '}', '|', ',', ';'];

/// Hosts that guard links in mail and chats, and the parameter in which they keep what they guard.
const GUARDS: &[(&str, &str)] = &[
    ("safelinks.protection.outlook.com", "url"),
    ("teams.cdn.office.net", "url"),
    ("linkprotect.cudasvc.com", "a"),
    ("l.facebook.com", "u"),
    ("slack-redir.net", "url"),
];
/// Guards within guards are taken off so often; more is nobody's mail.
const LAYERS: usize = 5;
/// And brackets within quotes within brackets.
const WRAPPERS: usize = 10;

/// A longer text, in bytes, is no link that anybody was sent, in whatever it is wrapped.
const LONGEST: usize = 8 * 1024;

/// The text without what surrounds it. It is the same again when it is cleaned again.
pub(in crate::secret) fn clean(text: &str) -> Zeroizing<String> {
    if text.len() > LONGEST {
        return Zeroizing::new(text.trim().to_owned());
    }
    let mut text = stripped(&without_breaks(text));
    for _ in 0..LAYERS {
        let Some(inner) = unguarded(&text) else { break };
        text = stripped(&inner);
    }
    text
}

/// Without what nobody sees, and without white space: a mail breaks a link anywhere, and marks quoted lines with `>`.
fn without_breaks(text: &str) -> Zeroizing<String> {
    let mut whole = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.lines() {
        let line = line.trim_matches(is_unseen).trim_start_matches(|mark| mark == '>' || is_unseen(mark));
        // Quoted-printable, as it stands in a mail's source, ends a line that goes on with `=`; no link has one.
        whole.extend(line.strip_suffix('=').unwrap_or(line).chars().filter(|character| !is_unseen(*character)));
    }
    whole
}

fn is_unseen(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe0e}' | '\u{fe0f}' | '\u{feff}')
}

/// Without quotes, brackets, Markdown, what ends a sentence, and with `#` where an editor wrote it otherwise.
fn stripped(text: &str) -> Zeroizing<String> {
    let mut inner = text;
    for _ in 0..WRAPPERS {
        let before = inner.len();
        inner = inner.trim_start_matches(BEFORE).trim_end_matches(AFTER);
        inner = of_markdown(inner);
        inner = without_prefix(inner, "url:");
        if inner.len() == before {
            break;
        }
    }
    // Slack's own form: <address|words>.
    if text.starts_with('<') {
        inner = inner.split('|').next().unwrap_or_default().trim_end_matches(AFTER);
    }
    let mut inner = Zeroizing::new(inner.to_owned());
    if inner.contains('&') {
        inner = without_entities(&inner);
    }
    for hash in ["%2523", "%23"] {
        // In a guard's address it belongs to the parameter, which is decoded in its turn.
        if !inner.contains('#') && guard_of(&inner).is_none() {
            inner = Zeroizing::new(inner.replacen(hash, "#", 1));
        }
    }
    inner
}

/// With the two characters of a link that HTML writes otherwise; `&amp;amp;` was written so twice.
fn without_entities(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut parts = text.split('&');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let part = part.trim_start_matches("amp;");
        match ["#35;", "#x23;", "num;"].iter().find_map(|hash| part.strip_prefix(hash)) {
            Some(rest) => plain.extend(["#", rest]),
            None => plain.extend(["&", part]),
        }
    }
    plain
}

/// The address of `[words](address)` or `![words](address)`; anything else as it is.
fn of_markdown(text: &str) -> &str {
    let bracketed = text.strip_prefix('!').unwrap_or(text);
    if !bracketed.starts_with('[') {
        return text;
    }
    let rest = bracketed.trim_start_matches('[');
    match rest.split_once("](") {
        // A title may follow the address; white space between them is gone by now.
        Some((_, address)) => address.split(['"', ')']).next().unwrap_or_default(),
        // An address of IPv6 starts so, too.
        None if rest.contains(']') => text,
        None => rest,
    }
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> &'a str {
    match text.split_at_checked(prefix.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(prefix) => rest,
        _ => text,
    }
}

/// A link's address as a URL: a missing scheme is https, and http on this machine.
pub(in crate::secret) fn with_scheme(address: &str) -> Zeroizing<String> {
    let bare = address.strip_prefix("//").unwrap_or(address);
    if address.contains("://") || !bare.contains('/') {
        return Zeroizing::new(address.to_owned());
    }
    let authority = bare.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let scheme = if is_loopback_name(host) { "http" } else { "https" };
    Zeroizing::new(format!("{scheme}://{bare}"))
}

/// A key without what a tracker or a wrapper appended. Whether it is whole is asked where it is used.
pub(super) fn key(text: &str) -> &str {
    text.split(ENDS_KEY).next().unwrap_or_default().trim_end_matches(AFTER)
}

/// A guard's address as a URL, and the parameter that holds what it guards.
fn guard_of(text: &str) -> Option<(Url, &'static str)> {
    let url = Url::parse(&with_scheme(text)).ok()?;
    let host = url.host_str()?;
    let below = |suffix: &str| host == suffix || host.strip_suffix(suffix).is_some_and(|start| start.ends_with('.'));
    if let Some((_, parameter)) = GUARDS.iter().find(|(suffix, _)| below(suffix)) {
        return Some((url, parameter));
    }
    if below("urldefense.proofpoint.com") || below("urldefense.com") {
        return Some((url, "u"));
    }
    // Google's has a domain a country.
    let country = host.strip_prefix("www.").unwrap_or(host).strip_prefix("google.");
    let is_google = country.is_some_and(|country| match country.split_once('.') {
        None => country == "com" || country.len() == 2,
        Some((second, country)) => matches!(second, "co" | "com") && country.len() == 2,
    });
    (is_google && url.path() == "/url").then_some((url, "q"))
}

/// What a guard's address guards; none if it is no guard's.
fn unguarded(text: &str) -> Option<Zeroizing<String>> {
    let (url, parameter) = guard_of(text)?;
    if parameter == "u" && text.contains("/v3/__") {
        return of_proofpoint_3(text);
    }
    let value = |name: &str| url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    let mut inner = Zeroizing::new(value(parameter).or_else(|| (parameter == "q").then(|| value("url")).flatten())?);
    if url.path().contains("/v2/") {
        // Proofpoint's second: - is %, _ is /, and both are written as escapes where the address has them.
        let escaped = Zeroizing::new(inner.replace('_', "/").replace('-', "%"));
        inner = Zeroizing::new(decoded(&escaped)?);
    }
    // Some leave what follows # outside.
    if let Some(fragment) = url.fragment().filter(|_| !inner.contains(['#', '%'])) {
        inner = Zeroizing::new(format!("{}#{fragment}", inner.as_str()));
    }
    Some(inner)
}

fn decoded(escaped: &str) -> Option<String> {
    // As a form's value, in which only + is special.
    let form = Zeroizing::new(format!("x={}", escaped.replace('+', "%2B").replace('&', "%26")));
    url::form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
}

/// Proofpoint's third: `/v3/__ADDRESS__;WHAT!!…`, where each `*` in the address is the next character of WHAT (base64url), and
/// `**` with a letter a run of them, two for A.
fn of_proofpoint_3(text: &str) -> Option<Zeroizing<String>> {
    const RUNS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (_, rest) = text.split_once("/v3/__")?;
    let (address, replaced) = rest.rsplit_once("__;")?;
    let replaced = replaced.split('!').next()?.trim_end_matches('=');
    let replaced = Zeroizing::new(data_encoding::BASE64URL_NOPAD.decode(replaced.as_bytes()).ok()?);
    let mut replaced = std::str::from_utf8(&replaced).ok()?.chars();
    let mut inner = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = address.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '*' {
            inner.push(character);
        } else if characters.next_if_eq(&'*').is_some() {
            let run = characters.next().and_then(|letter| RUNS.find(letter))?;
            inner.extend(replaced.by_ref().take(run + 2));
        } else {
            inner.push(replaced.next()?);
        }
    }
    // It writes one slash where the address has two.
    for scheme in ["https:/", "http:/"] {
        if let Some(rest) = inner.strip_prefix(scheme).filter(|rest| !rest.starts_with('/')) {
            return Some(Zeroizing::new(format!("{scheme}/{rest}")));
        }
    }
    Some(inner)
}
