//! What only servers that share a database do to receipts: records that another server has in hand, tables of the version before, and a
//! file's receipts that are moved there.

use std::{sync::atomic::AtomicBool, time::Duration};

use jiff::Timestamp;
use ots::{
    secret::{ClaimHash, KeyId, ReceiptId, SecretId},
    store::{
        Access, Burnt, By, Charge, Head, Location, ReceiptState, Record, Store, StoreError, Trace, migrate::migrate,
    },
};

use crate::common::{directory, postgres::Cluster};

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const CLAIM: ClaimHash = ClaimHash([1; 32]);
const LEASE: Duration = Duration::from_secs(60);

fn id(number: u16) -> SecretId {
    let mut id = [7; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    SecretId(id)
}

fn receipt(number: u16) -> ReceiptId {
    ReceiptId(id(number).0.map(|byte| byte ^ 0xff))
}

fn record(number: u16, receipt: Option<ReceiptId>) -> Record {
    let expires_at = NOW + Duration::from_secs(100);
    let head = Head { created_at: NOW, expires_at, kind: 0, size: 7, key_id: KeyId([9; 8]), verifier: None };
    Record {
        id: id(number),
        head,
        sealed: [1; 50][..].into(),
        charge: Charge::default(),
        receipt,
        notify: None,
        by: None,
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

async fn told(store: &Store, number: u16, seconds: u64) -> Result<Option<Trace>, StoreError> {
    store.trace(receipt(number), after(seconds)).await
}

/// One that a server has in hand is nobody's to tell about, until that server has given it out or back, or its time is over.
#[tokio::test]
async fn what_a_server_has_in_hand_is_told_when_its_end_is_known() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let store = Store::open(&cluster.url(&database).parse().unwrap(), 1 << 20).unwrap();
    for number in 1..4 {
        store.insert(record(number, Some(receipt(number)))).await.unwrap();
    }
    let (at, until) = (after(5), after(305));
    let in_hand = format!(
        "UPDATE ots.record SET claim = sha256('x'), own = true, reads = 1, deadline = {}, claimed_at = {}",
        until.as_millisecond(),
        at.as_millisecond()
    );
    cluster.psql(&database, &in_hand);
    assert_eq!(told(&store, 1, 10).await, Err(StoreError::Busy));
    assert_eq!(store.burn_by_receipt(receipt(1), after(10)).await, Err(StoreError::Busy));
    // One that is given back meanwhile is waited for.
    let given_back = "UPDATE ots.record SET claim = NULL, own = false, reads = 0, deadline = ends_at, claimed_at = NULL
                      WHERE id IN (SELECT id FROM ots.record ORDER BY id LIMIT 1)";
    let (trace, ()) = tokio::join!(told(&store, 1, 10), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cluster.psql(&database, given_back);
    });
    assert_eq!(trace.unwrap().unwrap().state, ReceiptState::Unread);
    assert_eq!(store.burn_by_receipt(receipt(1), after(10)).await, Ok(Burnt::Now(id(1))));
    // The server that has the others is never heard of again.
    let lost = told(&store, 2, 305).await.unwrap().unwrap();
    assert_eq!((lost.state, lost.claimed_at, lost.ended_at), (ReceiptState::Unconfirmed, Some(at), Some(until)));
    assert_eq!(store.sweep(after(305), 10).await.unwrap().gone.len(), 2);
    assert_eq!(told(&store, 2, 305).await, Ok(Some(lost)));
    store.close().await.unwrap();
    assert_eq!(Store::check(&cluster.url(&database).parse().unwrap()).unwrap().findings, [""; 0]);
}

/// One whose tries are used up, and that its server didn't come to remove, is told, and swept, as one that did.
#[tokio::test]
async fn the_last_try_is_told_before_its_record_is_removed() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let store = Store::open(&cluster.url(&database).parse().unwrap(), 1 << 20).unwrap();
    store.insert(record(1, Some(receipt(1)))).await.unwrap();
    let tried = format!("UPDATE ots.record SET attempts = 3, deadline = {}", after(20).as_millisecond() - 10_000);
    cluster.psql(&database, &tried);
    let trace = told(&store, 1, 21).await.unwrap().unwrap();
    assert_eq!((trace.state, trace.ended_at, trace.attempts), (ReceiptState::Burned(By::Tries), Some(after(20)), 3));
    assert_eq!(store.burn_by_receipt(receipt(1), after(21)).await, Ok(Burnt::TooLate));
    assert_eq!(store.sweep(after(21), 10).await.unwrap().gone.len(), 1);
    assert_eq!(told(&store, 1, 21).await, Ok(Some(trace)));
    store.close().await.unwrap();
}

/// Its records have none, and go on.
#[tokio::test]
async fn tables_of_the_version_before_go_on() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let location: Location = cluster.url(&database).parse().unwrap();
    let store = Store::open(&location, 1 << 20).unwrap();
    for number in 1..4 {
        store.insert(record(number, None)).await.unwrap();
    }
    assert!(store.claim(id(1), Access::Open, CLAIM, LEASE, NOW).await.unwrap().is_some());
    store.close().await.unwrap();
    cluster.psql(
        &database,
        "DROP TABLE ots.receipt, ots.outbox, ots.courier;
         ALTER TABLE ots.record DROP COLUMN receipt, DROP COLUMN claimed_at, DROP COLUMN notify;
         DELETE FROM ots.migration WHERE number > 1",
    );
    let store = Store::open(&location, 1 << 20).unwrap();
    store.insert(record(4, Some(receipt(4)))).await.unwrap();
    assert!(store.release(id(1), CLAIM, NOW).await.unwrap());
    assert!(store.take(id(2), Access::Open, NOW).await.unwrap());
    assert!(store.take(id(4), Access::Open, NOW).await.unwrap());
    assert_eq!(store.sweep(after(100), 10).await.unwrap().gone.len(), 1);
    assert_eq!(cluster.psql(&database, "SELECT count(*) FROM ots.receipt").trim(), "1");
    store.close().await.unwrap();
}

/// Every receipt of a file tells the same of its secret once that is moved.
#[tokio::test]
async fn receipts_are_moved_with_their_records_and_without() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let data = directory();
    let file = data.path().join("ots.db");
    let store = Store::open(&Location::Sqlite(file.clone()), 1 << 20).unwrap();
    // The clock is the machine's here: what is moved has to be live.
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    let of_now = |number, seconds| {
        let record = record(number, Some(receipt(number)));
        let expires_at = now + Duration::from_secs(seconds);
        Record { head: Head { created_at: now, expires_at, ..record.head }, ..record }
    };
    for number in 0..600 {
        store.insert(of_now(number, if number == 599 { 0 } else { 3600 })).await.unwrap();
    }
    for number in 0..500 {
        assert!(store.burn(id(number), now).await.unwrap());
    }
    for number in 500..510 {
        let lease = Duration::from_secs(600);
        assert!(store.claim(id(number), Access::Open, CLAIM, lease, now).await.unwrap().is_some());
    }
    assert_eq!(store.fail_attempt(id(511), None, 10, now).await, Ok(Some(9)));
    let mut before = Vec::new();
    for number in 0..600 {
        before.push(store.trace(receipt(number), now).await.unwrap().unwrap());
    }
    assert_eq!(before[599].state, ReceiptState::Expired);
    store.close().await.unwrap();
    let Location::Postgres(to) = cluster.url(&database).parse().unwrap() else { panic!("it is one") };
    let migrated = migrate(&file, &to, &AtomicBool::new(false), |_, _| ()).await.unwrap();
    assert_eq!((migrated.moved.records, migrated.receipts, migrated.expired, migrated.finished), (99, 500, 1, true));
    let store = Store::open(&Location::Postgres(to), 1 << 20).unwrap();
    for (number, before) in (0..600).zip(before) {
        let trace = store.trace(receipt(number), now).await.unwrap();
        assert_eq!(trace, Some(before), "{number}");
    }
    assert!(store.release(id(500), CLAIM, now).await.unwrap());
    assert_eq!(store.trace(receipt(500), now).await.unwrap().unwrap().state, ReceiptState::Delivered);
    store.close().await.unwrap();
    let left = rusqlite::Connection::open(&file).unwrap();
    let rows: u32 = left.query_row("SELECT count(*) FROM receipt", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}
