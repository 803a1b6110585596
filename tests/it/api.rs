//! The HTTP API, from outside: what it does, what it answers to bad input, and that bad input costs nobody a secret.

use std::time::Duration;

use crate::common::{self, CLAIM, Server, directory, noise, until};
use jiff::Timestamp;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const GONE: &str = "Secret not found, already viewed, or expired";

async fn assert_gone(response: Response) {
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["detail"], GONE);
    assert_eq!(problem["code"], "gone");
    assert_eq!(problem["status"], 404);
}

#[tokio::test]
async fn create_read_once_then_404() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let response = server.post_json(r#"{"content":"hunter2"}"#).await;
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let created: Value = response.json().await.unwrap();
    let token = created["token"].as_str().unwrap();
    assert_eq!(location, format!("/api/v1/secrets/{token}"));
    assert_eq!(created["url"], format!("{}/s/{token}", server.url));
    assert_eq!(created["message"], "Secret stored successfully");
    assert_eq!(created.as_object().unwrap().len(), 4);
    let expires: Timestamp = created["expires_at"].as_str().unwrap().parse().unwrap();
    let ttl = expires.duration_since(Timestamp::now()).as_secs();
    assert!((86_390..=86_400).contains(&ttl), "the default is 24 hours: {ttl}");
    let text = created["expires_at"].as_str().unwrap();
    assert!(text.len() == 24 && text.ends_with('Z'), "milliseconds, UTC: {text}");

    let response = server.get(token).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body = response.text().await.unwrap();
    assert_eq!(body, r#"{"content":"hunter2","message":"Secret retrieved successfully"}"#);
    for _ in 0..2 {
        assert_gone(server.get(token).await).await;
        assert_gone(server.status(token).await).await;
        assert_gone(server.delete(token, None).await).await;
        assert_gone(server.reveal(token, Some(CLAIM), None).await).await;
    }
}

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
async fn ttl_is_kept_fractions_too_and_expiry_is_at_once() {
    let data = directory();
    let server = Server::start(data.path(), &["--cleanup-interval", "30s"]);
    for (body, seconds) in [
        (json!({"content": "x", "ttl_hours": 1}), 3600),
        (json!({"content": "x", "ttl_hours": 0.5}), 1800),
        (json!({"content": "x", "ttl_seconds": 90}), 90),
        (json!({"content": "x", "ttl_hours": 720}), 30 * 86_400),
    ] {
        let created: Value = server.post_json(&body.to_string()).await.json().await.unwrap();
        let expires: Timestamp = created["expires_at"].as_str().unwrap().parse().unwrap();
        let ttl = expires.duration_since(Timestamp::now()).as_secs();
        assert!((seconds - 10..=seconds).contains(&ttl), "{body}: {ttl}");
    }
    // Expired, and long before the sweeper comes by: gone for everybody.
    let token = server.create_with(json!({"content": "x", "ttl_seconds": 1})).await;
    assert_eq!(server.status(&token).await.status(), 200);
    until("it has expired", Duration::from_secs(3), || async { server.status(&token).await.status() == 404 }).await;
    assert_gone(server.get(&token).await).await;
    assert_gone(server.reveal(&token, Some(CLAIM), None).await).await;
    assert_gone(server.delete(&token, None).await).await;
}

#[tokio::test]
async fn status_and_head_tell_and_destroy_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("hunter2").await;
    for _ in 0..3 {
        let status: Value = server.status(&token).await.json().await.unwrap();
        assert_eq!(status["size"], 7);
        assert_eq!(status["encrypted"], false);
        assert_eq!(status["passphrase_required"], false);
        assert_eq!(status.as_object().unwrap().len(), 5);
        let head = server.request(Method::HEAD, &format!("/api/v1/secrets/{token}")).send().await.unwrap();
        assert_eq!(head.status(), 200);
    }
    assert_eq!(server.get(&token).await.status(), 200);
    let head = server.request(Method::HEAD, &format!("/api/v1/secrets/{token}")).send().await.unwrap();
    assert_eq!(head.status(), 404);
}

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
async fn a_browser_by_itself_reads_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("x").await;
    for (name, value) in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-dest", "iframe"),
        ("sec-fetch-dest", "image"),
        ("sec-fetch-dest", "script"),
    ] {
        let request = server.request(Method::GET, &format!("/api/v1/secrets/{token}")).header(name, value);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{name}: {value}");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains("/s/"), "the way to the page");
    }
    let request = server.request(Method::GET, &format!("/api/v1/secrets/{token}")).header("sec-fetch-dest", "empty");
    assert_eq!(request.send().await.unwrap().status(), 200, "fetch() means it");
}

#[tokio::test]
async fn a_claim_is_one_readers_until_it_is_acknowledged() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("hunter2").await;
    for _ in 0..3 {
        let response = server.reveal(&token, Some(CLAIM), None).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.json::<Value>().await.unwrap()["content"], "hunter2");
    }
    let other = "another-claim-0123456789";
    assert_gone(server.reveal(&token, Some(other), None).await).await;
    assert_gone(server.reveal(&token, None, None).await).await;
    assert_gone(server.get(&token).await).await;
    assert_gone(server.status(&token).await).await;
    assert_gone(server.delete(&token, None).await).await;
    assert_gone(server.delete(&token, Some(other)).await).await;
    // Its own reader still sees it, gets it, and then destroys it.
    let mine = server.request(Method::GET, &format!("/api/v1/secrets/{token}/status")).header("idempotency-key", CLAIM);
    assert_eq!(mine.send().await.unwrap().status(), 200);
    assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
    assert_eq!(server.delete(&token, Some(CLAIM)).await.status(), 204);
    assert_gone(server.reveal(&token, Some(CLAIM), None).await).await;
    assert_gone(server.delete(&token, Some(CLAIM)).await).await;
}

#[tokio::test]
async fn the_lease_ends() {
    let data = directory();
    let server = Server::start(data.path(), &["--claim-lease", "1s"]);
    let token = server.create("hunter2").await;
    assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
    until("the lease has ended", Duration::from_secs(4), || async {
        server.reveal(&token, Some(CLAIM), None).await.status() == 404
    })
    .await;
    assert_gone(server.reveal(&token, None, None).await).await;
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

#[tokio::test]
async fn a_passphrase_has_ten_tries() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create_with(json!({"content": "hunter2", "passphrase": "open sesame"})).await;
    let status: Value = server.status(&token).await.json().await.unwrap();
    assert_eq!((&status["passphrase_required"], &status["encrypted"]), (&json!(true), &json!(false)));
    // Without one nothing is counted, and nothing destroyed.
    for _ in 0..12 {
        assert_eq!(server.get(&token).await.status(), 403);
        let response = server.reveal(&token, Some(CLAIM), None).await;
        assert_eq!(response.status(), 403);
        assert_eq!(response.json::<Value>().await.unwrap()["code"], "passphrase_required");
    }
    for left in (1..10).rev() {
        let problem: Value = server.reveal(&token, Some(CLAIM), Some("wrong")).await.json().await.unwrap();
        assert_eq!((&problem["code"], &problem["attempts_left"]), (&json!("wrong_passphrase"), &json!(left)));
    }
    let other = server.create_with(json!({"content": "hunter2", "passphrase": "open sesame"})).await;
    assert_eq!(
        server.reveal(&token, Some(CLAIM), Some("open sesame")).await.status(),
        200,
        "the tenth try may be right"
    );
    assert_eq!(server.reveal(&token, Some(CLAIM), Some("open sesame")).await.status(), 200, "and be repeated");
    assert_gone(server.reveal(&token, None, Some("open sesame")).await).await;

    for left in (0..10).rev() {
        let response = server.reveal(&other, None, Some("wrong")).await;
        assert_eq!(response.status(), 403);
        assert_eq!(response.json::<Value>().await.unwrap()["attempts_left"], left);
    }
    assert_gone(server.reveal(&other, None, Some("open sesame")).await).await;
}

/// However many guess at once, ten guesses are checked and no more.
#[tokio::test]
async fn guessing_in_parallel_gains_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create_with(json!({"content": "hunter2", "passphrase": "right"})).await;
    let guesses = (0..64).map(|_| server.reveal(&token, None, Some("wrong")));
    let answers = futures_util::future::join_all(guesses).await;
    let wrong = answers.iter().filter(|answer| answer.status() == 403).count();
    assert_eq!(wrong, 10);
    assert!(answers.iter().all(|answer| answer.status() == 403 || answer.status() == 404));
    assert_gone(server.reveal(&token, None, Some("right")).await).await;
}

#[tokio::test]
async fn envelopes_are_marked() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let body = json!({"content": "T1RTMQ==", "encoding": "base64", "encrypted": true, "passphrase": "proof", "passphrase_required": true});
    let token = server.create_with(body).await;
    let status: Value = server.status(&token).await.json().await.unwrap();
    assert_eq!(
        (&status["encrypted"], &status["passphrase_required"], &status["size"]),
        (&json!(true), &json!(true), &json!(4))
    );
    let token = server.create_with(json!({"content": "x", "encrypted": true, "passphrase": "proof"})).await;
    let status: Value = server.status(&token).await.json().await.unwrap();
    assert_eq!((&status["encrypted"], &status["passphrase_required"]), (&json!(true), &json!(false)));
    assert_eq!(server.get(&token).await.status(), 403, "the proof is asked for");
    assert_eq!(server.reveal(&token, None, Some("proof")).await.status(), 200);
}

#[tokio::test]
async fn bytes_pass_as_they_are() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let every: Vec<u8> = (0..=255).collect();
    for content in [every.clone(), vec![0], noise(1, 1 << 20), b"text\n".to_vec()] {
        let request = server.request(Method::POST, "/api/v1/secrets?ttl_seconds=60&encrypted=false");
        let response =
            request.header("content-type", "application/octet-stream").body(content.clone()).send().await.unwrap();
        assert_eq!(response.status(), 201);
        let created: Value = response.json().await.unwrap();
        let token = created["token"].as_str().unwrap();
        let request = server.request(Method::GET, &format!("/api/v1/secrets/{token}"));
        let response = request.header("accept", "application/octet-stream").send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/octet-stream");
        assert!(response.bytes().await.unwrap() == content);
    }
    // As JSON, what isn't text is base64.
    let request = server.request(Method::POST, "/api/v1/secrets").header("content-type", "application/octet-stream");
    let created: Value = request.body(vec![0xff, 0]).send().await.unwrap().json().await.unwrap();
    let read: Value = server.get(created["token"].as_str().unwrap()).await.json().await.unwrap();
    assert_eq!((&read["content"], &read["encoding"]), (&json!("/wA="), &json!("base64")));
    // Characters that JSON escapes come back as they were, up to the limit.
    let hard = "\u{0}\"\\\n\u{1f}\u{7f}é\u{1F511}".repeat(50_000);
    let token = server.create(&hard).await;
    assert_eq!(server.get(&token).await.json::<Value>().await.unwrap()["content"], hard);
}

#[tokio::test]
async fn octet_stream_parameters_are_checked() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (query, header, status) in [
        ("?ttl_seconds=0", None, 422),
        ("?ttl_seconds=hunter2", None, 422),
        ("?ttl_second=60", None, 422),
        ("?encrypted=maybe", None, 422),
        ("?passphrase_required=true", None, 422),
        ("", Some("not base64url!"), 422),
        ("", Some(""), 422),
        ("", Some("c2VzYW1l"), 201),
        ("?encrypted=true&passphrase_required=true", Some("c2VzYW1l"), 201),
    ] {
        let mut request = server.request(Method::POST, &format!("/api/v1/secrets{query}"));
        request = request.header("content-type", "application/octet-stream").body("hunter2");
        request = header.into_iter().fold(request, |request, value| request.header("ots-passphrase", value));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{query} {header:?}");
        let body: Value = response.json().await.unwrap();
        assert!(!body.to_string().contains("hunter2"));
        if status == 201 {
            let token = body["token"].as_str().unwrap();
            assert_eq!(server.reveal(token, None, Some("sesame")).await.status(), 200);
        }
    }
    let empty = server.request(Method::POST, "/api/v1/secrets").header("content-type", "application/octet-stream");
    assert_eq!(empty.send().await.unwrap().status(), 422);
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

#[tokio::test]
async fn health_and_info() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-size", "2MiB", "--default-ttl", "1h", "--max-ttl", "2d"]);
    let health: Value = server.request(Method::GET, "/health").send().await.unwrap().json().await.unwrap();
    assert_eq!(health, json!({"status": "healthy", "database": "connected", "version": env!("CARGO_PKG_VERSION")}));
    let info: Value = server.request(Method::GET, "/api/v1/info").send().await.unwrap().json().await.unwrap();
    assert_eq!(
        info,
        json!({"max_size": 2 << 20, "default_ttl_seconds": 3600, "max_ttl_seconds": 172_800, "version": env!("CARGO_PKG_VERSION")})
    );
}

#[tokio::test]
async fn links_start_with_the_public_url() {
    let data = directory();
    let server = Server::start(data.path(), &["--public-url", "https://ots.example.org/under"]);
    let created: Value = server.post_json(r#"{"content":"x"}"#).await.json().await.unwrap();
    let token = created["token"].as_str().unwrap();
    assert_eq!(created["url"], format!("https://ots.example.org/under/s/{token}"));
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

#[tokio::test]
async fn connections_beyond_the_cap_are_told() {
    let data = directory();
    let server = Server::start(data.path(), &["--max-connections", "4"]);
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).await.unwrap();
        held.push(stream);
    }
    let response = server.request(Method::GET, "/health").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    drop(held);
    until("there is room again", Duration::from_secs(5), || server.healthy()).await;
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
