//! `ots serve`: what it refuses, where its key comes from, where its data lives, and its log.

use std::{path::Path, time::Duration};

use super::{client, text};
use crate::common::{self, Server, directory, ots, run};

#[test]
fn serve_refuses_what_can_not_be() {
    let data = directory();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let no_postgres = if cfg!(feature = "postgres") { "need the same key" } else { "built without PostgreSQL" };
    let taken = busy.local_addr().unwrap().to_string();
    for (arguments, environment, code, says) in [
        (vec!["--dev", "--listen", "0.0.0.0:0"], None, 2, "loopback"),
        (vec!["--max-size", "101MiB"], None, 2, "at most 100MiB"),
        (vec!["--default-ttl", "2d", "--max-ttl", "1d"], None, 2, "don't agree"),
        (vec!["--cleanup-interval", "5m"], None, 2, "at most 30s"),
        (vec!["--database", "postgres://u:hunter2@h/d"], None, 2, no_postgres),
        (vec!["--database", "mysql:x"], None, 2, "sqlite:FILE"),
        (vec!["--listen", taken.as_str()], None, 1, "--listen"),
        (vec!["--secret-key-file", "/nonexistent"], None, 8, "/nonexistent"),
        (vec![], Some(("SECRET_KEY", "a,b")), 2, "openssl rand -hex 32"),
    ] {
        let mut command = ots();
        command.args(["serve", "--data-dir"]).arg(data.path()).args(&arguments).envs(environment);
        if arguments.first() == Some(&"--listen") {
            command.env("SECRET_KEY", common::SECRET_KEY);
        }
        let output = run(command, b"");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

/// A server for others that wasn't told its name says so: a proxy that passes on another Host would make dead links.
#[test]
fn a_server_without_a_name_says_so_where_others_reach_it() {
    for (listen, name, says) in
        [("0.0.0.0:0", None, true), ("0.0.0.0:0", Some("https://ots.example/"), false), ("127.0.0.1:0", None, false)]
    {
        let data = directory();
        let mut command = ots();
        command
            .env("SECRET_KEY", common::SECRET_KEY)
            .args(["serve", "--listen", listen, "--data-dir"])
            .arg(data.path());
        command.args(name.iter().flat_map(|name| ["--public-url", name]));
        let server = Server::spawn(command).unwrap();
        assert_eq!(server.log().contains("--public-url"), says, "{listen}, {name:?}: {}", server.log());
    }
}

/// Where the key comes from, most particular first.
#[tokio::test]
async fn the_key_comes_from_variable_file_credential_or_the_host() {
    let (data, keys) = (directory(), directory());
    let start = |environment: &[(&str, &str)], arguments: &[&str]| {
        let mut command = ots();
        command
            .envs(environment.iter().copied())
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data.path());
        command.args(arguments);
        Server::spawn(command)
    };
    std::fs::write(keys.path().join("secret_key"), "the one key\n").unwrap();
    let directory = keys.path().to_str().unwrap();
    let file = format!("{directory}/secret_key");
    let server = start(&[("SECRET_KEY", "the one key")], &[]).unwrap();
    let token = server.create("x").await;
    assert!(server.stop().success());
    // The same key, by each way: the record is counted as readable, so the server starts.
    assert!(start(&[], &["--secret-key-file", &file]).unwrap().stop().success());
    assert!(start(&[("CREDENTIALS_DIRECTORY", directory)], &[]).unwrap().stop().success());
    assert!(
        start(&[("SECRET_KEY", "the one key"), ("OTS_SECRET_KEY_FILE", "/nonexistent")], &[]).unwrap().stop().success()
    );
    assert!(start(&[], &["--dev"]).err().unwrap().contains("another SECRET_KEY"));
    // None is made beside secrets that it could not open: it would look like theirs.
    let refused = start(&[], &[]).err().unwrap();
    assert!(refused.contains("another SECRET_KEY") && refused.contains("--old-key-file"), "{refused}");
    let own = data.path().join("secret.key");
    assert!(!own.exists() && !refused.contains("made a secret key"), "{refused}");
    let server = start(&[("SECRET_KEY", "the one key")], &["--secret-key-file", "/nonexistent"]).unwrap();
    assert!(server.log().contains("SECRET_KEY is set and counts; /nonexistent of --secret-key-file doesn't"));
    assert_eq!(server.get(&token).await.status(), 200);
    assert!(server.stop().success());
    // A key of its own, kept beside the data.
    assert!(start(&[], &[]).unwrap().stop().success());
    let own = std::fs::read_to_string(own).unwrap();
    assert!(own.len() == 64 && own.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

/// Data goes where a service manager, a container or a developer wants it.
#[test]
fn data_lives_where_it_should() {
    let (place, home) = (directory(), directory());
    let start = |environment: Vec<(&str, String)>, arguments: &[&str]| {
        let mut command = ots();
        command.env("HOME", home.path()).envs(environment);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).current_dir(place.path());
        let server = Server::spawn(command).unwrap();
        assert!(server.log().contains("listening on"));
        server.stop();
    };
    let state = place.path().join("state").to_str().unwrap().to_owned();
    start(vec![("STATE_DIRECTORY", state.clone())], &[]);
    start(vec![], &["--dev"]);
    // A container that has an /app keeps its data there: not a test's to write to.
    let app = Path::new("/app").is_dir();
    if !app {
        start(vec![], &[]);
    }
    start(vec![("STATE_DIRECTORY", state)], &["--database", "sqlite:chosen.db"]);
    for file in ["state/ots.db", "storage/db/ots.db", "chosen.db"] {
        assert!(place.path().join(file).exists(), "{file}: {:?}", common::files(place.path()));
    }
    assert!(app || home.path().join(".local/share/ots/ots.db").exists());
}

#[test]
fn logs_as_json() {
    let data = directory();
    let server = Server::start(data.path(), &["--log-format", "json"]);
    assert!(client(&server, &["health"]).status.success());
    let end = std::time::Instant::now() + Duration::from_secs(5);
    while !server.log().contains("\"route\"") && std::time::Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    let log = server.log();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["timestamp"].is_string() && line["level"].is_string());
    }
    assert!(log.contains("\"route\":\"health\""), "{log}");
}

/// A build without npm is told of where its operator looks; CI runs this with one, too (`OTS_WEB_BUNDLE=none`).
#[test]
fn pages_without_their_bundle_are_told_of_at_the_start() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut command = ots();
    command.arg("--version");
    let bundled = text(&run(command, b"").stdout).contains("with the npm bundle");
    let warned = server.log().lines().any(|line| line.contains("WARN") && line.contains("was built without npm"));
    assert_eq!(warned, !bundled, "{}", server.log());
}
