//! The store's own word: a record is refused in the transaction that would have kept it, and one that goes makes room in the one that
//! removes it.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::join_all;
use jiff::Timestamp;
use ots::{
    secret::{ClaimHash, KeyId, OwnerId, SecretId},
    store::{Access, Charge, Head, Location, Quota, Quotas, Record, Store, StoreError, Whose},
};

use crate::common::{directory, engine};

const MINE: OwnerId = OwnerId([1; 16]);
const THEIRS: OwnerId = OwnerId([2; 16]);
const CLAIM: ClaimHash = ClaimHash([3; 32]);
const LEASE: Duration = Duration::from_secs(60);
const NO_ROOM: Result<(), StoreError> = Err(StoreError::OverQuota(Whose::Owner));
const FULL: Result<(), StoreError> = Err(StoreError::OverQuota(Whose::All));

fn open(location: &Location) -> Arc<Store> {
    Arc::new(Store::open(location, 1 << 20).unwrap())
}

fn embedded(directory: &Path) -> Location {
    Location::Sqlite(directory.join("ots.db"))
}

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn id(number: u16) -> SecretId {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    SecretId(id)
}

/// A record of 50 bytes that lives for 100 seconds.
fn record(number: u16, owner: Option<OwnerId>, within: Quotas) -> Record {
    let expires_at = start() + Duration::from_secs(100);
    let head = Head { created_at: start(), expires_at, kind: 0, size: 7, key_id: KeyId([9; 8]), verifier: None };
    Record {
        id: id(number),
        head,
        sealed: [7; 50][..].into(),
        charge: Charge { owner, within },
        receipt: None,
        notify: None,
        by: None,
    }
}

fn records(most: u64) -> Quota {
    Quota { records: Some(most), bytes: None }
}

fn bytes(most: u64) -> Quota {
    Quota { records: None, bytes: Some(most) }
}

fn findings(location: &Location) -> Vec<String> {
    Store::check(location).unwrap().findings
}

/// Sixty-four at once, each with a record, where ten have room.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_race_for_the_last_places_gives_as_many_as_there_are() {
    for (owner, within, refused) in [
        (None, Quotas { all: records(10), each: records(1) }, FULL),
        (Some(MINE), Quotas { all: records(10), each: records(50) }, FULL),
        (Some(MINE), Quotas { all: records(50), each: records(10) }, NO_ROOM),
        (Some(MINE), Quotas { all: Quota::default(), each: bytes(549) }, NO_ROOM),
        (Some(MINE), Quotas { all: bytes(500), each: bytes(550) }, FULL),
    ] {
        let directory = directory();
        for location in engine::each(directory.path()) {
            let store = open(&location);
            let callers = (0..64).map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.insert(record(number, owner, within)).await })
            });
            let answers: Vec<_> = join_all(callers).await.into_iter().map(Result::unwrap).collect();
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10, "{within:?}");
            assert_eq!(answers.iter().filter(|answer| **answer == refused).count(), 54, "{within:?}");
            store.close().await.unwrap();
            assert_eq!(findings(&location), [""; 0]);
        }
    }
}

/// Whatever removes a record makes room at once; a claim makes none, and takes none.
#[tokio::test]
async fn what_goes_makes_room_and_a_claim_changes_nothing() {
    for within in [
        Quotas { all: records(1), each: Quota::default() },
        Quotas { all: Quota::default(), each: records(1) },
        Quotas { all: bytes(99), each: bytes(99) },
    ] {
        let directory = directory();
        for location in engine::each(directory.path()) {
            let store = open(&location);
            let insert = |number| store.insert(record(number, Some(MINE), within));
            insert(1).await.unwrap();
            assert!(insert(2).await.is_err());
            assert!(store.take(id(1), Access::Open, start()).await.unwrap());
            insert(2).await.unwrap();
            assert!(store.burn(id(2), start()).await.unwrap());
            insert(3).await.unwrap();
            assert!(store.claim(id(3), Access::Open, CLAIM, LEASE, start()).await.unwrap().is_some());
            assert!(insert(4).await.is_err(), "what is claimed is still kept");
            assert!(store.release(id(3), CLAIM, start()).await.unwrap());
            insert(4).await.unwrap();
            assert_eq!(store.fail_attempt(id(4), None, 1, start()).await.unwrap(), Some(0));
            insert(5).await.unwrap();
            assert_eq!(store.sweep(start() + Duration::from_secs(100), 10).await.unwrap().gone.len(), 1);
            insert(6).await.unwrap();
            assert!(insert(6).await.is_err(), "it is there already");
            store.close().await.unwrap();
            let again = open(&location);
            assert!(again.insert(record(7, Some(MINE), within)).await.is_err(), "counted through a restart");
            again.close().await.unwrap();
            assert_eq!(findings(&location), [""; 0]);
        }
    }
}

/// One's own quota is nobody else's affair, and what is nobody's counts only towards all.
#[tokio::test]
async fn each_owner_has_a_quota_of_their_own() {
    let directory = directory();
    for location in engine::each(directory.path()) {
        let store = open(&location);
        let within = Quotas { all: records(5), each: records(2) };
        let insert = |number, owner| store.insert(record(number, owner, within));
        for (number, owner, answer) in [
            (0, Some(MINE), Ok(())),
            (1, Some(MINE), Ok(())),
            (2, Some(MINE), NO_ROOM),
            (3, Some(THEIRS), Ok(())),
            (4, None, Ok(())),
            (5, None, Ok(())),
            (6, None, FULL),
            (7, Some(THEIRS), FULL),
            (8, Some(MINE), NO_ROOM),
        ] {
            assert_eq!(insert(number, owner).await, answer, "{number}");
        }
        // Whose it was is known to the record, whoever removes it.
        assert!(store.take(id(1), Access::Open, start()).await.unwrap());
        assert_eq!(insert(9, Some(THEIRS)).await, Ok(()));
        assert_eq!(insert(10, Some(MINE)).await, FULL);
        assert!(store.take(id(4), Access::Open, start()).await.unwrap());
        assert_eq!(insert(11, Some(THEIRS)).await, NO_ROOM);
        assert_eq!(insert(12, Some(MINE)).await, Ok(()));
        store.close().await.unwrap();
        assert_eq!(findings(&location), [""; 0]);
    }
}

/// A counter that isn't the truth is found; one that can't be read refuses nobody.
#[tokio::test]
async fn wrong_counters_are_found_and_damaged_ones_refuse_nobody() {
    for (damage, finding) in [
        ("UPDATE owner SET records = records + 1", "of each owner aren't what there is"),
        ("UPDATE owner SET bytes = bytes - 1", "of each owner aren't what there is"),
        ("DELETE FROM owner", "of each owner aren't what there is"),
        ("UPDATE record SET owner = NULL WHERE seq = 1", "of each owner aren't what there is"),
        ("UPDATE held SET bytes = bytes + 1", "under each key aren't what there is"),
        ("UPDATE owner SET owner = x'00'", "of each owner can't be read"),
    ] {
        let directory = directory();
        let store = open(&embedded(directory.path()));
        let within = Quotas { all: records(100), each: records(100) };
        for number in 0..3 {
            store.insert(record(number, Some(MINE), within)).await.unwrap();
        }
        store.close().await.unwrap();
        let database = rusqlite::Connection::open(directory.path().join("ots.db")).unwrap();
        database.execute_batch(damage).unwrap();
        drop(database);
        let found = findings(&embedded(directory.path()));
        assert!(found.len() == 1 && found[0].contains(finding), "{damage}: {found:?}");
        let store = open(&embedded(directory.path()));
        assert_eq!(store.insert(record(4, Some(MINE), within)).await, Ok(()), "{damage}");
        for number in [0, 1, 2, 4] {
            assert!(store.take(id(number), Access::Open, start()).await.unwrap(), "{damage}");
        }
    }
}

/// Frames that a create and a read put into the WAL, one after the other: as many as before there were owners where nobody has one, and
/// at most one each for the owner's count where somebody has.
#[tokio::test]
async fn counting_costs_no_frame_and_an_owner_one_for_each_change() {
    let mut frames = Vec::new();
    let quotas = Quotas { all: records(1000), each: records(1000) };
    for (owner, within) in [(None, Quotas::default()), (None, quotas), (Some(MINE), quotas)] {
        let directory = directory();
        let store = open(&embedded(directory.path()));
        let wal = || directory.path().join("ots.db-wal").metadata().unwrap().len() / (2048 + 24);
        let before = wal();
        for number in 0..100 {
            store.insert(record(number, owner, within)).await.unwrap();
            assert!(store.take(id(number), Access::Open, start()).await.unwrap());
        }
        frames.push(wal() - before);
    }
    eprintln!("frames of 100 pairs without a quota, with one, and with owners: {frames:?}");
    assert!(frames[1] <= frames[0] + 5 && frames[2] <= frames[0] + 205, "{frames:?}");
}
