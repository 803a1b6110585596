//! The store's contract, as every engine has to keep it. A new engine is one more line in `engines`.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use ots::{
    secret::{ClaimHash, SecretId},
    store::{Access, Record, Store, StoreError, Swept, sqlite::SqliteStore},
};

const LEASE: Duration = Duration::from_secs(60);
const MINE: ClaimHash = ClaimHash([1; 32]);
const THEIRS: ClaimHash = ClaimHash([2; 32]);

/// An empty store of each engine. Time is the tests' own: it starts here.
fn engines() -> (Vec<Arc<Store>>, tempfile::TempDir, Timestamp) {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&directory.path().join("ots.db"), 1 << 20).unwrap();
    (vec![Arc::new(Store::Sqlite(sqlite))], directory, "2026-01-01T00:00:00Z".parse().unwrap())
}

fn at(start: Timestamp, seconds: u64) -> Timestamp {
    start + Duration::from_secs(seconds)
}

fn id(number: u8) -> SecretId {
    SecretId([number; 32])
}

/// A record that lives for 100 seconds.
fn record(number: u8, start: Timestamp) -> Record {
    Record {
        id: id(number),
        created_at: start,
        expires_at: at(start, 100),
        kind: 3,
        size: 7,
        key_id: [9; 8],
        verifier: None,
        sealed: vec![number; 50],
    }
}

#[tokio::test]
async fn take_gives_it_once() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        let stored = store.take(id(1), Access::Open, start).await.unwrap().unwrap();
        assert_eq!((stored.sealed, stored.kind, stored.key_id), (vec![1; 50], 3, [9; 8]));
        assert_eq!(stored.expires_at, at(start, 100));
        assert!(store.take(id(1), Access::Open, start).await.unwrap().is_none());
        assert!(store.peek(id(1), start).await.unwrap().is_none());
        assert!(store.take(id(2), Access::Open, start).await.unwrap().is_none(), "never there");
    }
}

#[tokio::test]
async fn insert_never_overwrites() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        let second = Record { sealed: vec![99; 50], ..record(1, start) };
        assert_eq!(store.insert(second).await, Err(StoreError::Exists));
        assert_eq!(store.take(id(1), Access::Open, start).await.unwrap().unwrap().sealed, vec![1; 50]);
    }
}

#[tokio::test]
async fn expired_is_gone_to_every_call_before_any_sweep() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        let (before, after) = (at(start, 99), at(start, 100));
        assert!(store.peek(id(1), before).await.unwrap().is_some());
        assert!(store.peek(id(1), after).await.unwrap().is_none());
        assert!(store.take(id(1), Access::Open, after).await.unwrap().is_none());
        assert!(store.claim(id(1), Access::Open, MINE, LEASE, after).await.unwrap().is_none());
        assert!(!store.burn(id(1), after).await.unwrap());
        assert_eq!(store.fail_attempt(id(1), 10, after).await.unwrap(), None);
        assert!(store.take(id(1), Access::Open, before).await.unwrap().is_some(), "none of them removed it");
    }
}

#[tokio::test]
async fn a_claim_is_one_readers_for_the_lease() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        let claim = |claim, seconds| store.claim(id(1), Access::Open, claim, LEASE, at(start, seconds));
        assert_eq!(claim(MINE, 80).await.unwrap().unwrap().sealed, vec![1; 50]);
        assert_eq!(store.peek(id(1), at(start, 80)).await.unwrap().unwrap().claim, Some(MINE));
        assert!(claim(THEIRS, 81).await.unwrap().is_none());
        assert!(store.take(id(1), Access::Open, at(start, 81)).await.unwrap().is_none());
        assert!(!store.burn(id(1), at(start, 81)).await.unwrap());
        assert!(!store.release(id(1), THEIRS).await.unwrap());
        // Past the expiry, within the lease; and asking again doesn't make it longer.
        assert!(claim(MINE, 139).await.unwrap().is_some());
        assert!(claim(MINE, 140).await.unwrap().is_none());
        assert!(claim(THEIRS, 140).await.unwrap().is_none());
        assert!(store.peek(id(1), at(start, 140)).await.unwrap().is_none());
        assert!(store.release(id(1), MINE).await.unwrap(), "late, and still to be removed");
        assert!(!store.release(id(1), MINE).await.unwrap());
    }
}

#[tokio::test]
async fn release_removes_what_was_claimed_only() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        assert!(!store.release(id(1), MINE).await.unwrap(), "nobody has claimed it");
        assert!(store.claim(id(1), Access::Open, MINE, LEASE, start).await.unwrap().is_some());
        assert!(store.release(id(1), MINE).await.unwrap());
        assert!(store.claim(id(1), Access::Open, MINE, LEASE, start).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn guarded_records_are_given_to_the_verified_only() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(Record { verifier: Some([5; 32]), ..record(1, start) }).await.unwrap();
        assert_eq!(store.peek(id(1), start).await.unwrap().unwrap().verifier, Some([5; 32]));
        assert!(store.take(id(1), Access::Open, start).await.unwrap().is_none());
        assert!(store.claim(id(1), Access::Open, MINE, LEASE, start).await.unwrap().is_none());
        assert!(store.claim(id(1), Access::Verified, MINE, LEASE, start).await.unwrap().is_some());
        assert!(store.claim(id(1), Access::Open, MINE, LEASE, start).await.unwrap().is_none(), "not even again");
        assert!(store.claim(id(1), Access::Verified, MINE, LEASE, start).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn wrong_passphrases_are_counted_and_the_last_removes() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(Record { verifier: Some([5; 32]), ..record(1, start) }).await.unwrap();
        assert_eq!(store.fail_attempt(id(1), 3, start).await.unwrap(), Some(2));
        assert_eq!(store.fail_attempt(id(1), 3, start).await.unwrap(), Some(1));
        assert!(store.peek(id(1), start).await.unwrap().is_some());
        assert_eq!(store.fail_attempt(id(1), 3, start).await.unwrap(), Some(0));
        assert!(store.peek(id(1), start).await.unwrap().is_none());
        assert_eq!(store.fail_attempt(id(1), 3, start).await.unwrap(), None);
    }
}

#[tokio::test]
async fn burn_removes_unread() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(Record { verifier: Some([5; 32]), ..record(1, start) }).await.unwrap();
        assert!(store.burn(id(1), start).await.unwrap());
        assert!(!store.burn(id(1), start).await.unwrap());
        assert!(store.take(id(1), Access::Verified, start).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn sweep_removes_what_is_dead_in_bounded_batches() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for number in 0..10 {
            store.insert(record(number, start)).await.unwrap();
        }
        store.insert(Record { expires_at: at(start, 1000), ..record(10, start) }).await.unwrap();
        assert!(store.claim(id(0), Access::Open, MINE, LEASE, at(start, 90)).await.unwrap().is_some());
        assert_eq!(store.sweep(at(start, 99), 100).await.unwrap(), Swept { removed: 0, more: false });
        assert_eq!(store.sweep(at(start, 100), 5).await.unwrap(), Swept { removed: 5, more: true });
        assert_eq!(store.sweep(at(start, 100), 5).await.unwrap().removed, 4, "the claimed one has its lease");
        assert!(store.claim(id(0), Access::Open, MINE, LEASE, at(start, 100)).await.unwrap().is_some());
        assert_eq!(store.sweep(at(start, 150), 5).await.unwrap(), Swept { removed: 1, more: false });
        assert!(!store.release(id(0), MINE).await.unwrap());
        assert!(store.take(id(10), Access::Open, at(start, 150)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn peek_tells_without_reading_and_keys_are_counted() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.ping().await.unwrap();
        store.insert(record(1, start)).await.unwrap();
        store.insert(Record { key_id: [8; 8], ..record(2, start) }).await.unwrap();
        let peek = store.peek(id(1), start).await.unwrap().unwrap();
        assert_eq!((peek.created_at, peek.expires_at), (start, at(start, 100)));
        assert_eq!((peek.kind, peek.size, peek.key_id), (3, 7, [9; 8]));
        assert_eq!((peek.verifier, peek.claim), (None, None));
        let mut counts = store.count_by_key().await.unwrap();
        counts.sort_unstable();
        assert_eq!(counts, [([8; 8], 1), ([9; 8], 1)]);
    }
}

/// What a caller that gave up had asked for is done whole or not at all; the engine carries on.
#[tokio::test]
async fn callers_that_go_away_change_nothing() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for number in 0..100 {
            let call = store.insert(record(number, start));
            let _ = tokio::time::timeout(Duration::from_nanos(1), call).await;
        }
        store.insert(record(200, start)).await.unwrap();
        assert!(store.take(id(200), Access::Open, start).await.unwrap().is_some());
        let mut kept = 0;
        for number in 0..100 {
            if let Some(stored) = store.take(id(number), Access::Open, start).await.unwrap() {
                assert_eq!((stored.sealed, stored.expires_at), (vec![number; 50], at(start, 100)));
                assert!(store.take(id(number), Access::Open, start).await.unwrap().is_none());
                kept += 1;
            }
        }
        assert!(kept > 0, "some had been asked for before their callers left");
    }
}

/// Contents from one byte to several chunks come back as they were.
#[tokio::test]
async fn contents_of_any_size_come_back() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for (number, size) in (0_u8..).zip([1, 1000, 2044, 262_143, 262_144, 262_145, 3_000_000]) {
            let sealed: Vec<u8> = (0..size).map(|byte: usize| u8::try_from(byte % 251).unwrap()).collect();
            store.insert(Record { sealed: sealed.clone(), ..record(number, start) }).await.unwrap();
            assert!(store.take(id(number), Access::Open, start).await.unwrap().unwrap().sealed == sealed);
        }
    }
}

/// A full queue says so at once: memory is bounded under any load, and nothing that was answered is lost.
#[tokio::test]
async fn a_full_queue_is_busy() {
    let (stores, _directory, start) = engines();
    for store in stores {
        let calls = (0..20_000_u32).map(|number| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            let store = Arc::clone(&store);
            async move {
                let record = Record { id: SecretId(bytes), sealed: vec![1; 4000], ..record(1, start) };
                (SecretId(bytes), store.insert(record).await)
            }
        });
        let answers = futures_util::future::join_all(calls).await;
        let kept: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(id, _)| *id).collect();
        assert!(answers.iter().all(|(_, answer)| matches!(answer, Ok(()) | Err(StoreError::Busy))));
        assert!(kept.len() >= 1000 && kept.len() < answers.len(), "{} of {}", kept.len(), answers.len());
        for id in kept {
            assert!(store.peek(id, start).await.unwrap().is_some());
        }
    }
}

#[tokio::test]
async fn a_closed_store_says_so_and_keeps_what_it_had() {
    let (stores, directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(store.insert(record(2, start)).await, Err(StoreError::Closed));
    }
    let again = Store::Sqlite(SqliteStore::open(&directory.path().join("ots.db"), 1 << 20).unwrap());
    assert!(again.take(id(1), Access::Open, start).await.unwrap().is_some());
}
