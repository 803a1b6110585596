//! What goes wrong on a server's own machine: the wrong key, a damaged or newer file. Each is said clearly,
//! costs nothing that was acknowledged, and is got over.

use std::{path::Path, time::Duration};

use crate::common::{CLAIM, SECRET_KEY, Server, database, directory, engine, noise, ots, run, until};
use reqwest::StatusCode;
use serde_json::Value;

fn start_with_key(data: &Path, key: &str, old: Option<&str>, arguments: &[&str]) -> Result<Server, String> {
    let mut command = ots();
    command.env("SECRET_KEY", key);
    if let Some(old) = old {
        command.env("SECRET_KEYS_OLD", old);
    }
    command.args(["-v", "serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data).args(arguments);
    Server::spawn(command)
}

/// Promise 3: another key opens nothing, doesn't start, and destroys nothing; told to start, it leaves the records alone.
#[tokio::test]
async fn a_wrong_key_opens_nothing_and_destroys_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("hunter2").await;
    let guarded = server.create_with(serde_json::json!({"content": "hunter2", "passphrase": "p"})).await;
    assert!(server.stop().success());

    let refusal = start_with_key(data.path(), "another key", None, &[]).err().unwrap();
    assert!(refusal.contains("2 stored secret(s) are sealed under another SECRET_KEY"), "{refusal}");
    assert!(refusal.contains("SECRET_KEYS_OLD") && refusal.contains("--allow-unreadable"), "{refusal}");

    let server = start_with_key(data.path(), "another key", None, &["--allow-unreadable"]).unwrap();
    for _ in 0..2 {
        let response = server.get(&token).await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.json::<Value>().await.unwrap()["code"], "unreadable");
        assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 500);
        assert_eq!(server.reveal(&guarded, None, Some("p")).await.status(), 500);
    }
    let new = server.create("new").await;
    assert_eq!(server.get(&new).await.status(), 200);
    assert!(server.stop().success());

    let server = start_with_key(data.path(), "another key", Some(&format!("other,{SECRET_KEY}\n")), &[]).unwrap();
    assert_eq!(server.get(&token).await.json::<Value>().await.unwrap()["content"], "hunter2");
    assert_eq!(server.reveal(&guarded, None, Some("p")).await.status(), 200);
}

/// A restored copy of the data directory, started with a new key, brings nothing back.
#[tokio::test]
async fn a_restored_copy_opens_nothing_under_a_new_key() {
    let (data, copy) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let token = server.create("hunter2").await;
    assert!(server.stop().success());
    std::fs::copy(data.path().join("ots.db"), copy.path().join("ots.db")).unwrap();
    let server = start_with_key(copy.path(), "a new key", None, &["--allow-unreadable"]).unwrap();
    assert_eq!(server.get(&token).await.status(), 500);
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let refusal = Server::try_start(data.path(), &[]).err().unwrap();
    assert!(refusal.contains("in use by another server"), "{refusal}");
    assert!(server.healthy().await);
    server.kill();
    Server::start(data.path(), &[]); // a lock outlives nobody
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_left_alone() {
    let data = directory();
    let database = data.path().join("ots.db");
    let mut damaged = noise(1, 100_000);
    damaged[..16].copy_from_slice(b"SQLite format 3\0");
    for content in [noise(2, 5000), damaged] {
        std::fs::write(&database, &content).unwrap();
        let refusal = Server::try_start(data.path(), &[]).err().unwrap();
        assert!(refusal.contains("damaged, or is not an ots database"), "{refusal}");
        assert!(std::fs::read(&database).unwrap() == content, "it is as it was");
    }
    std::fs::remove_file(&database).unwrap();
    rusqlite::Connection::open(&database).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let refusal = Server::try_start(data.path(), &[]).err().unwrap();
    assert!(refusal.contains("another program's database"), "{refusal}");
}

/// A page in the middle that was damaged fails what lies on it; the rest is served.
#[tokio::test]
async fn a_damaged_page_does_not_take_the_server_down() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let mut tokens = Vec::new();
    for number in 0..50 {
        tokens.push(server.create(&format!("{number}").repeat(1000)).await);
    }
    assert!(server.stop().success());
    let path = data.path().join("ots.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let page = bytes.len() / 2048 / 2 * 2048;
    bytes[page..page + 2048].fill(0xee);
    std::fs::write(&path, bytes).unwrap();
    let server = Server::start(data.path(), &[]);
    let mut read = 0;
    for token in &tokens {
        match server.get(token).await.status() {
            StatusCode::OK => read += 1,
            status => assert!(status.is_server_error(), "{status}"),
        }
    }
    assert!(read >= 40, "{read} of 50");
    assert!(server.healthy().await);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let data = directory();
    Server::start(data.path(), &[]).stop();
    let database = data.path().join("ots.db");
    let connection = rusqlite::Connection::open(&database).unwrap();
    let known: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    connection.execute_batch("PRAGMA user_version = 999").unwrap();
    drop(connection);
    let before = std::fs::read(&database).unwrap();
    let refusal = Server::try_start(data.path(), &[]).err().unwrap();
    assert!(refusal.contains(&format!("written by a newer ots (schema 999, this one knows {known})")), "{refusal}");
    assert!(std::fs::read(&database).unwrap() == before, "it is as it was");
}

#[tokio::test]
async fn a_directory_that_can_not_be_written_is_named() {
    let data = directory();
    let file = data.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let refusal = Server::try_start(&file.join("below"), &[]).err().unwrap();
    assert!(refusal.contains("can't create the directory") && refusal.contains("below"), "{refusal}");
    // Root may write anywhere but to a file system that is read-only.
    let refusal = Server::try_start(Path::new("/proc/ots"), &[]).err().unwrap();
    assert!(refusal.contains("/proc/ots"), "{refusal}");
}

/// Rows that were damaged while the server was away: it starts, what is whole is served and can be stored, what has expired goes.
#[tokio::test]
async fn damaged_rows_harm_no_other() {
    for damage in [
        "UPDATE record SET sealed_len = 1099511627776 WHERE seq = 2",
        "UPDATE record SET sealed_len = -5 WHERE seq = 2",
        "UPDATE record SET key_id = x'00' WHERE seq = 2",
        "UPDATE record SET kind = 2 WHERE seq = 2",
        "UPDATE record SET deadline = -9223372036854775808 WHERE seq = 2",
        "UPDATE held SET records = -3, bytes = -3",
        "UPDATE held SET key_id = x'00'",
        "DELETE FROM held",
        "DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)",
        "DELETE FROM payload WHERE chunk / 1024 = 2",
    ] {
        let data = directory();
        let server = Server::start(data.path(), &[]);
        let first = server.create("first").await;
        let damaged = server.create("damaged").await;
        server.create_with(serde_json::json!({"content": "expires", "ttl_seconds": 1})).await;
        server.create("last").await;
        assert!(server.stop().success());
        let database = rusqlite::Connection::open(data.path().join("ots.db")).unwrap();
        database.execute_batch(damage).unwrap();
        // What can't be read for whatever reason may expire as well as any other.
        database.execute_batch("UPDATE record SET deadline = 5 WHERE seq = 2 AND deadline > 5").unwrap();
        drop(database);
        for _ in 0..2 {
            let unreadable = &["--allow-unreadable", "--cleanup-interval", "1s"];
            let server = Server::start(data.path(), unreadable);
            assert_ne!(server.get(&damaged).await.status(), 200, "{damage}");
            let new = server.create("new").await;
            assert_eq!(server.get(&new).await.status(), 200, "{damage}");
            let count = || {
                let database = rusqlite::Connection::open(data.path().join("ots.db")).unwrap();
                let expired = "SELECT count(*) FROM record WHERE deadline < 1000000 OR expires_at - created_at = 1000";
                database.query_row(expired, [], |row| row.get::<_, i64>(0)).unwrap()
            };
            until("what has expired is gone", Duration::from_secs(10), || async { count() == 0 }).await;
            assert!(server.stop().success(), "{damage}");
        }
        let server = Server::start(data.path(), &["--allow-unreadable"]);
        assert_eq!(server.get(&first).await.json::<Value>().await.unwrap()["content"], "first", "{damage}");
    }
}

async fn health(server: &Server) -> Value {
    server.request(reqwest::Method::GET, "/health").send().await.unwrap().json().await.unwrap()
}

/// What is damaged is told apart from what is under another key; it is told once, shown by health, and never destroyed by a read.
#[tokio::test]
async fn damage_is_told_apart_from_another_key() {
    // The embedded store keeps ciphertext in a table of its own.
    let (altered, missing) = if engine::is_shared() {
        ("UPDATE record SET sealed = set_byte(sealed, 0, 255 - get_byte(sealed, 0))", "UPDATE record SET sealed = ''")
    } else {
        ("UPDATE payload SET bytes = zeroblob(length(bytes))", "DELETE FROM payload")
    };
    for (damage, what) in [
        (altered, "ciphertext that was altered"),
        (missing, "ciphertext that is missing"),
        ("UPDATE record SET kind = 2", "a kind that is none"),
        ("UPDATE record SET expires_at = expires_at + 1", "another expiry than was sealed"),
        ("UPDATE record SET created_at = 9223372036854775807", "a time that is none"),
    ] {
        let data = directory();
        let server = Server::start(data.path(), &[]);
        let damaged = server.create_with(serde_json::json!({"content": "damaged", "ttl_seconds": 1000})).await;
        let whole = server.create("whole").await;
        assert!(server.stop().success());
        let which = if damage.contains("payload") { "chunk / 1024 = 1" } else { "expires_at - created_at = 1000000" };
        database::execute(data.path(), &format!("{damage} WHERE {which}"));
        let server = Server::start(data.path(), &[]);
        assert_eq!(health(&server).await["status"], "healthy", "{what}");
        for round in 0..2 {
            let form = server.request(reqwest::Method::POST, &format!("/s/{damaged}"));
            let form = form.header("content-type", "application/x-www-form-urlencoded").body("claim=&passphrase=");
            assert_eq!(form.send().await.unwrap().status(), 500, "{what}");
            let answers =
                [server.get(&damaged).await, server.reveal(&damaged, Some(&format!("{CLAIM}{round}")), None).await];
            for answer in answers {
                assert_eq!(answer.status(), 500, "{what}");
                assert_eq!(answer.json::<Value>().await.unwrap()["code"], "damaged", "{what}");
            }
        }
        assert_eq!(server.get(&whole).await.status(), 200, "{what}");
        let health = health(&server).await;
        assert_eq!(
            (&health["status"], &health["problems"][0]["code"]),
            (&"degraded".into(), &"damage".into()),
            "{what}"
        );
        assert_eq!(server.log().matches("the database is damaged there").count(), 1, "{what}: {}", server.log());
        assert!(run(server.client(&["health"]), b"").status.success(), "it works");
    }
}

/// A lease's end is due when it comes, whatever the interval.
#[tokio::test]
async fn a_leases_end_is_swept_when_it_comes() {
    let data = directory();
    let server = Server::start(data.path(), &["--claim-lease", "2s", "--cleanup-interval", "30s"]);
    let token = server.create("hunter2").await;
    let count = || database::number(data.path(), "SELECT count(*) FROM record");
    let started = std::time::Instant::now();
    assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
    assert_eq!(count(), 1);
    until("it is gone", Duration::from_secs(8), || async { count() == 0 }).await;
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[test]
fn a_lease_that_keeps_secrets_for_long_is_refused_or_told() {
    let data = directory();
    let refusal = Server::try_start(data.path(), &["--claim-lease", "11m"]).err().unwrap();
    assert!(refusal.contains("--claim-lease can be at most 10m"), "{refusal}");
    for (arguments, told) in [(&["--claim-lease", "5m"][..], true), (&[], false)] {
        let server = Server::start(data.path(), arguments);
        let log = server.log();
        assert_eq!(log.contains("can stay on the disk for 313 s"), told, "{log}");
    }
}

/// A clock far ahead of the last time that the database knows sweeps nothing until it has been so for a while, and says so.
#[tokio::test]
async fn a_clock_that_is_far_ahead_sweeps_nothing_for_a_while() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    server.create_with(serde_json::json!({"content": "hunter2", "ttl_seconds": 1})).await;
    let lasting = server.create("lasting").await;
    assert!(server.stop().success());
    let count = || database::number(data.path(), "SELECT count(*) FROM record");
    // As if the server had last run two days ago, by the clock that it has now; and kept something that has expired since.
    let earlier = "UPDATE state SET seen_at = seen_at - 2 * 86400000;
                   UPDATE record SET deadline = deadline - 3600000 WHERE expires_at - created_at = 1000";
    database::execute(data.path(), earlier);
    let server =
        Server::start(data.path(), &["--clock-grace", "8s", "--cleanup-interval", "1s", "--claim-lease", "1s"]);
    until("it says so", Duration::from_secs(3), || async { server.log().contains("the clock is far ahead") }).await;
    let health = health(&server).await;
    assert_eq!((&health["status"], &health["problems"][0]["code"]), (&"degraded".into(), &"clock_ahead".into()));
    assert_eq!(count(), 2, "nothing is swept");
    assert_eq!(server.status(&lasting).await.status(), 200);
    // A lease that began by this clock ends by it all the same.
    let claimed = server.create("claimed").await;
    assert_eq!(server.reveal(&claimed, Some(CLAIM), None).await.status(), 200);
    until("its lease has ended", Duration::from_secs(3), || async { count() == 2 }).await;
    until("the clock is believed", Duration::from_secs(15), || async { count() == 1 }).await;
    assert_eq!(server.get(&lasting).await.status(), 200);
    assert!(server.stop().success());
    let server = Server::start(data.path(), &["--cleanup-interval", "1s"]);
    assert!(!server.log().contains("the clock is far ahead"), "it was written down: {}", server.log());
}
