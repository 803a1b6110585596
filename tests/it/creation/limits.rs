//! What a key allows less of than the server does, and until when.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::{key, server};
use crate::common::{Server, directory, until};

async fn store(server: &Server, key: &str, body: Value) -> Response {
    server.request(Method::POST, "/api/v1/secrets").bearer_auth(key).json(&body).send().await.unwrap()
}

async fn problem(answer: Response) -> (u16, Value) {
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_key_allows_what_its_line_says_and_never_more_than_the_server() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let small = key(&file, "small", &["--ttl-max", "1h", "--size-max", "1KiB"]);
    let large = key(&file, "large", &["--ttl-max", "365d", "--size-max", "100MiB"]);
    let server = server(data.path(), &file);
    let content = |length: usize| "x".repeat(length);

    for (body, pointer) in [
        (json!({ "content": "x", "ttl_seconds": 3601 }), "/ttl_seconds"),
        (json!({ "content": "x", "ttl_hours": 24 }), "/ttl_hours"),
    ] {
        let (status, problem) = problem(store(&server, &small, body).await).await;
        assert_eq!((status, &problem["errors"][0]["pointer"], &problem["limit"]), (422, &json!(pointer), &json!(3600)));
        assert!(problem["detail"].as_str().unwrap().contains("at most 1 hour"), "{problem}");
    }
    assert_eq!(store(&server, &small, json!({ "content": content(1024), "ttl_seconds": 3600 })).await.status(), 201);
    // Who doesn't say how long gets what the key allows, where the server's default is more.
    let created: Value = store(&server, &small, json!({ "content": "x" })).await.json().await.unwrap();
    let status: Value = server.status(created["token"].as_str().unwrap()).await.json().await.unwrap();
    let at = |name: &str| status[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(at("expires_at").duration_since(at("created_at")).as_secs(), 3600);

    for body in [json!({ "content": content(1025) }), json!({ "content": content(100_000) })] {
        let (status, problem) = problem(store(&server, &small, body).await).await;
        assert_eq!((status, &problem["code"], &problem["limit"]), (413, &json!("too_large"), &json!(1024)));
        assert!(problem["detail"].as_str().unwrap().contains("1024 bytes"), "{problem}");
    }
    for length in [1024, 1025] {
        let request = server.request(Method::POST, "/api/v1/secrets").bearer_auth(&small);
        let request = request.header("content-type", "application/octet-stream").body(content(length));
        assert_eq!(request.send().await.unwrap().status(), if length == 1024 { 201 } else { 413 });
    }

    let (status, problem) =
        problem(store(&server, &large, json!({ "content": "x", "ttl_seconds": 2_592_001 })).await).await;
    assert_eq!((status, &problem["limit"]), (422, &json!(2_592_000)));
    assert_eq!(store(&server, &large, json!({ "content": content(1 << 20) })).await.status(), 201);
    assert_eq!(store(&server, &large, json!({ "content": content((1 << 20) + 1) })).await.status(), 413);
}

#[tokio::test]
async fn a_key_is_refused_from_its_end_on() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let short = key(&file, "short", &["--expires", "3s"]);
    let long = key(&file, "long", &["--expires", "1d"]);
    let line = std::fs::read_to_string(&file).unwrap();
    let end =
        line.split("expires=").nth(1).unwrap().split_whitespace().next().unwrap().parse::<jiff::Timestamp>().unwrap();
    let server = server(data.path(), &file);
    let create = async |key: &str| store(&server, key, json!({ "content": "x" })).await.status().as_u16();
    let (before, status) = (jiff::Timestamp::now(), create(&short).await);
    // It may be over already where the machine is busy: then that is what has to be said.
    assert!(status == 201 || before + Duration::from_secs(1) >= end, "{status}");
    until("its end", Duration::from_secs(10), async || jiff::Timestamp::now() >= end).await;
    assert_eq!((create(&short).await, create(&long).await), (401, 201));
}

/// Twenty thousand keys are read at once, and the last of them is found as the first is.
#[tokio::test]
async fn many_keys() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let first = key(&file, "first", &[]);
    let others: Vec<String> = (0..20_000).map(|number| format!("key{number} {number:064x}\n")).collect();
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &others.concat()).unwrap();
    let last = key(&file, "last", &[]);
    let server = server(data.path(), &file);
    assert!(server.log().contains("20002 create key(s)"));
    for key in [&first, &last] {
        assert_eq!(store(&server, key, json!({ "content": "x" })).await.status(), 201);
    }
    assert_eq!(store(&server, &"ots_".repeat(14), json!({ "content": "x" })).await.status(), 401);
}
