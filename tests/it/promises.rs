//! Promises 1 and 2: one reader, whatever races, breaks or crashes; and nothing acknowledged is lost.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::common::{
    CLAIM, Server, directory, http, noise,
    proxy::{Cut, Proxy},
    run, until,
};
use futures_util::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};

/// Promise 1: 64 readers by `GET`, reveal with and without a claim, and `DELETE`, all at once on one secret: one gets it
/// (or burns it), and everybody else gets the same 404. 200 rounds.
#[tokio::test(flavor = "multi_thread")]
async fn one_reader_wins_every_race() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let client = http();
    for round in 0..200 {
        let content = format!("secret of round {round}");
        let token = server.create(&content).await;
        let url = format!("{}/api/v1/secrets/{token}", server.url);
        let readers = (0..64).map(|reader| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move {
                let request = match reader % 4 {
                    0 => client.get(&url),
                    1 => client.post(format!("{url}/reveal")).header("idempotency-key", format!("{CLAIM}-{reader}")),
                    2 => client.post(format!("{url}/reveal")),
                    _ => client.delete(&url),
                };
                let response = request.send().await.unwrap();
                (response.status().as_u16(), response.text().await.unwrap())
            })
        });
        let answers: Vec<_> = join_all(readers).await.into_iter().map(Result::unwrap).collect();
        let winners = answers.iter().filter(|(status, _)| *status == 200 || *status == 204).count();
        let losers = answers.iter().filter(|(status, _)| *status == 404).count();
        assert_eq!((winners, losers), (1, 63), "round {round}");
        let told = answers.iter().filter(|(_, body)| body.contains(&content)).count();
        assert!(told <= 1, "round {round}: {told} readers");
    }
}

/// Promise 2, the reader's side: wherever the connection is cut, `ots get` gets the secret with its claim, nobody else
/// ever does, and afterwards it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_costs_nobody_a_secret() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    for (method, path, cut) in [
        ("POST", "/reveal", Cut::BeforeRequest),
        ("POST", "/reveal", Cut::BeforeAnswer),
        ("POST", "/reveal", Cut::InAnswer),
        ("DELETE", "/secrets/", Cut::BeforeRequest),
        ("DELETE", "/secrets/", Cut::BeforeAnswer),
    ] {
        for times in 1..=3 {
            let content = noise(times as u64, 3000);
            let link = server.put(&content);
            let token = link.rsplit('/').next().unwrap().to_owned();
            let proxy = Proxy::start(&server.address(), method, path, cut, times).await;
            let mut get = server.client(&["get", &format!("{}/s/{token}", proxy.url)]);
            get.stdin(std::process::Stdio::null());
            // Others try all the while, after the reader's claim has arrived or not: they may not get it.
            let reader = tokio::task::spawn_blocking(move || run(get, b""));
            let output = reader.await.unwrap();
            assert!(output.status.success(), "{method} {cut:?} {times}: {output:?}");
            assert!(output.stdout == content, "{method} {cut:?} {times}");
            assert_eq!(proxy.cuts_left.load(Ordering::SeqCst), 0, "it was cut as often as asked");
            // Once more than the client tries: the lease keeps others out all the same.
            assert_eq!(server.get(&token).await.status(), 404);
            assert_eq!(server.reveal(&token, Some("another-reader-0123456789"), None).await.status(), 404);
        }
    }
}

/// A reader whose every answer is lost can still come back within the lease, and only that reader.
#[tokio::test(flavor = "multi_thread")]
async fn the_claim_outlives_the_process() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let link = server.put(&noise(1, 3000));
    let token = link.rsplit('/').next().unwrap().to_owned();
    let proxy = Proxy::start(&server.address(), "POST", "/reveal", Cut::InAnswer, 1000).await;
    let mut get = server.client(&["get", &format!("{}/s/{token}", proxy.url)]);
    get.env("OTS_CLAIM", CLAIM);
    let output = tokio::task::spawn_blocking(move || run(get, b"")).await.unwrap();
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    assert!(output.stdout.is_empty());
    assert_eq!(server.get(&token).await.status(), 404, "nobody else");
    let mut again = server.client(&["get", &link]);
    again.env("OTS_CLAIM", CLAIM);
    let output = tokio::task::spawn_blocking(move || run(again, b"")).await.unwrap();
    assert!(output.stdout == noise(1, 3000), "{output:?}");
}

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

/// A client may vanish at any stage; 10,000 of them under load cost the others nothing.
#[tokio::test(flavor = "multi_thread")]
async fn vanishing_clients_change_nothing_for_the_others() {
    use tokio::{io::AsyncWriteExt, net::TcpStream};
    const VANISHING: usize = 10_000;
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let kept: Vec<String> =
        join_all((0..50).map(|number| server.create_with(json!({"content": format!("kept {number}")})))).await;
    let body = json!({ "content": "x".repeat(2000) }).to_string();
    let create = format!(
        "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let read = format!("GET /api/v1/secrets/{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(32));
    let started = Instant::now();
    let address = server.address();
    let next = Arc::new(AtomicUsize::new(0));
    let workers = (0..32).map(|_| {
        let (address, create, read, next) = (address.clone(), create.clone(), read.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= VANISHING {
                    return;
                }
                let Ok(mut stream) = TcpStream::connect(&address).await else { continue };
                let request = if number % 2 == 0 { &create } else { &read };
                // From nothing sent at all to everything sent and no answer awaited.
                let sent = request.len() * (number % 11) / 10;
                let _ = stream.write_all(&request.as_bytes()[..sent]).await;
                if number % 3 == 0 {
                    stream.set_zero_linger().unwrap(); // goes with a reset
                }
            }
        })
    });
    let others = async {
        let mut pairs = 0;
        while next.load(Ordering::SeqCst) < VANISHING {
            let token = server.create("in between").await;
            assert_eq!(server.get(&token).await.status(), 200);
            pairs += 1;
        }
        pairs
    };
    let (_, pairs) = tokio::join!(join_all(workers), others);
    eprintln!("10,000 clients vanished in {:?}; {pairs} pairs of others in between", started.elapsed());
    assert!(pairs > 0);
    until("it is healthy", Duration::from_secs(5), || server.healthy()).await;
    for (number, token) in kept.iter().enumerate() {
        assert_eq!(server.get(token).await.json::<Value>().await.unwrap()["content"], format!("kept {number}"));
    }
}

/// A thousand connections that each send a large body are told to wait, and the server stays small and answers.
#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded() {
    use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpStream};
    let data = directory();
    let server = Server::start(data.path(), &["--max-connections", "2000"]);
    let address = server.address();
    let content = Arc::new(vec![b'x'; 1 << 20]);
    let clients = (0..1000).map(|_| {
        let (address, content) = (address.clone(), content.clone());
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(&address).await.ok()?;
            let head = format!(
                "POST /api/v1/secrets?ttl_seconds=60 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
                content.len()
            );
            stream.write_all(head.as_bytes()).await.ok()?;
            // All but the end first, so that a thousand bodies are under way at once.
            let (most, last) = content.split_at(content.len() - 1);
            stream.write_all(most).await.ok()?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            stream.write_all(last).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.split(' ').nth(1)?.parse::<u16>().ok()
        })
    });
    let clients = join_all(clients);
    let stop = AtomicBool::new(false);
    let watch = async {
        let mut checks = 0;
        while !stop.load(Ordering::SeqCst) {
            assert!(server.healthy().await);
            checks += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        checks
    };
    let clients = async {
        let answers = clients.await;
        stop.store(true, Ordering::SeqCst);
        answers
    };
    let (answers, checks) = tokio::join!(clients, watch);
    let answers: Vec<Option<u16>> = answers.into_iter().map(Result::unwrap).collect();
    let count = |status| answers.iter().filter(|answer| **answer == Some(status)).count();
    let peak = server.memory("VmHWM");
    eprintln!(
        "201: {}, 503: {}, cut: {}; {checks} health checks; peak {} MiB",
        count(201),
        count(503),
        answers.iter().filter(|a| a.is_none()).count(),
        peak / 1024
    );
    assert!(count(201) > 0);
    assert!(answers.iter().all(|answer| matches!(answer, None | Some(201 | 503))), "{answers:?}");
    assert!(checks > 5);
    assert!(peak < 200 * 1024, "{peak} KiB");
}
