//! Promises 3, 4 and 5: a stolen disk is worthless, gone means gone, and secrets go nowhere else.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::common::{self, CLAIM, SECRET_KEY, Server, contains, directory, files, heavy, noise, on_disk, run, until};
use reqwest::Method;
use serde_json::json;

/// Every run of 32 bytes, at any offset, of every ciphertext that the database's payload table holds now.
fn ciphertext_runs(data: &Path) -> HashSet<[u8; 32]> {
    let connection = rusqlite::Connection::open(data.join("ots.db")).unwrap();
    let mut statement = connection.prepare("SELECT bytes FROM payload").unwrap();
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let mut runs = HashSet::new();
    for bytes in rows {
        let bytes = bytes.unwrap();
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
        runs.extend(
            bytes[start..]
                .windows(32)
                .filter(|run| run.iter().any(|byte| *byte != 0))
                .map(|run| <[u8; 32]>::try_from(run).unwrap()),
        );
    }
    runs
}

/// How many of these runs are in any file below the directory.
fn runs_on_disk(data: &Path, runs: &HashSet<[u8; 32]>) -> usize {
    runs_in(&files(data), runs)
}

fn runs_in(files: &[PathBuf], runs: &HashSet<[u8; 32]>) -> usize {
    let mut found = 0;
    for path in files {
        let Ok(bytes) = std::fs::read(path) else { continue };
        found += bytes
            .windows(32)
            .filter(|window| window.iter().any(|byte| *byte != 0))
            .filter(|window| runs.contains(*window))
            .count();
    }
    found
}

/// Promise 4: after reads, burns and expiries in an order that makes SQLite shuffle its pages, no 32-byte run of any of
/// the ciphertexts is in the database, its WAL or anything else, within a minute.
#[tokio::test(flavor = "multi_thread")]
async fn gone_means_gone() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &["--claim-lease", "2s"]);
    // Sizes on both sides of every boundary; some stay, so that pages are shared with what goes.
    let sizes = [1, 20, 100, 500, 1000, 1999, 2000, 2005, 2044, 2100, 4000, 4200, 9000, 70_000, 300_000];
    let mut tokens = Vec::new();
    for round in 0..20_u64 {
        for (index, size) in sizes.iter().enumerate() {
            let expires = round % 4 == 3;
            let path = format!("/api/v1/secrets?ttl_seconds={}", if expires { 8 } else { 600 });
            let request = server.request(Method::POST, &path).header("content-type", "application/octet-stream");
            let response = request.body(noise(round * 100 + index as u64, *size)).send().await.unwrap();
            assert_eq!(response.status(), 201);
            let created: serde_json::Value = response.json().await.unwrap();
            tokens.push((round, created["token"].as_str().unwrap().to_owned()));
        }
    }
    let runs = ciphertext_runs(data.path());
    assert!(runs.len() > 1_000_000, "the ciphertexts were found: {}", runs.len());
    assert!(runs_on_disk(data.path(), &runs) > 1_000_000, "and they are on the disk");

    // Not in the order in which they came.
    tokens.sort_by_key(|(_, token)| token.clone());
    let last = tokens.len() - 40;
    for (number, (round, token)) in tokens.iter().enumerate() {
        let status = match (round % 4, number >= last) {
            (3, _) => continue, // expires
            (_, true) => {
                // Claimed and never acknowledged: the lease's end destroys it.
                assert_eq!(server.reveal(token, Some(CLAIM), None).await.status(), 200);
                continue;
            }
            (0, _) => server.get(token).await.status(),
            (1, _) => {
                assert_eq!(server.reveal(token, Some(CLAIM), None).await.status(), 200);
                server.delete(token, Some(CLAIM)).await.status()
            }
            _ => server.delete(token, None).await.status(),
        };
        assert!(status.is_success());
        // New ones take the place of old ones.
        if number % 5 == 0 {
            server.create(&"y".repeat(number * 7 % 3000 + 1)).await;
        }
    }
    let removed = Instant::now();
    until("no run of any ciphertext is left", Duration::from_secs(60), || async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        runs_on_disk(data.path(), &runs) == 0
    })
    .await;
    eprintln!("{} runs of 32 bytes: gone after {:?}", runs.len(), removed.elapsed());
}

/// A reader with a snapshot open holds the WAL up; the server tries again until it is empty.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_snapshot_only_delays() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create(&"z".repeat(3000)).await;
    let runs = ciphertext_runs(data.path());
    let path = data.path().join("ots.db");
    let holder = rusqlite::Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN").unwrap();
    holder.query_row("SELECT count(*) FROM record", [], |_| Ok(())).unwrap();
    // Closing any descriptor of the -shm file would drop this process's locks on it (fcntl(2)), and the snapshot with them.
    let looked_at = [path.clone(), data.path().join("ots.db-wal")];
    assert_eq!(server.get(&token).await.status(), 200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(runs_in(&looked_at, &runs) > 0, "the snapshot still needs it");
    let other = server.create("others are served meanwhile").await;
    assert_eq!(server.get(&other).await.status(), 200);
    holder.execute_batch("ROLLBACK").unwrap();
    until("it is gone", Duration::from_secs(30), || async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        runs_in(&looked_at, &runs) == 0
    })
    .await;
}

/// Under constant load the WAL is emptied all the same.
#[tokio::test(flavor = "multi_thread")]
async fn constant_load_does_not_keep_the_removed() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create(&"z".repeat(3000)).await;
    let runs = ciphertext_runs(data.path());
    assert_eq!(server.get(&token).await.status(), 200);
    let removed = Instant::now();
    let load = async {
        loop {
            let token = server.create("load").await;
            server.get(&token).await;
        }
    };
    let gone = until("it is gone", Duration::from_secs(55), || async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        runs_on_disk(data.path(), &runs) == 0
    });
    tokio::select! {
        () = load => {}
        () = gone => eprintln!("gone under load after {:?}", removed.elapsed()),
    }
}

/// Promises 3 and 5: the disk holds neither content, token nor key, nothing was said of them anywhere, and no core dump could.
#[tokio::test(flavor = "multi_thread")]
async fn neither_disk_nor_log_nor_process_list_tells() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let content = "canary-content-4f1b8a2c";
    let passphrase = "canary-passphrase-77d0";
    let plain = server.create(content).await;
    let guarded = server.create_with(json!({"content": content, "passphrase": passphrase})).await;
    let claimed = server.create(content).await;
    assert_eq!(server.reveal(&claimed, Some(CLAIM), None).await.status(), 200);
    assert_eq!(server.reveal(&guarded, None, Some("canary-wrong")).await.status(), 403);
    assert_eq!(server.get(&"a".repeat(32)).await.status(), 404);
    let listed = std::fs::read(format!("/proc/{}/cmdline", server.child.id())).unwrap();
    for needle in [content, passphrase, "canary-wrong", &plain, &guarded, &claimed, CLAIM, SECRET_KEY] {
        assert!(!on_disk(data.path(), needle.as_bytes()), "{needle} is on the disk");
        assert!(!server.log().contains(needle), "{needle} is in the log");
        assert!(!String::from_utf8_lossy(&listed).contains(needle), "{needle} is in the process list");
    }
    #[cfg(target_os = "linux")]
    {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
        let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(cores.split_whitespace().collect::<Vec<_>>()[4..], ["0", "0", "bytes"]);
    }
    assert!(server.log().contains("status=200"), "requests are logged: {}", server.log());
    // The token's bytes, too.
    let bytes = data_encoding::BASE32_NOPAD.decode(plain.to_uppercase().as_bytes()).unwrap();
    assert!(!on_disk(data.path(), &bytes));
}

/// A link on standard input is in no process list; one in the arguments is, so this test would see it.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_process_list_shows_no_link_from_standard_input() {
    use std::{io::Write, process::Stdio};
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"canary");
    let token = link.rsplit('/').next().unwrap();
    for (argument, seen) in [("-", false), (link.as_str(), true)] {
        let mut command = server.client(&["status", "--wait", argument]);
        let mut waiting = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        writeln!(waiting.stdin.take().unwrap(), "{link}").unwrap();
        let process = format!("/proc/{}", waiting.id());
        let asked = server.log().matches("route=\"status\"").count();
        until("it has asked the server", Duration::from_secs(10), || async {
            server.log().matches("route=\"status\"").count() > asked
        })
        .await;
        let listed = ["cmdline", "environ"].map(|name| std::fs::read(format!("{process}/{name}")).unwrap()).concat();
        waiting.kill().unwrap();
        waiting.wait().unwrap();
        assert!(contains(&listed, b"--wait"), "it was looked at");
        assert_eq!(contains(&listed, token.as_bytes()), seen);
    }
}

/// Files are their owner's only, whatever the umask is.
#[cfg(unix)]
#[tokio::test]
async fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let data = directory();
    let below = data.path().join("made/by/ots");
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", "umask 000; exec \"$0\" serve --listen 127.0.0.1:0 --data-dir \"$1\""])
        .arg(common::OTS)
        .arg(&below);
    shell.env_clear().env("HOME", "/nonexistent");
    let server = Server::spawn(shell).unwrap();
    server.create("x").await;
    assert_eq!(below.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let found = files(&below);
    assert!(found.iter().any(|path| path.ends_with("secret.key")), "a key of its own: {found:?}");
    for path in found {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

/// `ots` as a client shows nothing in the process list, and leaves nothing in its errors.
#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_client_hold_no_secret() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(b"canary");
    let token = link.rsplit('/').next().unwrap().to_owned();
    let cases: Vec<Vec<String>> = vec![
        vec!["-v".into(), "get".into(), format!("http://127.0.0.1:1/s/{token}#canary-key")],
        vec!["-v".into(), "--json".into(), "get".into(), format!("http://127.0.0.1:1/s/{token}#canary-key")],
        vec!["-v".into(), "get".into(), format!("{}#canary-key", link)],
        vec!["-v".into(), "get".into(), format!("http://example.com/s/{token}#canary-key")],
        vec!["-v".into(), "get".into(), "https://host/s/canary-key".into()],
    ];
    for arguments in cases {
        let mut command = server.client(&[]);
        command.args(&arguments);
        let output = tokio::task::spawn_blocking(move || run(command, b"")).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !said.is_empty());
        assert!(!said.contains(&token) && !said.contains("canary"), "{said}");
    }
    assert_eq!(server.get(&token).await.status(), 200, "none of them read it");
}

/// Promise 5, end to end: neither the server's files, its log nor its memory at any time hold the content, the name, the
/// key or the passphrase. The memory is taken before, between and after.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn the_server_of_an_end_to_end_secret_never_has_it() {
    use crate::memory::core_of;
    use ots::{crypto::envelope::Keys, secret::Passphrase};

    let data = directory();
    let server = Server::start(data.path(), &[]);
    let content = "canary-content-3e9c51d07b".repeat(1000);
    let (name, passphrase) = ("canary-name-90a2.pem", "canary-passphrase-6d1f");
    let client = |arguments: &[&str], input: &str| {
        let mut command = server.client(arguments);
        command.env("OTS_PASSPHRASE", passphrase);
        let output = run(command, input.as_bytes());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let link = client(&["put", "-e", "--name", name], &content);
    let (address, key) = link.trim().split_once('#').unwrap();
    let stored = core_of(&server);
    // A reader that claims and doesn't acknowledge, so that the content is in the middle of being delivered.
    let keys =
        Keys::derive(&key.parse().unwrap(), Some(&Passphrase::new(passphrase.to_owned().into()).unwrap())).unwrap();
    let token = address.rsplit('/').next().unwrap();
    assert_eq!(server.reveal(token, Some(CLAIM), Some(keys.proof().expose())).await.status(), 200);
    let claimed = core_of(&server);
    let mut command = server.client(&["get", link.trim()]);
    command.env("OTS_PASSPHRASE", passphrase).env("OTS_CLAIM", CLAIM);
    assert_eq!(run(command, b"").stdout, content.as_bytes());
    let read = core_of(&server);

    let key_bytes = data_encoding::BASE64URL_NOPAD.decode(key.as_bytes()).unwrap();
    let needles =
        ["canary-content-3e9c51d07b".as_bytes(), name.as_bytes(), key.as_bytes(), &key_bytes, passphrase.as_bytes()];
    for needle in needles {
        let shown = String::from_utf8_lossy(needle);
        assert!(!on_disk(data.path(), needle), "{shown} is on the disk");
        assert!(!contains(server.log().as_bytes(), needle), "{shown} is in the log");
        for core in [&stored, &claimed, &read].into_iter().flatten() {
            assert!(!contains(core, needle), "{shown} is in the server's memory");
        }
    }
}
