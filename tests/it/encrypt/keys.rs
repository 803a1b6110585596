//! The key's ways: in the link, in a file, from a passphrase; and that a wrong one costs nothing.

use serde_json::Value;

use super::{assert_fails, assert_gives, client, put, text, with_passphrase};
use crate::common::{self, Server, directory, files, ots, run};

/// What a scanner, a cut link or a typo does: it is told what is wrong, and the secret stays.
#[test]
fn a_link_without_its_key_or_with_another_destroys_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = put(&server, &[], b"hunter2");
    let (address, key) = link.split_once('#').unwrap();
    let said = text(&client(&server, &["status", &link]).stdout);
    assert!(said.starts_with("unread; 289 bytes, end-to-end encrypted; expires "), "{said}");
    assert_fails(&client(&server, &["get", address]), 5, "the part after # is missing");
    assert_fails(&client(&server, &["get", &format!("{address}#")]), 5, "give it with --key-file");
    let cut = &link[..link.len() - 1];
    assert_fails(&client(&server, &["get", cut]), 5, "is cut: 42 of 43 characters");
    assert_fails(&client(&server, &["get", &format!("{link}x")]), 5, "has 44 characters");
    let other = format!("{address}#{}", "A".repeat(43));
    assert_fails(&client(&server, &["get", &other]), 5, "the key is wrong; the secret is still there, 9 tries left");
    let said = text(&client(&server, &["-v", "get", &other]).stderr);
    assert!(said.contains("8 tries left") && !said.contains(key) && !said.contains("AAAA"), "{said}");
    assert_gives(&client(&server, &["get", &link]), b"hunter2");
}

#[test]
fn a_wrong_passphrase_is_counted_and_the_tenth_destroys() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let made = with_passphrase(&server, "open sesame", &["put", "-e"], b"hunter2");
    let link = text(&made.stdout).trim().to_owned();
    assert!(text(&client(&server, &["status", &link]).stdout).contains("; has a passphrase"));
    assert_fails(&client(&server, &["get", &link]), 5, "this secret has a passphrase");
    assert_fails(&client(&server, &["get", link.split('#').next().unwrap()]), 5, "the part after # is missing");
    let wrong = with_passphrase(&server, "open sesam", &["get", &link], b"");
    assert_fails(&wrong, 5, "the passphrase or the key is wrong; the secret is still there, 9 tries left");
    let as_plain = common::run(server.client(&["get", &link, "--passphrase-file", "/dev/null"]), b"");
    assert_fails(&as_plain, 2, "1 to 1,024 bytes");
    assert_gives(&with_passphrase(&server, "open sesame", &["get", &link], b""), b"hunter2");

    let made = with_passphrase(&server, "open sesame", &["put", "-e"], b"hunter2");
    let link = text(&made.stdout).trim().to_owned();
    for left in (0..10).rev() {
        let says = match left {
            0 => "that was the last try: the secret has been destroyed".to_owned(),
            1 => "1 try left".to_owned(),
            left => format!("{left} tries left"),
        };
        assert_fails(&with_passphrase(&server, "wrong", &["get", &link], b""), 5, &says);
    }
    assert_fails(&with_passphrase(&server, "open sesame", &["get", &link], b""), 3, "gone");
}

/// Normal forms are one passphrase, in either kind of secret; white space is another, which is said where it is given.
#[test]
fn a_passphrase_is_normalised_and_white_space_is_told_of() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let warning = "ots: warning: the passphrase begins or ends with white space, which is a part of it\n";
    for arguments in [&["put"][..], &["put", "-e"]] {
        let made = with_passphrase(&server, "cafe\u{301}\u{a0}", arguments, b"hunter2");
        assert_eq!(text(&made.stderr), warning);
        let link = text(&made.stdout).trim().to_owned();
        let wrong = with_passphrase(&server, "caf\u{e9}", &["get", &link], b"");
        assert!(wrong.status.code() == Some(5) && !text(&wrong.stderr).contains("warning"), "{}", text(&wrong.stderr));
        let file = place.path().join("passphrase");
        std::fs::write(&file, "caf\u{e9}\u{a0}\n").unwrap();
        let from_file = client(&server, &["get", &link, "--passphrase-file", file.to_str().unwrap()]);
        assert_gives(&from_file, b"hunter2");
        assert_eq!(text(&from_file.stderr), warning);
    }
    for quiet in ["--quiet", "--json"] {
        assert_eq!(text(&with_passphrase(&server, " x", &["put", quiet], b"x").stderr), "");
    }
    assert_fails(&with_passphrase(&server, &"\u{958}".repeat(341), &["put", "-e"], b"x"), 2, "1 to 1,024 bytes");
}

#[test]
fn what_is_not_end_to_end_has_no_key_and_no_name() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"plain");
    let keyed = format!("{link}#{}", "A".repeat(43));
    assert_fails(&client(&server, &["get", &keyed]), 2, "leave the part after # out");
    let key_file = place.path().join("key");
    std::fs::write(&key_file, "A".repeat(43)).unwrap();
    let with_file = client(&server, &["get", &link, "--key-file", key_file.to_str().unwrap()]);
    assert_fails(&with_file, 2, "leave --key-file out");
    assert_fails(&client(&server, &["get", "-O", &link]), 2, "use -o FILE");
    assert_gives(&client(&server, &["get", &link]), b"plain");
    for (arguments, says) in [(["put", "--name", "x"], "--encrypt"), (["put", "--key-file", "x"], "--encrypt")] {
        assert_fails(&run(server.client(&arguments), b"x"), 2, says);
    }
}

#[test]
fn key_and_link_can_go_separate_ways() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let key_file = place.path().join("key");
    let path = key_file.to_str().unwrap();
    let link = put(&server, &["--key-file", path], b"hunter2");
    // The mark that the key travels apart, and no key.
    let address = link.strip_suffix('#').unwrap();
    assert!(!address.contains('#'), "{link}");
    let key = std::fs::read_to_string(&key_file).unwrap();
    assert_eq!(key.len(), 44);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(key_file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_fails(&client(&server, &["get", &link]), 5, "its key comes another way");
    assert_fails(&client(&server, &["get", address]), 5, "--key-file");
    let whole = format!("{link}{}", key.trim());
    assert_fails(&client(&server, &["get", &whole, "--key-file", path]), 2, "has its key already");
    assert_fails(&client(&server, &["get", &link, "--key-file", "/dev/null"]), 5, "is cut: 0 of 43 characters");
    assert_fails(&client(&server, &["get", &link, "--key-file", "/nonexistent"]), 8, "/nonexistent");
    assert_gives(&client(&server, &["get", &link, "--key-file", path]), b"hunter2");

    // A key's file is never replaced, and none is left behind by a put that failed.
    let again = run(server.client(&["put", "-e", "--key-file", path]), b"x");
    assert_fails(&again, 8, "nothing was sent");
    assert_eq!(std::fs::read_to_string(&key_file).unwrap(), key);
    let mut elsewhere = ots();
    let other = place.path().join("other");
    elsewhere.args(["-s", "http://127.0.0.1:1", "put", "-e", "--key-file", other.to_str().unwrap()]);
    assert_fails(&run(elsewhere, b"x"), 4, "can't reach");
    assert_eq!(files(place.path()), std::slice::from_ref(&key_file));
    let copies = run(server.client(&["put", "-e", "-n", "2", "--key-file", other.to_str().unwrap()]), b"x");
    assert_fails(&copies, 2, "--copies");
}

#[test]
fn every_copy_has_a_key_of_its_own() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let links = put(&server, &["-n", "3"], b"x");
    let keys: std::collections::HashSet<&str> = links.lines().map(|link| link.split_once('#').unwrap().1).collect();
    assert_eq!(keys.len(), 3);
    for link in links.lines() {
        assert_gives(&client(&server, &["get", link]), b"x");
    }
}

#[test]
fn encryption_can_be_the_rule() {
    let (data, place) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let config = place.path().join("config.toml");
    std::fs::write(&config, "encrypt = true\n").unwrap();
    let encrypts = |configured: bool, variable: Option<&str>, arguments: &[&str]| {
        let mut command = server.client(&["put", "--json"]);
        command.args(arguments);
        if configured {
            command.env("OTS_CONFIG", &config);
        }
        command.envs(variable.map(|value| ("OTS_ENCRYPT", value)));
        let output = run(command, b"x");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let made: Value = serde_json::from_slice(&output.stdout).unwrap();
        let encrypted = made["encrypted"].as_bool().unwrap();
        assert_eq!(made["link"].as_str().unwrap().contains('#'), encrypted);
        encrypted
    };
    assert!(!encrypts(false, None, &[]));
    assert!(encrypts(false, None, &["-e"]));
    assert!(encrypts(false, Some("1"), &[]));
    assert!(encrypts(true, None, &[]));
    assert!(!encrypts(true, Some("0"), &[]));
    assert!(!encrypts(true, Some("1"), &["--encrypt=false"]));
    assert!(encrypts(true, Some("0"), &["-e"]));
    let maybe = run(server.client(&["put", "--encrypt=maybe"]), b"x");
    assert_eq!(maybe.status.code(), Some(2));
}
