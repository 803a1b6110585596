//! Requests and answers: the vectors byte for byte, the published ones of the primitives, and every swap and change found out.

use data_encoding::{BASE64, HEXLOWER};
use orion::hazardous::{
    hpke::{MLKEM768_X25519_SHA256_CHACHA20, ModeBase},
    kem::xwing::{Ciphertext, Eseed, KeyPair},
};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{answer::OWN_BYTES, *};
use crate::{
    crypto::envelope::{self, Label},
    secret::{RequestLabel, RequestLink, Token},
};

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned().into()).unwrap()
}

fn keys() -> Keys {
    Keys::derive(&RequestKey::generate().unwrap(), None).unwrap()
}

fn label(text: &str) -> RequestLabel {
    RequestLabel::new(text.to_owned().into()).unwrap()
}

fn invited(keys: &Keys) -> Invitation {
    Invitation::open(&keys.invite(Some(&label("the key"))).unwrap(), keys.fingerprint()).unwrap()
}

fn error(keys: &Keys, answer: &[u8]) -> Option<OpenError> {
    keys.open(answer.to_vec().into()).err()
}

/// With the same keys and nonces, byte for byte what the second implementation makes.
#[test]
fn sealing_gives_the_vectors() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../../../tests/vectors/requests.json")).unwrap();
    assert!(vectors.len() >= 20, "{}", vectors.len());
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let bytes = |name: &str| BASE64.decode(text(name).as_bytes()).unwrap();
        let passphrase = vector["passphrase"].as_str().map(passphrase);
        let keys = Keys::derive(&text("key").parse().unwrap(), passphrase.as_ref()).unwrap();
        assert_eq!(keys.fingerprint().expose().as_str(), text("fingerprint"), "{}", vector["about"]);
        assert_eq!(keys.proof().expose(), text("proof"), "{}", vector["about"]);
        let label = vector["label"].as_str().map(label);
        let nonce = HEXLOWER.decode(text("nonce").as_bytes()).unwrap().try_into().unwrap();
        let invitation = keys.invite_with(nonce, label.as_ref()).unwrap();
        assert!(invitation == bytes("invitation"), "{}", vector["about"]);

        let opened = Invitation::open(&invitation, keys.fingerprint()).unwrap();
        let seed = Eseed::try_from(&HEXLOWER.decode(text("encapsulation").as_bytes()).unwrap()[..]).unwrap();
        let answer = bytes("answer");
        let prefix = answer[OWN_BYTES..HEAD_BYTES].try_into().unwrap();
        let own = opened.seal_key_with(seed, &text("link_key").parse().unwrap(), prefix).unwrap();
        assert!(answer[..OWN_BYTES] == own, "{}", vector["about"]);
    }
}

/// X-Wing's own vectors, and HPKE's for this suite: what orion calculates is what others do.
#[test]
fn the_published_vectors_come_out() {
    let published: Value = serde_json::from_str(include_str!("../../../tests/vectors/published.json")).unwrap();
    let bytes = |vector: &Value, name: &str| HEXLOWER.decode(vector[name].as_str().unwrap().as_bytes()).unwrap();
    let vectors = published["xwing"]["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let bytes = |name| bytes(vector, name);
        let pair = KeyPair::try_from(&DecapsulationKey::try_from(&bytes("seed")[..]).unwrap()).unwrap();
        assert!(orion::KP::public(&pair).as_ref() == bytes("pk"));
        let seed = Eseed::try_from(&bytes("eseed")[..]).unwrap();
        let (secret, ciphertext) = orion::KP::public(&pair).encap_deterministic(&seed).unwrap();
        assert!(ciphertext.as_ref() == bytes("ct") && secret.unprotected_as_ref() == bytes("ss"));
        assert!(pair.decap(&Ciphertext::try_from(&bytes("ct")[..]).unwrap()).unwrap() == secret);
    }
    let vectors = published["hpke"]["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 1);
    for vector in vectors {
        let bytes = |name| bytes(vector, name);
        let private = DecapsulationKey::try_from(&bytes("skRm")[..]).unwrap();
        let encapsulated = Ciphertext::try_from(&bytes("enc")[..]).unwrap();
        let mut plaintext = vec![0; bytes("pt").len()];
        ModeBase::<MLKEM768_X25519_SHA256_CHACHA20>::base_open(
            &encapsulated,
            &private,
            &bytes("info"),
            &bytes("ct"),
            &bytes("aad"),
            &mut plaintext,
        )
        .unwrap();
        assert_eq!(plaintext, bytes("pt"));
    }
}

#[test]
fn an_answer_comes_back_with_its_label() {
    let keys = keys();
    let invitation = invited(&keys);
    assert_eq!(invitation.label().unwrap().expose(), "the key");
    let sealed =
        |name: Option<&str>| Label { name: name.map(|name| Zeroizing::new(name.to_owned())), media_type: None };
    for content in [&b""[..], b"hunter2", &vec![7; 100_000]] {
        let answer = invitation.answer(content, &sealed(Some("a.txt"))).unwrap();
        let key = keys.open_head(&answer[..HEAD_BYTES]).unwrap();
        let opened = keys.open(answer.clone().into()).unwrap();
        assert!(opened.content() == content && opened.label == sealed(Some("a.txt")));
        let within = envelope::Keys::derive(&key, None).unwrap();
        assert!(within.open(answer[OWN_BYTES..].to_vec().into()).unwrap().content() == content);
    }
    let again = invitation.answer(b"hunter2", &sealed(None)).unwrap();
    let other = invitation.answer(b"hunter2", &sealed(None)).unwrap();
    assert!(again[5..1125] != other[5..1125] && again[HEAD_BYTES..] != other[HEAD_BYTES..], "each has keys of its own");
}

/// A server shows another invitation, or changes the one that it has: no part of it can be swapped, cut or altered.
#[test]
fn every_change_of_an_invitation_is_found_out() {
    let (keys, other) = (keys(), keys());
    let invitation = keys.invite(Some(&label("the key"))).unwrap();
    assert_eq!(invitation.len(), INVITATION_BYTES);
    let refused = |invitation: &[u8], keys: &Keys| Invitation::open(invitation, keys.fingerprint()).err();
    for place in 0..invitation.len() {
        let mut changed = invitation.clone();
        changed[place] ^= 1 << (place % 8);
        assert!(refused(&changed, &keys).is_some(), "{place}");
        assert_eq!(refused(&invitation[..place], &keys), Some(InvitationError::Length), "{place}");
    }
    assert_eq!(refused(&invitation, &other), Some(InvitationError::Authentication));
    // Whoever has the link has the key of the seal too, and still can't put another public key under its fingerprint.
    let mut plaintext = Zeroizing::new(other.public.as_ref().to_vec());
    plaintext.extend_from_slice(&[0, 0]);
    let swapped = invitation::seal(keys.fingerprint(), [0; 12], plaintext).unwrap();
    assert_eq!(refused(&swapped, &keys), Some(InvitationError::Fingerprint));
}

#[test]
fn every_change_of_an_answer_is_found_out() {
    let keys = keys();
    let answer = invited(&keys).answer(b"hunter2", &Label::default()).unwrap();
    for place in 0..answer.len() {
        let mut changed = answer.clone();
        changed[place] ^= 1 << (place % 8);
        let expected = match place {
            0..4 => OpenError::Magic,
            4 => OpenError::Suite,
            5..HEAD_BYTES => OpenError::Authentication,
            _ => OpenError::Envelope(envelope::OpenError::Authentication),
        };
        assert_eq!(error(&keys, &changed), Some(expected), "{place}");
    }
    for length in 0..answer.len() {
        assert!(error(&keys, &answer[..length]).is_some(), "{length}");
    }
}

#[test]
fn an_answer_fits_one_request_and_its_own_envelope() {
    let (keys, other) = (keys(), keys());
    let invitation = invited(&keys);
    let [one, two] = [b"hunter2", b"hunter3"].map(|content| invitation.answer(content, &Label::default()).unwrap());
    assert_eq!(error(&other, &one), Some(OpenError::Authentication), "moved to another request");
    let own = OWN_BYTES;
    assert_eq!(error(&keys, &[&one[..own], &two[own..]].concat()), Some(OpenError::Authentication));
    let swapped = [&one[..HEAD_BYTES], &two[HEAD_BYTES..]].concat();
    assert_eq!(error(&keys, &swapped), Some(OpenError::Envelope(envelope::OpenError::Authentication)));
    // An envelope that wants a passphrase is no answer: nobody would know it.
    let sealed = envelope::seal(b"hunter2", &Label::default(), Some(&passphrase("pw"))).unwrap();
    let prefix = sealed.envelope[..HEAD_BYTES - OWN_BYTES].try_into().unwrap();
    let head = invitation.seal_key_with(Eseed::from([1; 64]), &sealed.key, prefix).unwrap();
    let error = error(&keys, &[head, sealed.envelope].concat());
    assert_eq!(error, Some(OpenError::Envelope(envelope::OpenError::Passphrase)));
}

/// The file alone opens nothing, and a wrong passphrase is found out before anything is sent.
#[test]
fn a_passphrase_is_part_of_the_pair() {
    let key = RequestKey::generate().unwrap();
    let [with, without] = [Some(&passphrase("open sesame")), None].map(|given| Keys::derive(&key, given).unwrap());
    assert!(!with.fingerprint().is(without.fingerprint()) && with.proof().expose() != without.proof().expose());
    assert!(with.proof().is_proof() && with.proof().expose() != key.expose().as_str());
    let answer = invited(&with).answer(b"hunter2", &Label::default()).unwrap();
    assert_eq!(error(&without, &answer), Some(OpenError::Authentication));

    let collecting = |keys: &Keys, passphrase| CollectingKey {
        link: RequestLink {
            server: "https://host/".parse().unwrap(),
            token: Token::generate(jiff::Timestamp::UNIX_EPOCH).unwrap(),
            fingerprint: keys.fingerprint().clone(),
        },
        token: Token::generate(jiff::Timestamp::UNIX_EPOCH).unwrap(),
        key: key.expose().parse().unwrap(),
        passphrase,
        label: None,
    };
    let guarded = collecting(&with, true);
    let opened = Keys::of(&guarded, Some(&passphrase("open sesame"))).unwrap().open(answer.into()).unwrap();
    assert_eq!(opened.content(), b"hunter2");
    assert_eq!(Keys::of(&guarded, None).err(), Some(KeysError::PassphraseNeeded));
    assert_eq!(Keys::of(&guarded, Some(&passphrase("open sesame "))).err(), Some(KeysError::WrongPassphrase));
    let open = collecting(&without, false);
    assert!(Keys::of(&open, None).is_ok());
    assert_eq!(Keys::of(&open, Some(&passphrase("pw"))).err(), Some(KeysError::NoPassphrase));
    assert_eq!(Keys::of(&collecting(&with, false), None).err(), Some(KeysError::Key));
}

/// Every invitation is as long as every other, whatever is asked for; and the server sees neither key nor fingerprint.
#[test]
fn an_invitation_tells_the_server_nothing() {
    let keys = keys();
    for text in [None, Some("?".to_owned()), Some("é".repeat(255))] {
        let invitation = keys.invite(text.as_deref().map(label).as_ref()).unwrap();
        assert_eq!(invitation.len(), INVITATION_BYTES);
        let holds = |part: &[u8]| invitation.windows(part.len()).any(|window| window == part);
        assert!(!holds(&keys.public.as_ref()[..32]) && !holds(keys.fingerprint().as_bytes()));
        let opened = Invitation::open(&invitation, keys.fingerprint()).unwrap();
        assert_eq!(opened.label().map(RequestLabel::expose), text.as_deref());
    }
    let answer = invited(&keys).answer(b"hunter2", &Label::default()).unwrap();
    assert!(!answer.windows(32).any(|window| window == keys.fingerprint().as_bytes()));
}
