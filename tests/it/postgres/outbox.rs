//! What only servers that share a database do to the outbox: order among them, one who sends, tables of the version before, and a file's
//! messages that are moved there.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use ots::{
    secret::{ClaimHash, HookId, KeyId, SecretId},
    store::{Access, Charge, Head, Location, Message, Record, Store, Told, migrate::migrate},
};

use crate::common::{directory, postgres::Cluster, until};

const CLAIM: ClaimHash = ClaimHash([1; 32]);
const LEASE: Duration = Duration::from_secs(60);
const EVERY: HookId = HookId([1; 8]);
const OWN: HookId = HookId([2; 8]);

fn id(number: u16) -> SecretId {
    let mut id = [7; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    SecretId(id)
}

/// The clock is the machine's: what is moved has to be live.
fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap()
}

fn record(number: u16, notify: Option<HookId>) -> Record {
    let now = now();
    let expires_at = now + Duration::from_secs(3600);
    let head = Head { created_at: now, expires_at, kind: 0, size: 7, key_id: KeyId([9; 8]), verifier: None };
    let (sealed, charge) = ([1; 50][..].into(), Charge::default());
    Record { id: id(number), head, sealed, charge, receipt: None, notify, by: Some("ci".into()) }
}

fn open(location: &Location) -> Store {
    let mut store = Store::open(location, 1 << 20).unwrap();
    store.tell(vec![EVERY]);
    store
}

/// Takes all out of the outbox, in the order in which it would be sent.
async fn drained(store: &Store, hook: HookId) -> Vec<Message> {
    let mut all = Vec::new();
    loop {
        let due = store.messages(hook, now() + Duration::from_secs(600), 100).await.unwrap();
        if due.is_empty() {
            return all;
        }
        store.delivered(due.iter().map(|message| message.number).collect()).await.unwrap();
        all.extend(due);
    }
}

/// Two servers count wrong passphrases of one secret at once: they are told as they were counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_servers_do_to_one_secret_at_once_is_told_in_the_order_of_its_commits() {
    let Some(cluster) = Cluster::shared() else { return };
    let location: Location = cluster.url(&cluster.new_database()).parse().unwrap();
    let stores = [Arc::new(open(&location)), Arc::new(open(&location))];
    for number in 0..4 {
        stores[0].insert(record(number, None)).await.unwrap();
    }
    let tries = (0..400_u16).map(|at| {
        let store = Arc::clone(&stores[usize::from(at) % 2]);
        tokio::spawn(async move { store.fail_attempt(id(at / 2 % 4), None, 100, now()).await.unwrap() })
    });
    assert!(join_all(tries).await.into_iter().all(|tried| tried.unwrap().is_some()));
    let told = drained(&stores[1], EVERY).await;
    for number in 0..4 {
        let about: Vec<_> = told.iter().filter(|message| message.id == id(number)).collect();
        assert!(about.windows(2).all(|pair| pair[0].number < pair[1].number));
        let left = about.iter().skip(1).map(|message| message.told.clone());
        let counted = (0..100).rev().map(|left| Told::WrongPassphrase { left });
        assert!(left.eq(counted), "{number}: {about:?}");
    }
}

/// One server sends, until its lease is over by the database's clock.
#[tokio::test]
async fn one_server_leads_until_its_lease_is_over() {
    let Some(cluster) = Cluster::shared() else { return };
    let location: Location = cluster.url(&cluster.new_database()).parse().unwrap();
    let [one, other] = [open(&location), open(&location)];
    let (long, far) = (Duration::from_secs(600), now() + Duration::from_secs(86_400));
    assert_eq!(one.lead([1; 16], now(), long).await, Ok(true));
    assert_eq!(other.lead([2; 16], far, long).await, Ok(false), "whatever its own clock says");
    assert_eq!(
        one.lead([1; 16], now(), Duration::from_millis(300)).await,
        Ok(true),
        "again, and for as long as it says"
    );
    until("it is the other's", Duration::from_secs(20), async || other.lead([2; 16], now(), long).await.unwrap()).await;
    assert_eq!(one.lead([1; 16], now(), long).await, Ok(false));
    let leads = join_all([1, 2, 3, 4].map(|holder| other.lead([holder; 16], now(), long))).await;
    assert_eq!(leads, [Ok(false), Ok(true), Ok(false), Ok(false)]);
}

/// Its records name no webhook, and what becomes of them is told.
#[tokio::test]
async fn tables_of_the_version_before_go_on() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let location: Location = cluster.url(&database).parse().unwrap();
    let store = open(&location);
    for number in 1..4 {
        store.insert(record(number, Some(OWN))).await.unwrap();
    }
    store.close().await.unwrap();
    cluster.psql(
        &database,
        "DROP TABLE ots.outbox, ots.courier; ALTER TABLE ots.record DROP COLUMN notify; DELETE FROM ots.migration WHERE number > 2",
    );
    let store = open(&location);
    assert!(store.take(id(1), Access::Open, now()).await.unwrap());
    assert!(store.burn(id(2), now()).await.unwrap());
    store.insert(record(4, Some(OWN))).await.unwrap();
    assert_eq!((drained(&store, EVERY).await.len(), drained(&store, OWN).await.len()), (3, 1));
    store.close().await.unwrap();
    assert_eq!(Store::check(&location).unwrap().findings, [""; 0]);
}

#[tokio::test]
async fn messages_that_cannot_be_are_found() {
    let Some(cluster) = Cluster::shared() else { return };
    for damage in ["event = 0", "id = ''", "hook = '\\x01'", "size = NULL", "tries_left = 3"] {
        let database = cluster.new_database();
        let location: Location = cluster.url(&database).parse().unwrap();
        let store = open(&location);
        store.insert(record(1, Some(OWN))).await.unwrap();
        cluster.psql(&database, &format!("UPDATE ots.outbox SET {damage}"));
        assert_eq!(Store::check(&location).unwrap().findings, ["2 messages for webhooks can't be read"], "{damage}");
        assert!(store.take(id(1), Access::Open, now()).await.unwrap(), "no secret hangs on it");
        store.close().await.unwrap();
    }
}

/// Where tables are copied, by logical replication say, the last number given doesn't come along.
#[tokio::test]
async fn numbers_go_on_behind_those_of_copied_tables() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let location: Location = cluster.url(&database).parse().unwrap();
    let store = open(&location);
    for number in 1..4 {
        store.insert(record(number, None)).await.unwrap();
    }
    store.close().await.unwrap();
    cluster.psql(&database, "ALTER SEQUENCE ots.outbox_number_seq RESTART");
    let store = open(&location);
    assert!(store.burn(id(1), now()).await.unwrap());
    let numbers: Vec<_> = drained(&store, EVERY).await.iter().map(|message| message.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    store.close().await.unwrap();
    let store = open(&location);
    store.insert(record(5, None)).await.unwrap();
    assert_eq!(drained(&store, EVERY).await[0].number, 5, "and where none is left");
}

/// A claim whose commit nobody heard of is taken back, with its message: the next claim is the one that is told.
#[tokio::test]
async fn a_claim_that_is_taken_back_is_not_told() {
    let Some(cluster) = Cluster::start() else { return };
    let _heavy = crate::common::heavy();
    let store = open(&cluster.url(&cluster.new_database()).parse().unwrap());
    store.insert(record(1, Some(OWN))).await.unwrap();
    let wait_for = |standby: &str| {
        cluster.psql("postgres", &format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'"));
        cluster.reload();
    };
    wait_for("ANY 1 (nobody)");
    until("commits wait", Duration::from_secs(20), async || {
        !cluster.psql("postgres", "SHOW synchronous_standby_names").is_empty()
    })
    .await;
    let claimed = store.claim(id(1), Access::Open, CLAIM, LEASE * 10, now()).await;
    assert!(claimed.is_err(), "{claimed:?}");
    wait_for("");
    until("it is given back", Duration::from_secs(90), async || {
        matches!(store.claim(id(1), Access::Open, ClaimHash([2; 32]), LEASE * 10, now()).await, Ok(Some(_)))
    })
    .await;
    for hook in [EVERY, OWN] {
        let told: Vec<_> = drained(&store, hook).await.into_iter().map(|message| message.told).collect();
        assert!(matches!(&told[..], [Told::Created { .. }, Told::Claimed]), "{told:?}");
    }
}

/// A file's messages come before whatever is told of its records over there, and its records are told of where they named to be.
#[tokio::test]
async fn messages_are_moved_and_stay_in_order() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, database) = (directory(), cluster.new_database());
    let file = data.path().join("ots.db");
    let here = open(&Location::Sqlite(file.clone()));
    for number in 0..300 {
        here.insert(record(number, (number % 3 == 0).then_some(OWN))).await.unwrap();
    }
    for number in 0..100 {
        assert!(here.claim(id(number), Access::Open, CLAIM, LEASE * 10, now()).await.unwrap().is_some());
    }
    for number in 100..150 {
        assert!(here.burn(id(number), now()).await.unwrap());
    }
    let first = here.messages(EVERY, now(), 1).await.unwrap()[0].number;
    here.put_off(first, now() + Duration::from_secs(500)).await.unwrap();
    here.close().await.unwrap();
    let Location::Postgres(to) = cluster.url(&database).parse().unwrap() else { panic!("it is one") };
    let migrated = migrate(&file, &to, &AtomicBool::new(false), |_, _| ()).await.unwrap();
    assert_eq!((migrated.moved.records, migrated.messages, migrated.finished), (250, 450 + 100 + 34 + 16, true));
    assert_eq!(migrated.damaged, [""; 0]);
    let again = migrate(&file, &to, &AtomicBool::new(false), |_, _| ()).await.unwrap();
    assert_eq!((again.moved.records, again.messages), (0, 0));

    let location = Location::Postgres(to);
    let there = open(&location);
    for number in 0..100 {
        assert!(there.release(id(number), CLAIM, now()).await.unwrap());
    }
    for number in 150..300 {
        assert!(there.take(id(number), Access::Open, now()).await.unwrap());
    }
    assert_eq!(there.census(now()).await.unwrap().messages, 450 + 100 + 34 + 16 + 250 + 34 + 50);
    let [every, own] = [drained(&there, EVERY).await, drained(&there, OWN).await];
    for number in 0..300 {
        let about = |all: &[Message]| -> Vec<String> {
            let about = all.iter().filter(|message| message.id == id(number));
            about.map(|message| format!("{:?}", message.told).chars().take(7).collect()).collect()
        };
        let told: &[&str] = match number {
            0..100 => &["Created", "Claimed", "Acknowl"],
            100..150 => &["Created", "Burned("],
            _ => &["Created", "Deliver"],
        };
        assert_eq!(about(&every), told, "{number}");
        assert_eq!(about(&own), if number % 3 == 0 { told } else { &[] }, "{number}");
    }
    let Some(Message { told: Told::Created { by, .. }, .. }) = every.first() else { panic!("{:?}", every.first()) };
    assert_eq!(by.as_deref(), Some("ci"));
    assert_eq!(every.iter().filter(|message| message.tries == 1).count(), 1, "what was tried in vain has been so");
    there.close().await.unwrap();
    assert_eq!(Store::check(&location).unwrap().findings, [""; 0]);
}
