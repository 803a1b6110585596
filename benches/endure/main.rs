//! Mixed load for a long time, with everything going wrong in turn: creates, racing reads, claims, burns, large bodies and slow clients,
//! while the server is killed, stopped, told to reload, and has its disk filled and its clock moved. Nothing may be read twice, nothing
//! acknowledged may be lost, and memory, descriptors and files have to stay as they are.
//!
//! ```sh
//! cargo bench --bench endure             # 20 minutes
//! cargo bench --bench endure -- 2        # 2 minutes
//! ```
//!
//! As root the data lies on a tmpfs of 192 MiB, which is filled now and then; with Debian's `faketime` the clock is moved. What couldn't be
//! done is said at the start. It prints a row every half minute, and fails if a promise broke.
#![allow(missing_docs)]
#![allow(unreachable_pub, reason = "what the tests and the other benches share is public to them")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(clippy::cast_precision_loss)]

#[path = "../shared/process.rs"]
mod process;
mod server;
#[path = "../../tests/it/common/small_disk.rs"]
mod small_disk;

use std::{
    fs,
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use server::{Place, Server};

/// Secrets that wait at most.
const WAITING: usize = 500;

fn main() {
    let minutes = std::env::args().find_map(|argument| argument.parse::<u64>().ok()).unwrap_or(20);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let broken = runtime.block_on(endure(Duration::from_secs(minutes * 60)));
    std::process::exit(i32::from(broken > 0));
}

/// What is known, and what happened.
#[derive(Default)]
struct Ledger {
    unread: Mutex<Vec<Secret>>,
    stop: AtomicBool,
    created: AtomicU64,
    read: AtomicU64,
    refused: AtomicU64,
    unsure: AtomicU64,
    broken: AtomicU64,
}

/// Acknowledged, and not yet read by anybody who knows.
struct Secret {
    token: String,
    seed: u64,
    size: usize,
    /// Whether a read of it went unanswered: it may be gone.
    unsure: bool,
}

impl Ledger {
    fn breaks(&self, what: &str) {
        eprintln!("BROKEN: {what}");
        self.broken.fetch_add(1, Ordering::Relaxed);
    }
}

async fn endure(duration: Duration) -> u64 {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut server = Server::start(&place, &address);
    let ledger = Arc::new(Ledger::default());
    let end = Instant::now() + duration;
    let mut workers = Vec::new();
    for worker in 0..2 {
        workers.push(tokio::spawn(create(Arc::clone(&ledger), address.clone(), worker, end)));
    }
    for worker in 0..6 {
        workers.push(tokio::spawn(read(Arc::clone(&ledger), address.clone(), worker)));
    }
    workers.push(tokio::spawn(dawdle(Arc::clone(&ledger), address.clone())));
    println!("minute  creates/s  reads/s  refused  unsure  waiting  RSS MiB  descriptors  files MiB  trouble");
    let (start, mut rows, mut round) = (Instant::now(), Vec::new(), 0);
    while Instant::now() < end {
        let before = (ledger.created.load(Ordering::Relaxed), ledger.read.load(Ordering::Relaxed), Instant::now());
        let trouble = trouble(&mut server, &place, &address, round).await;
        round += 1;
        tokio::time::sleep(
            Duration::from_secs(30).saturating_sub(before.2.elapsed()).min(end - Instant::now().min(end)),
        )
        .await;
        let seconds = before.2.elapsed().as_secs_f64();
        let row = (server.resident(), server.descriptors(), place.megabytes());
        println!(
            "{:6.1}  {:9.0}  {:7.0}  {:7}  {:6}  {:7}  {:7.1}  {:11}  {:9.1}  {trouble}",
            start.elapsed().as_secs_f64() / 60.0,
            (ledger.created.load(Ordering::Relaxed) - before.0) as f64 / seconds,
            (ledger.read.load(Ordering::Relaxed) - before.1) as f64 / seconds,
            ledger.refused.load(Ordering::Relaxed),
            ledger.unsure.load(Ordering::Relaxed),
            ledger.unread.lock().unwrap().len(),
            row.0,
            row.1,
            row.2,
        );
        rows.push(row);
    }
    // The readers go on until nothing is left.
    while !ledger.unread.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ledger.stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    let (first, second) = rows.split_at(rows.len() / 2);
    let highest = |rows: &[(f64, usize, f64)]| {
        rows.iter().fold((0.0_f64, 0, 0.0_f64), |most, row| (most.0.max(row.0), most.1.max(row.1), most.2.max(row.2)))
    };
    let (first, second) = (highest(first), highest(second));
    println!(
        "highest in the first half and in the second: {:.1} and {:.1} MiB resident, {} and {} descriptors, {:.1} and {:.1} MiB of files",
        first.0, second.0, first.1, second.1, first.2, second.2
    );
    let broken = ledger.broken.load(Ordering::Relaxed);
    println!(
        "{} created, {} read, {} refused, {} unsure; {broken} broken",
        ledger.created.load(Ordering::Relaxed),
        ledger.read.load(Ordering::Relaxed),
        ledger.refused.load(Ordering::Relaxed),
        ledger.unsure.load(Ordering::Relaxed)
    );
    broken
}

/// The round's trouble, and its name.
async fn trouble(server: &mut Server, place: &Place, address: &str, round: u64) -> &'static str {
    match round % 8 {
        1 | 5 => {
            server.signal("HUP");
            "reload"
        }
        2 => {
            let Some(disk) = &place.small else { return "" };
            disk.fill();
            tokio::time::sleep(Duration::from_secs(8)).await;
            fs::remove_file(disk.filler()).unwrap();
            "full disk"
        }
        3 if place.clock.is_some() => {
            place.move_clock(420);
            "clock forward"
        }
        4 if place.clock.is_some() => {
            place.move_clock(0);
            "clock back"
        }
        6 => {
            server.end("KILL");
            *server = Server::start(place, address);
            "kill -9"
        }
        7 => {
            server.end("TERM");
            *server = Server::start(place, address);
            "restart"
        }
        _ => "",
    }
}

async fn create(ledger: Arc<Ledger>, address: String, worker: u64, end: Instant) {
    let client = client();
    let mut seed = worker << 40;
    while Instant::now() < end {
        if ledger.unread.lock().unwrap().len() >= WAITING {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        seed += 1;
        let size = if seed.is_multiple_of(100) { 700_000 } else { usize::try_from(seed % 3000).unwrap() + 1 };
        let request = client.post(format!("http://{address}/api/v1/secrets"));
        let answer = request.json(&json!({ "content": content(seed, size), "ttl_hours": 24 })).send().await;
        match answer {
            Ok(answer) if answer.status() == StatusCode::CREATED => {
                let Ok(body) = answer.json::<Value>().await else { continue };
                let token = body["token"].as_str().unwrap().to_owned();
                ledger.unread.lock().unwrap().push(Secret { token, seed, size, unsure: false });
                ledger.created.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {
                ledger.refused.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn read(ledger: Arc<Ledger>, address: String, worker: u64) {
    let client = client();
    let mut turn = worker;
    while !ledger.stop.load(Ordering::Relaxed) {
        turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let secret = {
            let mut unread = ledger.unread.lock().unwrap();
            let count = u64::try_from(unread.len()).unwrap().max(1);
            let at = usize::try_from((turn >> 33) % count).unwrap();
            (!unread.is_empty()).then(|| unread.swap_remove(at))
        };
        let Some(secret) = secret else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let url = format!("http://{address}/api/v1/secrets/{}", secret.token);
        match (turn >> 60) % 4 {
            0 => claim(&ledger, &client, &url, secret).await,
            1 => burn(&ledger, &client, &url, secret).await,
            _ => race(&ledger, &client, &url, secret).await,
        }
    }
}

/// What a read came to.
enum Seen {
    Content,
    Gone,
    Unsure,
}

async fn seen(ledger: &Ledger, request: reqwest::RequestBuilder, secret: &Secret) -> Seen {
    let Ok(answer) = request.send().await else { return Seen::Unsure };
    match answer.status() {
        StatusCode::OK => match answer.json::<Value>().await {
            Ok(body) => {
                if body["content"] != content(secret.seed, secret.size) {
                    ledger.breaks("a content isn't what was stored");
                }
                Seen::Content
            }
            Err(_) => Seen::Unsure,
        },
        StatusCode::NOT_FOUND => Seen::Gone,
        _ => Seen::Unsure,
    }
}

/// Two plain reads at once.
async fn race(ledger: &Ledger, client: &Client, url: &str, secret: Secret) {
    let read = || seen(ledger, client.get(url), &secret);
    let (one, other) = tokio::join!(read(), read());
    settle(ledger, client, url, secret, &[one, other]).await;
}

/// A careful read and another reader beside it; its answer may be lost, and is asked for again.
async fn claim(ledger: &Ledger, client: &Client, url: &str, secret: Secret) {
    let reveal = |key: &'static str| client.post(format!("{url}/reveal")).header("idempotency-key", key);
    let mut mine = Seen::Unsure;
    for _ in 0..20 {
        mine = seen(ledger, reveal("the-first-reader-0"), &secret).await;
        if !matches!(mine, Seen::Unsure) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let theirs = seen(ledger, reveal("the-other-reader-1"), &secret).await;
    if matches!(mine, Seen::Content) {
        let _ = client.delete(url).header("idempotency-key", "the-first-reader-0").send().await;
    }
    settle(ledger, client, url, secret, &[mine, theirs]).await;
}

async fn burn(ledger: &Ledger, client: &Client, url: &str, secret: Secret) {
    match client.delete(url).send().await.map(|answer| answer.status()) {
        Ok(StatusCode::NO_CONTENT) => settle(ledger, client, url, secret, &[Seen::Content]).await,
        Ok(StatusCode::NOT_FOUND) => settle(ledger, client, url, secret, &[Seen::Gone]).await,
        _ => settle(ledger, client, url, secret, &[Seen::Unsure]).await,
    }
}

/// What all that was seen of a secret means.
async fn settle(ledger: &Ledger, client: &Client, url: &str, mut secret: Secret, all: &[Seen]) {
    let contents = all.iter().filter(|seen| matches!(seen, Seen::Content)).count();
    let unsure = all.iter().any(|seen| matches!(seen, Seen::Unsure));
    match contents {
        0 if unsure => {
            ledger.unsure.fetch_add(1, Ordering::Relaxed);
            secret.unsure = true;
            ledger.unread.lock().unwrap().push(secret);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        0 if secret.unsure => {}
        0 => ledger.breaks("an acknowledged secret was lost"),
        1 => {
            ledger.read.fetch_add(1, Ordering::Relaxed);
            if secret.seed.is_multiple_of(10) && matches!(seen(ledger, client.get(url), &secret).await, Seen::Content) {
                ledger.breaks("a secret that was gone came back");
            }
        }
        _ => ledger.breaks("a secret was read twice"),
    }
}

/// Clients that send a byte now and then, or don't read their answer.
async fn dawdle(ledger: Arc<Ledger>, address: String) {
    while !ledger.stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(&address).await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        tokio::spawn(async move {
            let head = "POST /api/v1/secrets HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n{";
            let _ = stream.write_all(head.as_bytes()).await;
            for _ in 0..40 {
                tokio::time::sleep(Duration::from_millis(500)).await;
                if stream.write_all(b" ").await.is_err() {
                    return;
                }
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut [0; 16])).await;
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn client() -> Client {
    Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

/// A text that isn't any other's.
fn content(seed: u64, size: usize) -> String {
    format!("{seed:016x}").chars().cycle().take(size).collect()
}
