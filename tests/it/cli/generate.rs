//! `ots generate` and `ots put --generate`.

use std::collections::HashSet;

use super::{assert_fails, client, text};
use crate::common::{Server, directory, ots, run};

fn generate(arguments: &[&str]) -> String {
    let mut command = ots();
    command.arg("generate").args(arguments);
    let output = run(command, b"");
    assert!(output.status.success() && output.stderr.is_empty(), "a pipe is told nothing else: {output:?}");
    let line = text(&output.stdout);
    assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
    line.trim_end().to_owned()
}

#[test]
fn generate_prints_one_line() {
    assert_eq!(generate(&[]).len(), 20);
    assert_eq!(generate(&["--length", "128", "--symbols"]).len(), 128);
    assert_eq!(generate(&["--words", "--separator", " "]).split(' ').count(), 6);
    assert_eq!(generate(&["-w", "8", "--separator", "_"]).split('_').count(), 8);
    let distinct: HashSet<String> = (0..20).map(|_| generate(&[])).collect();
    assert_eq!(distinct.len(), 20);
    for (arguments, member, bits) in [(&[][..], "password", 116), (&["-w"], "passphrase", 77)] {
        let object: serde_json::Value = serde_json::from_str(&generate(&[arguments, &["--json"]].concat())).unwrap();
        assert_eq!((object.as_object().unwrap().len(), &object["bits"]), (2, &bits.into()));
        assert!(object[member].as_str().unwrap().len() >= 20, "{object}");
    }
}

/// Nobody makes a weak one by accident.
#[test]
fn what_could_be_guessed_is_refused() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (arguments, says) in [
        (&["generate", "--length", "11"][..], "12 to 128 characters: a shorter one could be guessed"),
        (&["generate", "--words", "4"], "5 to 24 words: a shorter one could be guessed"),
        (&["generate", "--words", "--separator", "x"], "neither a letter nor a digit"),
        (&["put", "--generate=password:11"], "could be guessed"),
        (&["put", "--generate=passphrase:4"], "could be guessed"),
        (&["put", "--generate=word"], "password or passphrase"),
        (&["generate", "--words", "--symbols"], "--symbols"),
        (&["put", "--generate", "file.txt"], "--generate and FILE"),
        (&["put", "--generate", "--copy", "-n", "2"], "--copies"),
        (&["put", "--generate", "--qr", "--token"], "--token"),
    ] {
        assert_fails(&client(&server, arguments), 2, says);
    }
}

/// The links, a line each, and below the last what every one of them holds.
#[test]
fn put_stores_what_it_generates_and_prints_both() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (arguments, links, length) in [
        (&["--generate"][..], 1, 20),
        (&["--generate=password:32", "-e", "--name", "password.txt"], 1, 32),
        (&["--generate=passphrase:7", "-n", "3", "-e"], 3, 27),
    ] {
        let said = text(&run(server.client(&[&["put"], arguments].concat()), b"not this").stdout);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), links + 1, "{said}");
        let secret = lines[links];
        assert!(secret.len() >= length && !secret.contains("://"), "{said}");
        for link in &lines[..links] {
            assert_eq!(text(&client(&server, &["get", link]).stdout), secret);
        }
    }
    let said = text(&client(&server, &["put", "--generate=passphrase", "-n", "2", "--json"]).stdout);
    for line in said.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        let got = client(&server, &["get", object["link"].as_str().unwrap()]).stdout;
        assert_eq!((&object["passphrase"], &object["bits"]), (&text(&got).into(), &77.into()));
    }
}
