//! Storing a secret: its answer, its time to live, its link, and what is said of it besides the content.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use super::assert_gone;
use crate::common::{CLAIM, Server, directory, until};

/// What an end-to-end secret's proof looks like.
const PROOF: &str = "oAQnPYp5Iq64dWNL8OKUJrNUUxKZBYzEgRz8Yu5_hXQ";

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
    let body = json!({"content": "T1RTMQ==", "encoding": "base64", "encrypted": true, "passphrase": PROOF, "passphrase_required": true});
    let token = server.create_with(body).await;
    let status: Value = server.status(&token).await.json().await.unwrap();
    assert_eq!(
        (&status["encrypted"], &status["passphrase_required"], &status["size"]),
        (&json!(true), &json!(true), &json!(4))
    );
    let token = server.create_with(json!({"content": "x", "encrypted": true, "passphrase": PROOF})).await;
    let status: Value = server.status(&token).await.json().await.unwrap();
    assert_eq!((&status["encrypted"], &status["passphrase_required"]), (&json!(true), &json!(false)));
    assert_eq!(server.get(&token).await.status(), 403, "the proof is asked for");
    assert_eq!(server.reveal(&token, None, Some(PROOF)).await.status(), 200);
}

/// Else whoever has the bare token, a scanner that clicks for one, could destroy it.
#[tokio::test]
async fn an_envelope_without_a_proof_is_refused() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let whole = [PROOF.to_owned()];
    let wrong = [
        "hunter2".to_owned(),
        PROOF[1..].to_owned(),
        format!("{PROOF}A"),
        format!("{}B", &PROOF[1..]),
        format!("{PROOF}="),
    ];
    let wrong: Vec<String> = wrong.into_iter().chain([format!("{}+", &PROOF[1..]), "Ä".repeat(43)]).collect();
    for proof in whole.iter().chain(&wrong).map(Some).chain([None]) {
        let status = if proof == whole.first() { 201 } else { 422 };
        let mut body = json!({"content": "x", "encrypted": true, "passphrase": proof});
        if proof.is_none() {
            body.as_object_mut().unwrap().remove("passphrase");
        }
        let by_json = server.post_json(&body.to_string()).await;
        let request = server.request(Method::POST, "/api/v1/secrets?encrypted=true&passphrase_required=true");
        let mut request = request.header("content-type", "application/octet-stream").body("x");
        if let Some(proof) = proof {
            request = request.header("ots-passphrase", BASE64URL_NOPAD.encode(proof.as_bytes()));
        }
        let by_octets = request.send().await.unwrap();
        for (answer, pointer) in [(by_json, "/passphrase"), (by_octets, "/headers/Ots-Passphrase")] {
            assert_eq!(answer.status(), status, "{proof:?}");
            let answer: Value = answer.json().await.unwrap();
            if status == 422 {
                assert_eq!((&answer["code"], &answer["errors"][0]["pointer"]), (&json!("validation"), &json!(pointer)));
                let detail = answer["errors"][0]["detail"].as_str().unwrap();
                assert!(detail.contains("needs its proof") && !answer.to_string().contains("hunter2"), "{answer}");
            }
        }
    }
}

/// Whatever form a keyboard gives a passphrase: curl and the form without script have no client that would make it one.
#[tokio::test]
async fn a_passphrase_is_the_same_in_every_normal_form() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let forms = ["caf\u{e9} 10\u{212b}", "cafe\u{301} 10A\u{30a}"];
    for (given, typed) in [(forms[0], forms[1]), (forms[1], forms[0])] {
        let token = server.create_with(json!({"content": "x", "passphrase": given})).await;
        assert_eq!(
            server.reveal(&token, Some(CLAIM), Some(&format!("{typed} "))).await.status(),
            403,
            "a space counts"
        );
        assert_eq!(server.reveal(&token, Some(CLAIM), Some(typed)).await.status(), 200);
        let form = |fields: &[(&str, &str)]| {
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
        };
        let post = |path: String, body: String| {
            let request = server.request(Method::POST, &path).header("sec-fetch-site", "same-origin");
            request.header("content-type", "application/x-www-form-urlencoded").body(body).send()
        };
        let page = post("/".to_owned(), form(&[("content", "hunter2"), ("passphrase", given)])).await.unwrap();
        let page = page.text().await.unwrap();
        let token = &page.split("/s/").nth(1).unwrap()[..32];
        let page = post(format!("/s/{token}"), form(&[("claim", CLAIM), ("passphrase", typed)])).await.unwrap();
        assert!(page.text().await.unwrap().contains("hunter2"), "{typed:?}");
    }
    for (passphrase, status) in [("e\u{301}".repeat(512), 201), ("\u{958}".repeat(341), 422), ("e".repeat(9000), 422)] {
        let body = json!({"content": "x", "passphrase": passphrase}).to_string();
        assert_eq!(server.post_json(&body).await.status(), status, "{} bytes", passphrase.len());
    }
}

#[tokio::test]
async fn a_header_that_says_two_things_is_refused() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("x").await;
    let (secret, other) = (format!("/api/v1/secrets/{token}"), CLAIM.replace('c', "d"));
    let paths = [(Method::POST, "/reveal"), (Method::GET, "/status"), (Method::HEAD, ""), (Method::DELETE, "")];
    for (method, path) in &paths {
        let request = server.request(method.clone(), &format!("{secret}{path}"));
        let answer = request.header("idempotency-key", CLAIM).header("idempotency-key", &other).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{method} {path}");
        if *method != Method::HEAD {
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["code"], "bad_request");
            assert!(!problem.to_string().contains(CLAIM), "{problem}");
        }
    }
    let create = server.request(Method::POST, "/api/v1/secrets").header("content-type", "application/octet-stream");
    let create = create.header("ots-passphrase", "YQ").header("ots-passphrase", "Yg").body("x");
    assert_eq!(create.send().await.unwrap().status(), 400);
    // The same twice says one thing.
    let request = server.request(Method::POST, &format!("{secret}/reveal"));
    let answer = request.header("idempotency-key", CLAIM).header("idempotency-key", CLAIM).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn base64_is_one_text() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (text, status) in
        [("YQ==", 201), ("YWI=", 201), ("YQ==Yg==", 422), ("YWI=YWI=", 422), ("YQ==YWJj", 422), ("YWJjYQ==", 201)]
    {
        let body = json!({"content": text, "encoding": "base64"}).to_string();
        assert_eq!(server.post_json(&body).await.status(), status, "{text}");
    }
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
