//! Quotas of those who were asked for a key or a name: it is them who have one, wherever they ask from.

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    common::{Server, database::assert_sound, directory},
    creation::key,
};

/// Asks to store something, with these headers; the status, and the code of a problem.
async fn create(server: &Server, headers: &[(&str, &str)]) -> (u16, Value) {
    let request = server.request(Method::POST, "/api/v1/secrets").json(&json!({ "content": "hunter2" }));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["code"].clone())
}

/// Each key has its own quota; one key has one from two addresses, on the page as in the API, and through its own end and renewal.
#[tokio::test]
async fn each_key_has_a_quota_of_its_own() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let (ci, bob) = (key(&file, "ci", &[]), key(&file, "bob", &[]));
    let (stored, full) = ((201, Value::Null), (507, json!("quota_exceeded")));
    let options =
        ["--quota-secrets-each", "3", "--trusted-proxy", "127.0.0.1", "--create-keys", file.to_str().unwrap()];
    let server = Server::start(data.path(), &options);
    let by = async |key: &str, address: &str| {
        let bearer = format!("Bearer {key}");
        create(&server, &[(header::AUTHORIZATION.as_str(), &bearer), ("x-forwarded-for", address)]).await
    };
    assert_eq!(by(&ci, "192.0.2.1").await, stored);
    assert_eq!(by(&ci, "192.0.2.2").await, stored);
    let page = server.request(Method::POST, "/").header("content-type", "application/x-www-form-urlencoded");
    let page = page.body(format!("content=x&ttl=3600&create_key={ci}")).send().await.unwrap();
    assert_eq!(page.status(), 201, "the page");
    for address in ["192.0.2.1", "2001:db8::1", "127.0.0.1"] {
        assert_eq!(by(&ci, address).await, full, "{address}");
    }
    assert_eq!(by(&bob, "192.0.2.1").await, stored, "another key, from the same address");
    assert_eq!(by("no key", "192.0.2.1").await, (401, json!("key_required")), "who has none learns nothing of quotas");
    assert!(server.stop().success());

    std::fs::remove_file(&file).unwrap();
    let renewed = key(&file, "ci", &[]);
    let server = Server::start(data.path(), &options);
    let bearer = format!("Bearer {renewed}");
    assert_eq!(create(&server, &[(header::AUTHORIZATION.as_str(), &bearer)]).await, full, "another key of that name");
    assert!(server.stop().success());
    assert_eq!(assert_sound(data.path()), 4);
}

/// So has each user; one who is called as a key is isn't that key.
#[tokio::test]
async fn each_user_has_a_quota_of_its_own() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("keys");
    let ann = key(&file, "ann", &[]);
    let bearer = format!("Bearer {ann}");
    let keys = ["--create-keys", file.to_str().unwrap(), "--user-header", "Remote-User"];
    let options = ["--quota-secrets-each", "1", "--trusted-proxy", "127.0.0.1"];
    let server = Server::start(data.path(), &[&keys[..], &options].concat());
    let (stored, full) = ((201, Value::Null), (507, json!("quota_exceeded")));
    for (headers, outcome) in [
        ([("remote-user", "ann"), ("x-forwarded-for", "192.0.2.1")], &stored),
        ([("remote-user", "ann"), ("x-forwarded-for", "192.0.2.2")], &full),
        ([("remote-user", "bob"), ("x-forwarded-for", "192.0.2.1")], &stored),
        ([("authorization", &bearer), ("x-forwarded-for", "192.0.2.1")], &stored),
        ([("authorization", &bearer), ("remote-user", "carol")], &full),
    ] {
        assert_eq!(create(&server, &headers).await, *outcome, "{headers:?}");
    }
    assert!(server.stop().success());
    assert_eq!(assert_sound(data.path()), 3);
}
