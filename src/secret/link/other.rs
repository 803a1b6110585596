//! Links of other programs that share secrets once: whoever pastes one here is told whose it is.

use url::Url;

/// Where some of them are run, and their names.
const HOSTS: &[(&str, &str)] = &[
    ("onetimesecret.com", "Onetime Secret"),
    ("onetimesecret.dev", "Onetime Secret"),
    ("yopass.se", "Yopass"),
    ("privatebin.net", "PrivateBin"),
    ("privatebin.info", "PrivateBin"),
    ("pwpush.com", "Password Pusher"),
    ("bin.bloat.cat", "wastebin"),
    ("privnote.com", "Privnote"),
    ("scrt.link", "scrt.link"),
    ("cryptgeon.org", "cryptgeon"),
    ("hemmelig.app", "Hemmelig"),
    ("ots.fyi", "Luzifer's OTS"),
    ("1ty.me", "1ty.me"),
    ("share.1password.com", "1Password"),
    ("send.bitwarden.com", "Bitwarden Send"),
    ("safenote.co", "Safenote"),
    ("password.link", "password.link"),
];

/// The name of the program that made this link, by its host or, on a host of somebody's own, by its form.
pub(super) fn product(address: &Url, fragment: &str) -> Option<&'static str> {
    let host = address.host_str().unwrap_or_default();
    let below = |known: &str| host == known || host.strip_suffix(known).is_some_and(|start| start.ends_with('.'));
    if let Some((_, name)) = HOSTS.iter().find(|(known, _)| below(known)) {
        return Some(name);
    }
    if fragment.starts_with("/s/") || fragment.starts_with("/f/") {
        return Some("Yopass");
    }
    let is_hex = |text: &str| text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if address.query().is_some_and(|query| is_hex(query.trim_start_matches("pasteid="))) {
        return Some("PrivateBin");
    }
    let mut parts = address.path().rsplit('/').filter(|part| !part.is_empty());
    let (id, kind) = (parts.next()?, parts.next()?);
    match kind {
        _ if id.len() < 8 => None,
        "secret" => Some("Onetime Secret"),
        "p" => Some("Password Pusher"),
        "note" if !fragment.is_empty() => Some("cryptgeon"),
        _ => None,
    }
}
