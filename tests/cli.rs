//! The command line, from outside: pipes, files, terminals, configuration, exit codes and words.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    io::{Read, Write},
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use common::{OTS, Server, directory, noise, ots, run};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `ots` against the server with nothing on stdin.
fn client(server: &Server, arguments: &[&str]) -> Output {
    run(server.client(arguments), b"")
}

fn assert_fails(output: &Output, code: i32, says: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "{said}");
    assert!(output.stdout.is_empty(), "stdout is for what was asked for: {}", text(&output.stdout));
    if code != 2 {
        assert!(said.starts_with("ots: ") && said.trim_end().lines().count() == 1, "one line: {said}");
    }
}

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
    assert_fails(&run(server.client(&["put", "--ttl", "31d"]), b"x"), 7, "at most 2592000 seconds");
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
    assert_fails(&client(&server, &["get", &link, "--passphrase-file", "/nonexistent"]), 8, "/nonexistent");
    for left in (0..10).rev() {
        let output = client(&server, &["get", &link, "--passphrase-file", file]);
        assert_fails(&output, 5, if left == 0 { "destroyed" } else { "left" });
    }
    assert_fails(&client(&server, &["get", &link, "--passphrase-file", file]), 3, "gone");
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
    assert_fails(&client(&server, &["get", "-o", files.path().to_str().unwrap(), &link]), 8, "exists");
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

/// A reader that goes away is no error to speak of, whichever command writes.
#[test]
fn a_closed_pipe_is_quiet() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(&noise(1, 1 << 20));
    for command in
        [format!("get {link}"), "completions bash".to_owned(), "--help".to_owned(), "status --help".to_owned()]
    {
        let script = format!("{{ \"$OTS\" {command}; echo $? >&3; }} | head -c 1 | wc -c");
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("exec 3>&1; {script}")]).env("OTS", OTS).env("OTS_SERVER", &server.url);
        let output = run(shell, b"");
        let said = text(&output.stdout);
        let code = said.lines().find(|line| *line != "1").unwrap_or("1");
        assert!(["0", "141"].contains(&code), "{command}: {said}");
        assert!(output.stderr.is_empty(), "{command}: {}", text(&output.stderr));
    }
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

#[test]
fn flags_beat_environment_beats_file_beats_defaults() {
    let (data, files) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let config = files.path().join("config.toml");
    let put = |config_text: &str, environment: &[(&str, &str)], arguments: &[&str]| {
        std::fs::write(&config, config_text).unwrap();
        let mut command = ots();
        command.env("OTS_CONFIG", &config).envs(environment.iter().copied()).args(arguments);
        run(command, b"x")
    };
    let lives = |output: Output| {
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&client(&server, &["status", text(&output.stdout).trim()]).stdout)
    };
    let file = format!("server = \"{}\"\nttl = \"3h\"\n", server.url);
    assert!(lives(put(&file, &[], &["put"])).contains("(in 2 h 59 min)"));
    assert!(lives(put(&file, &[("OTS_TTL", "2h")], &["put"])).contains("(in 1 h 59 min)"));
    assert!(lives(put(&file, &[("OTS_TTL", "2h")], &["put", "-t", "1h"])).contains("(in 59 min)"));
    assert!(lives(put(&format!("server = \"{}\"", server.url), &[], &["put"])).contains("(in 23 h 59 min)"));
    assert_fails(&put(&file, &[("OTS_SERVER", "http://127.0.0.1:1")], &["put"]), 4, "127.0.0.1:1");

    for (wrong, says) in [
        ("servr = \"x\"", "there is no option servr; the nearest known one is server"),
        ("ttl = \"soon\"", "ttl: write it as 90 (seconds)"),
        ("ttl = [1]", "ttl has to be a string, a number, true or false"),
        ("quiet = \"maybe\"", "quiet"),
        ("ttl = ", "line 1"),
        ("[serve]\nlisten = \"nowhere\"", "listen"),
        ("[serve]\nlisen = \"x\"", "the nearest known one is listen"),
        ("serve = 1", "[serve]"),
    ] {
        assert_fails(&put(wrong, &[], &["put"]), 1, says);
    }
    let mut missing = ots();
    missing.args(["--config", "/nonexistent.toml", "put"]);
    assert_fails(&run(missing, b"x"), 8, "/nonexistent.toml");
    // Booleans of the environment.
    for (value, code) in [("1", 0), ("true", 0), ("yes", 0), ("on", 0), ("0", 0), ("off", 0), ("maybe", 2)] {
        let output = put(&file, &[("OTS_TRIM_NEWLINE", value)], &["put"]);
        assert_eq!(output.status.code(), Some(code), "{value}: {}", text(&output.stderr));
    }
}

#[test]
fn the_usual_file_is_found() {
    let (data, home) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let directory = home.path().join(".config/ots");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("config.toml"), format!("server = \"{}\"", server.url)).unwrap();
    let mut command = ots();
    command.env("HOME", home.path()).arg("put");
    assert!(run(command, b"x").status.success());
}

#[test]
fn serve_refuses_what_can_not_be() {
    let data = directory();
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = busy.local_addr().unwrap().to_string();
    for (arguments, environment, code, says) in [
        (vec!["--dev", "--listen", "0.0.0.0:0"], None, 2, "loopback"),
        (vec!["--max-size", "101MiB"], None, 2, "at most 100MiB"),
        (vec!["--default-ttl", "2d", "--max-ttl", "1d"], None, 2, "don't agree"),
        (vec!["--cleanup-interval", "5m"], None, 2, "at most 30s"),
        (vec!["--database", "postgres://u:hunter2@h/d"], None, 2, "no PostgreSQL store"),
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
    // A key of its own, kept beside the data.
    let refused = start(&[], &[]).err().unwrap();
    assert!(refused.contains("another SECRET_KEY"), "{refused}");
    let own = std::fs::read_to_string(data.path().join("secret.key")).unwrap();
    assert!(own.len() == 64 && own.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let server = start(&[("SECRET_KEY", "the one key")], &[]).unwrap();
    assert_eq!(server.get(&token).await.status(), 200);
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

/// Help shows no value of a variable that may hold something private.
#[test]
fn help_keeps_to_itself() {
    let mut command = ots();
    command.env("OTS_DATABASE_URL", "sqlite:hunter2").env("OTS_SERVER", "http://hunter2").args(["serve", "--help"]);
    assert!(!text(&run(command, b"").stdout).contains("hunter2"));
    let mut command = ots();
    command.arg("-V");
    assert_eq!(text(&run(command, b"").stdout), format!("ots {}\n", env!("CARGO_PKG_VERSION")));
}

/// What help looks like: a change here is one that users see.
#[test]
fn help_is_as_it_was() {
    for name in ["", "put", "get", "status", "burn", "serve", "health"] {
        let mut command = ots();
        command.args([name, "--help"].iter().filter(|word| !word.is_empty())).env("COLUMNS", "100");
        let output = run(command, b"");
        insta::assert_snapshot!(format!("help-{}", if name.is_empty() { "ots" } else { name }), text(&output.stdout));
    }
}

/// A terminal of the tests' own: what a person sees and types.
#[cfg(unix)]
mod terminal {
    use std::{
        sync::{Arc, Mutex},
        time::Instant,
    };

    use super::*;

    pub(super) struct Terminal {
        pty: Arc<pty_process::blocking::Pty>,
        seen: Arc<Mutex<Vec<u8>>>,
        child: std::process::Child,
    }

    impl Terminal {
        /// Starts a shell line on a terminal.
        pub(super) fn start(server: &Server, line: &str) -> Self {
            Self::start_at(&server.url, line)
        }

        pub(super) fn start_at(url: &str, line: &str) -> Self {
            let (pty, pts) = pty_process::blocking::open().unwrap();
            pty.resize(pty_process::Size::new(24, 100)).unwrap();
            let child = pty_process::blocking::Command::new("bash")
                .args(["-c", line])
                .env("OTS", OTS)
                .env("OTS_SERVER", url)
                .env("TERM", "xterm")
                .env("HOME", "/nonexistent")
                .spawn(pts)
                .unwrap();
            let (pty, seen) = (Arc::new(pty), Arc::new(Mutex::new(Vec::new())));
            let (reader, shared) = (Arc::clone(&pty), Arc::clone(&seen));
            std::thread::spawn(move || {
                let mut part = [0; 4096];
                while let Ok(length @ 1..) = (&*reader).read(&mut part) {
                    shared.lock().unwrap().extend_from_slice(&part[..length]);
                }
            });
            Self { pty, seen, child }
        }

        pub(super) fn seen(&self) -> String {
            text(&self.seen.lock().unwrap())
        }

        pub(super) fn wait_for(&self, what: &str) {
            let end = Instant::now() + Duration::from_secs(10);
            while !self.seen().contains(what) {
                assert!(Instant::now() < end, "no {what:?} in {:?}", self.seen());
                std::thread::sleep(Duration::from_millis(10));
            }
        }

        /// Answers a prompt until it has taken effect: what is typed before the prompt listens is dropped.
        pub(super) fn answer(&mut self, answer: &str, done: impl Fn(&mut Self) -> bool) {
            let end = Instant::now() + Duration::from_secs(15);
            while !done(self) {
                assert!(Instant::now() < end, "no effect: {:?}", self.seen());
                self.type_in(answer);
                let patience = Instant::now() + Duration::from_secs(1);
                while !done(self) && Instant::now() < patience {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }

        pub(super) fn ended(&mut self) -> bool {
            self.child.try_wait().unwrap().is_some()
        }

        pub(super) fn type_in(&self, text: &str) {
            (&*self.pty).write_all(text.as_bytes()).unwrap();
        }

        pub(super) fn finish(mut self) -> (String, Option<i32>) {
            let status = common::wait_for_exit(&mut self.child, Duration::from_secs(15));
            // What was written last may still be on its way.
            std::thread::sleep(Duration::from_millis(100));
            (self.seen(), status.code())
        }
    }
}

#[cfg(unix)]
#[test]
fn on_a_terminal_a_secret_is_asked_for_and_shown() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut put = terminal::Terminal::start(&server, "\"$OTS\" put");
    put.wait_for("Secret");
    put.answer("hunter2\r", terminal::Terminal::ended);
    let (seen, code) = put.finish();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("hunter2"), "hidden: {seen}");
    assert!(seen.contains("can be read once; expires"), "{seen}");
    let link = &seen[seen.find("http://").unwrap()..];
    let link = link.split_whitespace().next().unwrap().to_owned();
    let get = terminal::Terminal::start(&server, &format!("\"$OTS\" get '{link}'; echo next"));
    let (seen, _) = get.finish();
    assert_eq!(seen, "hunter2\r\nnext\r\n", "a newline is added on a terminal");
}

#[cfg(unix)]
#[test]
fn a_passphrase_is_asked_for_though_stdin_and_stderr_lead_elsewhere() {
    let (data, files) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let link_file = files.path().join("link");
    let line = format!("printf secret | \"$OTS\" put -p > '{}' 2>/dev/null", link_file.display());
    let mut put = terminal::Terminal::start(&server, &line);
    let prompts =
        |count| move |terminal: &mut terminal::Terminal| terminal.seen().matches("Passphrase").count() >= count;
    put.wait_for("Passphrase");
    put.answer("one\r", prompts(2));
    put.answer("other\r", prompts(3));
    assert!(put.seen().contains("they differ"), "{}", put.seen());
    put.answer("sesame\r", prompts(4));
    put.answer("sesame\r", terminal::Terminal::ended);
    let (seen, code) = put.finish();
    assert_eq!(code, Some(0), "{seen}");
    assert!(!seen.contains("sesame"), "{seen}");
    let link = std::fs::read_to_string(&link_file).unwrap();
    let mut get = terminal::Terminal::start(&server, &format!("\"$OTS\" get '{}' | cat", link.trim()));
    get.wait_for("Passphrase");
    get.answer("sesame\r", terminal::Terminal::ended);
    let (seen, code) = get.finish();
    assert!(code == Some(0) && seen.ends_with("secret"), "{seen}");
}

/// Ctrl-C at a prompt leaves the terminal as it was, and a secret where it is.
#[cfg(unix)]
#[test]
fn ctrl_c_at_a_prompt_gives_the_terminal_back() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut put = server.client(&["put"]);
    put.env("OTS_PASSPHRASE", "p");
    let link = text(&run(put, b"x").stdout).trim().to_owned();
    let line = format!("stty -a > /dev/null; trap : INT; \"$OTS\" get '{link}'; echo code $?; stty -a");
    let mut get = terminal::Terminal::start(&server, &line);
    get.wait_for("Passphrase");
    get.answer("\u{3}", |terminal| terminal.seen().contains("code 130"));
    let (seen, _) = get.finish();
    assert!(seen.contains("code 130"), "{seen}");
    let state = seen.split("code 130").nth(1).unwrap();
    assert!(state.contains(" echo ") && !state.contains("-echo "), "{state}");
    let mut again = server.client(&["get", &link]);
    again.env("OTS_PASSPHRASE", "p");
    assert_eq!(run(again, b"").stdout, b"x");
}

#[cfg(unix)]
#[test]
fn a_sender_can_not_drive_the_readers_terminal() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"before\x1b[2Jafter");
    let (seen, code) = terminal::Terminal::start(&server, &format!("\"$OTS\" get '{link}'")).finish();
    assert!(code == Some(0) && seen.contains("before\\x1b[2Jafter") && !seen.contains("\x1b[2J"), "{seen:?}");
    // What isn't text isn't shown, and not lost: the message says how to save it.
    let link = server.put(&[0, 255, 7]);
    let (seen, code) = terminal::Terminal::start(&server, &format!("\"$OTS\" get '{link}'")).finish();
    assert!(code == Some(8) && seen.contains("-o FILE") && seen.contains("OTS_CLAIM="), "{seen}");
    let claim = seen.split("OTS_CLAIM=").nth(1).unwrap().split(' ').next().unwrap();
    let mut again = server.client(&["get", &link]);
    again.env("OTS_CLAIM", claim);
    assert_eq!(run(again, b"").stdout, [0, 255, 7]);
}

#[cfg(unix)]
#[test]
fn nothing_is_asked_where_nobody_can_answer() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for line in ["\"$OTS\" --no-input put", "echo x | \"$OTS\" --no-input put -p"] {
        let (seen, code) = terminal::Terminal::start(&server, line).finish();
        assert!(code == Some(2) && seen.contains("--no-input"), "{seen}");
    }
    // Without any terminal at all.
    let mut detached = Command::new("setsid");
    detached.args(["-w", OTS, "put", "-p"]).env("OTS_SERVER", &server.url);
    let output = run(detached, b"x");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no terminal"), "{}", text(&output.stderr));
}

/// What takes longer than half a second shows how far it is, to people only; a server that reads slowly, for that.
#[cfg(unix)]
#[test]
fn a_slow_upload_shows_its_progress_on_a_terminal_only() {
    const SIZE: usize = 16 << 20;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut part = vec![0; 1 << 20];
            let length = stream.read(&mut part).unwrap();
            let body = if part[..length].starts_with(b"GET") {
                r#"{"max_size":104857600,"default_ttl_seconds":1,"max_ttl_seconds":1,"version":"0"}"#.to_owned()
            } else {
                let head = part[..length].windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
                let mut left = SIZE + head - length;
                while left > 0 {
                    left -= stream.read(&mut part).unwrap();
                    std::thread::sleep(Duration::from_millis(100));
                }
                let token = "a".repeat(32);
                format!(
                    r#"{{"token":"{token}","expires_at":"2126-01-01T00:00:00.000Z","message":"","url":"http://127.0.0.1/s/{token}"}}"#
                )
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    let line = format!("head -c {SIZE} /dev/zero | \"$OTS\" put");
    let (seen, code) = terminal::Terminal::start_at(&url, &line).finish();
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("sending [") && seen.contains("/16.00 MiB"), "{seen}");
    let mut piped = ots();
    piped.args(["put", "--server", &url]);
    let output = run(piped, &vec![0; SIZE]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}
