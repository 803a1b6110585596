//! Single sign-on ends at a proxy, which says in a header whom it has let in: that counts from a trusted proxy only.

use std::time::Duration;

use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{key, said};
use crate::common::{Server, directory, until};

/// Asks to store something, with these headers.
async fn create(server: &Server, headers: &[(&str, &[u8])]) -> reqwest::Response {
    let request = server.request(Method::POST, "/api/v1/secrets").json(&json!({ "content": "hunter2" }));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

#[tokio::test]
async fn a_trusted_proxy_names_who_creates() {
    let data = directory();
    let server = Server::start(data.path(), &["--user-header", "X-Forwarded-User", "--trusted-proxy", "127.0.0.0/8"]);
    let refused = said(create(&server, &[]).await).await;
    let problem: Value = serde_json::from_str(&refused.2).unwrap();
    assert_eq!((refused.0, &problem["code"]), (401, &json!("user_required")));
    let long = "a".repeat(257);
    for headers in [
        &[("x-forwarded-user", b"" as &[u8])][..],
        &[("x-forwarded-user", b"   ")],
        &[("x-forwarded-user", b"ann"), ("x-forwarded-user", b"ann")],
        &[("x-forwarded-user", b"ann"), ("X-Forwarded-User", b"root")],
        &[("x-forwarded-user", b"a\tb")],
        &[("x-forwarded-user", b"\xff\xfe")],
        &[("x-forwarded-user", long.as_bytes())],
        &[("remote-user", b"ann")],
        &[("authorization", b"Bearer ann")],
    ] {
        assert_eq!(said(create(&server, headers).await).await, refused, "{headers:?}");
    }
    for name in ["ann", "Ann O'Neil", "\u{c4}nne"] {
        assert_eq!(create(&server, &[("X-Forwarded-User", name.as_bytes())]).await.status(), 201, "{name}");
        let named = || async { server.log().contains(&format!("user {name}")) };
        until("the log names who it was", Duration::from_secs(5), named).await;
    }
    // Whoever reads needs no name.
    let created: Value = create(&server, &[("x-forwarded-user", b"ann")]).await.json().await.unwrap();
    assert_eq!(server.get(created["token"].as_str().unwrap()).await.status(), 200);
    let info: Value = server.request(Method::GET, "/api/v1/info").send().await.unwrap().json().await.unwrap();
    assert_eq!(info["key_required"], json!(false), "no key would help");
}

#[tokio::test]
async fn from_others_the_header_says_nothing() {
    let (data, place) = (directory(), directory());
    let proxies = ["--user-header", "Remote-User", "--trusted-proxy", "10.0.0.0/8"];
    let server = Server::start(data.path(), &proxies);
    let forged: [(&str, &[u8]); 3] =
        [("remote-user", b"ann"), ("x-forwarded-for", b"10.0.0.1"), ("forwarded", b"for=10.0.0.1")];
    let refused = said(create(&server, &[]).await).await;
    for headers in [&forged[..1], &forged[..2], &forged[..]] {
        assert_eq!(said(create(&server, headers).await).await, refused, "{headers:?}");
    }
    assert!(server.stop().success());

    // Where keys are taken as well, either is enough; and a proxy may pass on a bearer token that isn't ours.
    let file = place.path().join("keys");
    let key = key(&file, "ci", &[]);
    let keys = ["--create-keys", file.to_str().unwrap(), "--user-header", "Remote-User"];
    for (proxy, theirs) in [("127.0.0.1", 201), ("10.0.0.0/8", 401)] {
        let server = Server::start(data.path(), &[&keys[..], &["--trusted-proxy", proxy]].concat());
        let ours = format!("Bearer {key}");
        let (bearer, user) = (header::AUTHORIZATION.as_str(), ("remote-user", b"ann" as &[u8]));
        assert_eq!(create(&server, &[(bearer, ours.as_bytes()), user]).await.status(), 201);
        assert_eq!(create(&server, &[(bearer, b"Bearer eyJhbGciOiJub25lIn0.e30."), user]).await.status(), theirs);
        let answer = create(&server, &[]).await;
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], json!("key_required"));
        assert!(server.stop().success());
    }
}
