//! The SQLite store alone, over a database that already holds many live secrets: what size costs.
//!
//! ```sh
//! cargo bench --bench store                  # 100,000 live secrets
//! cargo bench --bench store -- 10000000      # ten million: several gigabytes, and minutes to fill
//! ```
//!
//! Ids are hashes, so every insert and take hits the index at random. The same calls are measured on an empty store in
//! the same run, and compared.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::cast_precision_loss)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use ots::{
    secret::SecretId,
    store::{Access, Record, Store, sqlite::SqliteStore},
};

const PARALLEL: usize = 64;

#[tokio::main]
async fn main() {
    let live: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let (empty, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let small = open(empty.path());
    let large = open(full.path());
    let start = Instant::now();
    insert_all(&large, live, 512).await;
    println!("{live} live secrets filled in {:?}", start.elapsed());
    let before = pairs(&small).await;
    let after = pairs(&large).await;
    println!("pairs/s: {before:.0} on an empty store, {after:.0} beside {live} others: {:.2} of it", after / before);
    large.close().await.unwrap();
    let start = Instant::now();
    let large = open(full.path());
    let counts = large.count_by_key().await.unwrap();
    println!("opened, and {counts:?} counted for the check of keys, in {:?}", start.elapsed());
    let size = full.path().join("ots.db").metadata().unwrap().len();
    println!("{} bytes of file a secret", size / live as u64);
}

fn open(directory: &Path) -> Arc<Store> {
    Arc::new(Store::Sqlite(SqliteStore::open(&directory.join("ots.db"), 1 << 20).unwrap()))
}

fn record(size: usize) -> Record {
    let now = Timestamp::now();
    Record {
        id: SecretId(ots::secret::random().unwrap()),
        created_at: now,
        expires_at: now + Duration::from_secs(86_400),
        kind: 0,
        size: 64,
        key_id: [1; 8],
        verifier: None,
        sealed: vec![7; size],
    }
}

async fn insert_all(store: &Arc<Store>, count: usize, parallel: usize) {
    let workers = (0..parallel).map(|worker| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for _ in (worker..count).step_by(parallel) {
                store.insert(record(104)).await.unwrap();
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
}

/// Inserts and takes records of 1 KiB for five seconds; pairs a second.
async fn pairs(store: &Arc<Store>) -> f64 {
    let start = Instant::now();
    let workers = (0..PARALLEL).map(|_| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut pairs = 0_u64;
            while start.elapsed() < Duration::from_secs(5) {
                let record = record(1064);
                let id = record.id;
                store.insert(record).await.unwrap();
                assert!(store.take(id, Access::Open, Timestamp::now()).await.unwrap().is_some());
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
