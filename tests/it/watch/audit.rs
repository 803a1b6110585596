//! The audit stream: what it tells of whom, that nobody finds a secret by it, and that no reader waits for it.

use std::{
    collections::BTreeMap,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::Path,
    process::Stdio,
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Watched, lines};
use crate::common::{
    CLAIM, SECRET_KEY, Server, day::a_day, directory, ots, small_disk::SmallDisk, until, wait_for_exit,
};

/// The events, without those that open the stream.
fn events(path: &Path) -> Vec<Value> {
    lines(path).into_iter().filter(|line| line["event"] != "opened").collect()
}

/// The names of the events of each secret, in the order in which they are told.
fn by_secret(events: &[Value]) -> BTreeMap<String, Vec<String>> {
    let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["secret"].is_string()) {
        let told = of.entry(event["secret"].as_str().unwrap().to_owned()).or_default();
        told.push(event["event"].as_str().unwrap().to_owned());
    }
    of
}

#[tokio::test]
async fn each_secret_has_its_history() {
    let data = directory();
    let audit = data.path().join("audit.jsonl");
    let server = Server::start(data.path(), &["--audit", audit.to_str().unwrap(), "--claim-lease", "1s"]);
    let tokens = a_day(&server).await;
    let [_, _, burned, ..] = &tokens[..] else { panic!("{}", tokens.len()) };
    server.get(burned).await;
    let expired = || async { events(&audit).iter().filter(|event| event["event"] == "expired").count() == 2 };
    until("what is over is told", Duration::from_secs(10), expired).await;
    let refused = server.post_json("{\"content\": \"\"}").await;
    let id = refused.headers()["x-request-id"].to_str().unwrap().to_owned();
    let (log, url) = (server.log(), server.url.clone());
    assert!(server.stop().success());
    let events = events(&audit);
    let mut histories: Vec<Vec<String>> = by_secret(&events).into_values().collect();
    histories.sort();
    let history = |events: &[&str]| events.iter().map(|event| (*event).to_owned()).collect::<Vec<_>>();
    let mut are = vec![
        history(&["created", "delivered"]),
        history(&["created", "claimed", "repeated", "acknowledged"]),
        history(&["created", "burned", "refused"]),
        history(&["created", "wrong_passphrase", "delivered"]),
        history(&["created", "expired"]),
        history(&["created", "claimed", "expired"]),
    ];
    are.sort();
    assert_eq!(histories, are);
    let first = &events[0];
    assert_eq!((&first["event"], &first["size"], &first["ttl_seconds"]), (&"created".into(), &7.into(), &600.into()));
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["request_id"], &last["route"], &last["code"], &last["status"]),
        (&"refused".into(), &id.as_str().into(), &"secrets".into(), &"validation".into(), &422.into())
    );
    for event in &events {
        let time = event["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        let by_a_request = event["event"] != "expired";
        assert_eq!(event["request_id"].as_str().is_some_and(|id| id.len() == 16), by_a_request, "{event}");
        assert!(event.get("address").is_none(), "nobody asked for addresses: {event}");
    }
    let text = std::fs::read_to_string(&audit).unwrap();
    assert_eq!(audit.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let never = ["hunter2", "sesame", "wrong\"", CLAIM, SECRET_KEY, &url];
    for secret in never.into_iter().chain(tokens.iter().map(String::as_str)) {
        assert!(!text.contains(secret) && !log.contains(&tokens[0]), "{secret}: {text}");
    }
}

/// A name joins the lines of one secret, across restarts too, and is nothing that a store or a link holds; another key gives others.
#[tokio::test]
async fn a_name_joins_and_tells_nothing() {
    let data = directory();
    let audit = data.path().join("audit.jsonl");
    let arguments = ["--audit", audit.to_str().unwrap(), "--audit-addresses"];
    let server = Server::start(data.path(), &arguments);
    let (first, second) = (server.create("x").await, server.create("x").await);
    assert!(server.stop().success());
    let server = Server::start(data.path(), &arguments);
    server.get(&first).await;
    assert!(server.stop().success());
    let told = events(&audit);
    let name = |event: usize| told[event]["secret"].as_str().unwrap();
    assert!(name(0) == name(2) && name(0) != name(1));
    assert!(told.iter().all(|event| event["address"] == "127.0.0.1"));
    let id = first.parse::<ots::secret::Token>().unwrap().id().0;
    let id = data_encoding::HEXLOWER.encode(&id);
    assert!(!id.contains(name(0)) && !name(0).contains(&id[..8]), "not the store's id, nor its time");
    let mut command = ots();
    command.env("SECRET_KEY", "another key 0123456789abcdef").env("SECRET_KEYS_OLD", SECRET_KEY);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path()).args(arguments);
    let server = Server::spawn(command).unwrap();
    server.get(&second).await;
    assert!(server.stop().success());
    let all = lines(&audit);
    let opened: Vec<&Value> = all.iter().filter(|line| line["event"] == "opened").collect();
    assert_eq!(opened[0]["names"], opened[1]["names"]);
    assert_ne!(opened[1]["names"], opened[2]["names"], "names change here, and the stream says so");
    assert_ne!(all.last().unwrap()["secret"].as_str().unwrap(), name(1));
}

/// A full disk for the stream stops nobody; health shows it, and lines that waited are written when there is room.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_for_it_stops_nobody() {
    let Some(disk) = SmallDisk::new(4) else { return };
    let data = directory();
    let audit = disk.path.join("audit.jsonl");
    let watched = Watched::start(data.path(), &["--audit", audit.to_str().unwrap()]);
    let server = &watched.server;
    server.create("x").await;
    until("it is told", Duration::from_secs(5), || async { events(&audit).len() == 1 }).await;
    disk.fill();
    let problem = async || {
        let health: Value = server.request(Method::GET, "/health").send().await.unwrap().json().await.unwrap();
        health["problems"][0]["code"].as_str().unwrap_or_default().to_owned()
    };
    // What is left of the last block takes some of them.
    let mut made = 1;
    while problem().await != "audit_late" {
        let token = server.create("x").await;
        assert_eq!(server.get(&token).await.status(), 200);
        made += 1;
        assert!(made < 1000, "it never filled up");
    }
    let numbers = watched.numbers().await;
    assert!(numbers["ots_audit_queue_length"] + numbers["ots_audit_lines_total"] > 0.0);
    for _ in 0..20 {
        let token = server.create("x").await;
        assert_eq!(server.get(&token).await.status(), 200, "nobody is stopped");
        made += 1;
    }
    assert_eq!(server.request(Method::GET, "/readyz").send().await.unwrap().status(), 200);
    assert!(server.log().contains("the audit stream can't be written"), "{}", server.log());
    std::fs::remove_file(disk.filler()).unwrap();
    until("it is well again", Duration::from_secs(5), || async { problem().await.is_empty() }).await;
    assert!(watched.server.stop().success());
    let told = events(&audit);
    assert_eq!(told.iter().filter(|event| event["event"] == "created").count(), made, "none is lost, none told twice");
    assert_eq!(told.iter().filter(|event| event["event"] == "delivered").count(), made - 1);
}

/// What can't even wait is counted, and the stream says how much is missing when it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_wait_is_counted() {
    let data = directory();
    let place = directory();
    let fifo = place.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Opened for both, so that nobody waits for a reader; and nobody reads.
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY);
    command.args(["-v", "serve", "--listen", "127.0.0.1:0", "--audit", "-", "--data-dir"]).arg(data.path());
    command.args(["--metrics-listen", "127.0.0.1:0"]);
    let watched = Watched::of(Server::spawn_with(command, Stdio::from(reader.try_clone().unwrap())).unwrap());
    let request = async || {
        let refused = watched.server.request(Method::POST, "/api/v1/secrets").header("content-type", "text/plain");
        refused.send().await.unwrap()
    };
    let flood = futures_util::future::join_all((0..8).map(async |_| {
        for _ in 0..1500 {
            assert_eq!(request().await.status(), 415);
        }
    }));
    flood.await;
    let numbers = watched.numbers().await;
    assert!(numbers["ots_audit_lost_total"] > 0.0, "{numbers:?}");
    assert_eq!(numbers["ots_refusals_total{code=\"unsupported_media_type\"}"], 12_000.0);
    let health: Value = watched.server.request(Method::GET, "/health").send().await.unwrap().json().await.unwrap();
    assert_eq!(health["problems"][0]["code"], "audit_late", "{health}");
    // What is committed meanwhile still has room.
    let token = watched.server.create_with(json!({"content": "x", "ttl_seconds": 600})).await;
    assert_eq!(watched.server.delete(&token, None).await.status(), 204);
    // Somebody reads again.
    let taken = std::thread::spawn(move || {
        let mut told = Vec::new();
        for line in std::io::BufRead::lines(std::io::BufReader::new(reader)) {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let end = line["event"] == "created" && line["ttl_seconds"] == 86_400;
            told.push(line);
            if end {
                return told;
            }
        }
        told
    });
    watched.server.create("x").await;
    let told = taken.join().unwrap();
    let lost: u64 =
        told.iter().filter(|line| line["event"] == "lost").map(|line| line["lines"].as_u64().unwrap()).sum();
    let refused = told.iter().filter(|line| line["event"] == "refused").count() as u64;
    assert_eq!(refused + lost, 12_000, "{lost} lost");
    let kept = |event: &str| told.iter().filter(|line| line["event"] == event).count();
    assert_eq!((kept("created"), kept("burned")), (2, 1), "of a flood of refusals, only they are lost");
}

#[tokio::test]
async fn the_systems_log_takes_it() {
    let data = directory();
    let socket = data.path().join("log");
    let listener = UnixDatagram::bind(&socket).unwrap();
    listener.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let server = Server::start(data.path(), &["--audit", &format!("syslog:{}", socket.display())]);
    server.create("x").await;
    let next = || {
        let mut buffer = [0; 2048];
        let length = listener.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    assert!(next().contains("\"event\":\"opened\""));
    let line = next();
    assert!(line.starts_with("<86>") && line.contains(" ots[") && line.contains("]: {\"time\":"), "{line}");
    assert!(line.contains("\"event\":\"created\""), "{line}");
}

#[test]
fn what_can_not_be_written_to_is_told_at_the_start() {
    let data = directory();
    for (to, says) in [
        ("/nonexistent/audit", "can't write the audit stream to /nonexistent/audit"),
        ("syslog:/nonexistent/log", "can't write the audit stream to /nonexistent/log"),
        ("syslog:", "write a file, - for standard output, or syslog"),
    ] {
        let refusal = Server::try_start(data.path(), &["--audit", to]).err().unwrap();
        assert!(refusal.contains(says), "{refusal}");
    }
}

/// A file that logrotate moves away is made anew.
#[tokio::test]
async fn a_file_that_is_moved_away_is_made_anew() {
    let data = directory();
    let (audit, old) = (data.path().join("audit.jsonl"), data.path().join("audit.jsonl.1"));
    let mut server = Server::start(data.path(), &["--audit", audit.to_str().unwrap()]);
    server.create("x").await;
    until("it is told", Duration::from_secs(5), || async { events(&audit).len() == 1 }).await;
    std::fs::rename(&audit, &old).unwrap();
    server.create("x").await;
    until("it is told in another", Duration::from_secs(5), || async { audit.exists() && events(&audit).len() == 1 })
        .await;
    assert_eq!(events(&old).len(), 1);
    server.signal("-TERM");
    assert!(wait_for_exit(&mut server.child, Duration::from_secs(10)).success());
}
