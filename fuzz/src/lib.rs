//! The fuzz targets: each takes any bytes and panics when something that has to hold doesn't. `cargo fuzz` runs them under
//! libFuzzer; `tests/it/fuzz.rs` runs them on stable, over `fuzz/seeds/` and bounded mutations of it.

use std::path::Path;

use ots::{
    api::{CreateRequest, RevealRequest},
    crypto::envelope::{self, Keys},
    secret::{Link, LinkKey, Token},
};

/// Bytes that are no envelope are refused; a plaintext that can be taken apart can be sealed and comes back; a sealed
/// envelope with a byte changed is refused.
pub fn envelope(data: &[u8]) {
    let key: LinkKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse().expect("it is a key");
    let keys = Keys::derive(&key, None).expect("nothing fails");
    assert!(keys.open(data.to_vec().into()).is_err(), "bytes that nobody sealed were opened");

    let Ok((label, range)) = envelope::read_plaintext(data) else { return };
    let content = data.get(range).expect("the content is within the plaintext");
    // A header may be shorter than we would write it, so ours may be too long.
    let Ok(sealed) = envelope::seal(content, &label, None) else { return };
    let keys = Keys::derive(&sealed.key, None).expect("nothing fails");
    let opened = keys.open(sealed.envelope.clone().into()).expect("what was sealed opens");
    assert!(opened.content() == content && opened.label == label, "something else came back");

    let mut changed = sealed.envelope;
    let place = data.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let place = place % changed.len();
    changed[place] ^= 1 << (data.len() % 8);
    assert!(keys.open(changed.into()).is_err(), "a changed byte was not seen");
}

/// A text is a token, which has one lower-case text, or it is refused.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(token) = text.parse::<Token>() {
        assert_eq!(token.expose().as_str(), text.to_ascii_lowercase());
        assert_eq!(token.id(), text.to_ascii_uppercase().parse::<Token>().expect("either case").id());
    }
}

/// A text is a link, whose parts make the same link again, or it is refused.
pub fn link(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(link) = text.parse::<Link>() {
        let mut again = match &link.server {
            Some(server) => Link::to_text(server, &link.token).to_string(),
            None => link.token.expose().to_string(),
        };
        if link.key_apart {
            again.push('#');
        }
        if let Some(key) = &link.key {
            again = format!("{again}#{}", key.as_str());
        }
        let again: Link = again.parse().expect("a link's parts are a link");
        assert_eq!(again.server, link.server);
        assert_eq!(again.token.as_bytes(), link.token.as_bytes());
        assert_eq!((&again.key, again.key_apart), (&link.key, link.key_apart));
    }
    if let Ok(key) = text.parse::<LinkKey>() {
        assert_eq!(key.expose().as_str(), text);
    }
}

/// A body is a request that keeps its own rules, or it is refused.
pub fn request(data: &[u8]) {
    let mut body = data.to_vec();
    if let Ok(request) = CreateRequest::parse(&mut body) {
        assert!(!request.content.is_empty(), "an empty secret was taken");
        assert!(body.get(request.content).is_some(), "the content isn't within the body");
    }
    if let Ok(request) = RevealRequest::parse(data) {
        assert!(data.is_empty() || request.passphrase.is_none_or(|passphrase| passphrase.len() <= data.len()));
    }
}

/// A configuration is taken, and the command line then parses, or it is refused in a line that names the file.
pub fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match ots::cli::command_with(Path::new("config.toml"), text) {
        Ok(command) => {
            let parsed = command.try_get_matches_from(["ots", "put"]);
            assert!(parsed.is_ok(), "a checked value was refused later: {}", parsed.unwrap_err());
        }
        Err(failure) => assert!(failure.to_string().starts_with("config.toml: ")),
    }
}
