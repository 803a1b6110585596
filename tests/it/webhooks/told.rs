//! What webhooks are told of whom: each event, in the words of the audit stream, signed, and nothing that opens or finds a secret.

use std::{
    collections::BTreeMap,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use ots::crypto::at_rest::MasterKey;
use reqwest::Method;
use serde_json::{Value, json};

use super::{PATH, Receiver, histories, server, shown, verify};
use crate::common::{CLAIM, OTS, SECRET_KEY, Server, day::a_day, directory, http, ots, run, text, until};

/// Each history, by the words of its events.
fn sorted(histories: BTreeMap<String, Vec<String>>) -> Vec<Vec<String>> {
    let mut histories: Vec<Vec<String>> = histories.into_values().collect();
    histories.sort();
    histories
}

#[tokio::test]
async fn each_event_is_told_in_order_signed_and_tells_nothing() {
    let data = directory();
    let audit = data.path().join("audit.jsonl");
    let receiver = Receiver::new();
    let server = server(data.path(), &receiver.url(), &["--audit", audit.to_str().unwrap(), "--claim-lease", "1s"]);
    let tokens = a_day(&server).await;
    let received = receiver.until_taken(15).await;
    let history = |kinds: &[&str]| kinds.iter().map(|kind| format!("secret.{kind}")).collect::<Vec<_>>();
    let mut are = vec![
        history(&["created", "delivered"]),
        history(&["created", "claimed", "acknowledged"]),
        history(&["created", "burned"]),
        history(&["created", "wrong_passphrase", "delivered"]),
        history(&["created", "expired"]),
        history(&["created", "claimed", "expired"]),
    ];
    are.sort();
    assert_eq!(sorted(histories(&received)), are);
    assert_eq!(received.len(), 15, "each once: {received:?}");

    let first = received.iter().find(|one| one.json()["data"]["ttl_seconds"] == 600).unwrap();
    let members = first.json()["data"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members, ["secret", "size", "ttl_seconds"]);
    assert_eq!(first.json()["data"]["size"], 7);
    for received in &received {
        assert_eq!(received.first, format!("POST {PATH} HTTP/1.1"));
        assert_eq!(received.headers["content-type"], "application/json");
        assert_eq!(received.headers["user-agent"], concat!("ots/", env!("CARGO_PKG_VERSION")));
        let sent: i64 = received.headers["webhook-timestamp"].parse().unwrap();
        let at: jiff::Timestamp = received.json()["timestamp"].as_str().unwrap().parse().unwrap();
        assert!((0..60).contains(&(sent - at.as_second())), "{received:?}");
        assert!(received.id().starts_with("msg_"), "{received:?}");
    }
    // Its receiver knows them by what the host's operator is told; the running server tells the same as its key alone does.
    let told = shown(data.path(), "", &[]);
    let alone =
        ots::crypto::at_rest::MasterKey::derive(SECRET_KEY.as_bytes()).unwrap().signing_key(&receiver.url()).unwrap();
    let secret = alone.to_text().to_string();
    if !crate::common::engine::is_shared() {
        assert_eq!((told[0]["secret"].as_str(), told[0]["name"].as_str()), (Some(secret.as_str()), Some("#1")));
        assert_eq!((told[0]["host"].as_str(), &told[0]["state"]), (Some(receiver.host()), &json!("well")));
    }
    assert_eq!(shown(data.path(), &receiver.url(), &[])[0]["secret"], secret.as_str());
    verify(&secret, &received);

    let log = server.log();
    assert!(server.stop().success());
    // By the names of the audit stream, which has the same words.
    let lines = std::fs::read_to_string(&audit).unwrap();
    for received in &received {
        let word = received.kind().replace("secret.", "");
        let named = format!("\"event\":\"{word}\",\"secret\":\"{}\"", received.secret());
        assert!(lines.contains(&named), "{named}: {lines}");
    }
    let sent = format!("{received:?}");
    let never = ["hunter2", "sesame", "wrong\"", CLAIM, SECRET_KEY, secret.as_str()];
    for secret in never.into_iter().chain(tokens.iter().map(String::as_str)) {
        assert!(!sent.contains(secret), "{secret}: {sent}");
    }
    for secret in [PATH, "CANARY", secret.as_str(), "hunter2", &tokens[0]] {
        assert!(!log.contains(secret) && !lines.contains(secret), "{secret}: {log}");
    }
}

/// One with a name is told of what its sender picked, and of nothing else.
#[tokio::test]
async fn one_with_a_name_is_told_of_what_was_picked() {
    let data = directory();
    let (all, ops, other) = (Receiver::new(), Receiver::new(), Receiver::new());
    let webhooks = format!("{},ops={},other={}", all.url(), ops.url(), other.url());
    let server = server(data.path(), &webhooks, &[]);
    server.create("nobody picks one").await;
    let created: Value = server
        .post_json(&json!({"content": "x", "notify": "ops", "receipt": true}).to_string())
        .await
        .json()
        .await
        .unwrap();
    let name = created["name"].as_str().unwrap();
    let octets = server.request(Method::POST, "/api/v1/secrets?notify=ops").body("y");
    let octets = octets.header("content-type", "application/octet-stream").send().await.unwrap();
    let second: Value = octets.json().await.unwrap();
    let receipt = created["receipt"].as_str().unwrap();
    let burnt = server.request(Method::DELETE, &format!("/api/v1/receipts/{receipt}")).send().await.unwrap();
    assert_eq!(burnt.status(), 204);
    let told = ops.until_taken(3).await;
    all.until_taken(4).await;
    let histories = histories(&told);
    assert_eq!(histories[name], ["secret.created", "secret.burned"]);
    assert_eq!(histories[second["name"].as_str().unwrap()], ["secret.created"]);
    let burned = told.iter().find(|one| one.kind() == "secret.burned").unwrap();
    assert_eq!(burned.json()["data"]["by_receipt"], true);
    let same = all.taken();
    assert!(
        same.iter().any(|one| one.secret() == name)
            && same.iter().all(|one| told.iter().all(|two| one.id() != two.id()))
    );
    assert!(other.tries().is_empty(), "{:?}", other.tries());

    // A name that isn't known is refused in words, and not repeated.
    for body in [json!({"content": "x", "notify": "CANARY"}), json!({"content": "x", "notify": "not a name: CANARY"})] {
        let refused = server.post_json(&body.to_string()).await;
        assert_eq!(refused.status(), 422);
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(problem["errors"][0]["pointer"], "/notify");
        assert!(!problem.to_string().contains("CANARY") && problem.to_string().contains("no webhook of that name"));
    }
    let refused = server.request(Method::POST, "/api/v1/secrets?notify=CANARY").body("y");
    let refused = refused.header("content-type", "application/octet-stream").send().await.unwrap();
    let problem: Value = refused.json().await.unwrap();
    assert_eq!((&problem["status"], &problem["errors"][0]["pointer"]), (&json!(422), &json!("/query/notify")));
    assert!(server.create_with(json!({"content": "x", "notify": null})).await.len() == 32);
}

/// From the command line, with the names in what it says.
#[tokio::test]
async fn the_command_line_picks_one() {
    let data = directory();
    let ops = Receiver::new();
    let server = server(data.path(), &format!("ops={}", ops.url()), &[]);
    let put = run(server.client(&["put", "--notify", "ops", "-n", "2"]), b"hunter2");
    assert!(put.status.success(), "{put:?}");
    let said = text(&put.stderr);
    let names: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("the webhook is told of it as ")).collect();
    assert_eq!(names.len(), 2, "{said}");
    let object = run(server.client(&["put", "--notify", "ops", "--json"]), b"hunter2");
    let object: Value = serde_json::from_slice(&object.stdout).unwrap();
    let request = data.path().join("request.ots");
    let asked = run(server.client(&["request", "--notify", "ops", "--json", "-o", request.to_str().unwrap()]), b"");
    let asked: Value = serde_json::from_slice(&asked.stdout).unwrap();
    let answered = run(server.client(&["put", "--to", asked["link"].as_str().unwrap()]), b"sesame");
    assert!(answered.status.success(), "{answered:?}");
    let collected = run(server.client(&["get", request.to_str().unwrap()]), b"");
    assert_eq!(text(&collected.stdout), "sesame", "{collected:?}");
    let told = histories(&ops.until_taken(8).await);
    for name in names.into_iter().chain([object["name"].as_str().unwrap()]) {
        assert_eq!(told[name], ["secret.created"]);
    }
    assert_eq!(told[asked["name"].as_str().unwrap()], ["request.created", "request.answered"]);
    let answer = &told[asked["answer_name"].as_str().unwrap()];
    assert_eq!(answer[..], ["secret.created", "secret.claimed", "secret.acknowledged"]);

    let unknown = run(server.client(&["put", "--notify", "nobody"]), b"x");
    assert_eq!(unknown.status.code(), Some(7));
    assert!(text(&unknown.stderr).contains("no webhook of that name is known here"), "{unknown:?}");
    let no_name = run(server.client(&["put", "--notify", "not a name"]), b"x");
    assert_eq!(no_name.status.code(), Some(2), "{no_name:?}");
    let both = run(server.client(&["put", "--notify", "ops", "--to", asked["link"].as_str().unwrap()]), b"x");
    assert_eq!(both.status.code(), Some(2), "{both:?}");
    let plain = Server::start(crate::common::directory().path(), &[]);
    let none = run(plain.client(&["put", "--notify", "ops"]), b"x");
    assert!(text(&none.stderr).contains("this server has no webhook to pick"), "{none:?}");
}

/// While a key is replaced, both sign; whoever has the old secret is told by what it knows until it is given the new one.
#[tokio::test]
async fn an_old_key_signs_too() {
    let data = directory();
    let receiver = Receiver::new();
    let first = server(data.path(), &receiver.url(), &[]);
    let before = shown(data.path(), &receiver.url(), &[]);
    first.create("x").await;
    receiver.until_taken(1).await;
    assert!(first.stop().success());
    let keys = [("SECRET_KEY", "another key 0123456789abcdef"), ("SECRET_KEYS_OLD", SECRET_KEY)];
    let mut command = super::command(data.path(), &receiver.url(), &[]);
    command.envs(keys);
    let second = Server::spawn(command).unwrap();
    second.create("y").await;
    let received = receiver.until_taken(2).await;
    let after = shown(data.path(), &receiver.url(), &keys);
    assert_eq!(after[0]["old_secrets"], json!([before[0]["secret"]]));
    let last = &received[1..];
    assert_eq!(last[0].headers["webhook-signature"].split(' ').count(), 2);
    verify(before[0]["secret"].as_str().unwrap(), last);
    verify(after[0]["secret"].as_str().unwrap(), last);
    let text = run(admin(data.path(), &keys), b"");
    assert!(String::from_utf8_lossy(&text.stdout).contains("(of an old SECRET_KEY, signs too)"), "{text:?}");
    until("nothing waits", Duration::from_secs(10), || async {
        let told = shown(data.path(), &receiver.url(), &keys);
        told[0].get("waiting").is_none_or(|waiting| waiting == 0)
    })
    .await;
}

/// The receiver that docs/operating.md shows takes what a server sends, and nothing else.
#[tokio::test]
async fn the_documents_receiver_takes_it() {
    let python = Path::new(OTS).ancestors().nth(2).unwrap().join("standardwebhooks/bin/python");
    if !python.exists() {
        assert!(std::env::var_os("CI").is_none(), "this test needs standardwebhooks");
        return eprintln!("skipped: this test needs standardwebhooks");
    }
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operating.md")).unwrap();
    let program = document.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let url = format!("http://127.0.0.1:{port}/");
    let data = directory();
    let secret = MasterKey::derive(SECRET_KEY.as_bytes()).unwrap().signing_key(&url).unwrap().to_text();
    let mut receiver = Command::new(python);
    receiver.args(["-c", program, &port]).env("WEBHOOK_SECRET", secret.as_str());
    let mut receiver = receiver.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let ready = || async { TcpStream::connect(format!("127.0.0.1:{port}")).is_ok() };
    until("the receiver listens", Duration::from_secs(30), ready).await;
    let mut command = super::command(data.path(), &format!("ops={url}"), &[]);
    let server = Server::spawn({
        command.env("OTS_WEBHOOK_ALLOW", "127.0.0.1");
        command
    })
    .unwrap();
    let body = json!({"content": "x", "notify": "ops"}).to_string();
    let created: Value = server.post_json(&body).await.json().await.unwrap();
    let forged = http().post(&url).header("webhook-id", "msg_1").header("webhook-timestamp", "1").body("{}");
    let forged = forged.header("webhook-signature", "v1,AAAA").send().await.unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(receiver.stdout.take().unwrap()), &mut line).unwrap();
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    assert_eq!(forged.status(), 400);
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1..], ["secret.created", created["name"].as_str().unwrap()], "{line}");
}

fn admin(data: &Path, keys: &[(&str, &str)]) -> Command {
    let mut command = ots();
    command.args(["admin", "webhooks", "--data-dir"]).arg(data).envs(keys.iter().copied());
    command.env("OTS_WEBHOOK", "https://h.example/CANARY");
    command
}
