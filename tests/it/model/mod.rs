//! A model of the store's contract (`rules`), and random sequences of calls (`steps`), with time that also runs backwards and restarts
//! between: they are run against a real store, of each engine, and against the model; every answer has to be the same. Callers come one by
//! one, several at once, and leave in the middle: then there are as many models as ways in which it may have gone, and one has to fit.

mod rules;
mod steps;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use ots::{
    memory::Budget,
    secret::{ClaimHash, HookId, KeyId, OwnerId, ReceiptId, SecretId, Verifier},
    store::{Burnt, Charge, Claimed, Head, Location, Quota, Quotas, REQUEST, Record, Store, StoreError, Swept, Told},
};
use proptest::prelude::*;

use rules::Model;
use steps::{Call, New, Step, steps};

const LEASE: u64 = 60;
const LIMIT: u32 = 3;
/// Is told of everything, where anybody is.
const EVERY: HookId = HookId([1; 8]);
/// Is told of what names it.
const OWN: HookId = HookId([2; 8]);
/// Tight, so that they are met: of four records one is too many, and of the large ones two.
const QUOTAS: Quotas = Quotas {
    all: Quota { records: Some(3), bytes: Some(500_000) },
    each: Quota { records: Some(2), bytes: Some(302_000) },
};

#[derive(Debug, PartialEq)]
enum Answer {
    Inserted(Result<(), StoreError>),
    Answered(Result<bool, StoreError>),
    Loaded(Option<(Head, Vec<u8>)>),
    Peeked(Option<Head>),
    Done(bool),
    Left(Option<u32>),
    Claimed(Option<Claimed>),
    Swept(Swept),
    Burnt(Burnt),
    Forgotten(usize),
}

fn receipt_id(receipt: u8) -> ReceiptId {
    ReceiptId([receipt; 32])
}

fn secret_id(id: u8) -> SecretId {
    SecretId([id; 32])
}

fn claim_hash(claim: u8) -> ClaimHash {
    ClaimHash([100 + claim; 32])
}

/// What webhooks are told of each record, and as of when, in its order.
type Outbox = BTreeMap<(HookId, u8), Vec<(Timestamp, Told)>>;

/// One that tells a webhook of everything, or doesn't.
fn open(location: &Location, tells: bool) -> Arc<Store> {
    let mut store = Store::open(location, 1 << 20).unwrap();
    store.tell(if tells { vec![EVERY] } else { Vec::new() });
    Arc::new(store)
}

/// Takes all out of the outbox, as whoever sends it does: whatever the clock says, which runs backwards here.
async fn delivered(store: &Store) -> Outbox {
    let mut all = Outbox::new();
    for hook in [EVERY, OWN] {
        loop {
            let due = store.messages(hook, "2100-01-01T00:00:00Z".parse().unwrap(), 20).await.unwrap();
            if due.is_empty() {
                break;
            }
            store.delivered(due.iter().map(|message| message.number).collect()).await.unwrap();
            for message in due {
                all.entry((hook, message.id.0[0])).or_default().push((message.at, message.told));
            }
        }
    }
    all
}

fn record(call: &Call, now: Timestamp) -> Record {
    let (id, kind, guarded, receipt, new) = match *call {
        Call::Insert { id, guarded, receipt, new } => (id, id % 2, guarded, receipt, new),
        Call::Open { id, receipt, new } => (id, REQUEST, false, Some(receipt), new),
        Call::Answer { request, receipt, new } => (request + 1, 1, true, Some(receipt), new),
        _ => panic!("it keeps nothing: {call:?}"),
    };
    let New { ttl, length, owner, bounded, named } = new;
    let head = Head {
        created_at: now,
        expires_at: now + Duration::from_secs(ttl),
        kind,
        size: length as u64,
        key_id: KeyId([id % 2; 8]),
        verifier: guarded.then_some(Verifier([id; 32])),
    };
    let within = if bounded { QUOTAS } else { Quotas::default() };
    let charge = Charge { owner: owner.map(|owner| OwnerId([owner; 16])), within };
    let receipt = receipt.map(receipt_id);
    Record {
        id: secret_id(id),
        head,
        sealed: vec![id; length].as_slice().into(),
        charge,
        receipt,
        notify: named.then_some(OWN),
        by: owner.map(|owner| owner.to_string().into()),
    }
}

async fn ask(store: &Store, call: &Call, now: Timestamp) -> Answer {
    match *call {
        Call::Insert { .. } | Call::Open { .. } => Answer::Inserted(store.insert(record(call, now)).await),
        Call::Answer { request, .. } => {
            Answer::Answered(store.answer(secret_id(request), record(call, now), now).await)
        }
        Call::Load { id, claim, access } => {
            let loaded =
                store.load(secret_id(id), claim.map(claim_hash), access, now, &Budget::new(1 << 20)).await.unwrap();
            Answer::Loaded(loaded.map(|stored| (stored.head, stored.sealed.as_ref().to_vec())))
        }
        Call::Peek { id, claim } => {
            Answer::Peeked(store.peek(secret_id(id), claim.map(claim_hash), now).await.unwrap())
        }
        Call::Take { id, access } => Answer::Done(store.take(secret_id(id), access, now).await.unwrap()),
        Call::Claim { id, access, claim } => {
            let lease = Duration::from_secs(LEASE);
            Answer::Claimed(store.claim(secret_id(id), access, claim_hash(claim), lease, now).await.unwrap())
        }
        Call::Release { id, claim } => {
            Answer::Done(store.release(secret_id(id), claim_hash(claim), now).await.unwrap())
        }
        Call::Burn { id } => Answer::Done(store.burn(secret_id(id), now).await.unwrap()),
        Call::FailAttempt { id, claim } => {
            Answer::Left(store.fail_attempt(secret_id(id), claim.map(claim_hash), LIMIT, now).await.unwrap())
        }
        Call::Sweep { at_most } => Answer::Swept(store.sweep(now, at_most).await.unwrap()),
        Call::BurnByReceipt { receipt } => {
            Answer::Burnt(store.burn_by_receipt(receipt_id(receipt), now).await.unwrap())
        }
        Call::Forget { seconds } => {
            let before = now - jiff::SignedDuration::from_secs(seconds);
            Answer::Forgotten(store.forget_receipts(before, 1000).await.unwrap())
        }
    }
}

/// Each model that the calls may leave, in any order, if its answers were these.
fn orders(model: &Model, calls: &[(&Call, &Answer)], fitting: &mut Vec<Model>) {
    if calls.is_empty() {
        fitting.push(model.clone());
    }
    for first in 0..calls.len() {
        let mut rest = calls.to_vec();
        let (call, answer) = rest.remove(first);
        let mut model = model.clone();
        if model.call(call) == *answer {
            orders(&model, &rest, fitting);
        }
    }
}

/// Asks, if it comes to that, and waits for no answer. What was asked for is done or never will be when this returns.
async fn leave(store: &Arc<Store>, call: &Call, asked: bool, now: Timestamp, location: &Location) {
    if matches!(location, Location::Sqlite(_)) {
        let mut answer = Box::pin(ask(store, call, now));
        if asked {
            poll_fn(|context| Poll::Ready(_ = answer.as_mut().poll(context))).await;
        }
        drop(answer);
        store.burn(secret_id(u8::MAX), now).await.unwrap();
    } else if asked {
        let (store, call) = (Arc::clone(store), call.clone());
        let finished = tokio::spawn(async move { drop(ask(&store, &call, now).await) });
        finished.await.unwrap();
    }
}

/// Runs one step against the store and against every model; those that it can't be are let go.
async fn run(step: &Step, models: &mut Vec<Model>, store: &mut Arc<Store>, location: &Location) {
    let now = models[0].now;
    let mut fitting = Vec::new();
    match step {
        Step::One(call) => {
            let answer = ask(store, call, now).await;
            for model in models.iter() {
                orders(model, &[(call, &answer)], &mut fitting);
            }
        }
        Step::Together(calls) => {
            let answers = join_all(calls.iter().map(|call| ask(store, call, now))).await;
            let calls: Vec<_> = calls.iter().zip(&answers).collect();
            for model in models.iter() {
                orders(model, &calls, &mut fitting);
            }
        }
        Step::Left { call, asked } => {
            leave(store, call, *asked, now, location).await;
            for model in models.iter() {
                let mut done = model.clone();
                done.call(call);
                fitting.extend([model.clone()].into_iter().chain(asked.then_some(done)));
            }
        }
        Step::Clock { seconds } => {
            for model in models.iter_mut() {
                model.now = now + jiff::SignedDuration::from_secs(*seconds);
            }
            fitting.clone_from(models);
        }
        Step::Restart => {
            store.close().await.unwrap();
            *store = open(location, models[0].tells);
            fitting.clone_from(models);
        }
        Step::Deliver => {
            let told = delivered(store).await;
            fitting.extend(models.iter().filter(|model| model.outbox == told).map(Model::sent));
            assert!(!fitting.is_empty(), "{told:?} isn't told by {models:?}");
        }
    }
    // Every receipt tells what became of its secret.
    let now = fitting.first().map_or(now, |model| model.now);
    for receipt in models.iter().chain(&fitting).flat_map(Model::receipts).collect::<BTreeSet<_>>() {
        let trace = store.trace(receipt, now).await.unwrap();
        fitting.retain(|model| model.trace(receipt) == trace);
        assert!(!fitting.is_empty(), "{step:?}, and {receipt:?} tells {trace:?}, from {models:?}");
    }
    // What is held tells most of them apart; the rest are found out later.
    let state = loop {
        // A machine that does much else may be too slow for it.
        match store.state(now).await {
            Ok(state) => break state,
            Err(error) => eprintln!("{error}, and is asked again"),
        }
    };
    fitting.retain(|model| (&state.held, state.oldest_dead) == (&model.held(), model.oldest_dead()));
    assert!(!fitting.is_empty(), "{step:?} is no step from {models:?} to {state:?}");
    models.clear();
    for model in fitting {
        if !models.contains(&model) {
            models.push(model);
        }
    }
}

/// What a store goes through, from an empty one to one that has been closed and is looked at.
fn live(steps: &[Step], tells: bool, location: &Location) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut store = open(location, tells);
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut models = vec![Model::new(now, !matches!(location, Location::Sqlite(_)), tells)];
        for step in steps.iter().chain([&Step::Deliver]) {
            run(step, &mut models, &mut store, location).await;
        }
        store.close().await.unwrap();
        let checked = Store::check(location).unwrap();
        assert!(checked.findings.is_empty(), "{:?}", checked.findings);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_its_model_does(steps in steps(), tells: bool) {
        let directory = tempfile::tempdir().unwrap();
        live(&steps, tells, &Location::Sqlite(directory.path().join("ots.db")));
    }
}

/// The same calls of the store that servers share. Whoever leaves there has what was asked for finished without them, as the vault does it;
/// and the last of the tries isn't asked for together with a sweep, which may tell of what it finds between the try and the removal.
#[cfg(all(unix, feature = "postgres"))]
mod shared {
    use super::*;
    use crate::common::postgres::Cluster;

    fn alone(steps: Vec<Step>) -> Vec<Step> {
        let sweeps = |call: &Call| matches!(call, Call::Sweep { .. });
        let tries = |call: &Call| matches!(call, Call::FailAttempt { .. });
        let steps = steps.into_iter().flat_map(|step| match step {
            Step::Together(calls) if calls.iter().any(sweeps) && calls.iter().any(tries) => {
                calls.into_iter().map(Step::One).collect()
            }
            step => vec![step],
        });
        steps.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_shared_store_answers_as_its_model_does(steps in steps(), tells: bool) {
            if let Some(cluster) = Cluster::shared() {
                let database = cluster.new_database();
                live(&alone(steps), tells, &cluster.url(&database).parse().unwrap());
                cluster.psql("postgres", &format!("DROP DATABASE {database} WITH (FORCE)"));
            }
        }
    }
}
