//! Many clients at once: those that vanish, and those that all send what is large.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use data_encoding::BASE64;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Others, connect_from, grown};
use crate::common::{Server, directory, heavy, noise, until};

/// A client may vanish at any stage; ten thousand of them cost the others nothing, and no secret that was there.
#[tokio::test(flavor = "multi_thread")]
async fn vanishing_clients_change_nothing_for_the_others() {
    const VANISHING: u64 = 10_000;
    let _alone = heavy();
    let data = directory();
    let server = Arc::new(Server::start(data.path(), &[]));
    let kept: Vec<String> =
        join_all((0..50).map(|number| server.create_with(json!({"content": format!("kept {number}")})))).await;
    let before = server.memory("VmRSS");
    let body = json!({ "content": "x".repeat(2000) }).to_string();
    let create = format!(
        "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let read = format!("GET /api/v1/secrets/{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(32));
    let requests = Arc::new([create, read]);
    let others = Others::start(&server);
    let next = Arc::new(AtomicU64::new(0));
    let workers = (0..32).map(|_| {
        let (server, requests, next) = (Arc::clone(&server), Arc::clone(&requests), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= VANISHING {
                    return;
                }
                let mut stream = connect_from(&server, [0, 1]).await.unwrap();
                let request = requests[usize::from(number % 2 == 1)].as_bytes();
                // From nothing sent at all to everything sent and no answer awaited.
                let sent = request.len() * usize::try_from(number % 11).unwrap() / 10;
                let _ = stream.write_all(&request[..sent]).await;
                if number % 3 == 0 {
                    stream.set_zero_linger().unwrap(); // goes with a reset
                }
            }
        })
    });
    for worker in join_all(workers).await {
        worker.unwrap();
    }
    others.went_on("10,000 clients that vanish").await;
    let grown = grown(&server, before);
    eprintln!("{grown} KiB more");
    assert!(grown < 48 * 1024, "{grown} KiB");
    until("it is healthy", Duration::from_secs(5), || server.healthy()).await;
    for (number, token) in kept.iter().enumerate() {
        assert_eq!(server.get(token).await.json::<Value>().await.unwrap()["content"], format!("kept {number}"));
    }
}

/// A thousand connections that each send a large body, in every format and from several addresses: each is served or told to wait, the
/// server stays small, and small secrets come and go.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_large_bodies_are_served_or_told_to_wait() {
    const CONTENT: usize = (1 << 20) - 64;
    let _alone = heavy();
    let data = directory();
    let server = Arc::new(Server::start(data.path(), &["--max-connections", "4000"]));
    let before = server.memory("VmRSS");
    let base64 = format!("{{\"encoding\":\"base64\",\"content\":\"{}\"}}", BASE64.encode(&noise(1, CONTENT)));
    let bodies = Arc::new([
        ("/api/v1/secrets", "application/octet-stream", noise(2, CONTENT)),
        ("/api/v1/secrets", "application/json", json!({"content": "x".repeat(CONTENT)}).to_string().into_bytes()),
        ("/api/v1/secrets", "application/json", base64.into_bytes()),
        ("/", "application/x-www-form-urlencoded", ["content=", &"%41".repeat(CONTENT)].concat().into_bytes()),
    ]);
    let others = Others::start_small(&server);
    let clients = (0..1000_usize).map(|number| {
        let (server, bodies) = (Arc::clone(&server), Arc::clone(&bodies));
        tokio::spawn(async move {
            let address = [0, u8::try_from(10 + number % 8).unwrap()];
            let mut stream = connect_from(&server, address).await.unwrap();
            let (path, kind, body) = &bodies[number % 4];
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            // All but the end first, so that a thousand bodies are under way at once. Whoever is told to wait is drained only so far.
            let (most, last) = body.split_at(body.len() - 1);
            let sent = async {
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(most).await?;
                tokio::time::sleep(Duration::from_millis(500)).await;
                stream.write_all(last).await
            };
            let _ = sent.await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse::<u16>().ok()
        })
    });
    let answers: Vec<Option<u16>> = join_all(clients).await.into_iter().map(Result::unwrap).collect();
    // The thousand run in this process, and want both cores.
    others.went_on_within(Duration::from_secs(10), "a thousand large bodies").await;
    let grown = grown(&server, before);
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    let [created, told, cut] = [Some(201), Some(503), None].map(count);
    eprintln!("201: {created}, 503: {told}, cut: {cut}; {grown} KiB more");
    assert!(created >= 16, "{created}");
    assert_eq!(created + told + cut, 1000, "{answers:?}");
    // What is still sent two seconds after it was refused is cut off, and may lose its answer; this machine is busy.
    assert!(cut <= 100, "{cut} were cut without an answer");
    assert!(grown < 120 * 1024, "{grown} KiB");
}
