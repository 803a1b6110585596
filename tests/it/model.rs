//! A model of the store's contract: a map, and the contract's words as code. Random sequences of calls, with time that also runs backwards
//! and restarts between, are run against a real store and against the model; every answer has to be the same.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use ots::{
    memory::Budget,
    secret::{ClaimHash, KeyId, SecretId, Verifier},
    store::{Access, Head, Held, Location, Record, Store, StoreError, Swept},
};
use proptest::prelude::*;

const LEASE: u64 = 60;
const LIMIT: u32 = 3;

/// A call, or what happens between calls. Few ids and claims, so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Insert {
        id: u8,
        ttl: u64,
        guarded: bool,
        length: usize,
    },
    Load {
        id: u8,
        claim: Option<u8>,
        access: Access,
    },
    Take {
        id: u8,
        access: Access,
    },
    Claim {
        id: u8,
        access: Access,
        claim: u8,
    },
    Release {
        id: u8,
        claim: u8,
    },
    Burn {
        id: u8,
    },
    FailAttempt {
        id: u8,
        claim: Option<u8>,
    },
    Sweep {
        at_most: usize,
    },
    /// The clock jumps by so many seconds, forward or back.
    Clock {
        seconds: i64,
    },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (id, claim) = (0..4_u8, 0..2_u8);
    let access = prop_oneof![Just(Access::Open), Just(Access::Verified)];
    let maybe = proptest::option::of(claim.clone());
    let length = prop_oneof![1..300_usize, Just(2044), Just(300_000)];
    let step = prop_oneof![
        6 => (id.clone(), 1..200_u64, any::<bool>(), length)
            .prop_map(|(id, ttl, guarded, length)| Step::Insert { id, ttl, guarded, length }),
        4 => (id.clone(), maybe.clone(), access.clone()).prop_map(|(id, claim, access)| Step::Load { id, claim, access }),
        3 => (id.clone(), access.clone()).prop_map(|(id, access)| Step::Take { id, access }),
        4 => (id.clone(), access, claim.clone()).prop_map(|(id, access, claim)| Step::Claim { id, access, claim }),
        2 => (id.clone(), claim).prop_map(|(id, claim)| Step::Release { id, claim }),
        1 => id.clone().prop_map(|id| Step::Burn { id }),
        3 => (id, maybe).prop_map(|(id, claim)| Step::FailAttempt { id, claim }),
        2 => (1..4_usize).prop_map(|at_most| Step::Sweep { at_most }),
        5 => (-90..130_i64).prop_map(|seconds| Step::Clock { seconds }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What the model keeps of a record.
#[derive(Debug, Clone)]
struct Kept {
    order: u64,
    head: Head,
    sealed: Vec<u8>,
    claim: Option<(u8, Timestamp)>,
    attempts: u32,
}

impl Kept {
    fn deadline(&self) -> Timestamp {
        self.claim.map_or(self.head.expires_at, |(_, until)| until)
    }
}

#[derive(Debug)]
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

    fn claim(&mut self, id: u8, access: Access, claim: u8) -> bool {
        let until = self.now + Duration::from_secs(LEASE);
        if let Some(kept) = self.unclaimed(id, access) {
            kept.claim = Some((claim, until));
            return true;
        }
        let open = |kept: &Kept| kept.head.verifier.is_none() || access == Access::Verified;
        self.live(id).is_some_and(|kept| kept.claim.is_some_and(|(theirs, _)| theirs == claim) && open(kept))
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
        for id in &dead {
            self.records.remove(id);
        }
        Swept { removed: dead.len(), more: dead.len() == at_most }
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

/// Runs one step against both, and compares.
async fn run(step: &Step, model: &mut Model, store: &mut Arc<Store>, directory: &Path) {
    let now = model.now;
    match *step {
        Step::Insert { id, ttl, guarded, length } => {
            let head = Head {
                created_at: now,
                expires_at: now + Duration::from_secs(ttl),
                kind: id,
                size: length as u64,
                key_id: KeyId([id % 2; 8]),
                verifier: guarded.then_some(Verifier([id; 32])),
            };
            let sealed = vec![id; length];
            let record = Record { id: secret_id(id), head: head.clone(), sealed: sealed.as_slice().into() };
            let inserted = store.insert(record).await;
            model.inserted += 1;
            let order = model.inserted;
            let free = !model.records.contains_key(&id);
            assert_eq!(inserted, if free { Ok(()) } else { Err(StoreError::Exists) });
            model.records.entry(id).or_insert(Kept { order, head, sealed, claim: None, attempts: 0 });
        }
        Step::Load { id, claim, access } => {
            let expected =
                model.live(id).filter(|kept| kept.claim.is_none_or(|(theirs, _)| Some(theirs) == claim)).cloned();
            let claim = claim.map(claim_hash);
            let memory = Budget::new(1 << 20);
            let loaded = store.load(secret_id(id), claim, access, now, &memory).await.unwrap();
            let peeked = store.peek(secret_id(id), claim, now).await.unwrap();
            assert_eq!(peeked.as_ref(), expected.as_ref().map(|kept| &kept.head));
            assert_eq!(loaded.as_ref().map(|stored| &stored.head), peeked.as_ref());
            let shown = |kept: &Kept| kept.head.verifier.is_none() || access == Access::Verified;
            let content = expected.filter(shown).map(|kept| kept.sealed).unwrap_or_default();
            assert!(loaded.is_none_or(|stored| stored.sealed.as_ref() == content));
        }
        Step::Take { id, access } => {
            assert_eq!(store.take(secret_id(id), access, now).await.unwrap(), model.take(id, access));
        }
        Step::Claim { id, access, claim } => {
            let lease = Duration::from_secs(LEASE);
            let claimed = store.claim(secret_id(id), access, claim_hash(claim), lease, now).await.unwrap();
            assert_eq!(claimed, model.claim(id, access, claim));
        }
        Step::Release { id, claim } => {
            let released = store.release(secret_id(id), claim_hash(claim)).await.unwrap();
            assert_eq!(released, model.release(id, claim));
        }
        Step::Burn { id } => {
            assert_eq!(store.burn(secret_id(id), now).await.unwrap(), model.take(id, Access::Verified));
        }
        Step::FailAttempt { id, claim } => {
            let left = store.fail_attempt(secret_id(id), claim.map(claim_hash), LIMIT, now).await.unwrap();
            assert_eq!(left, model.fail_attempt(id, claim));
        }
        Step::Sweep { at_most } => {
            assert_eq!(store.sweep(now, at_most).await.unwrap(), model.sweep(at_most));
        }
        Step::Clock { seconds } => model.now = now + jiff::SignedDuration::from_secs(seconds),
        Step::Restart => {
            store.close().await.unwrap();
            *store = open(directory);
        }
    }
    let state = store.state(model.now).await.unwrap();
    assert_eq!(state.held, model.held());
    let oldest = model.dead().first().map(|id| model.records[id].deadline());
    assert_eq!(state.oldest_dead, oldest);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_answers_as_its_model_does(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let mut store = open(directory.path());
            let now = "2026-01-01T00:00:00Z".parse().unwrap();
            let mut model = Model { records: BTreeMap::new(), inserted: 0, now };
            for step in &steps {
                run(step, &mut model, &mut store, directory.path()).await;
            }
        });
    }
}
