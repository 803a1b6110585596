//! The vectors of requests and answers, in this implementation, in the page's and in a second one: each opens what the others sealed, and
//! all refuse the same for the same reason. The page's runs in Node.

use std::{fs, path::Path, process::Command};

use data_encoding::BASE64;
use ots::{
    crypto::{
        envelope::Label,
        sealed_box::{Invitation, InvitationError, Keys, OpenError},
    },
    secret::{CollectingKey, Passphrase, Receipt, RequestKey, RequestLabel},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    common::{directory, noise, run},
    vectors::{committed, python, read, script, word},
};

/// The word that the vectors use for an error.
fn answer_word(error: OpenError) -> String {
    match error {
        OpenError::TooShort => "too_short".to_owned(),
        OpenError::Magic => "magic".to_owned(),
        OpenError::Suite => "suite".to_owned(),
        OpenError::Authentication => "authentication".to_owned(),
        OpenError::Envelope(error) => format!("envelope: {}", word(error)),
    }
}

fn invitation_word(error: InvitationError) -> &'static str {
    match error {
        InvitationError::Length => "length",
        InvitationError::Magic => "magic",
        InvitationError::Suite => "suite",
        InvitationError::Authentication => "authentication",
        InvitationError::Fingerprint => "fingerprint",
        InvitationError::Key => "key",
        InvitationError::Label => "label",
    }
}

fn bytes(vector: &Value, name: &str) -> Vec<u8> {
    BASE64.decode(vector[name].as_str().unwrap().as_bytes()).unwrap()
}

/// A vector that opens.
fn check(vector: &Value) {
    let about = vector["about"].as_str().unwrap();
    let passphrase = vector["passphrase"].as_str().map(|text| Passphrase::new(text.to_owned().into()).unwrap());
    let keys = Keys::derive(&vector["key"].as_str().unwrap().parse().unwrap(), passphrase.as_ref()).unwrap();
    assert_eq!(keys.fingerprint().expose().as_str(), vector["fingerprint"], "{about}");
    assert_eq!(keys.proof().expose(), vector["proof"], "{about}");
    let invitation = Invitation::open(&bytes(vector, "invitation"), keys.fingerprint()).unwrap();
    assert_eq!(invitation.label().map(RequestLabel::expose), vector["label"].as_str(), "{about}");
    let opened = keys.open(bytes(vector, "answer").into()).unwrap();
    assert_eq!(opened.label.name.as_ref().map(|name| name.as_str()), vector["name"].as_str(), "{about}");
    assert_eq!(opened.label.media_type.as_deref(), vector["type"].as_str(), "{about}");
    assert!(BASE64.encode(opened.content()) == vector["content"], "{about}");
}

/// A vector that doesn't.
fn check_refused(vector: &Value) {
    let about = vector["about"].as_str().unwrap();
    let error = if vector.get("answer").is_some() {
        let passphrase = vector["passphrase"].as_str().map(|text| Passphrase::new(text.to_owned().into())).transpose();
        let Ok(passphrase) = passphrase else { return assert_eq!(vector["error"], "passphrase_length", "{about}") };
        let keys = Keys::derive(&vector["key"].as_str().unwrap().parse().unwrap(), passphrase.as_ref()).unwrap();
        keys.open(bytes(vector, "answer").into()).err().map(answer_word)
    } else {
        let fingerprint = vector["fingerprint"].as_str().unwrap().parse().unwrap();
        Invitation::open(&bytes(vector, "invitation"), &fingerprint)
            .err()
            .map(|error| invitation_word(error).to_owned())
    };
    assert_eq!(error.as_deref(), vector["error"].as_str(), "{about}");
}

#[test]
fn every_vector_opens_or_is_refused_as_it_says() {
    let good = read(&fs::read_to_string(committed("requests.json")).unwrap());
    assert!(good.len() >= 20, "{}", good.len());
    good.iter().for_each(check);
    let refused = read(&fs::read_to_string(committed("requests_refused.json")).unwrap());
    assert!(refused.len() >= 90, "{}", refused.len());
    refused.iter().for_each(check_refused);

    let page = fs::read_to_string(committed("../../docs/request.md")).unwrap();
    for vector in refused {
        let word = vector["error"].as_str().unwrap();
        let word = if word.starts_with("envelope: ") { "envelope: …" } else { word };
        assert!(page.contains(&format!("| `{word}` |")), "{word}");
    }
}

/// Requests and answers that this implementation made just now.
fn made_here() -> Vec<Value> {
    let made = |number: u64, size: usize| {
        let passphrase = (number % 4 == 3).then(|| Passphrase::new("πρόσβαση".to_owned().into()).unwrap());
        let key = RequestKey::generate().unwrap();
        let keys = Keys::derive(&key, passphrase.as_ref()).unwrap();
        let label = (number % 2 == 1).then(|| RequestLabel::new("the \"key\" 密码".to_owned().into()).unwrap());
        let invitation = keys.invite(label.as_ref()).unwrap();
        let opened = Invitation::open(&invitation, keys.fingerprint()).unwrap();
        let name = (number % 3 == 1).then(|| "Schlüssel 🗝.pem".to_owned());
        let content = noise(number, size);
        let answer =
            opened.answer(&content, &Label { name: name.clone().map(Zeroizing::new), media_type: None }).unwrap();
        json!({
            "about": format!("{size} bytes from Rust"),
            "key": key.expose().as_str(),
            "passphrase": passphrase.as_ref().map(Passphrase::expose),
            "fingerprint": keys.fingerprint().expose().as_str(),
            "proof": keys.proof().expose(),
            "label": label.as_ref().map(RequestLabel::expose),
            "invitation": BASE64.encode(&invitation),
            "name": name,
            "type": null,
            "content": BASE64.encode(&content),
            "answer": BASE64.encode(&answer),
        })
    };
    [0, 1, 300, 5000, 65_536, 1_000_000].into_iter().zip(0..).map(|(size, number)| made(number, size)).collect()
}

/// The committed files are what the second implementation makes, and it opens and refuses the same; so it does with what is made anew.
#[test]
fn the_second_implementation_agrees() {
    let Some(python) = python() else { return };
    let made = directory();
    script(python, "make_requests.py", &["all", made.path().to_str().unwrap()]);
    for file in ["requests.json", "requests_refused.json"] {
        let same = fs::read(made.path().join(file)).unwrap() == fs::read(committed(file)).unwrap();
        assert!(same, "{file} is stale: python3 tests/vectors/make_requests.py all tests/vectors");
        let count = script(python, "second_requests.py", &["check", committed(file).to_str().unwrap()]);
        assert!(count.trim().parse::<u32>().unwrap() >= 20);
    }
    script(python, "second_requests.py", &["published", committed("published.json").to_str().unwrap()]);

    let fresh = read(&script(python, "make_requests.py", &["seal"]));
    assert!(fresh.len() >= 15);
    fresh.iter().for_each(check);
    let (here, path) = (made_here(), made.path().join("here.json"));
    fs::write(&path, serde_json::to_string(&here).unwrap()).unwrap();
    let count = script(python, "second_requests.py", &["check", path.to_str().unwrap()]);
    assert_eq!(count.trim(), here.len().to_string());
}

/// The page's scripts as they were built, or as they are without npm, where Node takes them for modules.
fn scripts(bundled: bool) -> tempfile::TempDir {
    let made = directory();
    let of_build = Path::new(env!("OUT_DIR")).join("assets");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/js");
    for entry in fs::read_dir(if bundled { &of_build } else { &sources }).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, made.path().join(path.file_name().unwrap())).unwrap();
    }
    if !bundled {
        for library in ["libraries.js", "xwing.js"] {
            fs::copy(sources.join("none.js"), made.path().join(library)).unwrap();
        }
    }
    fs::write(made.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
    made
}

/// What `requests.mjs` says of them; none without Node.
fn node(scripts: &Path, mode: &str) -> Option<Value> {
    if Command::new("node").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI has to have node");
        eprintln!("skipped: it needs node; CI runs it");
        return None;
    }
    let mut command = Command::new("node");
    command.arg(committed("requests.mjs")).arg(scripts).arg(mode);
    let output = run(command, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Also where a browser has no cryptography of its own, as on plain http.
#[test]
fn the_pages_scripts_agree() {
    let scripts = scripts(true);
    for mode in ["with-webcrypto", "without-webcrypto"] {
        let Some(said) = node(scripts.path(), mode) else { return };
        if !ots::server::WEB_BUNDLED {
            return assert_eq!(said["supported"], false);
        }
        assert_eq!(said["wrong"], json!([]), "{mode}");
        assert!(said["count"].as_u64().unwrap() >= 140, "{said}");
        println!("{mode}, in milliseconds: {}", said["times"]);
    }
    let made = node(scripts.path(), "seal").unwrap();
    let made = made.as_array().unwrap();
    assert!(made.len() >= 5);
    made.iter().for_each(check);

    let Some(python) = python() else { return };
    let path = scripts.path().join("made.json");
    fs::write(&path, serde_json::to_string(made).unwrap()).unwrap();
    let count = script(python, "second_requests.py", &["check", path.to_str().unwrap()]);
    assert_eq!(count.trim(), made.len().to_string());
}

/// A build without npm can neither ask nor answer, and says so.
#[test]
fn without_the_bundle_the_pages_say_what_they_lack() {
    let scripts = scripts(false);
    let Some(said) = node(scripts.path(), "with-webcrypto") else { return };
    assert_eq!(said, json!({"supported": false, "reason": "unsupported"}));
}

/// The links to collect with, as the page makes and takes them.
#[test]
fn every_link_to_collect_with_is_taken_or_refused() {
    let vectors: Value = serde_json::from_str(&fs::read_to_string(committed("collecting.json")).unwrap()).unwrap();
    let link = |fragment: &str| format!("https://host/request#{fragment}");
    let (good, refused) = (vectors["good"].as_array().unwrap(), vectors["refused"].as_array().unwrap());
    assert!(good.len() >= 4 && refused.len() >= 20);
    for vector in good {
        let fragment = vector["fragment"].as_str().unwrap();
        let key: CollectingKey = link(fragment).parse().unwrap_or_else(|error| panic!("{fragment}: {error}"));
        let found = json!({
            "fragment": fragment,
            "passphrase": key.passphrase,
            "request": key.link.token.expose().as_str(),
            "token": key.token.expose().as_str(),
            "key": key.key.expose().as_str(),
            "fingerprint": key.link.fingerprint.expose().as_str(),
            "receipt": Receipt::of_request(&key.token).expose().as_str(),
        });
        assert_eq!(&found, vector);
        // Tokens are taken in either case and written in one.
        assert!(key.to_link().eq_ignore_ascii_case(&link(fragment)));
    }
    for fragment in refused {
        let fragment = fragment.as_str().unwrap();
        assert!(link(fragment).parse::<CollectingKey>().is_err(), "{fragment}");
    }
}
