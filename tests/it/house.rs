//! What the house's order promises from outside: servers that lie, keys from wherever they come, where data lives, causes.

use std::{io::Write as _, net::TcpStream, path::Path, process::Output};

use crate::common::{
    Server, assert_fails, directory,
    lying::{lying, send},
    on_disk, ots, run, text,
};

pub(crate) const TOKEN: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

pub(crate) fn run_with(environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = ots();
    command.envs(environment.iter().copied()).args(arguments);
    run(command, b"x")
}

pub(crate) fn status(size: u64) -> String {
    format!(
        r#"{{"created_at":"2026-01-01T00:00:00.000Z","expires_at":"2126-01-01T00:00:00.000Z","size":{size},"encrypted":false,"passphrase_required":false}}"#
    )
}

/// A size that nobody could have stored is refused before anything is claimed, and costs no memory.
#[test]
fn a_size_that_can_not_be_claims_nothing() {
    for size in [u64::MAX, 1 << 40, (1 << 30) + 1] {
        let (url, asked) = lying(move |first, stream| {
            if first.starts_with("GET") {
                return send(stream, "200 OK", &status(size));
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nthree")
        });
        let output = run_with(&[], &["get", &format!("{url}/s/{TOKEN}")]);
        assert_fails(&output, 1, "doesn't answer as an ots server does");
        assert_eq!(asked.lock().unwrap().len(), 1, "nothing but the status was asked for");
    }
}

/// A content has exactly the bytes that were announced: less isn't whole, more is a lie. Neither is acknowledged.
#[test]
fn a_content_of_another_length_is_not_acknowledged() {
    for (announced, code, says, reads) in [(1000, 6, "broke off", 6), (2, 6, "more than the 2 bytes", 1)] {
        let (url, asked) = lying(move |first, stream| {
            if first.starts_with("GET") {
                return send(stream, "200 OK", &status(announced));
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nthree")
        });
        let output = run_with(&[], &["get", &format!("{url}/s/{TOKEN}")]);
        assert_fails(&output, code, says);
        assert_fails(&output, code, "OTS_CLAIM=");
        let asked = asked.lock().unwrap();
        assert!(!asked.iter().any(|first| first.starts_with("DELETE")), "{asked:?}");
        assert_eq!(asked.iter().filter(|first| first.starts_with("POST")).count(), reads, "{asked:?}");
    }
}

/// An answer that never ends is not kept: of JSON no more than 64 KiB are read, of a content what was announced.
#[test]
fn answers_without_an_end_are_given_up() {
    let endless = |stream: &mut TcpStream, status: &str| -> std::io::Result<()> {
        write!(stream, "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n[")?;
        loop {
            stream.write_all(&[b' '; 8 * 1024])?;
        }
    };
    let (url, _) = lying(move |_, stream| endless(stream, "200 OK"));
    assert_fails(&run_with(&[("OTS_SERVER", &url)], &["status", TOKEN]), 1, "can't be read");
    assert_fails(&run_with(&[("OTS_SERVER", &url)], &["health"]), 1, "unhealthy: ");
    let (url, _) = lying(move |_, stream| endless(stream, "500 Internal Server Error"));
    assert_fails(&run_with(&[("OTS_SERVER", &url)], &["put"]), 1, "it answers 500");
    let (url, _) =
        lying(
            move |first, stream| {
                if first.starts_with("GET") { send(stream, "200 OK", &status(5)) } else { endless(stream, "200 OK") }
            },
        );
    assert_fails(&run_with(&[("OTS_SERVER", &url)], &["get", TOKEN]), 6, "more than the 5 bytes");
}

/// `-v` tells the causes that the line doesn't tell already, and none twice; neither line nor causes hold the token.
#[test]
fn causes_are_told_once() {
    let output = run_with(&[], &["-v", "get", &format!("http://127.0.0.1:1/s/{TOKEN}")]);
    let said = text(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "ots: can't reach http://127.0.0.1:1/: connection refused");
    assert!(lines.len() > 1 && lines[1..].iter().all(|line| line.starts_with("  because: ")), "{said}");
    let mut apart = lines.clone();
    apart.sort_unstable();
    apart.dedup();
    assert_eq!(apart.len(), lines.len(), "{said}");
    assert!(!said.contains(TOKEN) && !lines[1..].iter().any(|line| line.contains("can't reach")), "{said}");

    let data = directory();
    let server = Server::start(data.path(), &[]);
    let (status, gone) = (run(server.client(&["-v", "status", TOKEN]), b""), "ots: the secret is gone");
    assert!(text(&status.stderr).starts_with(gone) && text(&status.stderr).lines().count() == 1);
    let refused = run(server.client(&["-v", "put", "--ttl", "31d"]), b"x");
    assert!(text(&refused.stderr).lines().count() == 1, "{}", text(&refused.stderr));
}

#[test]
fn the_version_is_a_line_and_in_full_says_what_was_built_in() {
    let version = format!("ots {}\n", env!("CARGO_PKG_VERSION"));
    for arguments in [&["-V"][..], &["-vV"], &["put", "-V"]] {
        let said = text(&run_with(&[], arguments).stdout);
        assert!(said.lines().count() == 1 && said.ends_with(version.trim_start_matches("ots ")), "{said}");
    }
    for arguments in [&["--version"][..], &["--version", "--verbose"], &["--verbose", "--version"]] {
        let said = text(&run_with(&[], arguments).stdout);
        let lines: Vec<&str> = said.lines().collect();
        assert!(said.starts_with(&version) && lines.len() == 2 && lines[1].starts_with("pages: with"), "{said}");
    }
}

/// The configuration names the nearest option only when it is near.
#[test]
fn a_misspelt_option_is_told_what_it_may_have_meant() {
    let files = directory();
    let config = files.path().join("config.toml");
    for (wrong, says) in [
        ("tll = \"1h\"", "there is no option tll; the nearest known one is ttl"),
        ("hunter = 2", "there is no option hunter; the known ones are "),
        ("[serve]\nhunter = 2", "there is no option hunter; the known ones are listen, "),
        ("[serve]\nold_key_fil = \"x\"", "the nearest known one is old_key_file"),
    ] {
        std::fs::write(&config, wrong).unwrap();
        assert_fails(&run_with(&[("OTS_CONFIG", config.to_str().unwrap())], &["put"]), 2, says);
    }
}

/// Starts a server over `data` with these keys.
fn serve(data: &Path, environment: &[(&str, &std::ffi::OsStr)], arguments: &[&str]) -> Result<Server, String> {
    let mut command = ots();
    command.envs(environment.iter().copied()).args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
    command.args(arguments);
    Server::spawn(command)
}

/// The same key opens what is stored, wherever it comes from, with the newline that an editor or a secret's mount adds.
#[tokio::test]
async fn a_key_is_the_same_wherever_it_comes_from() {
    let (data, files) = (directory(), directory());
    let server = serve(data.path(), &[("SECRET_KEY", "a key\n".as_ref())], &[]).unwrap();
    server.create("x").await;
    assert!(server.stop().success());
    let file = files.path().join("key");
    let path = file.to_str().unwrap();
    for written in ["a key", "a key\n", "a key\r\n"] {
        std::fs::write(&file, written).unwrap();
        assert!(serve(data.path(), &[("SECRET_KEY", written.as_ref())], &[]).unwrap().stop().success());
        assert!(serve(data.path(), &[], &["--secret-key-file", path]).unwrap().stop().success());
        let new = [("SECRET_KEY", "new".as_ref()), ("SECRET_KEYS_OLD", written.as_ref())];
        assert!(serve(data.path(), &new, &[]).unwrap().stop().success());
        assert!(serve(data.path(), &new[..1], &["--old-key-file", path]).unwrap().stop().success());
        let by_variable = [new[0], ("OTS_OLD_KEY_FILE", file.as_os_str())];
        assert!(serve(data.path(), &by_variable, &[]).unwrap().stop().success());
    }
    // Its own key is read by the same rule.
    std::fs::write(data.path().join("secret.key"), "a key\n").unwrap();
    assert!(serve(data.path(), &[], &[]).unwrap().stop().success());
}

/// A key that could not be given again is refused at its first use; one that is in use all the same can go into a file.
#[cfg(unix)]
#[tokio::test]
async fn a_key_that_can_not_be_rotated_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;

    let (data, files) = (directory(), directory());
    let (file, second) = (files.path().join("key"), files.path().join("second"));
    let path = file.to_str().unwrap();
    for (key, says) in [
        (&b"a,b"[..], "has a comma in it"),
        (b" a", "has white space at an edge"),
        (b"a\n\n", "has white space at an edge"),
        (b"\xff\xfe", "isn't UTF-8 text"),
        (b"\n", "is empty"),
    ] {
        std::fs::write(&file, key).unwrap();
        let refused = serve(data.path(), &[("SECRET_KEY", std::ffi::OsStr::from_bytes(key))], &[]).err().unwrap();
        assert!(
            refused.contains(&format!("ots: SECRET_KEY {says}")) && refused.contains("openssl rand -hex 32"),
            "{refused}"
        );
        let refused = serve(data.path(), &[], &["--secret-key-file", path]).err().unwrap();
        assert!(
            refused.contains(&format!("ots: {path} {says}")) && refused.contains("openssl rand -hex 32"),
            "{refused}"
        );
    }
    for (old, says) in [(&b"a, b"[..], "commas alone"), (b"a,\xff", "isn't UTF-8 text")] {
        let keys = [("SECRET_KEY", "new".as_ref()), ("SECRET_KEYS_OLD", std::ffi::OsStr::from_bytes(old))];
        let refused = serve(data.path(), &keys, &[]).err().unwrap();
        assert!(refused.contains(says) && refused.contains("--old-key-file"), "{refused}");
    }
    // Old keys in files are taken whole, several of them.
    std::fs::write(&file, "one, with a comma \n").unwrap();
    std::fs::write(&second, b"\xff").unwrap();
    let (path, second) = (path, second.to_str().unwrap());
    let new = [("SECRET_KEY", "new".as_ref())];
    assert!(serve(data.path(), &new, &["--old-key-file", path, "--old-key-file", second]).unwrap().stop().success());
    std::fs::write(&file, "\n").unwrap();
    let refused = serve(data.path(), &new, &["--old-key-file", path]).err().unwrap();
    assert!(refused.contains(&format!("ots: {path} is empty")), "{refused}");
}

/// A key that can be guessed is told of, wherever it comes from, and taken; a credentials directory without ours is told of, too.
#[test]
fn a_short_key_and_a_missing_credential_are_told() {
    let files = directory();
    let (file, credentials) = (files.path().join("secret_key"), files.path());
    let short = "so short that it can be guessed";
    std::fs::write(&file, "hunter2").unwrap();
    let path = file.to_str().unwrap();
    let starts = |environment: &[(&str, &std::ffi::OsStr)], arguments: &[&str]| {
        let data = directory();
        let server = serve(data.path(), environment, arguments).unwrap();
        assert!(!server.log().contains("hunter2"));
        server.log()
    };
    assert!(starts(&[("SECRET_KEY", "hunter2".as_ref())], &[]).contains(&format!("SECRET_KEY is {short}")));
    assert!(starts(&[], &["--secret-key-file", path]).contains(&format!("{path} is {short}")));
    let credential = starts(&[("CREDENTIALS_DIRECTORY", credentials.as_ref())], &[]);
    assert!(credential.contains(short) && !credential.contains("no credential"), "{credential}");
    assert!(!starts(&[("SECRET_KEY", "0123456789abcdef".as_ref())], &[]).contains(short));
    let without = starts(&[("CREDENTIALS_DIRECTORY", "/nonexistent".as_ref())], &[]);
    assert!(
        without.contains("no credential is named secret_key") && without.contains("made a secret key"),
        "{without}"
    );
}

/// A key file that others can read is told of, and taken.
#[cfg(unix)]
#[test]
fn a_key_file_for_everybody_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;

    let (data, files) = (directory(), directory());
    let file = files.path().join("key");
    std::fs::write(&file, "a key").unwrap();
    for (mode, warned) in [(0o600, false), (0o640, true), (0o644, true), (0o400, false)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let server = serve(data.path(), &[], &["--secret-key-file", file.to_str().unwrap()]).unwrap();
        assert_eq!(server.log().contains("can be read by others"), warned, "{mode:o}: {}", server.log());
    }
}

/// In a container, too, the key is made beside the data, and one line says so; nothing of cargo's decides anything.
#[tokio::test]
async fn a_container_makes_its_key_beside_the_data() {
    for variable in ["container", "KUBERNETES_SERVICE_HOST", "CARGO_MANIFEST_DIR"] {
        let data = directory();
        let server = serve(data.path(), &[(variable, "x".as_ref())], &[]).unwrap();
        let token = server.create("hunter2").await;
        let key = data.path().join("secret.key");
        let line = format!("made a secret key in {}, beside the data", key.display());
        assert_eq!(server.log().matches(&line).count(), 1, "{}", server.log());
        assert!(server.stop().success());
        let server = serve(data.path(), &[(variable, "x".as_ref())], &[]).unwrap();
        assert!(!server.log().contains("made a secret key"), "{}", server.log());
        assert_eq!(server.get(&token).await.status(), 200);
        assert!(!on_disk(data.path(), b"hunter2"));
    }
}

/// With `--dev` the project's directory comes before a service manager's; a container without `/app` has the platform's.
#[test]
fn data_lives_in_the_most_particular_place() {
    let (place, home) = (directory(), directory());
    let start = |environment: &[(&str, &Path)], arguments: &[&str]| {
        let mut command = ots();
        command.env("HOME", home.path()).env("container", "oci").envs(environment.iter().copied());
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).current_dir(place.path());
        assert!(Server::spawn(command).unwrap().stop().success());
    };
    let state = place.path().join("state");
    start(&[("STATE_DIRECTORY", &state)], &["--dev"]);
    assert!(place.path().join("storage/db/ots.db").exists() && !state.exists());
    if !Path::new("/app").is_dir() {
        start(&[], &[]);
        assert!(home.path().join(".local/share/ots/ots.db").exists());
        assert!(home.path().join(".local/share/ots/secret.key").exists());
    }
}

/// A name that nobody knows costs no more than its length: neither time to compare it with those that are known, nor memory.
#[tokio::test]
async fn a_long_unknown_name_costs_little() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let _heavy = crate::common::heavy();
    let body = format!("{{\"{}\":1}}", "a".repeat(6_000_000));
    let response = server.post_json(&body).await;
    assert_eq!(response.status(), 422);
    assert!(response.text().await.unwrap().contains("the known ones are"));
    // The body in its buffers, and no more; 174 MiB it was.
    assert!(server.memory("VmHWM") < 80 * 1024, "{} KiB", server.memory("VmHWM"));
}

/// A server that lies must not drive the terminal, nor write lines that look like ours.
#[test]
fn a_servers_words_are_escaped() {
    let detail = "\u{1b}]0;title\u{7}\u{1b}[31mred\r\nots: forged\u{202e}\u{9b}";
    let problem =
        serde_json::json!({"type": "about:blank", "title": "x", "status": 422, "detail": detail, "code": "validation"});
    let (url, _) = lying(move |_, stream| send(stream, "422 Unprocessable Content", &problem.to_string()));
    let output = run_with(&[("OTS_SERVER", &url)], &["status", TOKEN]);
    let said = text(&output.stderr);
    assert!(said.starts_with("ots: ") && said.lines().count() == 1, "{said:?}");
    assert!(!said.trim_end().chars().any(|character| character.is_control() || character == '\u{202e}'), "{said:?}");
}
