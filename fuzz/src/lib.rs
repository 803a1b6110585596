//! The fuzz targets: each takes any bytes and panics when something that has to hold doesn't. `cargo fuzz` runs them under
//! libFuzzer; `tests/it/fuzz.rs` runs them on stable, over `fuzz/seeds/` and bounded mutations of it.

use std::path::Path;

use ots::{
    api::{CreateRequest, OpenRequest, RevealRequest},
    crypto::{
        envelope::{self, Keys},
        sealed_box::{self, Invitation},
    },
    secret::{
        CollectingKey, Link, LinkKey, Receipt, ReceiptLink, RequestKey, RequestLabel, RequestLink, SentLink, Token,
    },
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

/// Bytes that are no invitation and no answer are refused; what is asked for and what is answered comes back; a sealed invitation or answer
/// with a byte changed is refused.
pub fn answer(data: &[u8]) {
    let key: RequestKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".parse().expect("it is a key");
    let keys = sealed_box::Keys::derive(&key, None).expect("nothing fails");
    assert!(Invitation::open(data, keys.fingerprint()).is_err(), "an invitation that nobody sealed was opened");
    assert!(keys.open(data.to_vec().into()).is_err(), "an answer that nobody sealed was opened");
    if let Ok(Some(label)) = sealed_box::read_label(data) {
        assert!(data.get(2..).is_some_and(|rest| rest.starts_with(label.expose().as_bytes())));
    }

    let text = String::from_utf8_lossy(data.get(..64).unwrap_or(data)).into_owned();
    let label = RequestLabel::new(text.into()).ok();
    let place = data.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let changed = |mut bytes: Vec<u8>| {
        let place = place % bytes.len();
        bytes[place] ^= 1 << (data.len() % 8);
        bytes
    };
    let invitation = keys.invite(label.as_ref()).expect("nothing fails");
    let opened = Invitation::open(&invitation, keys.fingerprint()).expect("what was sealed opens");
    assert!(opened.label() == label.as_ref(), "something else is asked for");
    assert!(Invitation::open(&changed(invitation), keys.fingerprint()).is_err(), "a changed byte was not seen");

    let answer = opened.answer(data, &envelope::Label::default()).expect("nothing fails");
    let content = keys.open(answer.clone().into()).expect("what was sealed opens");
    assert!(content.content() == data, "something else came back");
    assert!(keys.open(changed(answer).into()).is_err(), "a changed byte was not seen");
}

/// A text is what a requester keeps or gives away, which comes back from its own text, or it is refused.
pub fn collecting(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for key in [CollectingKey::from_file(text), text.parse::<CollectingKey>()].into_iter().flatten() {
        let again = CollectingKey::from_file(&key.to_file()).expect("what was written is read");
        assert!(again.to_file() == key.to_file(), "another key came back");
        let again: CollectingKey = key.to_link().parse().expect("what was made is taken");
        assert!(again.to_link() == key.to_link(), "another key came back");
    }
    if let Ok(link) = text.parse::<RequestLink>() {
        let again: RequestLink = link.to_text().parse().expect("a link's parts are a link");
        assert!(again.to_text() == link.to_text(), "another link came back");
    }
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
    receipt(text);
}

/// A text is a receipt or its link, which makes the same again, and no secret's; or it is refused.
fn receipt(text: &str) {
    if let Ok(receipt) = text.parse::<Receipt>() {
        assert_eq!(receipt.expose().as_str(), text.to_ascii_lowercase());
    }
    let Ok(link) = text.parse::<ReceiptLink>() else { return };
    assert!(text.parse::<Link>().is_err(), "a receipt opens nothing");
    let again = match &link.server {
        Some(server) => ReceiptLink::to_text(server, &link.receipt),
        None => link.receipt.expose(),
    };
    let again: ReceiptLink = again.parse().expect("a link's parts are a link");
    let same = |other: &ReceiptLink| {
        assert_eq!(other.server, link.server);
        assert_eq!(other.receipt.expose().as_str(), link.receipt.expose().as_str());
    };
    same(&again);
    match text.parse::<SentLink>() {
        Ok(SentLink::Receipt(sent)) => same(&sent),
        Ok(SentLink::Secret(_)) => panic!("a receipt was taken for a secret's link"),
        Err(_) => {}
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

/// A body opens a request that keeps its own rules, or it is refused.
pub fn opening(data: &[u8]) {
    let mut body = data.to_vec();
    if let Ok(request) = OpenRequest::parse(&mut body) {
        assert!(!request.invitation.is_empty(), "nothing was taken for an invitation");
        assert!(body.get(request.invitation).is_some(), "the invitation isn't within the body");
        assert!(request.proof.len() <= data.len(), "a proof is longer than what it came in");
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
