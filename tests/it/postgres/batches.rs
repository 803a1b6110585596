//! Calls that come together go together, and are none the worse for it.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::join_all};
use jiff::Timestamp;
use ots::{
    memory::{Budget, Buffer},
    secret::{ClaimHash, KeyId, SecretId},
    store::{Access, Charge, Claimed, Head, Record, Store, StoreError},
};

use super::records;
use crate::common::{postgres::Cluster, until};

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn id(number: u16) -> SecretId {
    let mut id = [7; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    SecretId(id)
}

fn record(number: u16) -> Record {
    let head = Head {
        created_at: NOW,
        expires_at: NOW + Duration::from_secs(1000),
        kind: 0,
        size: number.into(),
        key_id: KeyId([9; 8]),
        verifier: None,
    };
    Record {
        id: id(number),
        head,
        sealed: Buffer::from(&number.to_be_bytes()[..]),
        charge: Charge::default(),
        receipt: None,
        notify: None,
        by: None,
    }
}

fn store(cluster: &Cluster, database: &str) -> Arc<Store> {
    Arc::new(Store::open(&cluster.url(database).parse().unwrap(), 1 << 20).unwrap())
}

/// What is kept under a number.
async fn load(store: &Store, number: u16) -> Option<Vec<u8>> {
    let loaded = store.load(id(number), None, Access::Open, NOW, &Budget::new(1 << 20)).await.unwrap();
    loaded.map(|loaded| loaded.sealed.as_ref().to_vec())
}

/// Of many calls at once each gets its own answer, in far fewer commits than there are calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_come_together_share_commits_and_keep_their_answers_apart() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let store = store(cluster, &database);
    let commits = || {
        let counted = format!("SELECT xact_commit FROM pg_stat_database WHERE datname = '{database}'");
        cluster.psql("postgres", &counted).parse::<u64>().unwrap()
    };
    let before = commits();
    // Each twice: one of them finds it there.
    let kept = join_all((0..1000).map(|number| store.insert(record(number / 2)))).await;
    assert_eq!(kept.iter().filter(|kept| kept.is_ok()).count(), 500);
    assert_eq!(kept.iter().filter(|kept| **kept == Err(StoreError::Exists)).count(), 500);
    let loaded = join_all((0..600).map(|number| load(&store, number))).await;
    for (number, sealed) in (0_u16..).zip(loaded) {
        assert_eq!(sealed, (number < 500).then(|| number.to_be_bytes().to_vec()));
    }
    // Three readers each, of whom one asks again.
    let readers = [ClaimHash([1; 32]), ClaimHash([2; 32]), ClaimHash([2; 32])];
    let lease = Duration::from_secs(60);
    let claim = |at: u16| store.claim(id(at / 3), Access::Open, readers[usize::from(at % 3)], lease, NOW);
    let claimed = join_all((0..1500).map(claim)).await;
    for of_one in claimed.chunks(3) {
        let of_one: Vec<_> = of_one.iter().map(|claimed| claimed.clone().unwrap()).collect();
        let new = of_one.iter().filter(|claimed| **claimed == Some(Claimed::New)).count();
        assert!(new == 1 && (of_one[1].is_some() == of_one[2].is_some()), "{of_one:?}");
        assert_ne!(of_one[0].is_some(), of_one[1].is_some(), "{of_one:?}");
    }
    let release = |at: u16| store.release(id(at / 2), readers[usize::from(at % 2)], NOW);
    let released = join_all((0..1000).map(release)).await;
    assert!(released.chunks(2).all(|pair| pair[0] != pair[1]), "whoever has it, and nobody else, ends it");
    assert_eq!(records(cluster, &database), 0);
    store.close().await.unwrap();
    // Statistics are told a moment late.
    until("its commits are counted", Duration::from_secs(10), async || commits() > before + 50).await;
    assert!(commits() - before < 1000, "{} commits for 4100 calls", commits() - before);
}

/// A call that the database refuses is no other's loss.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_refused_alone() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let store = store(cluster, &database);
    cluster.psql(&database, "ALTER TABLE ots.record ADD CONSTRAINT unlucky CHECK (size NOT IN (13, 113))");
    let kept = join_all((0..200).map(|number| store.insert(record(number)))).await;
    for (number, kept) in kept.iter().enumerate() {
        assert_eq!(kept.is_err(), [13, 113].contains(&number), "{number}: {kept:?}");
    }
    let taken = join_all((0..200).map(|number| store.take(id(number), Access::Open, NOW))).await;
    assert_eq!(taken.iter().filter(|taken| **taken == Ok(true)).count(), 198);
    until("all are removed", Duration::from_secs(5), async || records(cluster, &database) == 0).await;
}

/// Who goes away in the middle of a read leaves the secret to others: the server's own claim on it is given back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_away_while_it_is_taken_leaves_it_to_others() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let store = store(cluster, &database);
    for kept in join_all((0..40).map(|number| store.insert(record(number)))).await {
        kept.unwrap();
    }
    for number in 0..40 {
        // It has been asked for, and nobody waits for the answer.
        assert_eq!(store.take(id(number), Access::Open, NOW).now_or_never(), None);
    }
    let claimed = || cluster.psql(&database, "SELECT count(*) FROM ots.record WHERE claim IS NOT NULL");
    // Those that were on their way may come a moment later.
    tokio::time::sleep(Duration::from_millis(300)).await;
    until("they are given back", Duration::from_secs(10), async || claimed() == "0").await;
    let taken = join_all((0..40).map(|number| store.take(id(number), Access::Open, NOW))).await;
    assert!(taken.iter().all(|taken| *taken == Ok(true)), "{taken:?}");
    assert_eq!(records(cluster, &database), 0);
}
