//! Receivers that are down, slow, or answer what they shouldn't; and that come back. Nobody who shares or reads waits for one.

#![allow(clippy::float_cmp, reason = "they are counts, and whole")]

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;

use super::{Answer, Receiver, command, histories, server};
use crate::{
    common::{CLAIM, Server, directory, until},
    watch::{Watched, numbers, scrape},
};

/// So many secrets, each made, claimed and acknowledged; how long that took.
async fn live(server: &Server, count: usize) -> Duration {
    let began = Instant::now();
    for _ in 0..count {
        let token = server.create("x").await;
        assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
        assert_eq!(server.delete(&token, Some(CLAIM)).await.status(), 204);
    }
    began.elapsed()
}

const LIFE: [&str; 3] = ["secret.created", "secret.claimed", "secret.acknowledged"];

/// It has all of it, in order for each secret, and what came twice has one name.
fn assert_whole(receiver: &Receiver, secrets: usize) {
    let histories = histories(&receiver.taken());
    assert_eq!(histories.len(), secrets);
    assert!(histories.values().all(|kinds| kinds[..] == LIFE), "{histories:?}");
}

fn lines<'a>(log: &'a str, with: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.contains(with)).collect()
}

#[tokio::test]
async fn one_that_was_down_has_it_all_when_it_comes_back() {
    let data = directory();
    let receiver = Receiver::new();
    receiver.goes_down();
    let mut command = command(data.path(), &receiver.url(), &[]);
    command.args(["--metrics-listen", "127.0.0.1:0"]);
    let watched = Watched::of(Server::spawn(command).unwrap());
    live(&watched.server, 12).await;
    until("it has been tried", Duration::from_secs(30), || async {
        watched.numbers().await["ots_webhook_failed_total{webhook=\"#1\"}"] >= 1.0
    })
    .await;
    until("what waits is counted", Duration::from_secs(30), || async {
        watched.numbers().await["ots_webhook_waiting{webhook=\"#1\"}"] == 36.0
    })
    .await;
    let health: Value = watched.server.request(Method::GET, "/health").send().await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "healthy");
    // Not once a message: it is one failure, and then ever more seldom.
    assert!(watched.numbers().await["ots_webhook_failed_total{webhook=\"#1\"}"] < 12.0);
    receiver.comes_back();
    receiver.until_taken(36).await;
    assert_whole(&receiver, 12);
    let numbers = async || numbers(&scrape(&watched.metrics).await);
    until("nothing waits", Duration::from_secs(30), || async {
        let numbers = numbers().await;
        numbers["ots_webhook_waiting{webhook=\"#1\"}"] == 0.0
            && numbers["ots_webhook_oldest_seconds{webhook=\"#1\"}"] == 0.0
    })
    .await;
    assert_eq!(numbers().await["ots_webhook_sent_total{webhook=\"#1\"}"], 36.0);
    let log = watched.server.log();
    let name = format!("webhook #1 ({})", receiver.host());
    let (began, ended) = (lines(&log, "could not be told"), lines(&log, "is told again"));
    assert!(began.len() == 1 && ended.len() == 1 && began[0].contains(&name) && ended[0].contains(&name), "{log}");
    assert!(began[0].contains("WARN") && began[0].contains("connection refused"), "{log}");
}

/// A refusal of one message is tried again with the same name, signed anew, and what comes behind it waits; others pass.
#[tokio::test]
async fn what_is_refused_is_tried_again_and_holds_up_only_its_own() {
    let data = directory();
    let receiver = Receiver::new();
    let server = server(data.path(), &format!("x={}", receiver.url()), &[]);
    let create = async || {
        let body = serde_json::json!({"content": "x", "notify": "x"});
        let created: Value = server.post_json(&body.to_string()).await.json().await.unwrap();
        (created["token"].as_str().unwrap().to_owned(), created["name"].as_str().unwrap().to_owned())
    };
    let (first, name) = create().await;
    receiver.until_taken(1).await;
    let poison = name.clone();
    receiver.answer(move |received| Answer::status(if received.secret() == poison { 500 } else { 202 }));
    assert_eq!(server.reveal(&first, Some(CLAIM), None).await.status(), 200);
    assert_eq!(server.delete(&first, Some(CLAIM)).await.status(), 204);
    let refused = || receiver.tries().iter().filter(|one| one.kind() == "secret.claimed").count();
    until("it was tried twice", Duration::from_secs(30), || async { refused() >= 2 }).await;
    for _ in 0..20 {
        create().await;
    }
    receiver.until_taken(21).await;
    assert!(receiver.tries().iter().all(|one| one.kind() != "secret.acknowledged"), "it waits for the one before it");
    receiver.answer(|_| Answer::status(200));
    receiver.until_taken(23).await;
    assert_eq!(histories(&receiver.taken())[&name], LIFE);
    let tries: Vec<_> = receiver.tries().into_iter().filter(|one| one.kind() == "secret.claimed").collect();
    assert!(tries.iter().all(|one| one.id() == tries[0].id() && one.body == tries[0].body), "{tries:?}");
    let signatures: std::collections::HashSet<_> =
        tries.iter().map(|one| (&one.headers["webhook-timestamp"], &one.headers["webhook-signature"])).collect();
    assert_eq!(signatures.len(), tries.len(), "each try is signed for its own moment");
    let log = server.log();
    assert_eq!(lines(&log, "webhook x could not be told: it answers 500.").len(), 1, "{log}");
    until("its end is told", Duration::from_secs(5), || async { server.log().contains("webhook x is told again") })
        .await;
}

/// One that never answers holds up neither another nor whoever shares and reads; nor the server's end.
#[tokio::test]
async fn one_that_is_slow_holds_up_nobody() {
    let data = directory();
    let slow = Receiver::answering(|_| Answer { after: Duration::from_secs(3600), ..Answer::status(200) });
    let quick = Receiver::new();
    let server = server(data.path(), &format!("{},{}", slow.url(), quick.url()), &[]);
    let took = live(&server, 20).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    quick.until_taken(60).await;
    assert_whole(&quick, 20);
    assert!(slow.tries().len() <= 8, "no more than 8 at once, and each secret's first: {:?}", slow.tries());
    let began = Instant::now();
    assert!(server.stop().success());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// A redirect is followed nowhere; what a receiver asks for with Retry-After it gets; 410 ends it.
#[tokio::test]
async fn answers_are_taken_for_what_they_say() {
    let data = directory();
    let elsewhere = Receiver::new();
    let location = format!("location: {}", elsewhere.url());
    let redirects = Receiver::answering(move |_| Answer::with(307, &location));
    let busy = Receiver::answering(|_| Answer::with(429, "retry-after: 3"));
    let gone = Receiver::answering(|_| Answer::status(410));
    let webhooks = format!("redirects={},busy={},gone={}", redirects.url(), busy.url(), gone.url());
    let server = server(data.path(), &webhooks, &[]);
    for name in ["redirects", "busy", "gone", "gone"] {
        server.create_with(serde_json::json!({"content": "x", "notify": name})).await;
    }
    until("each was tried", Duration::from_secs(30), || async {
        redirects.tries().len() >= 2 && !busy.tries().is_empty() && !gone.tries().is_empty()
    })
    .await;
    busy.answer(|_| Answer::status(200));
    busy.until_taken(1).await;
    let sent: Vec<i64> = busy.tries().iter().map(|one| one.headers["webhook-timestamp"].parse().unwrap()).collect();
    assert!(sent[1] >= sent[0] + 3 && sent.len() <= 3, "{sent:?}");
    let log = server.log();
    assert!(elsewhere.tries().is_empty());
    assert!(
        log.contains("webhook redirects could not be told: it answers 307, and redirects aren't followed"),
        "{log}"
    );
    assert!(log.contains("webhook busy could not be told: it answers 429. It is tried again in 3 s"), "{log}");
    assert_eq!(lines(&log, "webhook gone answers 410").len(), 1, "{log}");
    assert!(lines(&log, "webhook gone answers 410")[0].contains("ERROR"));
    let tries = gone.tries().len();
    server.create_with(serde_json::json!({"content": "x", "notify": "gone"})).await;
    // Long enough for others to have been told of theirs.
    server.create_with(serde_json::json!({"content": "x", "notify": "busy"})).await;
    busy.until_taken(2).await;
    assert_eq!(gone.tries().len(), tries, "it is told nothing any more");
}

/// Names that lead to this machine, without a word that this is meant: nothing connects there.
#[tokio::test]
async fn a_name_that_leads_here_is_not_told() {
    let here = TcpListener::bind("127.0.0.1:0").unwrap();
    here.set_nonblocking(true).unwrap();
    let port = here.local_addr().unwrap().port();
    for (scheme, allowed) in [("https", None), ("http", Some("10.0.0.0/8"))] {
        let data = directory();
        let mut command = command(data.path(), &format!("{scheme}://localhost:{port}/CANARY"), &[]);
        match allowed {
            Some(networks) => command.env("OTS_WEBHOOK_ALLOW", networks),
            None => command.env_remove("OTS_WEBHOOK_ALLOW"),
        };
        let server = Server::spawn(command).unwrap();
        server.create("x").await;
        let says = format!("webhook #1 (localhost:{port}) could not be told: its name leads to ");
        until("it is refused", Duration::from_secs(30), || async { server.log().contains(&says) }).await;
        let log = server.log();
        assert!(log.contains("which isn't public") && !log.contains("CANARY"), "{log}");
        assert!(here.accept().is_err(), "nothing has connected");
    }
    // And where it is meant it is.
    let data = directory();
    let mut command = command(data.path(), &format!("http://localhost:{port}/CANARY"), &[]);
    command.env("OTS_WEBHOOK_ALLOW", "127.0.0.0/8,::1");
    let server = Server::spawn(command).unwrap();
    server.create("x").await;
    until("it has connected", Duration::from_secs(30), || async { here.accept().is_ok() }).await;
}

/// Somebody who has mended a receiver needn't wait for the next try: SIGHUP.
#[tokio::test]
async fn a_hangup_tries_again_now() {
    let data = directory();
    let receiver = Receiver::answering(|_| Answer::with(503, "retry-after: 1800"));
    let server = server(data.path(), &receiver.url(), &[]);
    server.create("x").await;
    until("it is refused", Duration::from_secs(30), || async { server.log().contains("It is tried again in 1800 s") })
        .await;
    receiver.answer(|_| Answer::status(200));
    server.signal("-HUP");
    receiver.until_taken(1).await;
}
