//! The outbox in the embedded store's file: databases of the version before, and damage. What is told, and in which order, is the contract's
//! (`contract`).

mod crash;

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use ots::{
    secret::{ClaimHash, HookId, KeyId, SecretId},
    store::{Access, By, Charge, Head, Location, Message, Record, Store, Told},
};
use rusqlite::Connection;

use crate::common::{database::ruin, directory};

const CLAIM: ClaimHash = ClaimHash([1; 32]);
const LEASE: Duration = Duration::from_secs(60);
const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const EVERY: HookId = HookId([1; 8]);
const OWN: HookId = HookId([2; 8]);

fn open(data: &Path) -> Store {
    let mut store = Store::open(&Location::Sqlite(data.join("ots.db")), 1 << 20).unwrap();
    store.tell(vec![EVERY]);
    store
}

fn id(number: u8) -> SecretId {
    SecretId([number; 32])
}

fn record(number: u8) -> Record {
    let expires_at = NOW + Duration::from_secs(100);
    let head = Head { created_at: NOW, expires_at, kind: 0, size: 7, key_id: KeyId([9; 8]), verifier: None };
    let sealed = [number; 50][..].into();
    Record { id: id(number), head, sealed, charge: Charge::default(), receipt: None, notify: Some(OWN), by: None }
}

/// A store that has kept some, and is closed.
async fn left(data: &Path, numbers: std::ops::Range<u8>) {
    let store = open(data);
    for number in numbers {
        store.insert(record(number)).await.unwrap();
    }
    store.close().await.unwrap();
}

fn change(data: &Path, sql: &str) {
    Connection::open(data.join("ots.db")).unwrap().execute_batch(sql).unwrap();
}

fn findings(data: &Path) -> Vec<String> {
    Store::check(&Location::Sqlite(data.join("ots.db"))).unwrap().findings
}

async fn due(store: &Store, hook: HookId) -> Vec<Message> {
    store.messages(hook, NOW + Duration::from_secs(1000), 100).await.unwrap()
}

/// What it holds names no webhook, and those that are told of everything are told of what becomes of it.
#[tokio::test]
async fn a_database_of_the_version_before_goes_on() {
    let data = directory();
    left(data.path(), 1..4).await;
    let back = "DROP TABLE outbox; ALTER TABLE record DROP COLUMN notify; ALTER TABLE state DROP COLUMN numbered;";
    change(data.path(), &format!("{back} PRAGMA user_version = 5;"));
    let store = open(data.path());
    assert!(store.claim(id(1), Access::Open, CLAIM, LEASE, NOW).await.unwrap().is_some());
    assert!(store.burn(id(2), NOW).await.unwrap());
    store.insert(record(4)).await.unwrap();
    let told: Vec<_> = due(&store, EVERY).await.into_iter().map(|message| (message.id, message.told)).collect();
    let created = Told::Created { size: 7, ttl: Duration::from_secs(100), by: None };
    assert_eq!(told, [(id(1), Told::Claimed), (id(2), Told::Burned(By::Link)), (id(4), created)]);
    assert_eq!(due(&store, OWN).await.len(), 1);
    store.close().await.unwrap();
    assert_eq!(findings(data.path()), [""; 0]);
}

/// A webhook that can't be isn't told; the record goes as any other.
#[tokio::test]
async fn a_damaged_name_keeps_no_record() {
    for damage in ["x''", "x'00'", "randomblob(32)"] {
        let data = directory();
        left(data.path(), 1..4).await;
        change(data.path(), &format!("UPDATE record SET notify = {damage}; DELETE FROM outbox"));
        assert_eq!(findings(data.path()), ["3 records name a webhook that can't be"]);
        let store = open(data.path());
        assert_eq!(store.take(id(1), Access::Open, NOW).await, Ok(true));
        assert!(store.claim(id(2), Access::Open, CLAIM, LEASE, NOW).await.unwrap().is_some());
        assert_eq!(store.release(id(2), CLAIM, NOW).await, Ok(true));
        assert_eq!(store.sweep(NOW + Duration::from_secs(100), 10).await.unwrap().gone.len(), 1);
        assert_eq!((due(&store, EVERY).await.len(), due(&store, OWN).await.len()), (3, 0), "{damage}");
        store.close().await.unwrap();
    }
}

/// A message that can't be read is passed over and told as damage, and goes in its time.
#[tokio::test]
async fn a_damaged_message_holds_up_no_other() {
    for damage in ["event = 99", "at = 9223372036854775807", "tries = -1", "ttl = -1", "id = x'00'"] {
        let data = directory();
        left(data.path(), 1..4).await;
        change(data.path(), &format!("UPDATE outbox SET {damage} WHERE hex(id) LIKE '01%' AND hex(hook) LIKE '01%'"));
        assert_eq!(findings(data.path()), ["1 rows of the outbox can't be read"], "{damage}");
        let store = open(data.path());
        let told: Vec<_> = due(&store, EVERY).await.into_iter().map(|message| message.id).collect();
        assert_eq!(told, [id(2), id(3)], "{damage}");
        assert_eq!(due(&store, OWN).await.len(), 3);
        assert_eq!(store.state(NOW).await.unwrap().damaged, 1);
        assert_eq!(store.give_up(Timestamp::MAX, 10).await, Ok(if damage.starts_with("at") { 5 } else { 6 }));
        store.close().await.unwrap();
    }
}

/// Where nothing can be written into its table, secrets are kept, read and swept all the same, and it is told.
#[tokio::test]
async fn a_damaged_outbox_keeps_no_record() {
    for damaged in ["outbox", "outbox_by_secret", "outbox_by_due"] {
        let data = directory();
        left(data.path(), 1..5).await;
        ruin(data.path(), damaged);
        let store = open(data.path());
        assert_eq!(store.take(id(1), Access::Open, NOW).await, Ok(true), "{damaged}");
        store.insert(record(5)).await.unwrap();
        assert!(store.claim(id(2), Access::Open, CLAIM, LEASE, NOW).await.unwrap().is_some());
        assert_eq!(store.release(id(2), CLAIM, NOW).await, Ok(true));
        assert_eq!(store.fail_attempt(id(3), None, 2, NOW).await, Ok(Some(1)));
        assert_eq!(store.sweep(NOW + Duration::from_secs(100), 10).await.unwrap().gone.len(), 3);
        assert!(store.messages(EVERY, NOW, 10).await.is_ok() && store.waiting(NOW).await.is_ok());
        assert!(store.give_up(NOW, 10).await.is_ok() && store.drop_for_others(&[]).await.is_ok());
        assert!(store.delivered(vec![1]).await.is_ok() && store.put_off(2, NOW).await.is_ok());
        assert!(store.state(NOW).await.unwrap().damaged > 0, "{damaged}");
        store.close().await.unwrap();
        assert!(findings(data.path()).iter().any(|finding| finding.contains("outbox")), "{damaged}");
    }
}

/// Who receives a number twice takes the second for a repetition: whatever is damaged of what they are counted by.
#[tokio::test]
async fn a_damaged_number_brings_no_other_back() {
    for damage in ["-1", "0", "9223372036854775807"] {
        let data = directory();
        left(data.path(), 1..4).await;
        change(data.path(), &format!("UPDATE state SET numbered = {damage}"));
        let store = open(data.path());
        store.insert(record(4)).await.unwrap();
        let numbers: Vec<_> = due(&store, EVERY).await.into_iter().map(|message| message.number).collect();
        assert!(numbers.len() == 4 && numbers.windows(2).all(|pair| pair[0] < pair[1]), "{damage}: {numbers:?}");
        store.close().await.unwrap();
    }
}
