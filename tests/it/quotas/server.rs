//! Quotas as a client, a person at a page and an operator meet them.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::common::{CLAIM, Server, assert_fails, database::assert_sound, directory, run, text, until};

/// Sixty-four at once where ten have room; then one for one that goes.
#[tokio::test]
async fn a_server_keeps_as_many_as_it_was_told() {
    let data = directory();
    let quota = ["--quota-secrets", "10", "--cleanup-interval", "1s"];
    let server = Server::start(data.path(), &quota);
    let create = || server.post_json(r#"{"content": "hunter2"}"#);
    let answers = join_all((0..64).map(|_| create())).await;
    let (made, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status() == 201);
    assert_eq!((made.len(), refused.len()), (10, 54));
    for answer in refused {
        assert_eq!(answer.status(), 507);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!((&problem["code"], &problem["title"]), (&"server_full".into(), &"Insufficient Storage".into()));
        assert!(problem["detail"].as_str().unwrap().contains("nothing was stored. Try again when"), "{problem}");
    }
    let mut tokens = Vec::new();
    for answer in made {
        tokens.push(answer.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned());
    }
    assert_eq!(server.get(&tokens[0]).await.status(), 200);
    server.create("in its place").await;
    assert_eq!(create().await.status(), 507);
    assert_eq!(server.delete(&tokens[1], None).await.status(), 204);
    let last = server.create("and in that one's").await;
    assert_eq!(server.reveal(&last, Some(CLAIM), None).await.status(), 200);
    assert_eq!(create().await.status(), 507, "it is kept for its reader");
    assert_eq!(server.delete(&last, Some(CLAIM)).await.status(), 204);
    server.create_with(json!({"content": "short", "ttl_seconds": 1})).await;
    assert_eq!(create().await.status(), 507);
    until("what has expired makes room", Duration::from_secs(10), || async { create().await.status() == 201 }).await;
    assert!(server.stop().success());
    let server = Server::start(data.path(), &quota);
    assert_eq!(server.post_json(r#"{"content": "hunter2"}"#).await.status(), 507, "through a restart");
    assert_eq!(server.get(&tokens[2]).await.status(), 200);
    server.create("and a read makes room").await;
}

/// `kill -9` in the middle of many creates and reads: what is counted is what there is.
#[tokio::test]
async fn a_crash_leaves_the_counts_true() {
    let data = directory();
    for round in 0..3 {
        let server = Server::start(data.path(), &["--quota-secrets", "40", "--quota-bytes", "2MiB"]);
        let work = join_all((0..16).map(|_| async {
            for number in 0..50 {
                let request = server.request(reqwest::Method::POST, "/api/v1/secrets");
                let Ok(answer) = request.json(&json!({"content": "x".repeat(300)})).send().await else { return };
                let Ok(created) = answer.json::<Value>().await else { return };
                let Some(token) = created["token"].as_str() else { continue };
                let read = server.request(reqwest::Method::GET, &format!("/api/v1/secrets/{token}"));
                if number % 3 > 0 && read.send().await.is_err() {
                    return;
                }
            }
        }));
        let id = server.child.id().to_string();
        let crash = async {
            tokio::time::sleep(Duration::from_millis(60 + 40 * round)).await;
            assert!(std::process::Command::new("kill").args(["-9", &id]).status().unwrap().success());
        };
        tokio::join!(work, crash);
        drop(server);
        assert!(assert_sound(data.path()) <= 40);
    }
}

/// In the words of the command line, and of the page; a larger secret than the quota's bytes leave has no room, a smaller one has.
#[tokio::test]
async fn whoever_finds_no_room_is_told_what_to_do() {
    let data = directory();
    let server = Server::start(data.path(), &["--quota-bytes", "2000", "--max-size", "1900"]);
    server.put(&[b'x'; 1500]);
    let refused = run(server.client(&["put"]), &[b'x'; 600]);
    assert_fails(&refused, 7, "the server keeps as much as it may; nothing was stored. Try again when something");
    server.put(b"a short one");
    let refused = run(server.client(&["--json", "put"]), &[b'x'; 600]);
    assert!(text(&refused.stderr).contains("\"exit_code\":7"), "{}", text(&refused.stderr));
    let form = server.request(reqwest::Method::POST, "/").header("content-type", "application/x-www-form-urlencoded");
    let page = form.header("accept-language", "de").body(format!("content={}&ttl=3600", "x".repeat(600)));
    let page = page.send().await.unwrap();
    assert_eq!(page.status(), 507);
    assert!(page.text().await.unwrap().contains("Hier liegt so viel, wie der Server erlaubt."));
}

#[test]
fn quotas_that_nobody_can_mean_are_refused() {
    let data = directory();
    for (arguments, says) in [
        (["--quota-secrets", "0"], "write a number from 1 to"),
        (["--quota-secrets-each", "some"], "write a number from 1 to"),
        (["--quota-bytes", "0"], "it has to be at least one byte"),
        (["--quota-bytes-each", "1MiB"], "--quota-bytes-each has to be some 50 bytes more than --max-size"),
        (["--quota-bytes", "1000"], "--quota-bytes has to be some 50 bytes more than --max-size"),
    ] {
        let refusal = Server::try_start(data.path(), &arguments).err().unwrap();
        assert!(refusal.contains(says), "{refusal}");
    }
}

/// One address has a quota of its own, a network of IPv6 too; who is on the server's host and names nobody has none.
#[tokio::test]
async fn each_address_has_a_quota_of_its_own() {
    let data = directory();
    let each = ["--quota-secrets-each", "3", "--quota-secrets", "12", "--trusted-proxy", "127.0.0.1"];
    let server = Server::start(data.path(), &each);
    let create = async |address: &str| {
        let request = server.request(reqwest::Method::POST, "/api/v1/secrets").header("x-forwarded-for", address);
        let answer = request.json(&json!({"content": "hunter2"})).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let race = join_all((0..16).map(|_| create("192.0.2.1"))).await;
    assert_eq!(race.iter().filter(|(status, _)| *status == 201).count(), 3);
    let refused = race.iter().find(|(status, _)| *status == 507).unwrap();
    assert_eq!(refused.1["code"], "quota_exceeded");
    assert!(refused.1["detail"].as_str().unwrap().contains("or burn what isn't needed"), "{}", refused.1);
    for (address, status) in [
        ("2001:db8::1", 201),
        ("2001:db8::2", 201),
        ("2001:db8::1:0:0:3", 201),
        ("2001:db8::4", 507),
        ("2001:db8:0:1::1", 201),
        ("192.0.2.2", 201),
        ("::ffff:192.0.2.1", 507),
    ] {
        assert_eq!(create(address).await.0, status, "{address}");
    }
    for _ in 0..4 {
        server.create("on this host").await;
    }
    let last = create("192.0.2.3").await;
    assert_eq!((last.0, &last.1["code"]), (507, &"server_full".into()));
    let mine = race.iter().find(|(status, _)| *status == 201).unwrap().1["token"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&mine).await.status(), 200);
    assert_eq!(create("192.0.2.1").await.0, 201, "a reader elsewhere made room for its owner");
    let address = "192.0.2.1".parse::<std::net::Ipv4Addr>().unwrap().octets();
    assert!(server.stop().success());
    let (database, _copy) = crate::common::database::copy_of(data.path());
    let owners: Vec<Vec<u8>> = database
        .prepare("SELECT owner FROM owner")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(owners.len(), 4);
    assert!(owners.iter().all(|owner| owner.len() == 16 && !crate::common::contains(owner, &address)));
    assert_eq!(assert_sound(data.path()), 12);
}
