//! Storing a secret: its answer, its time to live, its link, and what is said of it besides the content.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::assert_gone;
use crate::common::{CLAIM, Server, directory, until};

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

#[tokio::test]
async fn links_start_with_the_public_url() {
    let data = directory();
    let server = Server::start(data.path(), &["--public-url", "https://ots.example.org/under"]);
    let created: Value = server.post_json(r#"{"content":"x"}"#).await.json().await.unwrap();
    let token = created["token"].as_str().unwrap();
    assert_eq!(created["url"], format!("https://ots.example.org/under/s/{token}"));
}
