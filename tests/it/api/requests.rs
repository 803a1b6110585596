//! Requests over HTTP: one answer, collected as any secret is; and what nobody else can do with either token.

use data_encoding::BASE64;
use ots::{
    crypto::{
        envelope::Label,
        sealed_box::{Invitation, Keys},
    },
    secret::{RequestKey, RequestLabel},
};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::common::{
    CLAIM, Server,
    asked::{answers, ask, body, invited, opens, withdraw},
    directory, files, http, on_disk,
};

const UNKNOWN: &str = "Request not found, already answered, taken back, or expired";

async fn assert_unknown(response: Response) {
    assert_eq!(response.status(), 404);
    let problem: Value = response.json().await.unwrap();
    assert_eq!((&problem["code"], &problem["detail"]), (&json!("gone"), &json!(UNKNOWN)));
}

#[tokio::test]
async fn an_answer_is_collected_once_and_its_receipt_tells() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let asked = ask(&server, json!({"ttl_seconds": 600})).await;
    assert_eq!(asked.state(&server).await, "open");
    let response = invited(&server, &asked.token).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let told: Value = response.json().await.unwrap();
    let invitation = BASE64.decode(told["invitation"].as_str().unwrap().as_bytes()).unwrap();
    let invitation = Invitation::open(&invitation, asked.keys.fingerprint()).unwrap();
    assert_eq!(invitation.label().map(RequestLabel::expose), Some("the database's password"));
    assert_eq!(told["max_size"], 1 << 20);

    let server = {
        assert!(server.stop().success());
        Server::start(data.path(), &[])
    };
    assert_eq!(server.status(&asked.collecting).await.status(), 404, "there is none yet");
    let answer = invitation.answer(b"hunter2", &Label::default()).unwrap();
    let response = answers(&server, &asked.token, answer.clone()).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let answered: Value = response.json().await.unwrap();
    let expires: jiff::Timestamp = answered["expires_at"].as_str().unwrap().parse().unwrap();
    let left = expires.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((500..=600).contains(&left), "as long as the request could have been open, from now on: {left}");

    for response in [
        answers(&server, &asked.token, answer.clone()).send().await.unwrap(),
        invited(&server, &asked.token).await,
        invited(&server, &asked.collecting).await,
        answers(&server, &asked.collecting, answer.clone()).send().await.unwrap(),
    ] {
        assert_unknown(response).await;
    }
    assert_eq!(withdraw(&server, &asked.token, Some(&asked.collecting)).await, 404);
    assert_eq!(server.get(&asked.token).await.status(), 404, "a request's token is no secret's");
    let status: Value = server.status(&asked.collecting).await.json().await.unwrap();
    assert_eq!((&status["encrypted"], &status["size"]), (&json!(true), &json!(answer.len())));
    assert_eq!(asked.state(&server).await, "unread");

    let wrong = "A".repeat(43);
    assert_eq!(server.reveal(&asked.collecting, Some(CLAIM), Some(&wrong)).await.status(), 403);
    assert_eq!(server.reveal(&asked.collecting, Some(CLAIM), None).await.status(), 403);
    let proof = asked.keys.proof().expose();
    let revealed: Value = server.reveal(&asked.collecting, Some(CLAIM), Some(proof)).await.json().await.unwrap();
    let content = BASE64.decode(revealed["content"].as_str().unwrap().as_bytes()).unwrap();
    assert!(content == answer, "byte for byte");
    assert_eq!(asked.keys.open(content.into()).unwrap().content(), b"hunter2");
    assert_eq!(asked.state(&server).await, "claimed");
    assert_eq!(server.delete(&asked.collecting, Some(CLAIM)).await.status(), 204);
    assert_eq!(asked.state(&server).await, "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_answers_that_race_one_is_taken() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let asked = ask(&server, json!({})).await;
    let answers: Vec<Vec<u8>> = (0..8_u8).map(|number| asked.sealed(&[number; 9])).collect();
    let sent = answers.iter().map(|answer| async {
        self::answers(&server, &asked.token, answer.clone()).send().await.unwrap().status().as_u16()
    });
    let statuses = futures_util::future::join_all(sent).await;
    let winner = statuses.iter().position(|status| *status == 201).unwrap();
    assert_eq!(statuses.iter().filter(|status| **status == 404).count(), 7, "{statuses:?}");
    let proof = asked.keys.proof().expose();
    let revealed: Value = server.reveal(&asked.collecting, None, Some(proof)).await.json().await.unwrap();
    assert_eq!(revealed["content"], BASE64.encode(&answers[winner]), "the one that was told so");
}

#[tokio::test]
async fn only_its_maker_takes_a_request_back_and_an_expired_one_is_gone() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let (asked, other) = (ask(&server, json!({})).await, ask(&server, json!({})).await);
    assert_eq!(withdraw(&server, &asked.token, None).await, 422);
    assert_eq!(withdraw(&server, &asked.token, Some("x")).await, 422);
    for (token, collecting) in
        [(&asked.token, &other.collecting), (&asked.token, &asked.token), (&other.token, &asked.collecting)]
    {
        assert_eq!(withdraw(&server, token, Some(collecting)).await, 404);
    }
    assert_eq!(asked.state(&server).await, "open");
    assert_eq!(withdraw(&server, &asked.token, Some(&asked.collecting)).await, 204);
    assert_eq!(withdraw(&server, &asked.token, Some(&asked.collecting)).await, 404);
    assert_unknown(invited(&server, &asked.token).await).await;
    assert_unknown(answers(&server, &asked.token, asked.sealed(b"x")).send().await.unwrap()).await;
    assert_eq!(asked.state(&server).await, "withdrawn");
    let burned = server.request(Method::DELETE, &format!("/api/v1/receipts/{}", other.receipt)).send().await.unwrap();
    assert_eq!((burned.status().as_u16(), other.state(&server).await.as_str()), (204, "withdrawn"));

    let brief = ask(&server, json!({"ttl_seconds": 1})).await;
    let is_over = || async { brief.state(&server).await == "expired" };
    crate::common::until("it expires", std::time::Duration::from_secs(10), is_over).await;
    assert_unknown(invited(&server, &brief.token).await).await;
    assert_unknown(answers(&server, &brief.token, brief.sealed(b"x")).send().await.unwrap()).await;
}

/// What can't be an answer, or is too large for one, doesn't use the request up.
#[tokio::test]
async fn what_is_no_answer_leaves_the_request_open() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let asked = ask(&server, json!({"max_size": 3000})).await;
    let sealed = asked.sealed(b"x");
    let large = asked.sealed(&[7; 4000]);
    for (answer, status) in [(b"hunter2".to_vec(), 422), (Vec::new(), 422), (sealed[1..].to_vec(), 422), (large, 413)] {
        let response = answers(&server, &asked.token, answer).send().await.unwrap();
        assert_eq!(response.status(), status);
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["limit"], if status == 413 { json!(3000) } else { Value::Null });
    }
    let request = server.request(Method::POST, &format!("/api/v1/requests/{}/answer", asked.token));
    assert_eq!(request.json(&json!({"content": "x"})).send().await.unwrap().status(), 415);
    assert_eq!(asked.state(&server).await, "open");
    assert_eq!(answers(&server, &asked.token, sealed).send().await.unwrap().status(), 201);

    let keys = Keys::derive(&RequestKey::generate().unwrap(), None).unwrap();
    for (member, value, pointer) in [
        ("invitation", json!("aHVudGVyMg=="), "/invitation"),
        ("proof", json!("hunter2"), "/proof"),
        ("max_size", json!(1 << 30), "/max_size"),
        ("max_size", json!(7), "/max_size"),
        ("ttl_seconds", json!(0), "/ttl_seconds"),
        ("ttl_seconds", json!(1_u64 << 40), "/ttl_seconds"),
    ] {
        let mut body = body(&keys);
        body[member] = value;
        let response = opens(&server, &body).send().await.unwrap();
        assert_eq!(response.status(), 422, "{member}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
}

/// Asking takes a key where creating does, and answering doesn't; a gateway that only reads does neither; another's page does neither.
#[tokio::test]
async fn a_request_is_its_own_permission_to_answer() {
    let (data, keys_at) = (directory(), directory());
    let file = keys_at.path().join("keys");
    let key = crate::creation::key(&file, "desk", &[]);
    let server = Server::start(data.path(), &["--create-keys", file.to_str().unwrap(), "--quota-secrets-each", "1"]);
    let keys = Keys::derive(&RequestKey::generate().unwrap(), None).unwrap();
    assert_eq!(opens(&server, &body(&keys)).send().await.unwrap().status(), 401);
    let with_key = || opens(&server, &body(&keys)).bearer_auth(&key);
    let foreign = with_key().header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let opened: Value = with_key().send().await.unwrap().json().await.unwrap();
    assert_eq!(with_key().send().await.unwrap().status(), 507, "a request counts on its maker's quota");
    let (token, collecting) = (opened["token"].as_str().unwrap(), opened["collecting_token"].as_str().unwrap());
    let invitation = Invitation::open(&keys.invite(None).unwrap(), keys.fingerprint()).unwrap();
    let answer = invitation.answer(b"x", &Label::default()).unwrap();
    let foreign = answers(&server, token, answer.clone()).header("origin", "https://elsewhere.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    assert!(server.stop().success());
    let closed = Server::start(data.path(), &["--no-create"]);
    let refused: Value = answers(&closed, token, answer.clone()).send().await.unwrap().json().await.unwrap();
    assert_eq!(refused["code"], "creation_closed");
    assert!(closed.stop().success());
    let server = Server::start(data.path(), &["--create-keys", file.to_str().unwrap(), "--quota-secrets-each", "1"]);
    assert_eq!(answers(&server, token, answer).send().await.unwrap().status(), 201);
    let with_key = || opens(&server, &body(&keys)).bearer_auth(&key);
    assert_eq!(with_key().send().await.unwrap().status(), 507, "and so does its answer");
    assert_eq!(server.delete(collecting, None).await.status(), 204);
    assert_eq!(with_key().send().await.unwrap().status(), 201);
}

/// Neither token is on the disk or in the log, nor is what the request's link opens.
#[tokio::test]
async fn nothing_that_opens_it_is_on_the_disk_or_told() {
    let data = directory();
    let audit = data.path().join("audit.jsonl");
    let server = Server::start(data.path(), &["--audit", audit.to_str().unwrap()]);
    let asked = ask(&server, json!({})).await;
    let answer = asked.sealed(b"hunter2");
    let back = ask(&server, json!({})).await;
    assert_eq!(withdraw(&server, &back.token, Some(&back.collecting)).await, 204);
    assert_eq!(answers(&server, &asked.token, answer.clone()).send().await.unwrap().status(), 201);
    let log = server.log();
    assert!(server.stop().success());
    let audited = std::fs::read_to_string(&audit).unwrap();
    let events: Vec<Value> = audited.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(told, ["opened", "requested", "requested", "withdrawn", "answered", "created"]);
    assert_eq!(events[1]["secret"], events[4]["secret"]);
    assert_eq!(events[4]["request_id"], events[5]["request_id"], "what joins a request and its answer");
    assert!(!files(data.path()).is_empty());
    for asked in [&asked, &back] {
        let proof = asked.keys.proof().expose();
        for text in [&asked.token, &asked.collecting, &asked.receipt, proof] {
            assert!(!on_disk(data.path(), text.as_bytes()) && !log.contains(text));
        }
        let token: ots::secret::Token = asked.token.parse().unwrap();
        assert!(!on_disk(data.path(), token.as_bytes()));
    }
    assert!(!on_disk(data.path(), b"OTSR") && !on_disk(data.path(), &answer[..64]));
}

#[tokio::test]
async fn its_page_says_in_words_how_to_answer() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (language, says) in
        [("en", "asked for a secret"), ("de", "um ein Geheimnis gebeten"), ("fr", "demande un secret")]
    {
        let page = http().get(format!("{}/r/{}", server.url, "a".repeat(32)));
        let page = page.header("accept-language", language).send().await.unwrap();
        assert_eq!(page.status(), 200);
        let html = page.text().await.unwrap();
        assert!(html.contains(says) && html.contains("ots put --to"), "{html}");
    }
    assert_eq!(http().get(format!("{}/r/x", server.url)).send().await.unwrap().status(), 404);
}
