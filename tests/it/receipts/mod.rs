//! Receipts in the embedded store's file: databases of the version before, and damage. What they tell is the contract's (`contract`).

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use ots::{
    secret::{ClaimHash, KeyId, ReceiptId, SecretId},
    store::{Access, By, Charge, Head, Location, ReceiptState, Record, Store, StoreError},
};
use rusqlite::Connection;

use crate::common::{database::ruin, directory};

const CLAIM: ClaimHash = ClaimHash([1; 32]);
const LEASE: Duration = Duration::from_secs(60);
const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn open(data: &Path) -> Store {
    Store::open(&Location::Sqlite(data.join("ots.db")), 1 << 20).unwrap()
}

fn id(number: u8) -> SecretId {
    SecretId([number; 32])
}

fn receipt(number: u8) -> ReceiptId {
    ReceiptId([100 + number; 32])
}

fn record(number: u8, receipt: Option<ReceiptId>) -> Record {
    let expires_at = NOW + Duration::from_secs(100);
    let head = Head { created_at: NOW, expires_at, kind: 0, size: 7, key_id: KeyId([9; 8]), verifier: None };
    Record {
        id: id(number),
        head,
        sealed: [number; 50][..].into(),
        charge: Charge::default(),
        receipt,
        notify: None,
        by: None,
    }
}

/// A store that has kept some, and is closed.
async fn left(data: &Path, records: impl IntoIterator<Item = Record>) {
    let store = open(data);
    for record in records {
        store.insert(record).await.unwrap();
    }
    store.close().await.unwrap();
}

fn change(data: &Path, sql: &str) {
    Connection::open(data.join("ots.db")).unwrap().execute_batch(sql).unwrap();
}

fn findings(data: &Path) -> Vec<String> {
    Store::check(&Location::Sqlite(data.join("ots.db"))).unwrap().findings
}

/// What it holds has no receipts, and goes on, also what a reader has.
#[tokio::test]
async fn a_database_of_the_version_before_goes_on() {
    let data = directory();
    left(data.path(), (1..5).map(|number| record(number, None))).await;
    let store = open(data.path());
    assert!(store.claim(id(1), Access::Open, CLAIM, LEASE, NOW).await.unwrap().is_some());
    store.close().await.unwrap();
    change(
        data.path(),
        "DROP TABLE outbox; ALTER TABLE record DROP COLUMN notify; ALTER TABLE state DROP COLUMN numbered;
         DROP TABLE receipt; DROP INDEX record_by_receipt; ALTER TABLE record DROP COLUMN receipt;
         ALTER TABLE record DROP COLUMN claimed_at; PRAGMA user_version = 3;",
    );
    let store = open(data.path());
    assert!(store.claim(id(1), Access::Open, CLAIM, LEASE, NOW).await.unwrap().is_some());
    assert!(store.release(id(1), CLAIM, NOW).await.unwrap());
    assert!(store.take(id(2), Access::Open, NOW).await.unwrap());
    assert!(store.burn(id(3), NOW).await.unwrap());
    store.insert(record(5, Some(receipt(5)))).await.unwrap();
    assert_eq!(store.sweep(NOW + Duration::from_secs(100), 10).await.unwrap().gone.len(), 2);
    let trace = store.trace(receipt(5), NOW).await.unwrap().unwrap();
    assert_eq!(trace.state, ReceiptState::Expired);
    store.close().await.unwrap();
    let rows = |table: &str| -> u32 {
        let database = Connection::open(data.path().join("ots.db")).unwrap();
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((rows("record"), rows("receipt")), (0, 1), "who asked for none has left none");
    assert_eq!(findings(data.path()), [""; 0]);
}

/// Whatever is damaged of what its receipt needs, a record is given, released, burned and swept, and leaves nothing then.
#[tokio::test]
async fn a_damaged_column_keeps_no_record() {
    for damage in [
        "receipt = x''",
        "receipt = x'00'",
        "claimed_at = 9223372036854775807",
        "created_at = 9223372036854775807",
        "attempts = -1",
    ] {
        let data = directory();
        left(data.path(), [record(1, Some(receipt(1))), record(2, Some(receipt(2)))]).await;
        change(data.path(), &format!("UPDATE record SET {damage} WHERE seq = 1"));
        let store = open(data.path());
        let (taken, after) = match damage.len() % 3 {
            0 => (store.take(id(1), Access::Open, NOW).await, 10),
            1 => (store.burn(id(1), NOW).await, 10),
            _ => (Ok(true), 100),
        };
        assert_eq!(taken, Ok(true), "{damage}");
        let swept = store.sweep(NOW + Duration::from_secs(after), 10).await.unwrap();
        assert_eq!(swept.gone.len(), if after == 100 { 2 } else { 0 }, "{damage}");
        assert_eq!(store.trace(receipt(1), NOW).await, Ok(None), "{damage}");
        assert!(store.trace(receipt(2), NOW).await.unwrap().is_some());
        store.close().await.unwrap();
    }
}

/// A row that can't be read is told as damage, to whoever asks, to health and to a check; what else there is is told as it was.
#[tokio::test]
async fn a_damaged_row_is_told_as_damage() {
    for damage in ["state = 99", "ended_at = 9223372036854775807", "attempts = -1", "claimed_at = 9223372036854775807"]
    {
        let data = directory();
        left(data.path(), [record(1, Some(receipt(1))), record(2, Some(receipt(2)))]).await;
        let store = open(data.path());
        for number in 1..3 {
            assert!(store.burn(id(number), NOW).await.unwrap());
        }
        store.close().await.unwrap();
        change(data.path(), &format!("UPDATE receipt SET {damage} WHERE hex(id) LIKE '65%'"));
        assert_eq!(findings(data.path()), ["1 rows of the receipts can't be read"], "{damage}");
        let store = open(data.path());
        let trace = store.trace(receipt(1), NOW).await;
        assert!(matches!(trace, Err(StoreError::Damaged(_))), "{damage}: {trace:?}");
        assert_eq!(store.state(NOW).await.unwrap().damaged, 1);
        let trace = store.trace(receipt(2), NOW).await.unwrap().unwrap();
        assert_eq!(trace.state, ReceiptState::Burned(By::Link));
        let ended = if damage.contains("ended") { 1 } else { 2 };
        assert_eq!(store.forget_receipts(Timestamp::MAX, 10).await, Ok(ended), "it goes in its time");
        store.close().await.unwrap();
    }
}

/// Where nothing can be written into their table, secrets are read and swept all the same, and it is told.
#[tokio::test]
async fn a_damaged_table_keeps_no_record() {
    let data = directory();
    left(data.path(), (1..5).map(|number| record(number, Some(receipt(number))))).await;
    ruin(data.path(), "receipt");
    let store = open(data.path());
    assert_eq!(store.take(id(1), Access::Open, NOW).await, Ok(true));
    assert!(store.claim(id(2), Access::Open, CLAIM, LEASE, NOW).await.unwrap().is_some());
    assert_eq!(store.release(id(2), CLAIM, NOW).await, Ok(true));
    assert!(matches!(store.trace(receipt(2), NOW).await, Err(StoreError::Damaged(_))), "it says nothing wrong");
    let trace = store.trace(receipt(3), NOW).await.unwrap().unwrap();
    assert_eq!(trace.state, ReceiptState::Unread);
    assert_eq!(store.forget_receipts(NOW, 10).await, Ok(0));
    assert_eq!(store.sweep(NOW + Duration::from_secs(100), 10).await.unwrap().gone.len(), 2);
    assert!(store.state(NOW).await.unwrap().damaged > 0);
    store.close().await.unwrap();
    assert!(findings(data.path()).iter().any(|finding| finding.contains("the receipts can't be read")));
}
