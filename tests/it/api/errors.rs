//! Bad input: what it is told, that nothing of it is repeated, and that it costs nobody a secret.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::assert_gone;
use crate::common::{Server, directory};

#[tokio::test]
async fn bad_input_is_told_and_nothing_of_it_is_repeated() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-size", "1KiB"]);
    let canary = "hunter2-canary";
    for (body, status, code) in [
        (canary.to_string(), 400, "bad_request"),
        (format!("{{\"content\":\"{canary}\""), 400, "bad_request"),
        (format!("[\"{canary}\"]"), 422, "validation"),
        (format!("\"{canary}\""), 422, "validation"),
        (json!({}).to_string(), 422, "validation"),
        (json!({"content": ""}).to_string(), 422, "validation"),
        (json!({"content": null}).to_string(), 422, "validation"),
        (json!({"content": [canary]}).to_string(), 422, "validation"),
        (json!({"content": canary, "ttl_hours": 0}).to_string(), 422, "validation"),
        (json!({"content": canary, "ttl_hours": -1}).to_string(), 422, "validation"),
        (json!({"content": canary, "ttl_hours": 721}).to_string(), 422, "validation"),
        (json!({"content": canary, "ttl_hours": canary}).to_string(), 422, "validation"),
        (json!({"content": canary, "ttl_seconds": 0}).to_string(), 422, "validation"),
        (json!({"content": canary, "ttl_seconds": 1.5}).to_string(), 422, "validation"),
        (json!({"content": canary, "ttl_seconds": 60, "ttl_hours": 1}).to_string(), 422, "validation"),
        (format!("{{\"content\":\"{canary}\",\"ttl_seconds\":99999999999999999999}}"), 422, "validation"),
        (json!({"content": canary, "ttl_hour": 1}).to_string(), 422, "validation"),
        (json!({"content": canary, canary: 1}).to_string(), 422, "validation"),
        (json!({"content": canary, "passphrase": ""}).to_string(), 422, "validation"),
        (json!({"content": canary, "passphrase": "p".repeat(1025)}).to_string(), 422, "validation"),
        (json!({"content": canary, "passphrase_required": true}).to_string(), 422, "validation"),
        (json!({"content": "x".repeat(1025)}).to_string(), 413, "too_large"),
        (json!({"content": "x".repeat(100_000)}).to_string(), 413, "too_large"),
        (json!({"content": "hunter2", "encoding": "base64"}).to_string(), 422, "validation"),
    ] {
        let response = server.post_json(&body).await;
        assert_eq!(response.status(), status, "{body:.80}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let text = response.text().await.unwrap();
        assert!(!text.contains("hunter2"), "{body}: {text}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["code"], code, "{body:.80}: {text}");
        assert!(problem["detail"].is_string() && problem["title"].is_string() && problem["type"].is_string());
        assert_eq!(problem["errors"].is_array(), status == 422, "{text}");
    }
    let invalid_utf8 = server.request(Method::POST, "/api/v1/secrets").header("content-type", "application/json");
    let response = invalid_utf8.body(b"{\"content\":\"\xff\"}".to_vec()).send().await.unwrap();
    assert_eq!(response.status(), 400);

    for (content_type, encoding, status) in [
        (None, None, 415),
        (Some("text/plain"), None, 415),
        (Some("application/x-www-form-urlencoded"), None, 415),
        (Some("application/json"), Some("gzip"), 415),
        (Some("application/json; charset=utf-8"), None, 201),
        (Some("APPLICATION/JSON"), Some("identity"), 201),
    ] {
        let mut request = server.request(Method::POST, "/api/v1/secrets").body(r#"{"content":"x"}"#);
        request = content_type.into_iter().fold(request, |request, value| request.header("content-type", value));
        request = encoding.into_iter().fold(request, |request, value| request.header("content-encoding", value));
        assert_eq!(request.send().await.unwrap().status(), status, "{content_type:?}");
    }
    assert!(!server.log().contains("hunter2"), "nothing of it is in the log");
}

#[tokio::test]
async fn the_wrong_method_names_the_right_ones() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("x").await;
    for (method, path, allow) in [
        (Method::GET, "/api/v1/secrets".to_owned(), "POST"),
        (Method::PUT, format!("/api/v1/secrets/{token}"), "GET, HEAD, DELETE"),
        (Method::GET, format!("/api/v1/secrets/{token}/reveal"), "POST"),
        (Method::POST, format!("/api/v1/secrets/{token}/status"), "GET, HEAD"),
        (Method::DELETE, "/health".to_owned(), "GET, HEAD"),
        (Method::POST, "/livez".to_owned(), "GET, HEAD"),
        (Method::POST, "/readyz".to_owned(), "GET, HEAD"),
    ] {
        let response = server.request(method, &path).send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert_eq!(response.headers()["allow"], allow);
    }
    assert_eq!(server.get(&token).await.status(), 200, "none of them read it");
}

#[tokio::test]
async fn tokens_that_can_not_be_are_as_unknown_ones() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for token in ["a", &"a".repeat(32), &"a".repeat(33), &"1".repeat(32), "%00", "..%2f..%2fetc", &"é".repeat(16)] {
        assert_gone(server.get(token).await).await;
        assert_gone(server.status(token).await).await;
        assert_gone(server.delete(token, None).await).await;
    }
    let token = server.create("x").await;
    assert_eq!(server.get(&token.to_uppercase()).await.status(), 200, "either case");
}

#[tokio::test]
async fn claims_have_their_form() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("x").await;
    for claim in ["short", &"x".repeat(129), "has space 0123456789", "slash/0123456789abcdef", ""] {
        let response = server.reveal(&token, Some(claim), None).await;
        assert_eq!(response.status(), 422, "{claim}");
        assert_eq!(server.delete(&token, Some(claim)).await.status(), 422);
    }
    for (body, kind, status) in [
        ("{", Some("application/json"), 400),
        (r#"{"pass":1}"#, Some("application/json"), 422),
        ("x=1", Some("application/x-www-form-urlencoded"), 415),
    ] {
        let mut request = server.request(Method::POST, &format!("/api/v1/secrets/{token}/reveal")).body(body);
        request = kind.into_iter().fold(request, |request, kind| request.header("content-type", kind));
        assert_eq!(request.send().await.unwrap().status(), status, "{body}");
    }
    assert_eq!(server.reveal(&token, None, None).await.status(), 200, "none of it cost the secret");
}

/// A client that is still sending gets its 413, and one that only announces isn't read from.
#[tokio::test]
async fn too_large_is_told_to_a_client_that_is_still_sending() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-size", "1KiB"]);
    for _ in 0..20 {
        let request =
            server.request(Method::POST, "/api/v1/secrets").header("content-type", "application/octet-stream");
        let response = request.body(vec![0; 4 << 20]).send().await.unwrap();
        assert_eq!(response.status(), 413);
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains("1024 bytes"), "{problem}");
    }
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n\
                content-length: 99999999\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Chunked, without a length.
    let chunks = (0..4).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 4096]));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let request = server.request(Method::POST, "/api/v1/secrets").header("content-type", "application/octet-stream");
    assert_eq!(request.body(body).send().await.unwrap().status(), 413);
}
