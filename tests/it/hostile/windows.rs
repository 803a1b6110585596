//! Streams of HTTP/2 whose answers are never taken.

use std::time::Duration;

use serde_json::json;

use super::{
    Others, connect_from,
    frames::{DATA, END_HEADERS, END_STREAM, Raw, frame, request},
    grown, store,
};
use crate::common::{CLAIM, Server, directory, heavy, noise};

const LARGE: usize = (1 << 20) - 40;

fn reveal(stream: u32, token: &str, claim: &str) -> Vec<u8> {
    let path = format!("/api/v1/secrets/{token}/reveal");
    request(stream, END_HEADERS | END_STREAM, "POST", &path, &[("idempotency-key", claim)])
}

/// One secret, asked for again and again under its claim, is in memory once: all are answered, and nobody else has less room.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_is_repeated_shares_its_buffer() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = store(&server, &noise(1, LARGE)).await;
    let before = server.memory("VmRSS");
    let others = Others::start(&server);
    let mut connections = Vec::new();
    for _ in 0..4 {
        let mut connection = Raw::connect(&server, 0).await;
        for number in 0..40 {
            connection.send(&reveal(2 * number + 1, &token, CLAIM)).await.unwrap();
        }
        assert_eq!(connection.answers(40).await, 40, "each is the reader's own");
        connections.push(connection);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    others.went_on("160 answers of 1 MiB under one claim, not taken").await;
    let grown = grown(&server, before);
    eprintln!("{grown} KiB more");
    assert!(grown < 48 * 1024, "{grown} KiB");
    // Nobody else has got it meanwhile, and the same claim still does.
    assert_eq!(server.reveal(&token, Some("another-claim-0123456789"), None).await.status(), 404);
    let again = server.reveal(&token, Some(CLAIM), None).await;
    assert_eq!(again.status(), 200);
    drop(connections);
    let request = server.request(reqwest::Method::POST, &format!("/api/v1/secrets/{token}/reveal"));
    let request = request.header("idempotency-key", CLAIM).header("accept", "application/octet-stream");
    assert!(request.send().await.unwrap().bytes().await.unwrap() == noise(1, LARGE));
}

/// Who shares a buffer has shown as much as whoever got it first: a wrong passphrase under the right claim is wrong, and counted.
#[tokio::test]
async fn a_shared_buffer_is_as_guarded_as_its_secret() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let content = "x".repeat(LARGE);
    let token = server.create_with(json!({"content": content, "passphrase": "open sesame"})).await;
    let mut holder = Raw::connect(&server, 0).await;
    let path = format!("/api/v1/secrets/{token}/reveal");
    let body = br#"{"passphrase":"open sesame"}"#;
    let head = [("idempotency-key", CLAIM), ("content-type", "application/json")];
    let sent = [request(1, END_HEADERS, "POST", &path, &head), frame(DATA, END_STREAM, 1, body)].concat();
    holder.send(&sent).await.unwrap();
    assert_eq!(holder.answers(1).await, 1);
    for (claim, passphrase, status) in [
        (CLAIM, Some("wrong"), 403),
        (CLAIM, None, 403),
        ("another-claim-0123456789", Some("open sesame"), 404),
        (CLAIM, Some("open sesame"), 200),
    ] {
        assert_eq!(server.reveal(&token, Some(claim), passphrase).await.status(), status, "{claim} {passphrase:?}");
    }
    // Nine more wrong ones destroy it, and what is being sent then is nobody's to repeat.
    for _ in 0..9 {
        assert_eq!(server.reveal(&token, Some(CLAIM), Some("wrong")).await.status(), 403);
    }
    assert_eq!(server.reveal(&token, Some(CLAIM), Some("open sesame")).await.status(), 404);
}

/// However small an answer is, one that isn't taken ends its connection, whatever else happens there.
#[tokio::test]
async fn a_small_answer_that_is_not_taken_is_cut_off() {
    let data = directory();
    let server = Server::start(data.path(), &["--client-timeout", "1s"]);
    let token = server.create("hunter2").await;
    let mut connection = Raw::connect(&server, 1).await;
    connection.send(&reveal(1, &token, CLAIM)).await.unwrap();
    assert_eq!(connection.answers(1).await, 1);
    let busy = async {
        for number in 1.. {
            let head = request(2 * number + 1, END_HEADERS | END_STREAM, "HEAD", "/health", &[]);
            if connection.send(&head).await.is_err() || connection.try_answers(1).await.is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(8), busy).await.expect("it is cut");
    assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
}

/// Many secrets, from more connections and addresses than there is room for: they take each other's shares, and nobody else's small ones.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_taken_leave_room_for_others() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let before = server.memory("VmRSS");
    let mut tokens = Vec::new();
    for number in 0..60 {
        tokens.push(store(&server, &noise(number, LARGE)).await);
    }
    // One address first: those of others have room for large ones too.
    let others = Others::start(&server);
    let mut connections = Vec::new();
    let mut given = 0;
    for part in tokens[..12].chunks(6) {
        let mut connection = Raw::connect(&server, 0).await;
        for (stream, token) in (1..).step_by(2).zip(part) {
            connection.send(&reveal(stream, token, CLAIM)).await.unwrap();
        }
        given += connection.answers(part.len()).await;
        connections.push(connection);
    }
    assert!((4..=8).contains(&given), "an eighth of 32 MiB for a connection, a quarter for the address: {given}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    others.went_on("two connections that take nothing").await;

    // Then all that there is.
    let others = Others::start_small(&server);
    for (address, part) in (10..).zip(tokens[12..].chunks(4)) {
        let mut connection = Raw::hello(connect_from(&server, [0, address]).await.unwrap(), 0).await;
        for (stream, token) in (1..).step_by(2).zip(part) {
            connection.send(&reveal(stream, token, CLAIM)).await.unwrap();
        }
        given += connection.answers(part.len()).await;
        connections.push(connection);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    others.went_on("fourteen connections that take nothing").await;
    assert!((20..=31).contains(&given), "what there is, and no more: {given}");
    let grown = grown(&server, before);
    eprintln!("{grown} KiB more");
    assert!(grown < 120 * 1024, "{grown} KiB");
}

/// The largest file of the pages, on as many streams as a connection may have: it is in memory once.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_pages_is_in_memory_once() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let file = "/docs/swagger-ui.js";
    let largest = server.request(reqwest::Method::GET, file).send().await.unwrap().bytes().await.unwrap().len();
    let before = server.memory("VmRSS");
    let others = Others::start(&server);
    let mut connections = Vec::new();
    for _ in 0..8 {
        let mut connection = Raw::connect(&server, 0).await;
        for number in 0..64 {
            connection.send(&request(2 * number + 1, END_HEADERS | END_STREAM, "GET", file, &[])).await.unwrap();
        }
        assert_eq!(connection.answers(64).await, 64);
        connections.push(connection);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    others.went_on("512 streams that take nothing of a file").await;
    let grown = grown(&server, before);
    eprintln!("{grown} KiB more for 512 answers of {largest} bytes");
    assert!(grown < 32 * 1024, "{grown} KiB");
}
