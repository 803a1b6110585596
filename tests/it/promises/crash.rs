//! `kill -9` under load: nothing acknowledged is lost, and nothing read comes back.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};

use crate::common::{CLAIM, Server, directory, http, noise};

/// What a client of the crash test knows to be so.
#[derive(Default)]
struct Known {
    /// Acknowledged and not yet read, by token.
    unread: HashMap<String, String>,
    /// Read or burned, and the answer seen.
    gone: Vec<String>,
}

/// Promises 1 and 2 through `kill -9` at random moments under load, 100 rounds: everything acknowledged can be read, and
/// nothing that was read comes back.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_read_comes_back() {
    const ROUNDS: u64 = 100;
    const WORKERS: usize = 8;
    let data = directory();
    let known = Arc::new(Mutex::new(Known::default()));
    let (mut creates, mut reads) = (0, 0);
    for round in 0..ROUNDS {
        let server = Server::start(data.path(), &[]);
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
        creates += counts.0.load(Ordering::SeqCst);
        reads += counts.1.load(Ordering::SeqCst);

        // Every tenth round, and at the end, all of it is checked.
        if round % 10 == 9 {
            let server = Server::start(data.path(), &[]);
            let Known { unread, gone } = std::mem::take(&mut *known.lock().unwrap());
            for token in gone {
                assert_eq!(server.get(&token).await.status(), 404, "round {round}: read before, and back again");
            }
            for (token, content) in unread {
                let response = server.get(&token).await;
                assert_eq!(response.status(), 200, "round {round}: acknowledged, and lost");
                assert_eq!(response.json::<Value>().await.unwrap()["content"], content);
            }
            server.kill();
        }
    }
    assert!(creates > 500 && reads > 300, "there was load: {creates} creates, {reads} reads");
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
        let Ok(response) = client.post(url).json(&json!({ "content": content })).send().await else { return };
        let Ok(created) = response.json::<Value>().await else { return };
        let token = created["token"].as_str().unwrap().to_owned();
        counts.0.fetch_add(1, Ordering::SeqCst);
        known.lock().unwrap().unread.insert(token.clone(), content);
        if number % 3 == 2 {
            continue;
        }
        // Under way it is neither: the answer decides.
        known.lock().unwrap().unread.remove(&token);
        let secret = format!("{url}/{token}");
        let done = if number % 3 == 0 {
            client.get(&secret).send().await
        } else {
            let claim = format!("{CLAIM}-{round}-{worker}-{number}");
            let Ok(first) = client.post(format!("{secret}/reveal")).header("idempotency-key", &claim).send().await
            else {
                return;
            };
            assert_eq!(first.status(), 200);
            client.delete(&secret).header("idempotency-key", &claim).send().await
        };
        let Ok(response) = done else { return };
        assert!(response.status().is_success());
        if response.bytes().await.is_err() {
            return;
        }
        counts.1.fetch_add(1, Ordering::SeqCst);
        known.lock().unwrap().gone.push(token);
    }
}
