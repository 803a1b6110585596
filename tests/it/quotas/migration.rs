//! A database of the version before there were owners: what it holds is nobody's, and counts towards all.

use std::{path::Path, time::Instant};

use ots::store::{Location, Store};

use crate::common::{Server, directory};

/// Makes the schema what it was, and says how many records there are.
fn back_to_two(data: &Path) {
    let database = rusqlite::Connection::open(data.join("ots.db")).unwrap();
    database
        .execute_batch(
            "DROP TABLE outbox; ALTER TABLE record DROP COLUMN notify; ALTER TABLE state DROP COLUMN numbered;
             DROP TABLE owner; DROP TABLE receipt; DROP INDEX record_by_receipt; ALTER TABLE record DROP COLUMN owner;
             ALTER TABLE record DROP COLUMN receipt; ALTER TABLE record DROP COLUMN claimed_at; PRAGMA user_version = 2;",
        )
        .unwrap();
}

#[tokio::test]
async fn an_earlier_database_goes_on_and_what_it_holds_is_counted() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("from before").await;
    server.create("and this").await;
    assert!(server.stop().success());
    back_to_two(data.path());
    let server = Server::start(data.path(), &["--quota-secrets", "2", "--quota-secrets-each", "1"]);
    assert_eq!(server.post_json(r#"{"content": "one too many"}"#).await.status(), 507);
    assert_eq!(server.get(&token).await.status(), 200);
    server.create("there is room again").await;
    assert!(server.stop().success());
    let checked = Store::check(&Location::Sqlite(data.path().join("ots.db"))).unwrap();
    assert_eq!((checked.records, checked.findings.len()), (2, 0), "{:?}", checked.findings);
}

/// However many there are: no row is touched.
#[tokio::test]
async fn a_large_database_is_migrated_at_once() {
    let data = directory();
    assert!(Server::start(data.path(), &[]).stop().success());
    back_to_two(data.path());
    let database = rusqlite::Connection::open(data.path().join("ots.db")).unwrap();
    database
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)
             INSERT INTO record (seq, id, created_at, expires_at, deadline, kind, size, key_id, sealed_len)
             SELECT i, randomblob(32), 1, 1 << 50, 1 << 50, 0, 1, x'0101010101010101', 0 FROM n;
             INSERT INTO held VALUES (x'0101010101010101', 200000, 0);",
        )
        .unwrap();
    drop(database);
    let pages = |data: &Path| data.join("ots.db").metadata().unwrap().len();
    let (before, start) = (pages(data.path()), Instant::now());
    let store = Store::open(&Location::Sqlite(data.path().join("ots.db")), 1 << 20).unwrap();
    eprintln!("200,000 records: {:?} with the reserve", start.elapsed());
    store.close().await.unwrap();
    assert!(pages(data.path()) <= before + 64 * 1024, "no row was written anew");
}
