//! What somebody at the same address, or another website's page in a reader's browser, takes from others: nothing.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;

use crate::{
    common::{CLAIM, Server, directory, until},
    creation::key,
};

const PROXY: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];
const NOWHERE: &str = "/api/v1/secrets/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// From the one address that all share.
fn shared(server: &Server, method: Method, path: &str) -> RequestBuilder {
    server.request(method, path).header("x-forwarded-for", "192.0.2.1")
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// Others have missed as often as the address may; whoever is reading asks again, and says that it has the content.
#[tokio::test]
async fn a_reader_gets_on_however_much_its_neighbours_miss() {
    let data = directory();
    let server = Server::start(data.path(), &[&PROXY[..], &["--rate-limit", "misses=2/h"]].concat());
    let (token, other) = (server.create("x").await, server.create("y").await);
    let reveal = |token: &str, claim: &'static str| {
        shared(&server, Method::POST, &format!("/api/v1/secrets/{token}/reveal")).header("idempotency-key", claim)
    };
    assert_eq!(status(reveal(&token, CLAIM)).await, 200);
    for expected in [404, 404, 429] {
        assert_eq!(status(shared(&server, Method::GET, NOWHERE)).await, expected);
    }
    assert_eq!(status(reveal(&token, CLAIM)).await, 200, "again, under its claim");
    // Which opens nothing else, and tells nothing of what isn't there.
    assert_eq!(status(reveal(&token, "another-claim-0123456")).await, 429);
    assert_eq!(status(reveal(&other, CLAIM)).await, 429);
    assert_eq!(status(reveal("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", CLAIM)).await, 429);
    let acknowledge = |token: &str| {
        shared(&server, Method::DELETE, &format!("/api/v1/secrets/{token}")).header("idempotency-key", CLAIM)
    };
    assert_eq!(status(acknowledge(&other)).await, 429);
    assert_eq!(status(acknowledge(&token)).await, 204);
    assert_eq!(status(acknowledge(&token)).await, 429, "what is gone is a miss as any other");
    assert_eq!(server.get(&other).await.status(), StatusCode::OK);
}

/// Pictures, frames and scripts of another website's page ask for links that aren't there: its reader misses nothing by it.
#[tokio::test]
async fn another_websites_page_uses_up_nobodys_misses() {
    let data = directory();
    let server = Server::start(data.path(), &[&PROXY[..], &["--rate-limit", "misses=2/h"]].concat());
    let token = server.create("x").await;
    for dest in ["image", "iframe", "script", "empty", "object"] {
        for path in ["/s/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &format!("{NOWHERE}/status")] {
            let request = shared(&server, Method::GET, path).header("sec-fetch-site", "cross-site");
            assert_eq!(status(request.header("sec-fetch-dest", dest)).await, 403, "{dest} {path}");
        }
        let read = shared(&server, Method::GET, NOWHERE).header("sec-fetch-site", "cross-site");
        let read = status(read.header("sec-fetch-dest", dest)).await;
        assert!([400, 403].contains(&read), "{dest}: {read}");
    }
    let followed = shared(&server, Method::GET, &format!("/s/{token}")).header("sec-fetch-site", "cross-site");
    assert_eq!(status(followed.header("sec-fetch-dest", "document")).await, 200, "a link in somebody's mail");
    assert_eq!(status(shared(&server, Method::GET, &format!("/api/v1/secrets/{token}"))).await, 200);
}

/// Whoever has no key uses up the misses, and not what whoever has one may store.
#[tokio::test]
async fn whoever_has_no_key_stops_nobody_who_has_one() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let bearer = format!("Bearer {}", key(&file, "ci", &[]));
    let keys = ["--create-keys", file.to_str().unwrap(), "--rate-limit", "creates=3/h,misses=4/h"];
    let server = Server::start(data.path(), &[&PROXY[..], &keys].concat());
    let create = || shared(&server, Method::POST, "/api/v1/secrets").json(&json!({ "content": "x" }));
    for expected in [401, 401, 401, 401, 429, 429] {
        assert_eq!(status(create()).await, expected);
    }
    for expected in [201, 201, 201, 429] {
        assert_eq!(status(create().header("authorization", &bearer)).await, expected);
    }
}

/// A key that is typed into the form counts as one that is shown.
#[tokio::test]
async fn a_typed_key_creates_no_more_than_a_shown_one() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let typed = format!("content=x&ttl=3600&create_key={}", key(&file, "ci", &[]));
    let keys = ["--create-keys", file.to_str().unwrap(), "--rate-limit", "creates=3/h"];
    let server = Server::start(data.path(), &[&PROXY[..], &keys].concat());
    for expected in [201, 201, 201, 429] {
        let form = shared(&server, Method::POST, "/").header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(status(form.body(typed.clone())).await, expected);
    }
}

/// Clients of whom the proxy doesn't say who they are share one quota, on this machine too.
#[tokio::test]
async fn whoever_hides_behind_the_proxy_has_no_quota_more() {
    let data = directory();
    let server = Server::start(data.path(), &[&PROXY[..], &["--quota-secrets-each", "3"]].concat());
    let mut stored = 0;
    for (name, value) in [
        ("forwarded", "for=203.0.113.9"),
        ("forwarded", "\""),
        ("forwarded", "for=unknown"),
        ("forwarded", "for=_hidden"),
        ("x-forwarded-for", "unknown"),
        ("x-forwarded-for", "fe80::1%eth0"),
    ] {
        let request = shared(&server, Method::POST, "/api/v1/secrets").json(&json!({ "content": "x" }));
        stored += usize::from(status(request.header(name, value)).await == 201);
    }
    assert_eq!(stored, 3);
}

/// A wrong --public-url turns everybody away: the log says whom, once.
#[tokio::test]
async fn the_log_names_a_host_that_is_turned_away() {
    let data = directory();
    let server = Server::start(data.path(), &[&PROXY[..], &["--public-url", "https://ots.example.net"]].concat());
    for _ in 0..3 {
        let request = server.request(Method::GET, "/").header("host", "ots.example.org");
        assert_eq!(status(request).await, 421);
    }
    let told = || server.log().matches("a request was for \"ots.example.org\"").count();
    until("it is told", Duration::from_secs(5), async || told() > 0).await;
    assert_eq!(told(), 1, "{}", server.log());
}
