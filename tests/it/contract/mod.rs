//! The store's contract, as every engine has to keep it: the embedded one, and PostgreSQL. A new engine is one more line in
//! `common::engine::each`.

mod outbox;
mod receipts;
mod requests;

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use jiff::Timestamp;
use ots::{
    memory::{Budget, Buffer},
    secret::{ClaimHash, KeyId, SecretId, Verifier},
    store::{Access, Charge, Claimed, Gone, Head, Held, Location, Record, Store, StoreError, Swept},
};

const LEASE: Duration = Duration::from_secs(60);
const MINE: ClaimHash = ClaimHash([1; 32]);
const THEIRS: ClaimHash = ClaimHash([2; 32]);

/// Where the stores of a test are, for as long as it runs.
struct Places {
    locations: Vec<Location>,
    _directory: tempfile::TempDir,
}

/// An empty store of each engine. Time is the tests' own: it starts here.
fn engines() -> (Vec<Arc<Store>>, Places, Timestamp) {
    let directory = tempfile::tempdir().unwrap();
    let locations = crate::common::engine::each(directory.path());
    let stores = locations.iter().map(|location| Arc::new(Store::open(location, 1 << 20).unwrap())).collect();
    (stores, Places { locations, _directory: directory }, "2026-01-01T00:00:00Z".parse().unwrap())
}

/// Loads the record and takes it, as a plain read does: its ciphertext, to one caller.
async fn read(store: &Store, id: SecretId, now: Timestamp) -> Option<Vec<u8>> {
    let stored = store.load(id, None, Access::Verified, now, &memory()).await.unwrap();
    let taken = store.take(id, Access::Open, now).await.unwrap();
    taken.then(|| stored.unwrap().sealed.as_ref().to_vec())
}

/// Where what is loaded is counted.
fn memory() -> Budget {
    Budget::new(64 << 20)
}

fn at(start: Timestamp, seconds: u64) -> Timestamp {
    start + Duration::from_secs(seconds)
}

fn id(number: u8) -> SecretId {
    SecretId([number; 32])
}

/// A record that lives for 100 seconds.
fn record(number: u8, start: Timestamp) -> Record {
    let head =
        Head { created_at: start, expires_at: at(start, 100), kind: 3, size: 7, key_id: KeyId([9; 8]), verifier: None };
    Record {
        id: id(number),
        head,
        sealed: [number; 50][..].into(),
        charge: Charge::default(),
        receipt: None,
        notify: None,
        by: None,
    }
}

/// One that a passphrase guards.
fn guarded(number: u8, start: Timestamp) -> Record {
    let plain = record(number, start);
    Record { head: Head { verifier: Some(Verifier([5; 32])), ..plain.head }, ..plain }
}

#[tokio::test]
async fn what_is_loaded_is_taken_once() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        for _ in 0..2 {
            let stored = store.load(id(1), None, Access::Verified, start, &memory()).await.unwrap().unwrap();
            assert_eq!((stored.sealed.as_ref(), stored.head), (&[1; 50][..], record(1, start).head));
        }
        assert!(store.take(id(1), Access::Open, start).await.unwrap());
        assert!(!store.take(id(1), Access::Open, start).await.unwrap());
        assert!(store.load(id(1), None, Access::Verified, start, &memory()).await.unwrap().is_none());
        assert!(store.peek(id(1), None, start).await.unwrap().is_none());
        assert!(!store.take(id(2), Access::Open, start).await.unwrap(), "never there");
    }
}

#[tokio::test]
async fn insert_never_overwrites() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        let second = Record { sealed: [99; 50][..].into(), ..record(1, start) };
        assert_eq!(store.insert(second).await, Err(StoreError::Exists));
        assert_eq!(read(&store, id(1), start).await.unwrap(), [1; 50]);
    }
}

#[tokio::test]
async fn expired_is_gone_to_every_call_before_any_sweep() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        let (before, after) = (at(start, 99), at(start, 100));
        assert!(store.peek(id(1), None, before).await.unwrap().is_some());
        assert!(store.peek(id(1), None, after).await.unwrap().is_none());
        assert!(store.load(id(1), None, Access::Verified, after, &memory()).await.unwrap().is_none());
        assert!(!store.take(id(1), Access::Open, after).await.unwrap());
        assert!(store.claim(id(1), Access::Open, MINE, LEASE, after).await.unwrap().is_none());
        assert!(!store.burn(id(1), after).await.unwrap());
        assert_eq!(store.fail_attempt(id(1), None, 10, after).await.unwrap(), None);
        assert!(store.take(id(1), Access::Open, before).await.unwrap(), "none of them removed it");
    }
}

#[tokio::test]
async fn a_claim_is_one_readers_for_the_lease() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        let claim = |claim, seconds| store.claim(id(1), Access::Open, claim, LEASE, at(start, seconds));
        let memory = memory();
        let load = |claim, seconds| store.load(id(1), claim, Access::Verified, at(start, seconds), &memory);
        assert!(load(Some(MINE), 80).await.unwrap().is_some(), "not claimed yet");
        assert_eq!(claim(MINE, 80).await.unwrap(), Some(Claimed::New));
        assert_eq!(load(Some(MINE), 80).await.unwrap().unwrap().sealed.as_ref(), [1; 50]);
        assert!(store.peek(id(1), Some(MINE), at(start, 80)).await.unwrap().is_some());
        for others in [None, Some(THEIRS)] {
            assert!(load(others, 81).await.unwrap().is_none());
            assert!(store.peek(id(1), others, at(start, 81)).await.unwrap().is_none());
        }
        assert_eq!(claim(THEIRS, 81).await.unwrap(), None);
        assert!(!store.take(id(1), Access::Open, at(start, 81)).await.unwrap());
        assert!(!store.burn(id(1), at(start, 81)).await.unwrap());
        assert!(!store.release(id(1), THEIRS, start).await.unwrap());
        // Past the expiry, within the lease; and asking again doesn't make it longer.
        assert_eq!(claim(MINE, 139).await.unwrap(), Some(Claimed::Again));
        assert!(load(Some(MINE), 139).await.unwrap().is_some());
        assert_eq!(claim(MINE, 140).await.unwrap(), None);
        assert_eq!(claim(THEIRS, 140).await.unwrap(), None);
        assert!(load(Some(MINE), 140).await.unwrap().is_none());
        assert!(store.release(id(1), MINE, start).await.unwrap(), "late, and still to be removed");
        assert!(!store.release(id(1), MINE, start).await.unwrap());
    }
}

#[tokio::test]
async fn release_removes_what_was_claimed_only() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        assert!(!store.release(id(1), MINE, start).await.unwrap(), "nobody has claimed it");
        assert!(store.claim(id(1), Access::Open, MINE, LEASE, start).await.unwrap().is_some());
        assert!(store.release(id(1), MINE, start).await.unwrap());
        assert!(store.claim(id(1), Access::Open, MINE, LEASE, start).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn guarded_records_are_given_to_the_verified_only() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(guarded(1, start)).await.unwrap();
        assert_eq!(store.peek(id(1), None, start).await.unwrap().unwrap().verifier, Some(Verifier([5; 32])));
        let unshown = store.load(id(1), None, Access::Open, start, &memory()).await.unwrap().unwrap();
        assert!(unshown.sealed.is_empty(), "its content isn't even loaded");
        assert!(!store.take(id(1), Access::Open, start).await.unwrap());
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
        store.insert(guarded(1, start)).await.unwrap();
        assert_eq!(store.fail_attempt(id(1), None, 3, start).await.unwrap(), Some(2));
        assert_eq!(store.fail_attempt(id(1), None, 3, start).await.unwrap(), Some(1));
        assert!(store.peek(id(1), None, start).await.unwrap().is_some());
        assert_eq!(store.fail_attempt(id(1), None, 3, start).await.unwrap(), Some(0));
        assert!(store.peek(id(1), None, start).await.unwrap().is_none());
        assert_eq!(store.fail_attempt(id(1), None, 3, start).await.unwrap(), None);
    }
}

#[tokio::test]
async fn burn_removes_unread() {
    let (stores, _directory, start) = engines();
    for store in stores {
        store.insert(guarded(1, start)).await.unwrap();
        assert!(store.burn(id(1), start).await.unwrap());
        assert!(!store.burn(id(1), start).await.unwrap());
        assert!(!store.take(id(1), Access::Verified, start).await.unwrap());
    }
}

#[tokio::test]
async fn sweep_removes_what_is_dead_in_bounded_batches() {
    let (stores, _directory, start) = engines();
    for store in stores {
        for number in 0..10 {
            store.insert(record(number, start)).await.unwrap();
        }
        let head = Head { expires_at: at(start, 1000), ..record(10, start).head };
        store.insert(Record { head, ..record(10, start) }).await.unwrap();
        assert!(store.claim(id(0), Access::Open, MINE, LEASE, at(start, 90)).await.unwrap().is_some());
        assert_eq!(store.sweep(at(start, 99), 100).await.unwrap(), Swept { gone: vec![], more: false });
        let unread = |ids: std::ops::Range<u8>| {
            ids.map(|number| Gone { id: Some(id(number)), claimed: false, request: false }).collect::<Vec<_>>()
        };
        assert_eq!(store.sweep(at(start, 100), 5).await.unwrap(), Swept { gone: unread(1..6), more: true });
        assert_eq!(store.sweep(at(start, 100), 5).await.unwrap().gone, unread(6..10), "the claimed one has its lease");
        assert!(store.claim(id(0), Access::Open, MINE, LEASE, at(start, 100)).await.unwrap().is_some());
        assert_eq!(store.sweep(at(start, 150), 5).await.unwrap(), {
            Swept { gone: vec![Gone { id: Some(id(0)), claimed: true, request: false }], more: false }
        });
        assert!(!store.release(id(0), MINE, start).await.unwrap());
        assert!(store.take(id(10), Access::Open, at(start, 150)).await.unwrap());
    }
}

#[tokio::test]
async fn peek_tells_without_reading_and_what_is_held_is_counted() {
    let (stores, places, start) = engines();
    for store in stores {
        store.ping().await.unwrap();
        assert_eq!(store.state(start).await.unwrap().held, []);
        for (number, key) in [(1, 9), (2, 8), (3, 8)] {
            let head = Head { key_id: KeyId([key; 8]), ..record(number, start).head };
            store.insert(Record { head, ..record(number, start) }).await.unwrap();
        }
        assert_eq!(store.peek(id(1), None, start).await.unwrap().unwrap(), record(1, start).head);
        assert!(store.take(id(3), Access::Open, start).await.unwrap());
        let held = [
            Held { key_id: KeyId([8; 8]), records: 1, bytes: 50 },
            Held { key_id: KeyId([9; 8]), records: 1, bytes: 50 },
        ];
        let state = store.state(start).await.unwrap();
        assert_eq!((&state.held[..], state.oldest_dead), (&held[..], None));
        assert_eq!(store.state(at(start, 500)).await.unwrap().oldest_dead, Some(at(start, 100)));
        store.sweep(at(start, 500), 10).await.unwrap();
        let state = store.state(at(start, 500)).await.unwrap();
        assert_eq!((&state.held[..], state.oldest_dead), (&[][..], None));
        assert!(state.last_commit.is_some() && state.last_sweep.is_some());
        store.insert(record(4, start)).await.unwrap();
        store.close().await.unwrap();
    }
    for location in &places.locations {
        let again = Store::open(location, 1 << 20).unwrap();
        let held = again.state(start).await.unwrap().held;
        assert_eq!(held, [Held { key_id: KeyId([9; 8]), records: 1, bytes: 50 }], "counted through a restart");
        assert_eq!(Store::check(location).unwrap().findings, [""; 0]);
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
        assert!(store.take(id(200), Access::Open, start).await.unwrap());
        let mut kept = 0;
        for number in 0..100 {
            let Some(sealed) = read(&store, id(number), start).await else { continue };
            assert_eq!(sealed, [number; 50]);
            assert!(!store.take(id(number), Access::Open, start).await.unwrap());
            kept += 1;
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
            store.insert(Record { sealed: sealed.as_slice().into(), ..record(number, start) }).await.unwrap();
            assert!(read(&store, id(number), start).await.unwrap() == sealed);
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
                let record = Record { id: SecretId(bytes), sealed: [1; 4000][..].into(), ..record(1, start) };
                (SecretId(bytes), store.insert(record).await)
            }
        });
        let answers = futures_util::future::join_all(calls).await;
        let kept: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_ok()).map(|(id, _)| *id).collect();
        assert!(answers.iter().all(|(_, answer)| matches!(answer, Ok(()) | Err(StoreError::Busy))));
        assert!(kept.len() >= 1000 && kept.len() < answers.len(), "{} of {}", kept.len(), answers.len());
        for id in kept {
            assert!(store.peek(id, None, start).await.unwrap().is_some());
        }
    }
}

#[tokio::test]
async fn a_closed_store_says_so_and_keeps_what_it_had() {
    let (stores, places, start) = engines();
    for store in stores {
        store.insert(record(1, start)).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(store.insert(record(2, start)).await, Err(StoreError::Closed));
    }
    for location in &places.locations {
        let again = Store::open(location, 1 << 20).unwrap();
        assert!(again.take(id(1), Access::Open, start).await.unwrap());
    }
}

/// More than may wait to be written is refused, what is small isn't, and all that was told to wait can be kept later. What waits is
/// no longer counted where it came from.
#[tokio::test]
async fn what_waits_to_be_written_is_bounded() {
    let (stores, _directory, start) = engines();
    for store in stores {
        let body = Budget::new(64 << 20);
        let large = |number: u8| {
            let mut sealed = Buffer::from(&vec![number; 1 << 20][..]);
            assert!(sealed.reserve(&body, 1 << 20));
            Record { sealed, ..record(number, start) }
        };
        let (records, small): (Vec<_>, _) = ((1..=64).map(large).collect(), record(100, start));
        let mut inserts: Vec<_> = records.into_iter().map(|record| Box::pin(store.insert(record))).collect();
        let polled: Vec<_> = inserts.iter_mut().map(FutureExt::now_or_never).collect();
        assert!(body.reserve(32 << 20).is_some(), "it is counted by the store now");
        assert_eq!(store.insert(small).await, Ok(()));
        let mut kept = 0;
        for (insert, polled) in inserts.into_iter().zip(polled) {
            match polled {
                None => kept += usize::from(insert.await == Ok(())),
                Some(refused) => assert_eq!(refused, Err(StoreError::Busy)),
            }
        }
        assert!((32..60).contains(&kept), "{kept} of 64 MiB");
        assert_eq!(store.insert(large(200)).await, Ok(()));
    }
}
