//! Callers in this process, on the store itself: dropped in the middle of their calls, and refused while its queue is full. The clock is
//! ours.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use ots::{
    secret::{ClaimHash, KeyId, SecretId},
    store::{Access, Charge, Head, Location, Record, Store, StoreError},
};

use super::{Call, Dice, Histories, Outcome, Rules};
use crate::common::{directory, heavy};

const CALLERS: u64 = 8;
const SECRETS: u64 = 6;
const CALLS: u64 = 6 * SECRETS; // of each caller
const RULES: Rules = Rules { lease: 40, tries: 3 };

/// One call on the store; none when it refused.
async fn call(store: &Store, rules: Rules, id: SecretId, call: Call, now: Timestamp) -> Option<Outcome> {
    let hash = |claim: u8| ClaimHash([claim; 32]);
    let done = |answer: Result<bool, StoreError>| answer.map(|done| if done { Outcome::Done } else { Outcome::Gone });
    let answer = match call {
        Call::Create { expires } => {
            let expires_at = Timestamp::from_millisecond(expires.0).unwrap();
            let head = Head { created_at: now, expires_at, kind: 0, size: 9, key_id: KeyId([1; 8]), verifier: None };
            match store
                .insert(Record {
                    id,
                    head,
                    sealed: [7; 3000][..].into(),
                    charge: Charge::default(),
                    receipt: None,
                    notify: None,
                    by: None,
                })
                .await
            {
                Err(StoreError::Exists) => Ok(Outcome::Exists),
                answer => answer.map(|()| Outcome::Done),
            }
        }
        Call::Take => done(store.take(id, Access::Open, now).await),
        Call::Claim(by) => {
            let lease = Duration::from_millis(rules.lease.cast_unsigned());
            done(store.claim(id, Access::Open, hash(by), lease, now).await.map(|claimed| claimed.is_some()))
        }
        Call::Release(by) => done(store.release(id, hash(by), now).await),
        Call::Burn => done(store.burn(id, now).await),
        Call::Peek(by) => done(store.peek(id, by.map(hash), now).await.map(|found| found.is_some())),
        Call::Fail(by) => {
            let left = store.fail_attempt(id, by.map(hash), rules.tries, now).await;
            left.map(|left| left.map_or(Outcome::Gone, |left| Outcome::Wrong { left }))
        }
        Call::Trace => panic!("here they have no receipts: an id is kept again and again"),
    };
    match answer {
        Ok(outcome) => Some(outcome),
        Err(StoreError::Busy) => None,
        Err(error) => panic!("{error}"),
    }
}

/// What a caller may ask for next. It claims under its own name, and at times under another's.
fn any_call(dice: &mut Dice, caller: u8, now: i64) -> Call {
    let by = if dice.below(4) == 0 { (caller + 1) % 8 } else { caller };
    let some = (dice.below(2) == 0).then_some(by);
    match dice.below(16) {
        0..4 => {
            let expires = now + 1 + dice.below(80).cast_signed();
            Call::Create { expires: (expires, expires) }
        }
        4 => Call::Take,
        5..9 => Call::Claim(by),
        9..11 => Call::Release(by),
        11 => Call::Burn,
        12..14 => Call::Peek(some),
        _ => Call::Fail(some),
    }
}

/// What all of them share.
struct World {
    /// More than one where servers share a database.
    stores: Vec<Arc<Store>>,
    rules: Rules,
    /// Whether a full queue is a part of it.
    crowded: bool,
    histories: Histories,
    clock: AtomicI64,
    refused: AtomicUsize,
}

async fn caller(world: Arc<World>, number: u64, seed: u64) {
    let mut dice = Dice(seed * 1_000_000 + number * 10_000);
    let store = &world.stores[usize::try_from(number).unwrap() % world.stores.len()];
    for turn in 0..CALLS {
        // It only goes forward here: back and forth it goes in `model`.
        let now = world.clock.fetch_add(dice.below(3).cast_signed(), Ordering::SeqCst);
        let secret = usize::try_from((turn + number) % SECRETS).unwrap();
        let asked = any_call(&mut dice, u8::try_from(number).unwrap(), now);
        let id = SecretId([u8::try_from(secret).unwrap(); 32]);
        let made = world.histories.now();
        // Another's sweep may have come in between, at a later time.
        let note = |outcome: Option<Outcome>| {
            let latest = outcome.map_or(i64::MAX, |_| world.clock.load(Ordering::SeqCst));
            world.histories.note(secret, asked, outcome, made, (now, latest));
        };
        // At times it finds the queue full.
        let before = if world.crowded && dice.below(60) == 0 { 5000 } else { 0 };
        let mut crowd = pin!(join_all((0..before).map(|_| store.burn(SecretId([255; 32]), Timestamp::UNIX_EPOCH))));
        let _ = poll_fn(|context| Poll::Ready(crowd.as_mut().poll(context))).await;
        let mut answer = pin!(call(store, world.rules, id, asked, Timestamp::from_millisecond(now).unwrap()));
        // One in five goes away when it has asked, and before it is told.
        if dice.below(5) == 0 {
            let first = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await;
            match first {
                Poll::Ready(Some(outcome)) => note(Some(outcome)),
                Poll::Ready(None) => _ = world.refused.fetch_add(1, Ordering::SeqCst),
                Poll::Pending => note(None),
            }
        } else if let Some(outcome) = answer.await {
            note(Some(outcome));
        } else {
            world.refused.fetch_add(1, Ordering::SeqCst);
        }
        if dice.below(6) == 0 {
            let _ = store.sweep(Timestamp::from_millisecond(now).unwrap(), 100).await;
        }
    }
}

/// Eight callers on six secrets in a world of their own: how many calls there were, were left, and were refused.
async fn live(stores: Vec<Arc<Store>>, rules: Rules, seed: u64, crowded: bool) -> (usize, usize, usize) {
    let world = Arc::new(World {
        stores,
        rules,
        crowded,
        histories: Histories::new(usize::try_from(SECRETS).unwrap()),
        clock: AtomicI64::new(1_800_000_000_000),
        refused: AtomicUsize::new(0),
    });
    let callers = (0..CALLERS).map(|number| tokio::spawn(caller(Arc::clone(&world), number, seed)));
    join_all(callers).await.into_iter().for_each(Result::unwrap);
    world.histories.all_is_over(world.clock.load(Ordering::SeqCst));
    let (calls, unknown) = world.histories.check(rules);
    for store in &world.stores {
        store.close().await.unwrap();
    }
    (calls, unknown, world.refused.load(Ordering::SeqCst))
}

/// Forty worlds over the embedded store.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_of_the_store_see_one_order() {
    let _alone = heavy();
    let (mut calls, mut unknown, mut refused) = (0, 0, 0);
    for seed in 0..40 {
        let directory = directory();
        let location = Location::Sqlite(directory.path().join("ots.db"));
        let store = Arc::new(Store::open(&location, 1 << 20).unwrap());
        let (more, open, busy) = live(vec![store], RULES, seed, true).await;
        (calls, unknown, refused) = (calls + more, unknown + open, refused + busy);
    }
    eprintln!("{calls} calls, of which {unknown} were left by their callers; {refused} others were refused");
    assert!(calls > 5000 && unknown > 500 && refused > 20, "{calls}, {unknown}, {refused}");
}

/// The same over three servers' stores on one PostgreSQL. Nobody is refused there; and nobody uses up the tries, since the row of a secret that
/// went so keeps its name taken for one more statement, which names that are never drawn twice don't mind.
#[cfg(all(unix, feature = "postgres"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_of_three_stores_on_one_database_see_one_order() {
    let Some(cluster) = crate::common::postgres::Cluster::shared() else { return };
    let _alone = heavy();
    let (mut calls, mut unknown) = (0, 0);
    for seed in 0..10 {
        let location = cluster.url(&cluster.new_database()).parse().unwrap();
        let stores = (0..3).map(|_| Arc::new(Store::open(&location, 1 << 20).unwrap())).collect();
        let (more, open, _) = live(stores, Rules { tries: 1_000_000, ..RULES }, seed, false).await;
        (calls, unknown) = (calls + more, unknown + open);
    }
    eprintln!("{calls} calls, of which {unknown} were left by their callers");
    assert!(calls > 1000 && unknown > 100, "{calls}, {unknown}");
}
