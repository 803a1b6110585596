//! The audit stream and the metrics against each other and against the truth, which is what clients saw: thousands of mixed operations, and
//! a server that is killed again and again between them.
//!
//! Of what clients were told, each line is there once, or lacks where a crash came just then. Of what nobody was told, there may be a line.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{Watched, lines, scrape};
use crate::common::{SECRET_KEY, heavy, http, until};

/// Operations in all, servers one after the other, and clients at once.
const OPERATIONS: usize = 10_000;
const LIVES: usize = 5;
const CLIENTS: usize = 16;
/// How long a secret lives that a crash has kept from being read.
const SOON: Duration = Duration::from_secs(20);

/// What a client was told: the request's name, and the event that the stream has to have for it; and that an answer never came.
#[derive(Default)]
struct Truth {
    told: Vec<(String, &'static str)>,
    unanswered: usize,
    tokens: BTreeSet<String>,
}

struct World {
    url: String,
    client: Client,
    truth: Mutex<Truth>,
}

impl World {
    /// Asks, and notes what was told. The body, if it was answered with this status.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        with: Asked<'_>,
        expected: &[(u16, &'static str)],
    ) -> Option<Value> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(claim) = with.claim {
            request = request.header("idempotency-key", claim);
        }
        if let Some(body) = &with.body {
            request = request.json(body);
        }
        let answer = request.send().await;
        let Ok(answer) = answer else {
            self.truth.lock().unwrap().unanswered += 1;
            return None;
        };
        let (status, id) = (answer.status().as_u16(), answer.headers()["x-request-id"].to_str().unwrap().to_owned());
        let event = expected.iter().find(|(known, _)| *known == status);
        let Some((_, event)) = event else { panic!("{path}: {status} {:?}", answer.text().await) };
        if !event.is_empty() {
            self.truth.lock().unwrap().told.push((id, event));
        }
        // The answer may break off; it was given all the same.
        Some(answer.json().await.unwrap_or_default())
    }

    /// What isn't read is over soon, so that the end can be waited for.
    async fn create(&self, mut body: Value) -> Option<String> {
        let soon = json!(SOON.as_secs());
        body.as_object_mut().unwrap().entry("ttl_seconds").or_insert(soon);
        let created =
            self.ask(Method::POST, "/api/v1/secrets", Asked::body(body), &[(201, "created"), (503, "refused")]).await?;
        let token = created["token"].as_str()?.to_owned();
        self.truth.lock().unwrap().tokens.insert(token.clone());
        Some(token)
    }

    /// One story of a secret, of several operations. How many.
    async fn story(&self, number: usize) -> Option<usize> {
        let content = json!(format!("canary-content-{number}"));
        let claim = format!("canary-claim-{number:08}");
        let with = |claim| Asked { claim, body: None };
        match number % 8 {
            0 => {
                let path = secret(&self.create(json!({"content": content})).await?);
                self.ask(Method::GET, &path, Asked::default(), &[(200, "delivered")]).await?;
                self.ask(Method::GET, &path, Asked::default(), &[(404, "refused")]).await?;
                Some(3)
            }
            1 | 2 => {
                let path = secret(&self.create(json!({"content": content})).await?);
                let reveal = format!("{path}/reveal");
                self.ask(Method::POST, &reveal, with(Some(&claim)), &[(200, "claimed")]).await?;
                self.ask(Method::POST, &reveal, with(Some(&claim)), &[(200, "repeated")]).await?;
                self.ask(Method::DELETE, &path, with(Some(&claim)), &[(204, "acknowledged")]).await?;
                Some(4)
            }
            3 => {
                let path = secret(&self.create(json!({"content": content})).await?);
                self.ask(Method::DELETE, &path, Asked::default(), &[(204, "burned")]).await?;
                Some(2)
            }
            4 => {
                let body = json!({"content": content, "passphrase": "canary-passphrase"});
                let reveal = format!("{}/reveal", secret(&self.create(body).await?));
                let wrong = Asked::body(json!({"passphrase": format!("canary-wrong-{number}")}));
                self.ask(Method::POST, &reveal, wrong, &[(403, "wrong_passphrase")]).await?;
                let right = Asked::body(json!({"passphrase": "canary-passphrase"}));
                self.ask(Method::POST, &reveal, right, &[(200, "delivered")]).await?;
                Some(3)
            }
            5 => {
                // Nobody reads it, or somebody does and never says so.
                let path = secret(&self.create(json!({"content": content, "ttl_seconds": 1})).await?);
                if number % 16 == 5 {
                    self.ask(
                        Method::POST,
                        &format!("{path}/reveal"),
                        with(Some(&claim)),
                        &[(200, "claimed"), (404, "refused")],
                    )
                    .await?;
                }
                Some(2)
            }
            6 => {
                let bad = Asked::body(json!({"content": "", "canary-member": 1}));
                self.ask(Method::POST, "/api/v1/secrets", bad, &[(422, "refused")]).await?;
                self.ask(Method::GET, "/canary-path", Asked::default(), &[(404, "")]).await?;
                Some(2)
            }
            _ => {
                // The first that asks gets it, of two at once.
                let path = secret(&self.create(json!({"content": content})).await?);
                let either: &[_] = &[(200, "delivered"), (404, "refused")];
                let get = || self.ask(Method::GET, &path, Asked::default(), either);
                let (one, other) = tokio::join!(get(), get());
                one.and(other)?;
                Some(3)
            }
        }
    }
}

#[derive(Default)]
struct Asked<'a> {
    claim: Option<&'a str>,
    body: Option<Value>,
}

impl Asked<'_> {
    fn body(body: Value) -> Self {
        Self { claim: None, body: Some(body) }
    }
}

fn secret(token: &str) -> String {
    format!("/api/v1/secrets/{token}")
}

/// What one server's clients were told, and what its numbers and its stream say; and how many operations that were.
struct Life {
    truth: Truth,
    numbers: Option<BTreeMap<String, f64>>,
    log: String,
    scraped: String,
    done: usize,
}

async fn live(data: &Path, audit: &Path, first: &AtomicUsize, killed: bool) -> Life {
    let arguments =
        ["--audit", audit.to_str().unwrap(), "--audit-addresses", "--claim-lease", "1s", "--cleanup-interval", "1s"];
    let watched = Watched::start(data, &arguments);
    let world = Arc::new(World { url: watched.server.url.clone(), client: http(), truth: Mutex::default() });
    let (done, enough) = (AtomicUsize::new(0), OPERATIONS / LIVES);
    let work = join_all((0..CLIENTS).map(async |_| {
        while done.load(Ordering::Relaxed) < enough {
            let Some(count) = world.story(first.fetch_add(1, Ordering::Relaxed)).await else { return };
            done.fetch_add(count, Ordering::Relaxed);
        }
    }));
    let mut scraped = String::new();
    let (numbers, log) = if killed {
        let url = watched.metrics.clone();
        let kill = async {
            // In the middle of it.
            let most = || async { done.load(Ordering::Relaxed) >= enough * 9 / 10 };
            until("most is done", Duration::from_secs(120), most).await;
            let text = scrape(&url).await;
            let log = watched.server.log();
            watched.server.kill();
            (text, log)
        };
        let ((text, log), _) = tokio::join!(kill, work);
        scraped.push_str(&text);
        (None, log)
    } else {
        work.await;
        let quiet = || async {
            let numbers = watched.numbers().await;
            numbers["ots_secrets"] == 0.0 && numbers["ots_audit_queue_length"] == 0.0
        };
        until("all is over", 3 * SOON, quiet).await;
        scraped.push_str(&scrape(&watched.metrics).await);
        let numbers = watched.numbers().await;
        let log = watched.server.log();
        assert!(watched.server.stop().success());
        (Some(numbers), log)
    };
    let truth = std::mem::take(&mut *world.truth.lock().unwrap());
    Life { truth, numbers, log, scraped, done: done.into_inner() }
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_metrics_and_truth_agree_through_crashes() {
    let _heavy = heavy();
    let data = crate::common::directory();
    let audit = data.path().join("audit.jsonl");
    let first = AtomicUsize::new(0);
    let began = Instant::now();
    let mut lives = Vec::new();
    for life in 0..LIVES {
        lives.push((lines(&audit).len(), live(data.path(), &audit, &first, life + 1 < LIVES).await));
    }
    let all = lines(&audit);
    let mut lacking = 0;
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in &all {
        if let Some(id) = line["request_id"].as_str() {
            *seen.entry((id, line["event"].as_str().unwrap())).or_default() += 1;
        }
    }
    assert!(seen.values().all(|count| *count == 1), "no line is there twice");
    for (_, Life { truth, numbers, .. }) in &lives {
        let missing: Vec<_> = truth.told.iter().filter(|(id, event)| !seen.contains_key(&(id, *event))).collect();
        // What was answered just before the crash may lack its line: no more than could be under way.
        assert!(missing.len() <= if numbers.is_some() { 0 } else { 2 * CLIENTS }, "{missing:?}");
        lacking += missing.len();
    }
    // What no client was told is of requests that a crash cut off, and no more.
    let told: BTreeSet<(&str, &str)> =
        lives.iter().flat_map(|(_, life)| &life.truth.told).map(|(id, event)| (id.as_str(), *event)).collect();
    let untold = seen.keys().filter(|key| !told.contains(*key)).count();
    let unanswered: usize = lives.iter().map(|(_, life)| life.truth.unanswered).sum();
    assert!(untold <= unanswered, "{untold} lines of {unanswered} requests that weren't answered");
    each_secret_ends_once(&all);
    let (from, last) = lives.last().unwrap();
    let counted = last.numbers.as_ref().unwrap();
    agree(&all[*from..], counted);
    let tokens: BTreeSet<&String> = lives.iter().flat_map(|(_, life)| &life.truth.tokens).collect();
    let text = std::fs::read_to_string(&audit).unwrap();
    for told in lives.iter().flat_map(|(_, life)| [&life.log, &life.scraped]).chain([&text]) {
        assert!(!told.contains("canary") && !told.contains(SECRET_KEY));
        let words = told.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| word.len() == 32);
        let found: Vec<&str> = words.filter(|word| tokens.contains(&(*word).to_owned())).collect();
        assert!(found.is_empty(), "{found:?}");
    }
    println!(
        "{} operations of {} secrets in {:.1} s with {} crashes: {} lines, {} told to clients, {lacking} of those lack their line, \
         {untold} lines of {unanswered} requests without an answer",
        lives.iter().map(|(_, life)| life.done).sum::<usize>(),
        tokens.len(),
        began.elapsed().as_secs_f64(),
        LIVES - 1,
        all.len(),
        told.len(),
    );
}

/// No secret begins or ends twice, and none is told of after its end but as refused.
fn each_secret_ends_once(all: &[Value]) {
    let mut histories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in all.iter().filter(|line| line["event"] != "refused") {
        if let Some(secret) = line["secret"].as_str() {
            histories.entry(secret).or_default().push(line["event"].as_str().unwrap());
        }
    }
    for (secret, history) in histories {
        let count = |events: &[&str]| history.iter().filter(|event| events.contains(event)).count();
        assert!(count(&["created"]) <= 1 && count(&["claimed"]) <= 1, "{secret}: {history:?}");
        assert!(count(&["delivered", "acknowledged", "burned", "expired"]) <= 1, "{secret}: {history:?}");
        assert!(
            count(&["delivered", "burned"]) == 0 || count(&["claimed", "acknowledged"]) == 0,
            "{secret}: {history:?}"
        );
    }
}

/// The stream of a server that wasn't killed has as many lines as it counted.
fn agree(lines: &[Value], counted: &BTreeMap<String, f64>) {
    let told = |event: &str, also: &dyn Fn(&Value) -> bool| {
        lines.iter().filter(|line| line["event"] == event && also(line)).count() as f64
    };
    let any = |_: &Value| true;
    for (name, is) in [
        ("ots_secrets_created_total", told("created", &any)),
        ("ots_secrets_read_total{how=\"plain\"}", told("delivered", &any)),
        ("ots_secrets_read_total{how=\"claim\"}", told("claimed", &any)),
        ("ots_secrets_repeated_total", told("repeated", &any)),
        ("ots_secrets_acknowledged_total", told("acknowledged", &any)),
        ("ots_secrets_burned_total{why=\"asked\"}", told("burned", &any)),
        ("ots_wrong_passphrases_total", told("wrong_passphrase", &any)),
        ("ots_secrets_expired_total{what=\"read\"}", told("expired", &|line| line["read"] == true)),
        ("ots_secrets_expired_total{what=\"unread\"}", told("expired", &|line| line["read"] == false)),
        ("ots_refusals_total{code=\"gone\"}", told("refused", &|line| line["code"] == "gone")),
        ("ots_refusals_total{code=\"validation\"}", told("refused", &|line| line["code"] == "validation")),
        ("ots_audit_lost_total", 0.0),
    ] {
        assert_eq!(counted[name], is, "{name}");
    }
}
