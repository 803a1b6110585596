//! Envelopes: the vectors byte for byte, sizes, and every change refused.

use super::*;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use proptest::prelude::*;
use serde::Deserialize;

fn keys() -> Keys {
    Keys::derive(&"A".repeat(43).parse().unwrap(), None).unwrap()
}

fn label(name: Option<&str>, media_type: Option<&str>) -> Label {
    Label { name: name.map(|name| Zeroizing::new(name.to_owned())), media_type: media_type.map(str::to_owned) }
}

#[derive(Deserialize)]
struct Vector {
    about: String,
    key: String,
    passphrase: Option<String>,
    name: Option<String>,
    r#type: Option<String>,
    content: String,
    nonce: String,
    canonical: bool,
    envelope: String,
}

/// With the same key and nonce, byte for byte what the second implementation makes.
#[test]
fn sealing_gives_the_vectors() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../../tests/vectors/good.json")).unwrap();
    let canonical: Vec<_> = vectors.into_iter().filter(|vector| vector.canonical).collect();
    assert!(canonical.len() >= 30, "{}", canonical.len());
    for vector in canonical {
        let passphrase = vector.passphrase.map(|text| Passphrase::new(text.into()).unwrap());
        let keys = Keys::derive(&vector.key.parse().unwrap(), passphrase.as_ref()).unwrap();
        let nonce = HEXLOWER_PERMISSIVE.decode(vector.nonce.as_bytes()).unwrap().try_into().unwrap();
        let label = label(vector.name.as_deref(), vector.r#type.as_deref());
        let envelope = keys.seal(nonce, &BASE64.decode(vector.content.as_bytes()).unwrap(), &label).unwrap();
        assert!(BASE64.encode(&envelope) == vector.envelope, "{}", vector.about);
    }
}

#[test]
fn every_small_size_comes_back_and_every_size_is_padded() {
    let keys = keys();
    let content: Vec<u8> = (0..=255).cycle().take(4097).collect();
    let mut sizes = std::collections::HashSet::new();
    for size in 0..=4096 {
        let envelope = keys.seal([1; 12], &content[..size], &Label::default()).unwrap();
        sizes.insert(envelope.len());
        assert!(envelope.len() >= 289 && envelope.len() <= 289.max((size + 16) * 112 / 100 + 33), "{size}");
        assert!(keys.open(envelope.into()).unwrap().content() == &content[..size], "{size}");
    }
    assert!(sizes.len() < 70, "4,097 sizes look like {}", sizes.len());
}

#[test]
fn every_changed_bit_and_every_cut_is_refused() {
    let keys = keys();
    let envelope = keys.seal([1; 12], b"hunter2", &label(Some("a"), None)).unwrap();
    for bit in 0..envelope.len() * 8 {
        let mut changed = envelope.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(keys.open(changed.into()).is_err(), "{bit}");
    }
    for length in 0..envelope.len() {
        assert!(keys.open(envelope[..length].to_vec().into()).is_err(), "{length}");
    }
}

/// Values from the paper's formula, worked out by hand.
#[test]
fn lengths_are_padded_as_padme_does() {
    for (length, to) in [
        (0, 256),
        (256, 256),
        (257, 272),
        (272, 272),
        (273, 288),
        (511, 512),
        (513, 544),
        (1025, 1088),
        (4097, 4352),
        (65_537, 67_584),
        (1 << 20, 1 << 20),
        ((1 << 20) + 1, (1 << 20) + (1 << 15)),
    ] {
        assert_eq!(padded(length), Some(to), "{length}");
    }
    assert_eq!(padded(usize::MAX), None);
}

#[test]
fn a_label_that_does_not_fit_is_refused() {
    let fits = |length: usize| keys().seal([0; 12], b"x", &label(Some(&"n".repeat(length)), None)).is_ok();
    assert!(fits(MAX_HEADER_BYTES - r#"{"length":1,"name":""}"#.len()));
    assert!(!fits(MAX_HEADER_BYTES - r#"{"length":1,"name":""}"#.len() + 1));
}

#[test]
fn a_key_seals_one_message_and_the_proof_opens_nothing() {
    let passphrase = Passphrase::new("open sesame".to_owned().into()).unwrap();
    let sealed = seal(b"hunter2", &Label::default(), Some(&passphrase)).unwrap();
    let other = seal(b"hunter2", &Label::default(), Some(&passphrase)).unwrap();
    assert!(sealed.key.as_bytes() != other.key.as_bytes() && sealed.envelope != other.envelope);
    assert_ne!(sealed.proof.expose(), sealed.key.expose().as_str());
    let keys = Keys::derive(&sealed.key, Some(&passphrase)).unwrap();
    assert_eq!(keys.proof().expose(), sealed.proof.expose());
    let as_key = Keys::derive(&sealed.proof.expose().parse().unwrap(), Some(&passphrase)).unwrap();
    assert_eq!(as_key.open(sealed.envelope.clone().into()).err(), Some(OpenError::Authentication));
    let without = Keys::derive(&sealed.key, None).unwrap();
    assert_eq!(without.open(sealed.envelope.clone().into()).err(), Some(OpenError::Passphrase));
    assert_eq!(keys.open(sealed.envelope.into()).unwrap().content(), b"hunter2");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sealed_opens_and_any_changed_bit_does_not(
        content in proptest::collection::vec(any::<u8>(), 0..1 << 20),
        name in proptest::option::of(".{0,200}"),
        media_type in proptest::option::of("[a-z/]{0,30}"),
        bit in any::<prop::sample::Index>(),
    ) {
        let sealed = seal(&content, &label(name.as_deref(), media_type.as_deref()), None).unwrap();
        let keys = Keys::derive(&sealed.key, None).unwrap();
        let opened = keys.open(sealed.envelope.clone().into()).unwrap();
        prop_assert!(opened.content() == content);
        prop_assert!(opened.label == label(name.as_deref(), media_type.as_deref()));
        let mut changed = sealed.envelope;
        let bit = bit.index(changed.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(keys.open(changed.into()).is_err());
    }

    #[test]
    fn any_bytes_are_an_envelope_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(keys().open(bytes.clone().into()).is_err());
        if let Ok((_, content)) = read_plaintext(&bytes) {
            prop_assert!(content.end <= bytes.len());
        }
    }
}
