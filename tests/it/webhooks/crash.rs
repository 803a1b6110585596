//! Servers that are killed while they tell: everything that was acknowledged arrives, at least once, in order, under one name.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Answer, Receiver, server};
use crate::common::{CLAIM, Server, directory, heavy, until};

/// What a client was told had happened to each secret, by its name.
type Acknowledged = BTreeMap<String, Vec<&'static str>>;

/// Makes secrets, claims and acknowledges them, until the server is gone.
async fn use_it(server: &str) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    let http = crate::common::http();
    let secrets = format!("{server}/api/v1/secrets");
    loop {
        let create = http.post(&secrets).json(&json!({"content": "x", "notify": "x"})).send().await;
        let Ok(created) = create else { return acknowledged };
        let Ok(created) = created.json::<Value>().await else { return acknowledged };
        let Some(name) = created["name"].as_str() else { return acknowledged };
        let told = acknowledged.entry(name.to_owned()).or_default();
        told.push("secret.created");
        let path = format!("{secrets}/{}", created["token"].as_str().unwrap());
        let claimed = http.post(format!("{path}/reveal")).header("idempotency-key", CLAIM).send().await;
        if !claimed.is_ok_and(|answer| answer.status() == 200) {
            return acknowledged;
        }
        told.push("secret.claimed");
        let released = http.delete(&path).header("idempotency-key", CLAIM).send().await;
        if !released.is_ok_and(|answer| answer.status() == 204) {
            return acknowledged;
        }
        told.push("secret.acknowledged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_server_is_killed() {
    let _alone = heavy();
    let data = directory();
    // Every third message isn't taken at first, so that something always waits.
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    let receiver = Receiver::answering(move |received| {
        let mut seen = seen.lock().unwrap();
        let is_new = seen.insert(received.id().to_owned());
        Answer::status(if is_new && seen.len() % 3 == 2 { 500 } else { 200 })
    });
    let webhooks = format!("x={}", receiver.url());
    let mut acknowledged = Acknowledged::new();
    for round in 0..5_u64 {
        let server = server(data.path(), &webhooks, &[]);
        let (url, process) = (server.url.clone(), server.child.id().to_string());
        let users = (0..4).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { use_it(&url).await })
        });
        let users = join_all(users.collect::<Vec<_>>());
        let killed = async {
            tokio::time::sleep(Duration::from_millis(400 + 150 * round)).await;
            assert!(std::process::Command::new("kill").args(["-9", &process]).status().unwrap().success());
        };
        let (users, ()) = tokio::join!(users, killed);
        acknowledged.extend(users.into_iter().flat_map(Result::unwrap));
        drop(server);
    }
    assert!(acknowledged.len() > 20, "{}", acknowledged.len());
    let server = server(data.path(), &webhooks, &[]);
    let missing = || {
        let told = super::histories(&receiver.taken());
        let lacks = |(name, events): &(&String, &Vec<&str>)| {
            told.get(*name)
                .is_none_or(|told| !told.starts_with(&events.iter().map(ToString::to_string).collect::<Vec<_>>()))
        };
        acknowledged.iter().filter(lacks).map(|(name, events)| (name.clone(), events.clone())).collect::<Vec<_>>()
    };
    until("everything has arrived", Duration::from_secs(90), || async { missing().is_empty() }).await;
    assert_names(&receiver);
    let of_nobody = super::histories(&receiver.taken()).into_values().filter(|told| told[0] != "secret.created");
    assert_eq!(of_nobody.count(), 0);
    assert_tells_nothing(&server);
}

/// What came several times is the same each time, and has one name; no two that differ have it.
fn assert_names(receiver: &Receiver) {
    let mut bodies: HashMap<String, String> = HashMap::new();
    let tries = receiver.tries();
    for received in &tries {
        let body = bodies.entry(received.id().to_owned()).or_insert_with(|| received.body.clone());
        assert_eq!(*body, received.body);
    }
    let mut each: Vec<&String> = bodies.values().collect();
    each.sort_unstable();
    let before = each.len();
    each.dedup();
    assert!(each.len() == before && tries.len() > before, "{} messages, {} tries", each.len(), tries.len());
}

fn assert_tells_nothing(server: &Server) {
    assert!(!server.log().contains("CANARY") && !server.log().contains("panicked"), "{}", server.log());
}
