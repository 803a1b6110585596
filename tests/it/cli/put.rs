//! `ots put`: what it takes, what it prints, and what it refuses before anything is sent.

use super::{assert_fails, client, text};
use crate::common::{Server, directory, noise, ots, run};

#[test]
fn put_prints_one_line_and_get_takes_every_form_of_it() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let output = run(server.client(&["put"]), b"x");
    let link = text(&output.stdout);
    assert!(link.starts_with(&format!("{}/s/", server.url)) && link.ends_with('\n') && link.lines().count() == 1);
    assert!(output.stderr.is_empty(), "a pipe is told nothing else: {}", text(&output.stderr));
    // The link brings its own server; a token means the configured one; `-` keeps either out of the process list.
    let mut elsewhere = ots();
    elsewhere.args(["get", link.trim()]);
    assert_eq!(run(elsewhere, b"").stdout, b"x");
    let token = text(&run(server.client(&["put", "--token"]), b"y").stdout);
    assert_eq!(token.trim().len(), 32);
    assert_eq!(client(&server, &["get", token.trim()]).stdout, b"y");
    let link = server.put(b"z");
    assert_eq!(run(server.client(&["get", "-"]), format!("{link}\n").as_bytes()).stdout, b"z");
}

#[test]
fn json_in_and_out() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let put: serde_json::Value = serde_json::from_slice(&run(server.client(&["put", "--json"]), b"x").stdout).unwrap();
    let link = put["link"].as_str().unwrap();
    assert!(link.ends_with(put["token"].as_str().unwrap()) && put["size"] == 1 && put["expires_at"].is_string());
    let status: serde_json::Value =
        serde_json::from_slice(&client(&server, &["--json", "status", link]).stdout).unwrap();
    assert_eq!((&status["size"], &status["encrypted"]), (&1.into(), &false.into()));
    let got: serde_json::Value = serde_json::from_slice(&client(&server, &["get", "--json", link]).stdout).unwrap();
    assert_eq!(got["content"], "x");
    let gone = client(&server, &["get", "--json", link]);
    let error: serde_json::Value = serde_json::from_slice(&gone.stderr).unwrap();
    assert_eq!((&error["error"]["exit_code"], gone.status.code()), (&3.into(), Some(3)));
    let link = server.put(&[0xff]);
    let got: serde_json::Value = serde_json::from_slice(&client(&server, &["get", "--json", &link]).stdout).unwrap();
    assert_eq!((&got["content"], &got["encoding"]), (&"/w==".into(), &"base64".into()));
}

#[test]
fn options_of_put() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let output = run(server.client(&["put", "-n", "3", "--ttl", "2h 30m"]), b"x");
    let links: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
    assert_eq!(links.len(), 3);
    for link in &links {
        let said = text(&client(&server, &["status", link]).stdout);
        assert!(said.starts_with("unread; 1 bytes; expires ") && said.contains("(in 2 h 29 min)"), "{said}");
        assert_eq!(client(&server, &["get", link]).stdout, b"x");
    }
    for (input, kept) in [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a")] {
        let link = text(&run(server.client(&["put", "--trim-newline"]), input.as_bytes()).stdout);
        assert_eq!(text(&client(&server, &["get", link.trim()]).stdout), kept);
    }
    for ttl in ["0", "-5m", "1M", "1y", "soon", ""] {
        let output = run(server.client(&["put", &format!("--ttl={ttl}")]), b"x");
        assert_eq!(output.status.code(), Some(2), "{ttl}: {}", text(&output.stderr));
    }
    assert_fails(&run(server.client(&["put", "--ttl", "31d"]), b"x"), 7, "--ttl: it can be at most 30 days here");
    assert_fails(&client(&server, &["put", "hunter2"]), 8, "printf");
    assert!(!text(&client(&server, &["put", "hunter2"]).stderr).contains("hunter2"), "it may be the secret itself");
}

#[test]
fn too_large_is_said_before_it_is_sent() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-size", "100KiB"]);
    assert_fails(&run(server.client(&["put"]), &noise(1, 30 << 20)), 7, "the server keeps at most 102400");
    assert_fails(&run(server.client(&["put"]), &noise(1, 102_401)), 7, "too large");
    server.put(&noise(1, 102_400));
}

#[test]
fn passphrases_from_file_and_environment() {
    let (data, files) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let file = files.path().join("passphrase");
    std::fs::write(&file, "open sesame\n").unwrap();
    let file = file.to_str().unwrap();
    let link = text(&run(server.client(&["put", "--passphrase-file", file]), b"x").stdout).trim().to_owned();
    assert!(text(&client(&server, &["status", &link]).stdout).contains("has a passphrase"));
    assert_fails(&client(&server, &["get", &link]), 5, "OTS_PASSPHRASE");
    let with = |passphrase: &str| {
        let mut command = server.client(&["get", &link]);
        command.env("OTS_PASSPHRASE", passphrase);
        run(command, b"")
    };
    assert_fails(&with("wrong"), 5, "9 tries left");
    assert_fails(&with("wrong"), 5, "8 tries left");
    assert_eq!(with("open sesame").stdout, b"x");
    let mut put = server.client(&["put"]);
    put.env("OTS_PASSPHRASE", "p");
    let link = text(&run(put, b"y").stdout).trim().to_owned();
    assert_fails(&client(&server, &["get", &link, "--passphrase-file", "/nonexistent"]), 8, "no passphrase file");
    for left in (0..10).rev() {
        let output = client(&server, &["get", &link, "--passphrase-file", file]);
        assert_fails(&output, 5, if left == 0 { "destroyed" } else { "left" });
    }
    assert_fails(&client(&server, &["get", &link, "--passphrase-file", file]), 3, "gone");
}
