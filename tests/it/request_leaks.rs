//! Promise 5 for requests: neither the server's files, its log, its audit stream nor its memory at any time hold what a request's link or
//! file opens; and no error of a client's says any of it.

use std::{fs, path::Path, process::Command};

use data_encoding::BASE64URL_NOPAD;
use ots::{
    crypto::sealed_box::Keys,
    secret::{CollectingKey, Passphrase},
};

use crate::common::{CLAIM, Server, contains, directory, on_disk, ots, run, text};

const CONTENT: &str = "canary-content-51c8e0aa37";
const LABEL: &str = "canary-label-0d6e";
const NAME: &str = "canary-name-77b1.pem";
const PASSPHRASE: &str = "canary-passphrase-e21f";

/// Asks with all of it: what was given away, and what was kept.
fn ask(server: &Server, file: &Path) -> (String, CollectingKey) {
    let mut command = server.client(&["request", "--label", LABEL, "-o", file.to_str().unwrap()]);
    command.env("OTS_PASSPHRASE", PASSPHRASE);
    let output = run(command, b"");
    assert!(output.status.success(), "{output:?}");
    let kept = CollectingKey::from_file(&fs::read_to_string(file).unwrap()).unwrap();
    assert!(kept.passphrase && kept.label.is_some());
    (text(&output.stdout).trim().to_owned(), kept)
}

fn answer(server: &Server, link: &str, content: &str) -> Command {
    let mut command = server.client(&["-v", "put", "--name", NAME, "--to", link]);
    command.env("OTS_TRIM_NEWLINE", "no");
    assert!(content.contains(CONTENT));
    command
}

/// What must be nowhere but with the two of them; the tokens, which the server is asked with, are in no file and no log.
fn needles(kept: &CollectingKey) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let (key, fingerprint) = (kept.key.expose(), kept.link.fingerprint.expose());
    let secret = [CONTENT, LABEL, NAME, PASSPHRASE, &key, &fingerprint].map(|text| text.as_bytes().to_vec());
    let secret = secret.into_iter().chain([bytes(&key), bytes(&fingerprint)]).collect();
    let tokens = [&kept.link.token, &kept.token];
    let tokens = tokens.iter().flat_map(|token| [token.expose().as_bytes().to_vec(), token.as_bytes().to_vec()]);
    (secret, tokens.collect())
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_server_of_a_request_never_has_what_it_asks_for() {
    use crate::memory::core_of;

    let (data, place) = (directory(), directory());
    let audit = data.path().join("audit.jsonl");
    let server = Server::start(data.path(), &["--audit", audit.to_str().unwrap(), "--max-size", "2MiB"]);
    let content = format!("{CONTENT}.").repeat(3000);
    let file = place.path().join("kept.ots");
    let (link, kept) = ask(&server, &file);
    let opened = core_of(&server);
    let sent = run(answer(&server, &link, &content), content.as_bytes());
    assert!(sent.status.success(), "{sent:?}");
    let answered = core_of(&server);
    // A requester that claims and doesn't acknowledge, so that the answer is in the middle of being delivered.
    let passphrase = Passphrase::new(PASSPHRASE.to_owned().into()).unwrap();
    let keys = Keys::of(&kept, Some(&passphrase)).unwrap();
    let collecting = kept.token.expose().to_string();
    assert_eq!(server.reveal(&collecting, Some(CLAIM), Some(keys.proof().expose())).await.status(), 200);
    let claimed = core_of(&server);
    let mut get = server.client(&["-v", "get", file.to_str().unwrap()]);
    get.env("OTS_PASSPHRASE", PASSPHRASE).env("OTS_CLAIM", CLAIM);
    assert_eq!(run(get, b"").stdout, content.as_bytes());
    let read = core_of(&server);

    let (secret, tokens) = needles(&kept);
    let log = server.log();
    let listed = fs::read(format!("/proc/{}/cmdline", server.child.id())).unwrap();
    assert!(server.stop().success());
    let audited = fs::read(&audit).unwrap();
    assert!(contains(&audited, b"\"answered\"") && log.contains("status=201"), "both were written: {log}");
    for needle in secret.iter().chain(&tokens) {
        let shown = String::from_utf8_lossy(needle);
        assert!(!on_disk(data.path(), needle), "{shown} is on the disk");
        assert!(!contains(log.as_bytes(), needle), "{shown} is in the log");
        assert!(!contains(&listed, needle), "{shown} is in the process list");
    }
    for needle in &secret {
        for core in [&opened, &answered, &claimed, &read].into_iter().flatten() {
            assert!(!contains(core, needle), "{} is in the server's memory", String::from_utf8_lossy(needle));
        }
    }
}

/// Whatever goes wrong: the words, the causes and the objects hold nothing of the link, the file or the content.
#[tokio::test(flavor = "multi_thread")]
async fn errors_of_both_clients_hold_nothing_of_it() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let file = place.path().join("kept.ots");
    let (link, kept) = ask(&server, &file);
    let name = file.to_str().unwrap();
    let (secret, tokens) = needles(&kept);
    let away = place.path().join("away.ots");
    let nowhere = |text: &str| text.replace(&server.url, "http://127.0.0.1:1");
    fs::write(&away, nowhere(&fs::read_to_string(&file).unwrap())).unwrap();
    let cut = place.path().join("cut.ots");
    fs::write(&cut, fs::read_to_string(&file).unwrap().replace("key = ", "kex = ")).unwrap();
    let (away, cut, lost) = (away.to_str().unwrap(), cut.to_str().unwrap(), nowhere(&link));
    let (bare, print) = link.split_once('#').unwrap();
    let swapped = format!("{bare}#{}{}", if print.starts_with('A') { 'B' } else { 'A' }, &print[1..]);
    let collecting = kept.to_link();
    let mut seen = 0;
    let mut fails = |arguments: &[&str], passphrase: &str, codes: &[i32]| {
        for flags in [&["-v"][..], &["-v", "--json"]] {
            let mut command = ots();
            command.env("OTS_SERVER", &server.url).args(flags).args(arguments);
            if !passphrase.is_empty() {
                command.env("OTS_PASSPHRASE", passphrase);
            }
            let output = run(command, CONTENT.as_bytes());
            let said = text(&output.stderr);
            let is_told = !said.is_empty() || !output.stdout.is_empty();
            assert!(codes.contains(&output.status.code().unwrap()) && is_told, "{arguments:?}: {output:?}");
            // What is asked for is said to whoever answers, on purpose.
            for needle in secret.iter().filter(|needle| **needle != LABEL.as_bytes()).chain(&tokens) {
                let told = contains(&output.stderr, needle) || contains(&output.stdout, needle);
                assert!(!told, "{arguments:?} tells {}: {said}", String::from_utf8_lossy(needle));
            }
            seen += 1;
        }
    };
    for link in [&lost, bare, &swapped, &collecting, name, "canary"] {
        fails(&["put", "--to", link], "", &[2, 4, 6]);
    }
    for command in ["get", "status", "burn"] {
        fails(&[command, away], PASSPHRASE, &[4]);
        fails(&[command, cut], PASSPHRASE, &[8]);
        fails(&[command, &link], PASSPHRASE, &[2]);
        fails(&[command, &nowhere(&collecting)], PASSPHRASE, &[4]);
    }
    fails(&["get", name], PASSPHRASE, &[15]);
    fails(&["status", name], "", &[15]);
    assert!(run(answer(&server, &link, CONTENT), CONTENT.as_bytes()).status.success());
    fails(&["put", "--to", &link], "", &[3]);
    fails(&["get", name], "canary-wrong", &[5]);
    fails(&["get", name], "", &[5]);
    fails(&["get", "-o", "/nonexistent/x", name], PASSPHRASE, &[8]);
    let mut burn = server.client(&["burn", name]);
    burn.env("OTS_PASSPHRASE", PASSPHRASE);
    assert!(run(burn, b"").status.success());
    for (command, code) in [("get", 3), ("status", 13), ("burn", 3)] {
        fails(&[command, name], PASSPHRASE, &[code]);
    }
    assert!(seen > 40, "{seen}");
}
