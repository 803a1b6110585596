//! A model of the store's contract: a map, and the contract's words as code. Random sequences of calls, with time that also runs backwards
//! and restarts between, are run against a real store and against the model; every answer has to be the same. Callers come one by one,
//! several at once, and leave in the middle: then there are as many models as ways in which it may have gone, and one has to fit.

use std::{collections::BTreeMap, future::poll_fn, path::Path, sync::Arc, task::Poll, time::Duration};

use futures_util::future::join_all;
use jiff::Timestamp;
use ots::{
    memory::Budget,
    secret::{ClaimHash, KeyId, OwnerId, SecretId, Verifier},
    store::{
        Access, Charge, Claimed, Gone, Head, Held, Location, Quota, Quotas, Record, Store, StoreError, Swept, Usage,
        Whose,
    },
};
use proptest::prelude::*;

const LEASE: u64 = 60;
const LIMIT: u32 = 3;
/// Tight, so that they are met: of four records one is too many, and of the large ones two.
const QUOTAS: Quotas = Quotas {
    all: Quota { records: Some(3), bytes: Some(500_000) },
    each: Quota { records: Some(2), bytes: Some(302_000) },
};

/// A call. Few ids and claims, so that they meet.
#[derive(Debug, Clone)]
enum Call {
    Insert { id: u8, ttl: u64, guarded: bool, length: usize, owner: Option<u8> },
    Load { id: u8, claim: Option<u8>, access: Access },
    Peek { id: u8, claim: Option<u8> },
    Take { id: u8, access: Access },
    Claim { id: u8, access: Access, claim: u8 },
    Release { id: u8, claim: u8 },
    Burn { id: u8 },
    FailAttempt { id: u8, claim: Option<u8> },
    Sweep { at_most: usize },
}

#[derive(Debug, PartialEq)]
enum Answer {
    Inserted(Result<(), StoreError>),
    Loaded(Option<(Head, Vec<u8>)>),
    Peeked(Option<Head>),
    Done(bool),
    Left(Option<u32>),
    Claimed(Option<Claimed>),
    Swept(Swept),
}

#[derive(Debug, Clone)]
enum Step {
    One(Call),
    /// Several callers at once.
    Together(Vec<Call>),
    /// A caller that leaves when it has asked, or before it has.
    Left {
        call: Call,
        asked: bool,
    },
    /// The clock jumps by so many seconds, forward or back.
    Clock {
        seconds: i64,
    },
    Restart,
}

fn calls() -> impl Strategy<Value = Call> {
    let (id, claim) = (0..4_u8, 0..3_u8);
    let access = prop_oneof![Just(Access::Open), Just(Access::Verified)];
    let maybe = proptest::option::of(claim.clone());
    let length = prop_oneof![1..300_usize, Just(2044), Just(300_000)];
    prop_oneof![
        6 => (id.clone(), 1..200_u64, any::<bool>(), length, proptest::option::of(0..2_u8))
            .prop_map(|(id, ttl, guarded, length, owner)| Call::Insert { id, ttl, guarded, length, owner }),
        4 => (id.clone(), maybe.clone(), access.clone()).prop_map(|(id, claim, access)| Call::Load { id, claim, access }),
        2 => (id.clone(), maybe.clone()).prop_map(|(id, claim)| Call::Peek { id, claim }),
        3 => (id.clone(), access.clone()).prop_map(|(id, access)| Call::Take { id, access }),
        4 => (id.clone(), access, claim.clone()).prop_map(|(id, access, claim)| Call::Claim { id, access, claim }),
        2 => (id.clone(), claim).prop_map(|(id, claim)| Call::Release { id, claim }),
        1 => id.clone().prop_map(|id| Call::Burn { id }),
        3 => (id, maybe).prop_map(|(id, claim)| Call::FailAttempt { id, claim }),
        2 => (1..4_usize).prop_map(|at_most| Call::Sweep { at_most }),
    ]
}

/// Nobody asks for what is being inserted: its id is random, and its caller has it once that is done.
fn ids_are_known(calls: &[Call]) -> bool {
    let inserted: Vec<u8> =
        calls.iter().filter_map(|call| if let Call::Insert { id, .. } = call { Some(*id) } else { None }).collect();
    calls.iter().all(|call| match call {
        Call::Insert { .. } | Call::Sweep { .. } => true,
        Call::Load { id, .. }
        | Call::Peek { id, .. }
        | Call::Take { id, .. }
        | Call::Claim { id, .. }
        | Call::Release { id, .. }
        | Call::Burn { id }
        | Call::FailAttempt { id, .. } => !inserted.contains(id),
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => calls().prop_map(Step::One),
        5 => proptest::collection::vec(calls(), 2..4).prop_filter("ids are known", |calls| ids_are_known(calls)).prop_map(Step::Together),
        4 => (calls(), any::<bool>()).prop_map(|(call, asked)| Step::Left { call, asked }),
        5 => (-90..130_i64).prop_map(|seconds| Step::Clock { seconds }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What the model keeps of a record.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    order: u64,
    head: Head,
    sealed: Vec<u8>,
    owner: Option<OwnerId>,
    claim: Option<(u8, Timestamp)>,
    attempts: u32,
}

impl Kept {
    fn deadline(&self) -> Timestamp {
        self.claim.map_or(self.head.expires_at, |(_, until)| until)
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Model {
    records: BTreeMap<u8, Kept>,
    inserted: u64,
    now: Timestamp,
}

impl Model {
    fn live(&mut self, id: u8) -> Option<&mut Kept> {
        let now = self.now;
        self.records.get_mut(&id).filter(|kept| now < kept.deadline())
    }

    fn unclaimed(&mut self, id: u8, access: Access) -> Option<&mut Kept> {
        let open = |kept: &Kept| kept.head.verifier.is_none() || access == Access::Verified;
        self.live(id).filter(|kept| kept.claim.is_none() && open(kept))
    }

    fn take(&mut self, id: u8, access: Access) -> bool {
        self.unclaimed(id, access).is_some() && self.records.remove(&id).is_some()
    }

    fn claim(&mut self, id: u8, access: Access, claim: u8) -> Option<Claimed> {
        let until = self.now + Duration::from_secs(LEASE);
        if let Some(kept) = self.unclaimed(id, access) {
            kept.claim = Some((claim, until));
            return Some(Claimed::New);
        }
        let open = |kept: &Kept| kept.head.verifier.is_none() || access == Access::Verified;
        let again = |kept: &Kept| kept.claim.is_some_and(|(theirs, _)| theirs == claim) && open(kept);
        self.live(id).is_some_and(|kept| again(kept)).then_some(Claimed::Again)
    }

    fn release(&mut self, id: u8, claim: u8) -> bool {
        let is_theirs = self.records.get(&id).is_some_and(|kept| kept.claim.is_some_and(|(theirs, _)| theirs == claim));
        is_theirs && self.records.remove(&id).is_some()
    }

    fn fail_attempt(&mut self, id: u8, claim: Option<u8>) -> Option<u32> {
        let kept = self.live(id).filter(|kept| kept.claim.is_none_or(|(theirs, _)| Some(theirs) == claim))?;
        kept.attempts += 1;
        let left = LIMIT.saturating_sub(kept.attempts);
        if left == 0 {
            self.records.remove(&id);
        }
        Some(left)
    }

    /// The dead, in the order in which they are removed.
    fn dead(&self) -> Vec<u8> {
        let mut dead: Vec<_> = self.records.iter().filter(|(_, kept)| kept.deadline() <= self.now).collect();
        dead.sort_by_key(|(_, kept)| (kept.deadline(), kept.order));
        dead.into_iter().map(|(id, _)| *id).collect()
    }

    fn sweep(&mut self, at_most: usize) -> Swept {
        let dead: Vec<u8> = self.dead().into_iter().take(at_most).collect();
        let removed = dead.iter().map(|id| (*id, self.records.remove(id).unwrap()));
        let gone = removed.map(|(id, kept)| Gone { id: Some(secret_id(id)), claimed: kept.claim.is_some() });
        Swept { gone: gone.collect(), more: dead.len() == at_most }
    }

    fn load(&mut self, id: u8, claim: Option<u8>, access: Access) -> Option<(Head, Vec<u8>)> {
        let kept = self.live(id).filter(|kept| kept.claim.is_none_or(|(theirs, _)| Some(theirs) == claim))?;
        let shown = kept.head.verifier.is_none() || access == Access::Verified;
        Some((kept.head.clone(), if shown { kept.sealed.clone() } else { Vec::new() }))
    }

    fn insert(&mut self, record: &Record) -> Result<(), StoreError> {
        let id = record.id.0[0];
        self.inserted += 1;
        if let Some(whose) = self.refuses(record) {
            return Err(StoreError::OverQuota(whose));
        }
        if self.records.contains_key(&id) {
            return Err(StoreError::Exists);
        }
        let (head, sealed) = (record.head.clone(), record.sealed.as_ref().to_vec());
        let (order, owner) = (self.inserted, record.charge.owner);
        self.records.insert(id, Kept { order, head, sealed, owner, claim: None, attempts: 0 });
        Ok(())
    }

    /// Whose quota has no room for it.
    fn refuses(&self, record: &Record) -> Option<Whose> {
        let with_it = |counts: &dyn Fn(&Kept) -> bool| {
            let counted = self.records.values().filter(|kept| counts(kept));
            counted.fold(Usage { records: 1, bytes: record.sealed.len() as u64 }, |usage, kept| Usage {
                records: usage.records + 1,
                bytes: usage.bytes + kept.sealed.len() as u64,
            })
        };
        let owner = record.charge.owner;
        if owner.is_some() && !QUOTAS.each.allows(with_it(&|kept| kept.owner == owner)) {
            return Some(Whose::Owner);
        }
        (!QUOTAS.all.allows(with_it(&|_| true))).then_some(Whose::All)
    }

    fn call(&mut self, call: &Call) -> Answer {
        match *call {
            Call::Insert { .. } => Answer::Inserted(self.insert(&record(call, self.now))),
            Call::Load { id, claim, access } => Answer::Loaded(self.load(id, claim, access)),
            Call::Peek { id, claim } => Answer::Peeked(self.load(id, claim, Access::Open).map(|(head, _)| head)),
            Call::Take { id, access } => Answer::Done(self.take(id, access)),
            Call::Claim { id, access, claim } => Answer::Claimed(self.claim(id, access, claim)),
            Call::Release { id, claim } => Answer::Done(self.release(id, claim)),
            Call::Burn { id } => Answer::Done(self.take(id, Access::Verified)),
            Call::FailAttempt { id, claim } => Answer::Left(self.fail_attempt(id, claim)),
            Call::Sweep { at_most } => Answer::Swept(self.sweep(at_most)),
        }
    }

    fn held(&self) -> Vec<Held> {
        let mut held: BTreeMap<KeyId, (u64, u64)> = BTreeMap::new();
        for kept in self.records.values() {
            let (records, bytes) = held.entry(kept.head.key_id).or_default();
            *records += 1;
            *bytes += kept.sealed.len() as u64;
        }
        held.into_iter().map(|(key_id, (records, bytes))| Held { key_id, records, bytes }).collect()
    }
}

fn secret_id(id: u8) -> SecretId {
    SecretId([id; 32])
}

fn claim_hash(claim: u8) -> ClaimHash {
    ClaimHash([100 + claim; 32])
}

fn open(directory: &Path) -> Arc<Store> {
    Arc::new(Store::open(&Location::Sqlite(directory.join("ots.db")), 1 << 20).unwrap())
}

fn record(call: &Call, now: Timestamp) -> Record {
    let Call::Insert { id, ttl, guarded, length, owner } = *call else { panic!("it inserts nothing: {call:?}") };
    let head = Head {
        created_at: now,
        expires_at: now + Duration::from_secs(ttl),
        kind: id % 2,
        size: length as u64,
        key_id: KeyId([id % 2; 8]),
        verifier: guarded.then_some(Verifier([id; 32])),
    };
    let charge = Charge { owner: owner.map(|owner| OwnerId([owner; 16])), within: QUOTAS };
    Record { id: secret_id(id), head, sealed: vec![id; length].as_slice().into(), charge }
}

async fn ask(store: &Store, call: &Call, now: Timestamp) -> Answer {
    match *call {
        Call::Insert { .. } => Answer::Inserted(store.insert(record(call, now)).await),
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
        Call::Release { id, claim } => Answer::Done(store.release(secret_id(id), claim_hash(claim)).await.unwrap()),
        Call::Burn { id } => Answer::Done(store.burn(secret_id(id), now).await.unwrap()),
        Call::FailAttempt { id, claim } => {
            Answer::Left(store.fail_attempt(secret_id(id), claim.map(claim_hash), LIMIT, now).await.unwrap())
        }
        Call::Sweep { at_most } => Answer::Swept(store.sweep(now, at_most).await.unwrap()),
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

/// Runs one step against the store and against every model; those that it can't be are let go.
async fn run(step: &Step, models: &mut Vec<Model>, store: &mut Arc<Store>, directory: &Path) {
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
            let mut answer = Box::pin(ask(store, call, now));
            if *asked {
                poll_fn(|context| Poll::Ready(_ = answer.as_mut().poll(context))).await;
            }
            drop(answer);
            // What was asked for before this is done or never will be.
            store.burn(secret_id(u8::MAX), now).await.unwrap();
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
            *store = open(directory);
            fitting.clone_from(models);
        }
    }
    // What is held tells most of them apart; the rest are found out later.
    let state = store.state(fitting.first().map_or(now, |model| model.now)).await.unwrap();
    fitting.retain(|model| {
        let oldest = model.dead().first().map(|id| model.records[id].deadline());
        (&state.held, state.oldest_dead) == (&model.held(), oldest)
    });
    assert!(!fitting.is_empty(), "{step:?} is no step from {models:?} to {state:?}");
    models.clear();
    for model in fitting {
        if !models.contains(&model) {
            models.push(model);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_its_model_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let mut store = open(directory.path());
            let now = "2026-01-01T00:00:00Z".parse().unwrap();
            let mut models = vec![Model { records: BTreeMap::new(), inserted: 0, now }];
            for step in &steps {
                run(step, &mut models, &mut store, directory.path()).await;
            }
            store.close().await.unwrap();
            let checked = Store::check(&Location::Sqlite(directory.path().join("ots.db"))).unwrap();
            assert!(checked.findings.is_empty(), "{:?}", checked.findings);
        });
    }
}
