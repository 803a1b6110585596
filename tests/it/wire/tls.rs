//! Requests over TLS, and what comes without it, or comes to nothing.

use std::time::{Duration, Instant};

use reqwest::{StatusCode, Version, tls};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Authority, serving, start};
use crate::common::{Server, assert_fails, directory, run, text};

/// Both versions of TLS and both of HTTP: a link begins with https, and whoever came so once comes so again.
#[tokio::test]
async fn a_secret_goes_there_and_back() {
    let (data, authority) = (directory(), Authority::new());
    let server = start(data.path(), &authority);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    for (version, protocol) in [
        (tls::Version::TLS_1_3, Version::HTTP_2),
        (tls::Version::TLS_1_2, Version::HTTP_2),
        (tls::Version::TLS_1_3, Version::HTTP_11),
        (tls::Version::TLS_1_2, Version::HTTP_11),
    ] {
        let client = authority.client().tls_version_min(version).tls_version_max(version);
        let client = if protocol == Version::HTTP_11 { client.http1_only() } else { client };
        let client = client.build().unwrap();
        let create = client.post(format!("{}/api/v1/secrets", server.url)).json(&serde_json::json!({ "content": "x" }));
        let response = create.send().await.unwrap();
        assert_eq!((response.status(), response.version()), (StatusCode::CREATED, protocol));
        assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
        let created: Value = response.json().await.unwrap();
        let link = created["url"].as_str().unwrap();
        assert!(link.starts_with(&format!("{}/s/", server.url)), "{link}");
        let token = created["token"].as_str().unwrap();
        let read = client.get(format!("{}/api/v1/secrets/{token}", server.url)).send().await.unwrap();
        assert_eq!(read.json::<Value>().await.unwrap()["content"], "x");
    }
    // On the name that is every server's on a machine it would shut the others out.
    let client = authority.client().resolve("localhost", server.address().parse().unwrap()).build().unwrap();
    let port = server.address().split(':').nth(1).unwrap().to_owned();
    let response = client.get(format!("https://localhost:{port}/health")).send().await.unwrap();
    assert_eq!(response.headers().get("strict-transport-security"), None);

    let link = text(&run(authority.ots(&["put", "--server", &server.url]), b"from the command line").stdout);
    let got = run(authority.ots(&["get", link.trim()]), b"");
    assert_eq!(text(&got.stdout), "from the command line", "{}", text(&got.stderr));
    assert!(server.stop().success());
}

/// An address that was written with http is answered in words, not with bytes that no browser shows.
#[tokio::test]
async fn http_on_the_port_of_https_is_told_so() {
    let (data, authority) = (directory(), Authority::new());
    let server = start(data.path(), &authority);
    let plain = format!("http://{}/s/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", server.address());
    let prior_knowledge = authority.client().http2_prior_knowledge().build().unwrap();
    for client in [authority.client().build().unwrap(), prior_knowledge] {
        let response = client.get(&plain).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers().get("strict-transport-security"), None, "it means nothing here (RFC 6797, 7.2)");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains("https://"), "{problem}");
    }
    let output = run(authority.ots(&["get", &plain]), b"");
    assert_fails(&output, 1, "https://");
    assert!(server.log().lines().all(|line| !line.contains("aaaaaaaa")));
}

/// What is no TLS at all, or breaks off in the middle, ends that connection and no other.
#[tokio::test]
async fn rubbish_ends_its_own_connection() {
    let (data, authority) = (directory(), Authority::new());
    let server = start(data.path(), &authority);
    let client = authority.client().build().unwrap();
    assert!(client.get(format!("{}/health", server.url)).send().await.unwrap().status().is_success());
    for rubbish in [
        &b"\x16\x03\x01\xff\xff"[..],
        b"\x80\x2e\x01\x00\x02",
        &[0; 4096],
        b"\x15\x03\x01\x00\x02\x02\x00",
        b"get / http\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(rubbish).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer[0] == 21, "nothing, or an alert: {answer:?}");
    }
    assert!(client.get(format!("{}/health", server.url)).send().await.unwrap().status().is_success());
}

/// Whoever never finishes a handshake holds a place until another needs it, and not for long.
#[tokio::test]
async fn slow_handshakes_keep_nobody_out() {
    let (data, authority) = (directory(), Authority::new());
    let files = authority.install(&authority.issue_here());
    let mut command = serving(data.path(), &files);
    command.args(["--max-connections", "20"]);
    let server = Server::spawn(command).unwrap();
    let begun = Instant::now();
    let mut slow = Vec::new();
    for number in 0..200_usize {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        // Some say nothing at all.
        if number.is_multiple_of(2) {
            stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00").await.unwrap();
        }
        slow.push(stream);
        if number.is_multiple_of(20) {
            let client = authority.client().build().unwrap();
            let response = client.get(format!("{}/health", server.url)).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
        }
    }
    // The last one is cut when its time is over, and by nobody's need.
    let mut last = slow.pop().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), last.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "a handshake without an end");
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(server.stop().success());
}

/// The server's own check knows its certificate by another name than the address that it asks.
#[test]
fn health_asks_a_server_with_tls() {
    let (data, authority) = (directory(), Authority::new());
    let files = authority.install(&authority.issue(&["ots.example.org"], 2999));
    let server = Server::spawn(serving(data.path(), &files)).unwrap();
    let health = |environment: &[(&str, &str)]| {
        let mut command = crate::common::ots();
        command.arg("health").envs(environment.iter().copied());
        run(command, b"")
    };
    let certificate = files.0.to_str().unwrap();
    let healthy = health(&[("OTS_LISTEN", &server.address()), ("OTS_TLS_CERT", certificate)]);
    assert!(healthy.status.success(), "{}", text(&healthy.stderr));
    assert_fails(&health(&[("OTS_LISTEN", &server.address())]), 1, "https://");
    // Any certificate will do only where the server was told to listen.
    let named = health(&[("OTS_SERVER", &server.url), ("OTS_TLS_CERT", certificate)]);
    assert_fails(&named, 1, "certificate");
}
