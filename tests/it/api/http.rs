//! HTTP itself: headers, versions, slow clients, many clients, and the end of the server.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{self, CLAIM, Server, directory, until};

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("x").await;
    let mut ids = std::collections::HashSet::new();
    for response in [
        server.get(&token).await,
        server.get(&token).await,
        server.request(Method::GET, "/health").send().await.unwrap(),
        server.request(Method::PUT, "/api/v1/info").send().await.unwrap(),
        server.request(Method::GET, "/nowhere").send().await.unwrap(),
    ] {
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["x-robots-tag"], "noindex, nofollow");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
        assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        assert_eq!(headers["cache-control"], "no-store");
        assert!(headers.get("server").is_none());
        assert!(ids.insert(headers["x-request-id"].clone()), "a request id of its own");
    }
}

#[tokio::test]
async fn health_and_info() {
    let data = directory();
    let server = Server::start(
        data.path(),
        &["--max-size", "2MiB", "--default-ttl", "1h", "--max-ttl", "2d", "--public-url", "https://host/ots"],
    );
    let health: Value = server.request(Method::GET, "/health").send().await.unwrap().json().await.unwrap();
    for (member, value) in [("status", "healthy"), ("database", "connected"), ("version", env!("CARGO_PKG_VERSION"))] {
        assert_eq!(health[member], value);
    }
    assert!(health.get("problems").is_none(), "{health}");
    let info: Value = server.request(Method::GET, "/api/v1/info").send().await.unwrap().json().await.unwrap();
    assert_eq!(
        info,
        json!({"max_size": 2 << 20, "default_ttl_seconds": 3600, "max_ttl_seconds": 172_800, "claim_lease_seconds": 45, "receipt_retention_seconds": 2_592_000, "public_url": "https://host/ots/", "creation_closed": false, "key_required": false, "version": env!("CARGO_PKG_VERSION")})
    );
}

#[tokio::test]
async fn http2_without_tls_is_served() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().http2_prior_knowledge().tls_certs_only([]).build().unwrap();
    let url = format!("{}/api/v1/secrets", server.url);
    let response = client.post(&url).json(&json!({"content": "hunter2"})).send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    let created: Value = response.json().await.unwrap();
    let url = format!("{url}/{}", created["token"].as_str().unwrap());
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 404);
}

/// Slow clients are cut wherever they stop: before a head, in it, in a body, and after an answer.
#[tokio::test]
async fn slow_clients_are_cut() {
    let data = directory();
    let server = Server::start(data.path(), &["--client-timeout", "1s"]);
    let post =
        "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for start in ["", "P", "GET /health HT", post, "GET /health HTTP/1.1\r\nhost: x\r\n\r\n", preface] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "still open after {start:?}");
        if start == post {
            assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 408"), "{answer:?}");
        }
    }
    assert!(server.healthy().await);
}

/// Four connections, each with a request under way.
async fn busy(server: &Server) -> Vec<TcpStream> {
    let mut busy = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head = "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
                    content-type: application/octet-stream\r\ncontent-length: 1\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        // It is asked for the body.
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        busy.push(stream);
    }
    busy
}

/// One that waits for a request gives its place to whoever comes, the longest first; one that is busy keeps it.
#[tokio::test]
async fn a_connection_that_waits_gives_its_place() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-connections", "4"]);
    let mut connections = busy(&server).await;
    let [first, second, third, ..] = &mut connections[..] else { panic!("there are four") };
    let mut answer = [0; 1024];
    for stream in [&mut *second, &mut *first] {
        stream.write_all(b"x").await.unwrap();
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 201"));
    }
    // In the middle of a head it waits still.
    second.write_all(b"GET /health HTTP/1.1\r\nho").await.unwrap();
    let mut new = TcpStream::connect(server.address()).await.unwrap();
    new.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(new.read(&mut answer).await.unwrap() > 0);
    let closed = tokio::time::timeout(Duration::from_secs(5), second.read(&mut answer)).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "it has waited longest");
    first.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(first.read(&mut answer).await.unwrap() > 0, "the other waits on");
    third.write_all(b"x").await.unwrap();
    assert!(third.read(&mut answer).await.unwrap() > 0, "nobody is cut who is busy");
}

#[tokio::test]
async fn connections_beyond_the_cap_are_told() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-connections", "4"]);
    let held = busy(&server).await;
    let response = server.request(Method::GET, "/health").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    drop(held);
    until("there is room again", Duration::from_secs(5), || server.healthy()).await;
}

/// A stream of HTTP/2 that stands still is cut off, however busy its connection is elsewhere: its answer holds memory that others need.
#[tokio::test]
async fn a_busy_connection_does_not_excuse_a_stream_that_stands_still() {
    let data = directory();
    let server = Server::start(data.path(), &["--client-timeout", "1s"]);
    let token = server.create(&"x".repeat(900_000)).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .http2_prior_knowledge()
        .http2_initial_stream_window_size(1024)
        .build()
        .unwrap();
    let url = format!("{}/api/v1/secrets/{token}/reveal", server.url);
    let response = client.post(url).header("idempotency-key", CLAIM).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let health = format!("{}/health", server.url);
    // Its connection is busy for all that time: one part of 64 KiB earns four seconds.
    for _ in 0..40 {
        // On a connection of its own, once the first was cut.
        let _ = client.head(&health).send().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(response.bytes().await.is_err(), "the answer was cut off");
    // A claim's reader can come back, on another connection.
    assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
}

/// A client that closes its half once it has asked gets its answer, and the secret isn't spent on nobody.
#[tokio::test]
async fn a_half_closed_connection_gets_its_answer() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for _ in 0..20 {
        let token = server.create("hunter2").await;
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let request = format!("GET /api/v1/secrets/{token} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("hunter2"), "{answer}");
    }
}

/// However many silent connections come beyond the cap, the accept loop waits for none of them: each is refused or closed, whoever comes when
/// places are free is served, and the signal to stop is heard.
#[tokio::test]
async fn silence_beyond_the_cap_holds_nobody_up() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-connections", "4"]);
    let connect = || async { TcpStream::connect(server.address()).await.unwrap() };
    let (places, mut silent) = (busy(&server).await, Vec::new());
    for _ in 0..320 {
        silent.push(connect().await);
    }
    // Two seconds for each 64 of them, it was.
    let closed =
        futures_util::future::join_all(silent.iter_mut().map(|stream| async { stream.read(&mut [0; 1]).await }));
    tokio::time::timeout(Duration::from_secs(6), closed).await.expect("all are closed");
    drop(places);
    until("a place that came free is given", Duration::from_secs(5), || server.healthy()).await;
    server.signal("-TERM");
    until("it no longer listens", Duration::from_secs(5), || async {
        TcpStream::connect(server.address()).await.is_err()
    })
    .await;
}

/// SIGTERM: what runs is finished, the files are left small, and the exit code is 0.
#[tokio::test]
async fn shutdown_finishes_what_runs() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("hunter2").await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let body = r#"{"content":"late"}"#;
    let head = format!(
        "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Its head is being served before the signal comes.
    until("the request is under way", Duration::from_secs(5), || async { server.healthy().await }).await;
    server.signal("-TERM");
    until("it no longer listens", Duration::from_secs(5), || async {
        TcpStream::connect(server.address()).await.is_err()
    })
    .await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let mut server = server;
    assert!(common::wait_for_exit(&mut server.child, Duration::from_secs(10)).success());
    let wal = data.path().join("ots.db-wal");
    assert!(!wal.exists() || wal.metadata().unwrap().len() == 0, "the WAL is empty");
    drop(server);
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.get(&token).await.status(), 200);
}

/// The head of an answer and nothing of its body, over both protocols: `curl -I`, monitors and link checkers send it.
#[tokio::test]
async fn head_is_answered_as_get_is_without_its_body() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("x").await;
    let both = [Client::builder().http1_only(), Client::builder().http2_prior_knowledge()];
    for client in both.map(|client| client.no_proxy().tls_certs_only([]).no_gzip().build().unwrap()) {
        for path in [
            "/",
            &format!("/s/{token}"),
            &format!("/api/v1/secrets/{token}/status"),
            "/api/v1/info",
            "/health",
            "/livez",
            "/readyz",
            "/openapi.json",
            "/docs",
            "/robots.txt",
            "/nowhere",
            "/api/v1/secrets/none",
        ] {
            let url = format!("{}{path}", server.url);
            let head = client.head(&url).send().await.unwrap();
            let get = client.get(&url).send().await.unwrap();
            assert_eq!((head.status(), head.version()), (get.status(), get.version()), "{path}");
            assert_eq!(head.headers()["content-type"], get.headers()["content-type"], "{path}");
            assert_eq!(head.headers()["content-length"], get.headers()["content-length"], "{path}");
            assert!(head.bytes().await.unwrap().is_empty(), "{path}");
            assert!(!get.bytes().await.unwrap().is_empty(), "{path}");
        }
    }
    assert_eq!(server.get(&token).await.status(), 200);
}
