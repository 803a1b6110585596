//! What goes wrong on a server's own machine: the wrong key, a damaged or newer file. Each is said clearly,
//! costs nothing that was acknowledged, and is got over.

use std::{path::Path, time::Duration};

use crate::common::{CLAIM, SECRET_KEY, Server, directory, noise, ots, until};
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
    rusqlite::Connection::open(&database).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
    let before = std::fs::read(&database).unwrap();
    let refusal = Server::try_start(data.path(), &[]).err().unwrap();
    assert!(refusal.contains("written by a newer ots (schema 999, this one knows 2)"), "{refusal}");
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
