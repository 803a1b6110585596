//! The SQLite store alone, over a database that already holds many live secrets: what size costs.
//!
//! ```sh
//! cargo bench --bench store                  # 100,000 live secrets
//! cargo bench --bench store -- 10000000      # ten million: several gigabytes, and minutes to fill
//! ```
//!
//! Ids begin with the second of creation; each is kept for an hour, a day or a week. A pair is what a create
//! and a plain read do: insert, load, take. The same calls are measured on an empty store in the same run, and compared; there also with
//! receipts, turn by turn.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::cast_precision_loss)]
#![allow(clippy::indexing_slicing)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use ots::{
    memory::Budget,
    secret::{KeyId, Receipt, Token},
    store::{Access, Charge, Head, Location, Record, Store},
};

const PARALLEL: usize = 64;
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let live: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let (empty, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let small = open(empty.path());
    let large = open(full.path());
    let start = Instant::now();
    insert_all(&large, live, 512).await;
    println!("{live} live secrets filled in {:?}", start.elapsed());
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([pairs(&small, false).await, pairs(&small, true).await]);
    }
    let [before, receipted] = [0, 1].map(|of| median(rounds.iter().map(|round| round[of]).collect()));
    println!("pairs/s: {before:.0} without receipts, {receipted:.0} with: {:.2} of it", receipted / before);
    let after = pairs(&large, false).await;
    println!("pairs/s: {before:.0} on an empty store, {after:.0} beside {live} others: {:.2} of it", after / before);
    large.close().await.unwrap();
    let start = Instant::now();
    let large = open(full.path());
    let held = large.state(Timestamp::now()).await.unwrap().held;
    println!("opened, and {held:?} known for the check of keys, in {:?}", start.elapsed());
    let size = full.path().join("ots.db").metadata().unwrap().len();
    println!("{} bytes of file a secret", size / live as u64);
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn open(directory: &Path) -> Arc<Store> {
    Arc::new(Store::open(&Location::Sqlite(directory.join("ots.db")), 1 << 20).unwrap())
}

/// A record as it comes: made now, to be kept for an hour, a day or a week.
fn record(size: usize, receipted: bool) -> Record {
    let [chosen] = ots::secret::random().unwrap();
    let ttl = [3_600, 86_400, 604_800][usize::from(chosen) % 3];
    let now = Timestamp::now();
    let head = Head {
        created_at: now,
        expires_at: now + Duration::from_secs(ttl),
        kind: 0,
        size: 64,
        key_id: KeyId([1; 8]),
        verifier: None,
    };
    Record {
        id: Token::generate(now).unwrap().id(),
        head,
        sealed: vec![7; size].as_slice().into(),
        charge: Charge::default(),
        receipt: receipted.then(|| Receipt::generate(now).unwrap().id()),
        notify: None,
        by: None,
    }
}

async fn insert_all(store: &Arc<Store>, count: usize, parallel: usize) {
    let workers = (0..parallel).map(|worker| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for _ in (worker..count).step_by(parallel) {
                store.insert(record(104, false)).await.unwrap();
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}

/// Inserts and takes records of 1 KiB for three seconds; pairs a second.
async fn pairs(store: &Arc<Store>, receipted: bool) -> f64 {
    let start = Instant::now();
    let workers = (0..PARALLEL).map(|_| {
        let (store, memory) = (Arc::clone(store), Budget::new(1 << 20));
        tokio::spawn(async move {
            let mut pairs = 0_u64;
            while start.elapsed() < Duration::from_secs(3) {
                let record = record(1064, receipted);
                let id = record.id;
                store.insert(record).await.unwrap();
                assert!(store.load(id, None, Access::Open, Timestamp::now(), &memory).await.unwrap().is_some());
                assert!(store.take(id, Access::Open, Timestamp::now()).await.unwrap());
                pairs += 1;
            }
            pairs
        })
    });
    let mut pairs = 0;
    for worker in workers.collect::<Vec<_>>() {
        pairs += worker.await.unwrap();
    }
    pairs as f64 / start.elapsed().as_secs_f64()
}
