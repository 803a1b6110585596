//! Requests and their answers, as an operator meets them: swept, checked, and under keys that change.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};

use super::{admin, admin_with, object};
use crate::common::{
    SECRET_KEY, Server,
    asked::{ask, invited, withdraw},
    client,
    database::assert_sound,
    directory, ots, text,
};

const NEW: &str = "a new key of sixteen bytes or more";

fn with_keys(data: &Path, keys: &[(&str, &str)], arguments: &[&str]) -> Result<Server, String> {
    let mut command = ots();
    command.envs(keys.iter().copied());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data).args(arguments);
    Server::spawn(command)
}

/// A request's key, and its answer's, is the one that it was opened under: it opens both as long as the server has it, and is needed for as
/// long as either is there.
#[tokio::test]
async fn a_request_outlives_a_change_of_keys() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let [answered, open, back] =
        [ask(&server, json!({})).await, ask(&server, json!({})).await, ask(&server, json!({})).await];
    assert_eq!(answered.answer(&server, b"hunter2").await, 201);
    assert!(server.stop().success());

    // Without the old key nobody is told anything, and nothing is lost by it.
    let Err(refused) = with_keys(data.path(), &[("SECRET_KEY", NEW)], &[]) else { panic!("it started") };
    assert!(refused.contains("3 stored secret(s) are sealed under another SECRET_KEY"), "{refused}");
    let server = with_keys(data.path(), &[("SECRET_KEY", NEW)], &["--allow-unreadable"]).unwrap();
    assert_eq!(invited(&server, &open.token).await.status(), 500);
    assert_eq!(open.answer(&server, b"x").await, 500);
    assert_eq!(withdraw(&server, &open.token, Some(&open.collecting)).await, 500);
    assert_eq!((open.state(&server).await.as_str(), answered.state(&server).await.as_str()), ("open", "unread"));
    assert!(server.stop().success());

    let server = with_keys(data.path(), &[("SECRET_KEY", NEW), ("SECRET_KEYS_OLD", SECRET_KEY)], &[]).unwrap();
    let under_old = || {
        let keys = object(&admin_with(data.path(), &["keys", "--json"], &[]));
        let keys = keys.as_array().unwrap().iter();
        keys.filter(|key| key["role"] == "old").map(|key| key["secrets"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(under_old(), 3);
    assert_eq!(answered.collect(&server).await.unwrap(), b"hunter2");
    assert_eq!(open.answer(&server, b"late").await, 201);
    assert_eq!(under_old(), 2, "its answer needs the key that it was opened under");
    assert_eq!(withdraw(&server, &back.token, Some(&back.collecting)).await, 204);
    let file = data.path().join("kept.ots");
    std::fs::write(&file, open.file(&server)).unwrap();
    assert_eq!(client(&server, &["get", file.to_str().unwrap()]).stdout, b"late");
    assert_eq!(under_old(), 0, "it can go");
    let new = ask(&server, json!({})).await;
    assert!(server.stop().success());
    let server = with_keys(data.path(), &[("SECRET_KEY", NEW)], &[]).unwrap();
    assert_eq!(new.answer(&server, b"new").await, 201);
    assert_eq!(new.collect(&server).await.unwrap(), b"new");
    for (asked, state) in [(&answered, "delivered"), (&open, "delivered"), (&back, "withdrawn")] {
        assert_eq!(asked.state(&server).await, state, "receipts are under no key");
    }
}

/// A request is no secret yet, and what is gone leaves its receipt: the server counts them, and the files tell the same.
#[tokio::test]
async fn stats_count_requests_and_receipts_by_themselves() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let [open, answered, back] =
        [ask(&server, json!({})).await, ask(&server, json!({})).await, ask(&server, json!({})).await];
    assert_eq!(answered.answer(&server, b"x").await, 201);
    assert_eq!(withdraw(&server, &back.token, Some(&back.collecting)).await, 204);
    let counts = || {
        let told = object(&admin(data.path(), &["stats", "--json"]));
        ["secrets", "requests", "receipts", "expired"].map(|name| told[name].as_u64().unwrap())
    };
    assert_eq!(counts(), [1, 1, 1, 0]);
    assert_eq!(answered.collect(&server).await.unwrap(), b"x");
    assert_eq!(counts(), [0, 1, 2, 0]);
    let shown = text(&admin(data.path(), &["stats"]).stdout);
    assert!(shown.contains("open requests             1\nreceipts of what is gone  2\n"), "{shown}");
    server.kill();
    assert_eq!(counts(), [0, 1, 2, 0]);
    let server = Server::start(data.path(), &[]);
    assert_eq!(open.answer(&server, b"x").await, 201);
    assert_eq!(counts(), [1, 0, 2, 0]);
}

/// Without a server, what has expired is swept by hand, open or answered, and its receipt says so.
#[tokio::test]
async fn a_sweep_removes_requests_and_answers_that_have_expired() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let brief = json!({"ttl_seconds": 3});
    let answered = ask(&server, brief.clone()).await;
    assert_eq!(answered.answer(&server, b"hunter2").await, 201);
    let (open, lasting) = (ask(&server, brief).await, ask(&server, json!({})).await);
    server.kill();
    assert_eq!(object(&admin(data.path(), &["check", "--json"]))["findings"], json!([]));
    tokio::time::sleep(Duration::from_millis(3100)).await; // nobody runs that could be asked
    let swept = admin(data.path(), &["sweep"]);
    assert_eq!(text(&swept.stdout), "removed 2 expired secret(s); nothing of it is left in the files\n", "{swept:?}");
    assert_eq!(assert_sound(data.path()), 1);
    let server = Server::start(data.path(), &[]);
    let states = [&answered, &open, &lasting].map(|asked| asked.state(&server));
    assert_eq!(futures_util::future::join_all(states).await, ["expired", "expired", "open"]);
    assert_eq!(lasting.answer(&server, b"x").await, 201);
}

/// What is changed on the disk opens nothing, and isn't removed for it: neither an open request, nor one that was made another's.
#[tokio::test]
async fn a_request_that_was_changed_on_the_disk_is_told_and_stays() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let [bitten, swapped] = [ask(&server, json!({})).await, ask(&server, json!({})).await];
    let secret = server.create("x").await;
    assert!(server.stop().success());
    let database = rusqlite::Connection::open(data.path().join("ots.db")).unwrap();
    let id = |token: &str| token.parse::<ots::secret::Token>().unwrap().request_id().0;
    let (chunk, mut bytes): (i64, Vec<u8>) = {
        let payload = "SELECT chunk, bytes FROM payload WHERE chunk = (SELECT seq * 1024 FROM record WHERE id = ?1)";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        database.query_row(payload, [id(&bitten.token)], read).unwrap()
    };
    bytes[300] ^= 1;
    let bite = "UPDATE payload SET bytes = ?2 WHERE chunk = ?1";
    assert_eq!(database.execute(bite, rusqlite::params![chunk, bytes]).unwrap(), 1);
    // As if an attacker had made a secret of it.
    assert_eq!(database.execute("UPDATE record SET kind = 0 WHERE id = ?1", [id(&swapped.token)]).unwrap(), 1);
    drop(database);
    let server = Server::start(data.path(), &[]);
    for asked in [&bitten, &swapped] {
        let problem: Value = invited(&server, &asked.token).await.json().await.unwrap();
        assert_eq!(problem["code"], "damaged");
        assert_eq!(asked.answer(&server, b"x").await, 500);
        assert_eq!(withdraw(&server, &asked.token, Some(&asked.collecting)).await, 500);
        assert_eq!(server.get(&asked.token).await.status(), 404);
    }
    assert_eq!(server.get(&secret).await.status(), 200, "and is in nobody's way");
    assert!(server.stop().success());
    let stats = object(&admin(data.path(), &["stats", "--json"]));
    assert_eq!((&stats["secrets"], &stats["requests"]), (&json!(1), &json!(1)));
}
