//! Receipts: what became of a secret, told from real events, and never what it was.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::common::{CLAIM, Server, directory, until};

const OTHER: &str = "another-reader-0123456789";

/// A secret with a receipt: the token and the receipt.
async fn sent(server: &Server, mut body: Value) -> (String, String) {
    body["receipt"] = json!(true);
    let response = server.post_json(&body.to_string()).await;
    assert_eq!(response.status(), 201);
    let created: Value = response.json().await.unwrap();
    let word = |name: &str| created[name].as_str().unwrap().to_owned();
    assert_eq!(word("receipt_url"), format!("{}/t/{}", server.url, word("receipt")));
    (word("token"), word("receipt"))
}

async fn ask(server: &Server, method: Method, receipt: &str) -> Response {
    server.request(method, &format!("/api/v1/receipts/{receipt}")).send().await.unwrap()
}

async fn told(server: &Server, receipt: &str) -> Value {
    let response = ask(server, Method::GET, receipt).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.json().await.unwrap()
}

/// The names of what is told besides what always is.
fn besides(told: &Value) -> Vec<&str> {
    let always = ["state", "created_at", "expires_at", "attempts"];
    told.as_object().unwrap().keys().map(String::as_str).filter(|name| !always.contains(name)).collect()
}

#[tokio::test]
async fn a_receipt_is_given_when_it_is_asked_for_and_opens_nothing() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let plain: Value = server.post_json(r#"{"content": "x"}"#).await.json().await.unwrap();
    assert!(plain.get("receipt").is_none() && plain.get("receipt_url").is_none());
    let (token, receipt) = sent(&server, json!({"content": "hunter2"})).await;
    assert!(receipt.starts_with("r-") && receipt.len() == 34, "{receipt}");
    assert_ne!(receipt[2..], token);
    for name in [receipt.as_str(), &receipt[2..]] {
        assert_eq!(server.get(name).await.status(), 404);
        assert_eq!(server.delete(name, None).await.status(), 404);
    }
    assert_eq!(ask(&server, Method::GET, &format!("r-{token}")).await.status(), 404, "and a token tells nothing");
    assert_eq!(server.get(&token).await.status(), 200);
    let octets = server.request(Method::POST, "/api/v1/secrets?receipt=true").body("x");
    let created: Value =
        octets.header("content-type", "application/octet-stream").send().await.unwrap().json().await.unwrap();
    assert_eq!(told(&server, created["receipt"].as_str().unwrap()).await["state"], "unread");
    for unknown in ["r-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "r-", "x"] {
        let response = ask(&server, Method::GET, unknown).await;
        assert_eq!(response.status(), 404);
        let problem: Value = response.json().await.unwrap();
        assert_eq!(
            (&problem["code"], &problem["detail"]),
            (&json!("gone"), &json!("Receipt not found, or its time is over"))
        );
    }
}

#[tokio::test]
async fn it_tells_each_step_of_a_careful_reader() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let (token, receipt) = sent(&server, json!({"content": "hunter2"})).await;
    for _ in 0..2 {
        server.status(&token).await;
        let unread = told(&server, &receipt).await;
        assert_eq!((&unread["state"], besides(&unread)), (&json!("unread"), vec![]), "to look is no reading");
    }
    assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
    let claimed = told(&server, &receipt).await;
    assert_eq!((&claimed["state"], besides(&claimed)), (&json!("claimed"), vec!["claim_expires_at", "claimed_at"]));
    assert_eq!(server.reveal(&token, Some(OTHER), None).await.status(), 404);
    assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
    assert_eq!(told(&server, &receipt).await, claimed, "who asks again changes nothing");
    assert_eq!(ask(&server, Method::DELETE, &receipt).await.status(), 409, "it is being read");
    assert_eq!(server.delete(&token, Some(CLAIM)).await.status(), 204);
    let delivered = told(&server, &receipt).await;
    assert_eq!((&delivered["state"], besides(&delivered)), (&json!("delivered"), vec!["claimed_at", "ended_at"]));
    for name in ["created_at", "expires_at", "claimed_at"] {
        assert_eq!(delivered[name], claimed[name], "{name}");
    }
    let [created, claimed, ended] =
        ["created_at", "claimed_at", "ended_at"].map(|name| delivered[name].as_str().unwrap());
    assert!(created <= claimed && claimed <= ended, "{delivered}");
    assert!(!delivered.to_string().contains("hunter2") && !delivered.to_string().contains(&token));
    assert_eq!(server.delete(&token, Some(CLAIM)).await.status(), 404);
    assert_eq!(told(&server, &receipt).await, delivered);
}

#[tokio::test]
async fn what_nobody_acknowledges_is_unconfirmed() {
    let data = directory();
    let server = Server::start(data.path(), &["--claim-lease", "1s", "--rate-limit", "off"]);
    let (plain, receipt) = sent(&server, json!({"content": "x"})).await;
    assert_eq!(server.get(&plain).await.status(), 200);
    let told_of_plain = told(&server, &receipt).await;
    assert_eq!(
        (&told_of_plain["state"], besides(&told_of_plain)),
        (&json!("unconfirmed"), vec!["claimed_at", "ended_at"])
    );
    // Nor does it become unread, or burned, by what its reader does with it.
    let (token, receipt) = sent(&server, json!({"content": "x", "passphrase": "right"})).await;
    assert_eq!(server.reveal(&token, Some(CLAIM), Some("right")).await.status(), 200);
    for _ in 0..10 {
        assert_eq!(server.reveal(&token, Some(CLAIM), Some("wrong")).await.status(), 403);
    }
    let tried = told(&server, &receipt).await;
    assert_eq!((&tried["state"], besides(&tried)), (&json!("unconfirmed"), vec!["claimed_at", "ended_at"]));
    let (token, receipt) = sent(&server, json!({"content": "x"})).await;
    assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
    let until_when = told(&server, &receipt).await["claim_expires_at"].clone();
    until("the lease has ended", std::time::Duration::from_secs(10), async || {
        told(&server, &receipt).await["state"] != "claimed"
    })
    .await;
    let ended = told(&server, &receipt).await;
    assert_eq!((&ended["state"], &ended["ended_at"]), (&json!("unconfirmed"), &until_when));
    assert_eq!(ask(&server, Method::DELETE, &receipt).await.status(), 409);
}

#[tokio::test]
async fn it_says_what_burned_it() {
    let data = directory();
    let server = Server::start(data.path(), &["--rate-limit", "off"]);
    let (token, receipt) = sent(&server, json!({"content": "x"})).await;
    assert_eq!(server.delete(&token, None).await.status(), 204);
    let burned = told(&server, &receipt).await;
    assert_eq!((&burned["state"], &burned["burned_by"]), (&json!("burned"), &json!("link")));
    assert_eq!(besides(&burned), ["burned_by", "ended_at"]);
    assert_eq!(ask(&server, Method::DELETE, &receipt).await.status(), 409);

    let (token, receipt) = sent(&server, json!({"content": "x"})).await;
    for _ in 0..2 {
        assert_eq!(ask(&server, Method::DELETE, &receipt).await.status(), 204, "and so is its repetition");
    }
    assert_eq!(server.get(&token).await.status(), 404);
    assert_eq!(told(&server, &receipt).await["burned_by"], "receipt");

    let (token, receipt) = sent(&server, json!({"content": "x", "passphrase": "right"})).await;
    for attempts in 0..10 {
        let told = told(&server, &receipt).await;
        assert_eq!((&told["state"], &told["attempts"]), (&json!("unread"), &json!(attempts)));
        assert_eq!(server.reveal(&token, Some(CLAIM), Some("wrong")).await.status(), 403);
    }
    let burned = told(&server, &receipt).await;
    assert_eq!(
        (&burned["state"], &burned["burned_by"], &burned["attempts"]),
        (&json!("burned"), &json!("tries"), &json!(10))
    );
}

#[tokio::test]
async fn it_says_that_nobody_came_and_tells_so_for_a_while() {
    let data = directory();
    let server = Server::start(data.path(), &["--receipt-retention", "3s", "--cleanup-interval", "1s"]);
    let (_, receipt) = sent(&server, json!({"content": "x", "ttl_seconds": 1})).await;
    let (later, kept) = sent(&server, json!({"content": "x"})).await;
    until("it has expired", std::time::Duration::from_secs(10), async || {
        told(&server, &receipt).await["state"] == "expired"
    })
    .await;
    let expired = told(&server, &receipt).await;
    assert_eq!((besides(&expired), &expired["ended_at"]), (vec!["ended_at"], &expired["expires_at"]));
    until("its time is over", std::time::Duration::from_secs(30), async || {
        ask(&server, Method::GET, &receipt).await.status() == 404
    })
    .await;
    assert_eq!(told(&server, &kept).await["state"], "unread", "and others' isn't");
    assert_eq!(server.get(&later).await.status(), 200);
    let info: Value = server.request(Method::GET, "/api/v1/info").send().await.unwrap().json().await.unwrap();
    assert_eq!(info["receipt_retention_seconds"], 3);
}

/// It is a restart like any other to a receipt, and another website's page burns nothing.
#[tokio::test]
async fn it_outlives_the_server_and_strangers_pages() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let (token, receipt) = sent(&server, json!({"content": "x"})).await;
    let (read, delivered) = sent(&server, json!({"content": "x"})).await;
    server.reveal(&read, Some(CLAIM), None).await;
    server.delete(&read, Some(CLAIM)).await;
    let foreign = server.request(Method::DELETE, &format!("/api/v1/receipts/{receipt}"));
    let foreign = foreign.header("origin", "https://elsewhere.example").header("sec-fetch-site", "cross-site");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    server.kill();
    let server = Server::start(data.path(), &[]);
    assert_eq!(told(&server, &receipt).await["state"], "unread");
    assert_eq!(told(&server, &delivered).await["state"], "delivered");
    assert_eq!(server.get(&token).await.status(), 200);
}
