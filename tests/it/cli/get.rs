//! `ots get`, `status`, `burn` and `health`: bytes as they were, and failures that cost nothing or can be repeated.

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    time::Duration,
};

use super::{assert_fails, client, text};
use crate::common::{self, CLAIM, OTS, Server, directory, noise, ots, run};

#[test]
fn bytes_pass_unchanged_through_pipes_and_files() {
    let (data, files) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let every: Vec<u8> = (0..=255).collect();
    let contents = [
        b"x".to_vec(),
        b"no newline".to_vec(),
        b"newline\n".to_vec(),
        b"two\n\n".to_vec(),
        vec![0],
        every,
        noise(1, 1 << 20),
    ];
    for (number, content) in contents.iter().enumerate() {
        let link = server.put(content);
        let output = client(&server, &["get", &link]);
        assert!(output.status.success() && output.stdout == *content, "{}", text(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        assert_fails(&client(&server, &["get", &link]), 3, "gone");

        let (from, to) = (files.path().join(format!("{number}.in")), files.path().join(format!("{number}.out")));
        std::fs::write(&from, content).unwrap();
        let output = client(&server, &["put", from.to_str().unwrap()]);
        let link = text(&output.stdout).trim().to_owned();
        let output = client(&server, &["get", "-o", to.to_str().unwrap(), &link]);
        assert!(output.status.success() && output.stdout.is_empty());
        assert!(std::fs::read(&to).unwrap() == *content);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(to.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    assert_fails(&run(server.client(&["put"]), b""), 8, "empty");
}

/// Everything that can go wrong before the claim costs nothing.
#[test]
fn failures_before_the_claim_cost_nothing() {
    let (data, files) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"hunter2");
    let existing = files.path().join("existing");
    std::fs::write(&existing, "mine").unwrap();
    let path = existing.to_str().unwrap();
    assert_fails(&client(&server, &["get", "-o", path, &link]), 8, "exists");
    assert_eq!(std::fs::read(&existing).unwrap(), b"mine");
    assert_fails(&client(&server, &["get", "-o", "/nonexistent/file", &link]), 8, "can't write to /nonexistent");
    assert_fails(&client(&server, &["get", "-o", files.path().to_str().unwrap(), &link]), 8, "isn't a regular file");
    assert_fails(&client(&server, &["get", &format!("{link}#key")]), 2, "isn't end-to-end");
    assert_eq!(client(&server, &["get", "-o", path, "--force", &link]).status.code(), Some(0));
    assert_eq!(std::fs::read(&existing).unwrap(), b"hunter2");
    let left: Vec<_> = common::files(files.path());
    assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
}

/// When writing fails, the secret is not acknowledged, and the message says how to ask again.
#[cfg(target_os = "linux")]
#[test]
fn a_failed_write_can_be_repeated() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"hunter2");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = server.client(&["get", &link]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(8));
    let said = text(&output.stderr);
    assert!(said.contains("No space left") && said.contains("OTS_CLAIM="), "{said}");
    let claim = said.split("OTS_CLAIM=").nth(1).unwrap().split(' ').next().unwrap();
    assert_fails(&client(&server, &["get", &link]), 3, "gone");
    let mut again = server.client(&["get", &link]);
    again.env("OTS_CLAIM", claim);
    assert_eq!(run(again, b"").stdout, b"hunter2");
}

/// A reader that goes away is no error to speak of, whichever command writes; only a secret that it didn't take is.
#[test]
fn a_closed_pipe_is_quiet() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let content = noise(1, 1 << 20);
    let link = server.put(&content);
    for (command, codes) in [
        (format!("get {link}"), &["141"][..]),
        ("completions bash".to_owned(), &["0", "141"]),
        ("--help".to_owned(), &["0", "141"]),
        ("status --help".to_owned(), &["0", "141"]),
    ] {
        let script = format!("{{ \"$OTS\" {command}; echo $? >&3; }} | head -c 1 | wc -c");
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("exec 3>&1; {script}")]).env("OTS", OTS).env("OTS_SERVER", &server.url);
        shell.env("OTS_CLAIM", CLAIM);
        let output = run(shell, b"");
        let said = text(&output.stdout);
        let code = said.lines().find(|line| *line != "1").unwrap_or("1");
        assert!(codes.contains(&code), "{command}: {said}");
        // All but what was claimed and not taken, which `again.rs` is about.
        assert!(command.starts_with("get ") || output.stderr.is_empty(), "{command}: {}", text(&output.stderr));
    }
    let mut again = server.client(&["get", &link]);
    again.env("OTS_CLAIM", CLAIM);
    assert!(run(again, b"").stdout == content, "it wasn't acknowledged");
    // Closed from the start.
    for script in ["\"$OTS\" put >&-", "\"$OTS\" put 2>&-"] {
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("echo x | {script}")]).env("OTS", OTS).env("OTS_SERVER", &server.url);
        assert!(!text(&run(shell, b"").stderr).contains("panicked"));
    }
}

#[test]
fn status_wait_returns_when_it_has_been_read() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"x");
    let mut waiting = server.client(&["status", "--wait", &link]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiting.try_wait().unwrap().is_none());
    assert!(client(&server, &["get", &link]).status.success());
    assert!(common::wait_for_exit(&mut waiting, Duration::from_secs(5)).success());
    let link = text(&run(server.client(&["put", "-t", "1"]), b"x").stdout);
    assert_eq!(client(&server, &["status", "--wait", link.trim()]).status.code(), Some(3), "expired unread");
}

#[test]
fn burn_and_health() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"x");
    assert!(client(&server, &["burn", &link]).status.success());
    assert_fails(&client(&server, &["burn", &link]), 3, "gone");
    assert_fails(&client(&server, &["get", &link]), 3, "gone");
    assert_eq!(client(&server, &["health"]).stdout, b"healthy\n");
    let mut nobody = ots();
    nobody.args(["health", "--server", "http://127.0.0.1:1"]);
    assert_fails(&run(nobody, b""), 1, "unhealthy: can't reach http://127.0.0.1:1/");
}

#[test]
fn exit_codes_and_words_for_what_can_not_be_reached() {
    let token = "a".repeat(32);
    let fails = |arguments: &[&str], code, says| {
        let mut command = ots();
        command.args(arguments);
        assert_fails(&run(command, b"x"), code, says);
    };
    fails(&["get", &format!("http://127.0.0.1:1/s/{token}")], 4, "connection refused");
    fails(&["put", "-s", "http://example.com"], 1, "--allow-http");
    fails(&["get", &format!("http://example.com/s/{token}")], 1, "plain http");
    fails(&["get", "nonsense"], 2, "https://host/s/TOKEN");
    fails(&["put", "--ca-cert", "/nonexistent"], 8, "/nonexistent");
    // A server that never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    fails(&["--timeout", "1", "get", &format!("{url}/s/{token}")], 4, "--timeout");
    // Something else than ots.
    std::thread::spawn(move || {
        for stream in silent.incoming().skip(1) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
        }
    });
    fails(&["get", &format!("{url}/s/{token}")], 1, "doesn't answer as an ots server does");
}
