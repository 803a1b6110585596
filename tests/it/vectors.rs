//! The envelope's vectors, in this implementation and in a second one: each opens what the other sealed, and both refuse
//! the same for the same reason.
//!
//! The second is `tests/vectors/second.py`, by which `make.py` makes the vectors; it needs Python 3.10 with `cryptography` and `argon2-cffi` (Debian's
//! python3-cryptography and python3-argon2). Without them those tests say that they are skipped; with `CI` set they fail.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::common::{directory, noise, run};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use orion::hazardous::{
    aead::chacha20poly1305::{ChaCha20Poly1305, Nonce, SecretKey, Tag},
    kdf::{
        argon2::{Argon2, CostParams, ID, Sequential},
        hkdf::{Hkdf, SHA256},
    },
};
use ots::{
    crypto::envelope::{Keys, Label, OpenError, seal},
    secret::Passphrase,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

pub fn read(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

/// The word that the vectors use for an error.
pub fn word(error: OpenError) -> &'static str {
    match error {
        OpenError::TooShort => "too_short",
        OpenError::Magic => "magic",
        OpenError::Flags => "flags",
        OpenError::Passphrase => "passphrase",
        OpenError::Authentication => "authentication",
        OpenError::Header => "header",
        OpenError::Length => "length",
        OpenError::Padding => "padding",
    }
}

fn check(vector: &Value) {
    let about = vector["about"].as_str().unwrap();
    let passphrase = vector["passphrase"].as_str().map(|text| Passphrase::new(text.to_owned().into())).transpose();
    let Ok(passphrase) = passphrase else {
        return assert_eq!(vector["error"], "passphrase_length", "{about}");
    };
    let keys = Keys::derive(&vector["key"].as_str().unwrap().parse().unwrap(), passphrase.as_ref()).unwrap();
    let envelope = BASE64.decode(vector["envelope"].as_str().unwrap().as_bytes()).unwrap();
    match keys.open(envelope.into()) {
        Ok(opened) => {
            assert!(vector.get("error").is_none(), "{about}: it opened");
            assert_eq!(keys.proof().expose(), vector["proof"], "{about}");
            assert_eq!(opened.label.name.as_ref().map(|name| name.as_str()), vector["name"].as_str(), "{about}");
            assert_eq!(opened.label.media_type.as_deref(), vector["type"].as_str(), "{about}");
            assert!(BASE64.encode(opened.content()) == vector["content"], "{about}");
        }
        Err(error) => assert_eq!(Some(word(error)), vector["error"].as_str(), "{about}"),
    }
}

#[test]
fn every_vector_opens_or_is_refused_as_it_says() {
    for (file, at_least) in [("good.json", 80), ("refused.json", 180)] {
        let vectors = read(&fs::read_to_string(committed(file)).unwrap());
        assert!(vectors.len() >= at_least, "{file} has {}", vectors.len());
        vectors.iter().for_each(check);
    }
}

/// The specification's example is the vector of that name, and its words for errors are those of the vectors.
#[test]
fn the_specification_shows_a_vector() {
    let page = fs::read_to_string(committed("../../docs/envelope.md")).unwrap();
    let good = read(&fs::read_to_string(committed("good.json")).unwrap());
    let vector = good.iter().find(|vector| vector["about"] == "name, type and passphrase").unwrap();
    let example = page.split("link key   ").nth(1).unwrap().split("```").next().unwrap();
    let value = |name: &str| {
        let rest = example.split(&format!("\n{name} ")).nth(1).unwrap().trim_start();
        rest.lines().next().unwrap().to_owned()
    };
    assert_eq!(example.lines().next().unwrap(), vector["key"]);
    for name in ["nonce", "proof"] {
        assert_eq!(value(name), vector[name].as_str().unwrap(), "{name}");
    }
    let shown: String = example.split("\nenvelope").nth(1).unwrap().split_whitespace().collect();
    let envelope = BASE64.decode(vector["envelope"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(shown, data_encoding::HEXLOWER.encode(&envelope));
    // By orion alone: the values are derived as the page says, and its key opens it.
    let bytes = |name| data_encoding::HEXLOWER.decode(value(name).as_bytes()).unwrap();
    let link_key = BASE64URL_NOPAD.decode(vector["key"].as_str().unwrap().as_bytes()).unwrap();
    let derive = |salt: &[u8], label: &str, length| {
        let mut derived = vec![0; length];
        Hkdf::<SHA256>::derive_key(salt, &link_key, Some(label.as_bytes()), &mut derived).unwrap();
        derived
    };
    assert_eq!(derive(&[], "ots/salt/v1", 16), bytes("salt"));
    let (mut stretched, cost) = (vec![0; 32], CostParams::new(3, 64 * 1024, 1).unwrap());
    Argon2::<ID, Sequential>::derive_key(b"open sesame", &bytes("salt"), &cost, None, None, &mut stretched).unwrap();
    assert_eq!(stretched, bytes("stretched"));
    assert_eq!(derive(&stretched, "ots/key/v1", 32), bytes("key"));
    assert_eq!(BASE64URL_NOPAD.encode(&derive(&stretched, "ots/proof/v1", 32)), value("proof"));
    let (body, tag) = envelope[17..].split_at(envelope.len() - 17 - 16);
    let mut plaintext = body.to_vec();
    let (key, nonce) = (SecretKey::try_from(&bytes("key")[..]).unwrap(), Nonce::try_from(&bytes("nonce")[..]).unwrap());
    let tag = Tag::try_from(tag).unwrap();
    ChaCha20Poly1305::open_inplace(&key, &nonce, &tag, Some(&envelope[..5]), &mut plaintext).unwrap();
    assert_eq!(&plaintext[..2], &[0, 0x2f]);
    assert_eq!(&plaintext[2..49], value("header").as_bytes());
    assert_eq!(&plaintext[49..55], b"secret");
    assert!(plaintext.len() == 256 && plaintext[55..].iter().all(|byte| *byte == 0));

    let refused = read(&fs::read_to_string(committed("refused.json")).unwrap());
    for vector in refused {
        let word = vector["error"].as_str().unwrap();
        assert!(page.contains(&format!("| `{word}` |")), "{word}");
    }
}

/// The Python that has what the second implementation needs.
pub fn python() -> Option<&'static str> {
    let found = ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let probe = Command::new(python)
            .args(["-c", "import argon2, cryptography, sys; sys.exit(sys.version_info < (3, 10))"])
            .output();
        probe.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI has to have python3-cryptography and python3-argon2");
        eprintln!("skipped: it needs Python's cryptography and argon2-cffi; CI runs it");
    }
    found
}

pub fn script(python: &str, name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(python);
    command.arg("-B").arg(committed(name)).args(arguments);
    let output = run(command, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The committed files are what the second implementation makes, and it opens and refuses the same.
#[test]
fn the_second_implementation_agrees() {
    let Some(python) = python() else { return };
    let made = directory();
    script(python, "make.py", &["all", made.path().to_str().unwrap()]);
    for file in ["good.json", "refused.json"] {
        let same = fs::read(made.path().join(file)).unwrap() == fs::read(committed(file)).unwrap();
        assert!(same, "{file} is stale: python3 tests/vectors/make.py all tests/vectors");
        assert!(
            script(python, "second.py", &["check", committed(file).to_str().unwrap()]).trim().parse::<u32>().unwrap()
                >= 80
        );
    }
}

#[test]
fn each_implementation_opens_what_the_other_sealed() {
    let Some(python) = python() else { return };
    let fresh = read(&script(python, "make.py", &["seal"]));
    assert!(fresh.len() >= 30);
    fresh.iter().for_each(check);

    let passphrase = Passphrase::new("open sesame, πρόσβαση".to_owned().into()).unwrap();
    let mut sealed = Vec::new();
    for (number, size) in [0, 1, 200, 256, 1000, 4096, 65_536, 1_000_000, 0, 1, 300].into_iter().enumerate() {
        let content = noise(number as u64, size);
        let name = (number % 2 == 1).then(|| "Schlüssel \"🗝\"\n.pem".to_owned());
        let media_type = (number % 3 == 1).then(|| "text/plain".to_owned());
        let passphrase = (number >= 8).then_some(&passphrase);
        let label = Label { name: name.clone().map(Zeroizing::new), media_type: media_type.clone() };
        let made = seal(&content, &label, passphrase).unwrap();
        sealed.push(json!({
            "about": format!("{size} bytes from Rust"),
            "key": made.key.expose().as_str(),
            "passphrase": passphrase.map(Passphrase::expose),
            "proof": made.proof.expose(),
            "name": name,
            "type": media_type,
            "content": BASE64.encode(&content),
            "envelope": BASE64.encode(&made.envelope),
        }));
    }
    let file = directory();
    let path = file.path().join("sealed.json");
    fs::write(&path, serde_json::to_string(&sealed).unwrap()).unwrap();
    assert_eq!(script(python, "second.py", &["check", path.to_str().unwrap()]).trim(), sealed.len().to_string());
}
