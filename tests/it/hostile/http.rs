//! HTTP at its edges: hosts that are missing or more than one, old versions, and clients that close their half.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{Server, directory};

/// What a server answers to bytes, until it closes; the client closes its half once it has sent them.
pub async fn answer(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// RFC 9112, 3.2.
#[tokio::test]
async fn a_request_has_one_host() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("hunter2").await;
    let get = format!("GET /api/v1/secrets/{token} HTTP/1.1\r\n");
    for wrong in [
        "",
        "host: x\r\nhost: x\r\n",
        "host: x\r\nHost: y\r\n",
        "host:\r\n",
        "host: a b\r\n",
        "host: user@x\r\n",
        "host: x/path\r\n",
        "host: http://x\r\n",
        "host: x:port\r\n",
        "host: x:99999\r\n",
        "host: x, y\r\n",
        "host: [::1\r\n",
    ] {
        let answer = answer(&server, format!("{get}{wrong}\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{wrong:?}: {answer}");
        assert!(answer.contains("\"code\":\"bad_request\"") && answer.contains("connection: close"), "{answer}");
    }
    for (right, link) in
        [("x", "x"), ("x:8480", "x:8480"), ("x:", "x:"), ("[::1]:80", "[::1]:80"), ("127.0.0.1", "127.0.0.1")]
    {
        let post = format!(
            "POST /api/v1/secrets HTTP/1.1\r\nhost: {right}\r\ncontent-type: application/octet-stream\r\ncontent-length: 1\r\n\r\nx"
        );
        let answer = answer(&server, post.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{right:?}: {answer}");
        assert!(answer.contains(&format!("\"url\":\"http://{link}/s/")), "{right:?}: {answer}");
    }
    assert_eq!(server.get(&token).await.status(), 200, "nobody has read it");
}

#[tokio::test]
async fn http_1_0_is_served() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for host in ["", "host: x\r\n"] {
        let token = server.create("hunter2").await;
        let get = format!("GET /api/v1/secrets/{token} HTTP/1.0\r\n{host}\r\n");
        // It closes by itself, and the content's length is told.
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(get.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.0 200") && answer.contains("hunter2"), "{answer}");
        assert!(answer.contains("content-length: ") && !answer.contains("transfer-encoding"), "{answer}");
    }
    let kept = "GET /health HTTP/1.0\r\nconnection: keep-alive\r\n\r\n";
    let answer_to_two = answer(&server, format!("{kept}{kept}").as_bytes()).await;
    assert_eq!(answer_to_two.matches("HTTP/1.0 200").count(), 2, "{answer_to_two}");
    let two = answer(&server, b"GET /health HTTP/1.0\r\nhost: x\r\nhost: y\r\n\r\n").await;
    assert!(two.starts_with("HTTP/1.0 400"), "{two}");
    let post = "POST /api/v1/secrets HTTP/1.0\r\ncontent-type: application/octet-stream\r\ncontent-length: 1\r\n\r\nx";
    assert!(answer(&server, post.as_bytes()).await.starts_with("HTTP/1.0 201"));
}

/// Whoever closes its half gets its answers, also those that it asked for together, and those of a content that takes a while.
#[tokio::test]
async fn a_half_that_is_closed_ends_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let get = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n".repeat(20);
    assert_eq!(answer(&server, get.as_bytes()).await.matches("HTTP/1.1 200").count(), 20);
    let content = "x".repeat(1 << 20);
    let post = format!(
        "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n{content}",
        content.len()
    );
    let created = answer(&server, post.as_bytes()).await;
    let token = created.split("\"token\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("it is created");
    let read = answer(&server, format!("GET /api/v1/secrets/{token} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await;
    assert!(read.contains(&content));
    // A body that is half there is no body.
    let half = &post.as_bytes()[..post.len() / 2];
    let refused = answer(&server, half).await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 400"), "{refused}");
}
