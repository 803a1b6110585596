//! `/metrics`: what it shows, to whom, and that it costs nobody anything.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Watched, scrape};
use crate::common::{CLAIM, Server, asked::ask, directory, http, until};

#[tokio::test]
async fn what_becomes_of_secrets_is_counted() {
    let data = directory();
    let watched = Watched::start(data.path(), &["--claim-lease", "1s"]);
    let server = &watched.server;
    let plain = server.create("hunter2").await;
    assert_eq!(server.get(&plain).await.status(), 200);
    assert_eq!(server.get(&plain).await.status(), 404);
    let claimed = server.create("hunter2").await;
    for _ in 0..2 {
        assert_eq!(server.reveal(&claimed, Some(CLAIM), None).await.status(), 200);
    }
    assert_eq!(server.delete(&claimed, Some(CLAIM)).await.status(), 204);
    let forgotten = server.create("hunter2").await;
    assert_eq!(server.reveal(&forgotten, Some(CLAIM), None).await.status(), 200);
    let burned = server.create("hunter2").await;
    assert_eq!(server.delete(&burned, None).await.status(), 204);
    let guarded = server.create_with(json!({"content": "hunter2", "passphrase": "right"})).await;
    for _ in 0..10 {
        assert_eq!(server.reveal(&guarded, None, Some("wrong")).await.status(), 403);
    }
    server.create_with(json!({"content": "hunter2", "ttl_seconds": 1})).await;
    let kept = server.create("hunter2").await;
    let swept = async || {
        let numbers = watched.numbers().await;
        numbers["ots_secrets_expired_total{what=\"unread\"}"] + numbers["ots_secrets_expired_total{what=\"read\"}"]
            == 2.0
    };
    until("what is over was removed", Duration::from_secs(10), swept).await;
    let numbers = watched.numbers().await;
    for (name, is) in [
        ("ots_secrets_created_total", 7.0),
        ("ots_secrets_read_total{how=\"plain\"}", 1.0),
        ("ots_secrets_read_total{how=\"claim\"}", 2.0),
        ("ots_secrets_repeated_total", 1.0),
        ("ots_secrets_acknowledged_total", 1.0),
        ("ots_secrets_burned_total{why=\"asked\"}", 1.0),
        ("ots_secrets_burned_total{why=\"passphrases\"}", 1.0),
        ("ots_wrong_passphrases_total", 10.0),
        ("ots_secrets_expired_total{what=\"unread\"}", 1.0),
        ("ots_secrets_expired_total{what=\"read\"}", 1.0),
        ("ots_refusals_total{code=\"gone\"}", 1.0),
        ("ots_refusals_total{code=\"wrong_passphrase\"}", 10.0),
        ("ots_refusals_total{code=\"busy\"}", 0.0),
        ("ots_requests_total{route=\"secrets\",status=\"201\"}", 7.0),
        ("ots_requests_total{route=\"reveal\",status=\"403\"}", 10.0),
        ("ots_request_duration_seconds_count{route=\"secrets\"}", 7.0),
        ("ots_request_duration_seconds_bucket{le=\"+Inf\",route=\"secrets\"}", 7.0),
        ("ots_secrets", 1.0),
        ("ots_store_up", 1.0),
        ("ots_store_queue_length", 0.0),
        ("ots_store_lacks_space", 0.0),
        ("ots_oldest_dead_seconds", 0.0),
        (concat!("ots_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_eq!(numbers.get(name), Some(&is), "{name}: {numbers:#?}");
    }
    for above in ["ots_secrets_bytes", "ots_store_commit_seconds_sum"] {
        assert!(numbers[above] > 0.0, "{above}");
    }
    // Those that share a database have no WAL of their own, and what is alone goes alone.
    for above in ["ots_store_wal_bytes", "ots_store_batch_calls_count"] {
        assert!(numbers[above] > 0.0 || crate::common::engine::is_shared(), "{above}");
    }
    assert!(!numbers.contains_key("ots_certificate_expiry_timestamp_seconds"), "it has none");
    assert_eq!(server.get(&kept).await.status(), 200);
}

/// A request that nobody answered is no secret that nobody read; nor is one that was taken back a secret that was destroyed.
#[tokio::test]
async fn what_becomes_of_requests_is_not_counted_as_secrets() {
    let data = directory();
    let audit = data.path().join("audit.jsonl");
    let watched = Watched::start(data.path(), &["--audit", audit.to_str().unwrap()]);
    let server = &watched.server;
    ask(server, json!({"ttl_seconds": 1})).await;
    let answered = ask(server, json!({"ttl_seconds": 5})).await;
    assert_eq!(answered.answer(server, b"x").await, 201);
    let back = ask(server, json!({})).await;
    let burn = server.request(Method::DELETE, &format!("/api/v1/receipts/{}", back.receipt));
    assert_eq!(burn.send().await.unwrap().status(), 204);
    let expired = || async { watched.numbers().await["ots_secrets_expired_total{what=\"unread\"}"] > 0.0 };
    until("the answer has expired", Duration::from_secs(30), expired).await;
    let numbers = watched.numbers().await;
    for (name, is) in [
        ("ots_secrets_created_total", 1.0),
        ("ots_secrets_expired_total{what=\"unread\"}", 1.0),
        ("ots_secrets_expired_total{what=\"read\"}", 0.0),
        ("ots_secrets_burned_total{why=\"asked\"}", 0.0),
        ("ots_secrets", 0.0),
    ] {
        assert_eq!(numbers.get(name), Some(&is), "{name}: {numbers:#?}");
    }
    assert!(watched.server.stop().success());
    let told = super::lines(&audit);
    let count = |event: &str| told.iter().filter(|line| line["event"] == event).count();
    let of_requests = told.iter().filter(|line| line["event"] == "expired" && line.get("read").is_none()).count();
    assert_eq!((count("expired"), of_requests, count("withdrawn"), count("burned")), (2, 1, 1, 0), "{told:?}");
}

/// Nothing that a client sends becomes a name or a label: not a path, a method, a header, a token.
#[tokio::test]
async fn what_clients_send_makes_no_names() {
    let data = directory();
    let watched = Watched::start(data.path(), &[]);
    let server = &watched.server;
    let names = async || watched.numbers().await.into_keys().collect::<Vec<_>>();
    let ask = async |method: &str, path: &str| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let _ = server.request(method, path).header("x-canary", "canary").send().await.unwrap();
    };
    let token = server.create("canary").await;
    for round in 0..2 {
        ask("CANARY", &format!("/canary-{round}")).await;
        ask("CANARY", &format!("/api/v1/secrets/canary-{round}")).await;
        ask("GET", &format!("/api/v1/secrets/canary-{round}/status")).await;
        ask("GET", &format!("/s/{token}?canary={round}")).await;
    }
    let before = names().await;
    for round in 2..20 {
        ask("CANARY", &format!("/canary-{round}")).await;
        ask(&format!("CANARY{round}"), &format!("/api/v1/secrets/canary-{round}")).await;
        ask("GET", &format!("/api/v1/secrets/canary-{round}/status")).await;
    }
    assert_eq!(names().await, before);
    let text = scrape(&watched.metrics).await;
    assert!(!text.to_ascii_lowercase().contains("canary") && !text.contains(&token), "{text}");
    assert!(text.len() < 64 * 1024, "{} bytes", text.len());
}

/// Only there, and only to GET; on the port that is shared from there is nothing.
#[tokio::test]
async fn only_its_own_port_shows_it() {
    let data = directory();
    let watched = Watched::start(data.path(), &[]);
    assert_eq!(watched.server.request(Method::GET, "/metrics").send().await.unwrap().status(), 404);
    let root = watched.metrics.trim_end_matches("/metrics");
    for (method, path, status) in [
        (Method::GET, "/metrics", 200),
        (Method::GET, "/metrics?x", 200),
        (Method::HEAD, "/metrics", 405),
        (Method::POST, "/metrics", 405),
        (Method::GET, "/", 404),
        (Method::POST, "/api/v1/secrets", 404),
        (Method::GET, "/health", 404),
    ] {
        let answer = http().request(method.clone(), format!("{root}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        if status == 405 {
            assert_eq!(answer.headers()["allow"], "GET");
        }
        if status == 200 {
            assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        }
    }
    let taken = root.trim_start_matches("http://");
    let other = directory();
    let refusal = Server::try_start(other.path(), &["--metrics-listen", taken]).err().unwrap();
    assert!(
        refusal.contains(&format!("can't listen on {taken}: address in use; choose another with --metrics-listen")),
        "{refusal}"
    );
    let open = directory();
    let server = Server::start(open.path(), &["--metrics-listen", "0.0.0.0:0"]);
    assert!(server.log().contains("can read the metrics"), "{}", server.log());
}

/// Scrapers that stand still hold up neither writes nor, once they are cut, other scrapers.
#[tokio::test]
async fn slow_scrapers_hold_up_nobody() {
    let data = directory();
    let watched = Watched::start(data.path(), &[]);
    let address = watched.metrics.trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nho").await.unwrap();
        slow.push(stream);
    }
    for _ in 0..20 {
        let created = tokio::time::timeout(Duration::from_secs(5), watched.server.create("x")).await;
        assert!(created.is_ok(), "nobody else is held up");
    }
    // The places are all taken, for ten seconds.
    let text = tokio::time::timeout(Duration::from_secs(25), scrape(&watched.metrics)).await.unwrap();
    assert!(text.contains("ots_secrets_created_total 20"), "{text}");
    for mut stream in slow {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok() && !rest.starts_with(b"HTTP/1.1 200"), "it was cut");
    }
}

/// Every scrape beside creates is whole, and each number that only grows does.
#[tokio::test]
async fn scrapes_beside_writes_are_whole() {
    let data = directory();
    let watched = Watched::start(data.path(), &[]);
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    for round in 0..10 {
        let (numbers, ..) = tokio::join!(watched.numbers(), watched.server.create("x"), watched.server.create("y"));
        for (name, value) in numbers.iter().filter(|(name, _)| name.contains("_total")) {
            assert!(last.get(name).is_none_or(|before| before <= value), "{name} in round {round}");
        }
        last = numbers;
    }
    assert_eq!(watched.numbers().await["ots_secrets_created_total"], 20.0);
}
