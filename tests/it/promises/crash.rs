//! `kill -9` under load: nothing acknowledged is lost, and nothing read comes back. What was written is the kernel's then, and stays: what
//! a power cut leaves is another matter (`disk`).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::common::{CLAIM, Server, database::assert_sound, directory, engine, heavy, http, noise};

/// What a client of the crash test knows to be so.
#[derive(Default)]
struct Known {
    /// Acknowledged and not yet read, by token.
    unread: HashMap<String, String>,
    /// Read, and the answer seen; and what its receipt says of that.
    gone: Vec<(String, &'static str)>,
    /// Asked for with no answer: its token, its content, and what was asked last.
    unsure: Vec<(String, String, Asked)>,
    /// The receipts, by token.
    receipts: HashMap<String, String>,
}

/// What a client has asked for when the server goes away.
enum Asked {
    Read,
    Claim(String),
    /// The claim was answered; that it arrived was not acknowledged, or the acknowledgement not answered.
    Acknowledge(String),
}

impl Asked {
    /// Whether a receipt may say so, whether or not it was done: never that something was acknowledged which wasn't, nor that nobody asked.
    fn may_be(&self, state: &str) -> bool {
        match self {
            // Where servers share a database, it stays in the hand of the one that died over it.
            Self::Read => ["unread", "unconfirmed"].contains(&state) || engine::is_shared() && state == "claimed",
            Self::Claim(_) => ["unread", "claimed"].contains(&state),
            Self::Acknowledge(_) => ["claimed", "delivered"].contains(&state),
        }
    }
}

pub(super) async fn told(server: &Server, receipt: &str) -> String {
    let answer = server.request(reqwest::Method::GET, &format!("/api/v1/receipts/{receipt}")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json::<Value>().await.unwrap()["state"].as_str().unwrap().to_owned()
}

/// Promises 1 and 2 through `kill -9` at random moments under load, 100 rounds: everything acknowledged can be read, nothing
/// that was read comes back, and what was under way is whole or gone, and one reader's; and receipts say what was so.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_read_comes_back() {
    const ROUNDS: u64 = 100;
    const WORKERS: usize = 8;
    // Longer than ten rounds: what is claimed stays its reader's until it is checked.
    const LEASE: [&str; 2] = ["--claim-lease", "10m"];
    let _alone = heavy();
    let data = directory();
    let known = Arc::new(Mutex::new(Known::default()));
    let (mut creates, mut reads, mut unanswered) = (0, 0, 0);
    for round in 0..ROUNDS {
        let server = Server::start(data.path(), &LEASE);
        let stop = Arc::new(AtomicBool::new(false));
        let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (url, known, stop, counts) =
                    (format!("{}/api/v1/secrets", server.url), known.clone(), stop.clone(), counts.clone());
                tokio::spawn(async move { load(&http(), &url, round, worker, &known, &stop, &counts).await })
            })
            .collect();
        let moment = 30 + u64::from(noise(round + 1, 1)[0]) % 150;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        server.kill();
        stop.store(true, Ordering::SeqCst);
        join_all(workers).await.into_iter().for_each(Result::unwrap);
        assert_sound(data.path());
        creates += counts.0.load(Ordering::SeqCst);
        reads += counts.1.load(Ordering::SeqCst);

        // Every tenth round, and at the end, all of it is checked.
        if round % 10 == 9 {
            let server = Server::start(data.path(), &LEASE);
            let Known { unread, gone, unsure, receipts } = std::mem::take(&mut *known.lock().unwrap());
            let told = async |token: &str| told(&server, &receipts[token]).await;
            for (token, state) in gone {
                assert_eq!(server.get(&token).await.status(), 404, "round {round}: read before, and back again");
                assert_eq!(told(&token).await, state, "round {round}");
            }
            for (token, content) in unread {
                assert_eq!(told(&token).await, "unread", "round {round}");
                let response = server.get(&token).await;
                assert_eq!(response.status(), 200, "round {round}: acknowledged, and lost");
                assert_eq!(response.json::<Value>().await.unwrap()["content"], content);
            }
            unanswered += unsure.len();
            for (token, content, asked) in unsure {
                let state = told(&token).await;
                assert!(asked.may_be(&state), "round {round}: {state}");
                check_unsure(&server, &token, &content, asked).await;
            }
            server.kill();
        }
    }
    assert!(unanswered > 50, "requests were under way: {unanswered}");
    // Less of it where each server connects to a database first.
    let (most, many) = if engine::is_shared() { (150, 75) } else { (500, 300) };
    assert!(creates > most && reads > many, "there was load: {creates} creates, {reads} reads");
}

/// A read that nobody saw answered is whole or gone; a claim that nobody saw answered was made or wasn't; and one that was
/// answered is still its reader's, or gone if its acknowledgement arrived.
async fn check_unsure(server: &Server, token: &str, content: &str, asked: Asked) {
    let read = async |claim: Option<&str>| {
        let response = match claim {
            Some(claim) => server.reveal(token, Some(claim), None).await,
            None => server.get(token).await,
        };
        // Where servers share a database, it stays in the hand of the one that died over it, until that has been so for long.
        let in_hand = engine::is_shared() && response.status() == 503;
        if response.status() == 404 || in_hand {
            return false;
        }
        assert_eq!(response.status(), 200);
        assert_eq!(response.json::<Value>().await.unwrap()["content"], content, "whole");
        true
    };
    let other = Some("another-reader-0123456789");
    match asked {
        Asked::Read => {
            read(None).await;
            assert!(!read(None).await);
        }
        Asked::Claim(mine) => {
            let readers = [read(other).await, read(Some(&mine)).await];
            assert_eq!(readers.iter().filter(|read| **read).count(), 1, "one reader has it: {readers:?}");
        }
        Asked::Acknowledge(mine) => {
            assert!(!read(other).await && !read(None).await, "it was claimed");
            let first = read(Some(&mine)).await;
            assert_eq!(read(Some(&mine)).await, first);
        }
    }
}

/// Creates and reads until the server is gone, and notes what was acknowledged.
async fn load(
    client: &Client,
    url: &str,
    round: u64,
    worker: usize,
    known: &Mutex<Known>,
    stop: &AtomicBool,
    counts: &(AtomicUsize, AtomicUsize),
) {
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let content = format!("{round}-{worker}-{number}-{}", "x".repeat(number % 7 * 900));
        let Ok(response) = client.post(url).json(&json!({ "content": content, "receipt": true })).send().await else {
            return;
        };
        let Ok(created) = response.json::<Value>().await else { return };
        let token = created["token"].as_str().unwrap().to_owned();
        counts.0.fetch_add(1, Ordering::SeqCst);
        {
            let mut known = known.lock().unwrap();
            known.receipts.insert(token.clone(), created["receipt"].as_str().unwrap().to_owned());
            known.unread.insert(token.clone(), content.clone());
        }
        if number % 3 == 2 {
            continue;
        }
        // Under way it is neither: the answer decides.
        known.lock().unwrap().unread.remove(&token);
        let unsure = |asked| known.lock().unwrap().unsure.push((token.clone(), content.clone(), asked));
        let secret = format!("{url}/{token}");
        if number % 3 == 0 {
            if whole(client.get(&secret), &content).await.is_none() {
                return unsure(Asked::Read);
            }
        } else {
            let claim = format!("{CLAIM}-{round}-{worker}-{number}");
            let reveal = client.post(format!("{secret}/reveal")).header("idempotency-key", &claim);
            if whole(reveal, &content).await.is_none() {
                return unsure(Asked::Claim(claim));
            }
            let Ok(response) = client.delete(&secret).header("idempotency-key", &claim).send().await else {
                return unsure(Asked::Acknowledge(claim));
            };
            assert_eq!(response.status(), 204);
        }
        counts.1.fetch_add(1, Ordering::SeqCst);
        known.lock().unwrap().gone.push((token, if number % 3 == 0 { "unconfirmed" } else { "delivered" }));
    }
}

/// Sends a read; none when its answer didn't come, or not to its end.
async fn whole(request: RequestBuilder, content: &str) -> Option<()> {
    let response = request.send().await.ok()?;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json::<Value>().await.ok()?["content"], content);
    Some(())
}
