//! Reading a secret: by whom, how often, with which passphrase, and byte for byte.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::assert_gone;
use crate::common::{CLAIM, Server, directory, noise, until};

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

/// However many guess at once, ten guesses are checked and no more: a right one after them finds nothing.
#[tokio::test]
async fn guessing_in_parallel_gains_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    // A right one among them is one of the ten, or comes too late.
    for place in 0..24 {
        let token = server.create_with(json!({"content": "hunter2", "passphrase": "right"})).await;
        let guesses =
            (0..24).map(|guess| server.reveal(&token, None, Some(if guess == place { "right" } else { "wrong" })));
        let answers = futures_util::future::join_all(guesses).await;
        let count = |status| answers.iter().filter(|answer| answer.status() == status).count();
        let (right, wrong) = (count(200), count(403));
        assert!(right == 1 && wrong < 10 || right == 0 && wrong == 10, "{right} right, {wrong} wrong");
        assert_eq!(right, usize::from(answers[place].status() == 200));
        assert_eq!(right + wrong + count(404), 24);
        assert_gone(server.reveal(&token, None, Some("right")).await).await;
    }
    let token = server.create_with(json!({"content": "hunter2", "passphrase": "right"})).await;
    let guesses = (0..64).map(|_| server.reveal(&token, None, Some("wrong")));
    let answers = futures_util::future::join_all(guesses).await;
    let wrong = answers.iter().filter(|answer| answer.status() == 403).count();
    assert_eq!(wrong, 10);
    assert!(answers.iter().all(|answer| answer.status() == 403 || answer.status() == 404));
    assert_gone(server.reveal(&token, None, Some("right")).await).await;
}

/// Who leaves before the answer has guessed all the same; and what didn't arrive whole is no guess.
#[tokio::test]
async fn guesses_count_when_their_callers_leave() {
    use tokio::{io::AsyncWriteExt, net::TcpStream};
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create_with(json!({"content": "hunter2", "passphrase": "right"})).await;
    let guess = r#"{"passphrase":"wrong"}"#;
    let request = format!(
        "POST /api/v1/secrets/{token}/reveal HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{guess}",
        guess.len()
    );
    let leave = async |part: &str, reset: bool| {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(part.as_bytes()).await.unwrap();
        if reset {
            stream.set_zero_linger().unwrap();
        }
    };
    for number in 0..30 {
        leave(&request[..request.len() - 1], number % 2 == 0).await;
    }
    let problem: Value = server.reveal(&token, None, Some("wrong")).await.json().await.unwrap();
    assert_eq!(problem["attempts_left"], 9, "only this one");
    for _ in 0..30 {
        leave(&request, false).await;
    }
    until("their guesses have used it up", Duration::from_secs(10), || async {
        server.status(&token).await.status() == 404
    })
    .await;
    assert_gone(server.reveal(&token, None, Some("right")).await).await;
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
