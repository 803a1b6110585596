//! The calls, and random sequences of them.

use ots::store::Access;
use proptest::prelude::*;

/// A call. Few ids and claims, so that they meet.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Insert {
        id: u8,
        guarded: bool,
        receipt: Option<u8>,
        new: New,
    },
    /// A request. Its answer's id is the next one.
    Open {
        id: u8,
        receipt: u8,
        new: New,
    },
    /// The answer to a request, which has its receipt and its owner.
    Answer {
        request: u8,
        receipt: u8,
        new: New,
    },
    Load {
        id: u8,
        claim: Option<u8>,
        access: Access,
    },
    Peek {
        id: u8,
        claim: Option<u8>,
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
    BurnByReceipt {
        receipt: u8,
    },
    FailAttempt {
        id: u8,
        claim: Option<u8>,
    },
    Sweep {
        at_most: usize,
    },
    Forget {
        seconds: i64,
    },
}

/// What is kept anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    pub(super) ttl: u64,
    pub(super) length: usize,
    pub(super) owner: Option<u8>,
    /// Whether quotas hold for it.
    pub(super) bounded: bool,
    /// Whether it names a webhook.
    pub(super) named: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
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
    /// Webhooks are told all that waits.
    Deliver,
}

/// Ids of what is no request; then come [`LANES`] times a request's and its answer's, for [`with_numbers`] to make the newest one's of them.
const PLAIN: u8 = 4;
/// Requests side by side.
const LANES: u8 = 2;
/// So many requests at most have ids of their own.
const REQUESTS: u8 = 100;

fn calls() -> impl Strategy<Value = Call> {
    let (id, claim) = (0..PLAIN + 2 * LANES, 0..3_u8);
    let lane = (0..LANES).prop_map(|lane| PLAIN + 2 * lane);
    let access = prop_oneof![Just(Access::Open), Just(Access::Verified)];
    let maybe = proptest::option::of(claim.clone());
    let length = prop_oneof![1..300_usize, Just(2044), Just(300_000)];
    let new = (1..200_u64, length, proptest::option::of(0..2_u8), proptest::bool::weighted(0.8), any::<bool>())
        .prop_map(|(ttl, length, owner, bounded, named)| New { ttl, length, owner, bounded, named });
    prop_oneof![
        6 => (0..PLAIN, any::<bool>(), proptest::option::weighted(0.8, Just(0)), new.clone())
            .prop_map(|(id, guarded, receipt, new)| Call::Insert { id, guarded, receipt, new }),
        3 => (lane.clone(), new.clone()).prop_map(|(id, new)| Call::Open { id, receipt: 0, new }),
        4 => (lane, new).prop_map(|(request, new)| Call::Answer { request, receipt: 0, new }),
        4 => (id.clone(), maybe.clone(), access.clone()).prop_map(|(id, claim, access)| Call::Load { id, claim, access }),
        2 => (id.clone(), maybe.clone()).prop_map(|(id, claim)| Call::Peek { id, claim }),
        3 => (id.clone(), access.clone()).prop_map(|(id, access)| Call::Take { id, access }),
        4 => (id.clone(), access, claim.clone()).prop_map(|(id, access, claim)| Call::Claim { id, access, claim }),
        2 => (id.clone(), claim).prop_map(|(id, claim)| Call::Release { id, claim }),
        1 => id.clone().prop_map(|id| Call::Burn { id }),
        3 => (id, maybe).prop_map(|(id, claim)| Call::FailAttempt { id, claim }),
        2 => (1..4_usize).prop_map(|at_most| Call::Sweep { at_most }),
        2 => (0..12_u8).prop_map(|receipt| Call::BurnByReceipt { receipt }),
        1 => (0..200_i64).prop_map(|seconds| Call::Forget { seconds }),
    ]
}

impl Call {
    /// What it asks for by its id.
    fn asked_for(&mut self) -> Option<&mut u8> {
        match self {
            Self::Insert { .. }
            | Self::Open { .. }
            | Self::Sweep { .. }
            | Self::BurnByReceipt { .. }
            | Self::Forget { .. } => None,
            Self::Load { id, .. }
            | Self::Peek { id, .. }
            | Self::Take { id, .. }
            | Self::Claim { id, .. }
            | Self::Release { id, .. }
            | Self::Burn { id }
            | Self::FailAttempt { id, .. }
            | Self::Answer { request: id, .. } => Some(id),
        }
    }
}

/// Nobody asks for what is being inserted: its id is random, and its caller has it once that is done. An answer's is known before.
fn ids_are_known(calls: &[Call]) -> bool {
    let inserted: Vec<u8> =
        calls.iter().filter_map(|call| if let Call::Insert { id, .. } = call { Some(*id) } else { None }).collect();
    calls.to_vec().iter_mut().all(|call| call.asked_for().is_none_or(|id| !inserted.contains(id)))
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => calls().prop_map(Step::One),
        5 => proptest::collection::vec(calls(), 2..4).prop_filter("ids are known", |calls| ids_are_known(calls)).prop_map(Step::Together),
        4 => (calls(), any::<bool>()).prop_map(|(call, asked)| Step::Left { call, asked }),
        5 => (-90..130_i64).prop_map(|seconds| Step::Clock { seconds }),
        1 => Just(Step::Restart),
        4 => Just(Step::Deliver),
    ];
    proptest::collection::vec(step, 1..60).prop_map(with_numbers)
}

/// The newest request of a lane.
#[derive(Clone, Copy)]
struct Asked {
    id: u8,
    receipt: u8,
    owner: Option<u8>,
}

/// Each that is inserted has a receipt of its own, if it has one: the first, the second, and so on; and each request has ids of its own.
/// Nobody asks for one before it is there.
fn with_numbers(mut steps: Vec<Step>) -> Vec<Step> {
    let (mut receipts, mut requests) = (0, 0);
    let mut lanes = [None::<Asked>; LANES as usize];
    for step in &mut steps {
        let calls = match step {
            Step::One(call) | Step::Left { call, .. } => std::slice::from_mut(call),
            Step::Together(calls) => calls.as_mut_slice(),
            Step::Clock { .. } | Step::Restart | Step::Deliver => continue,
        };
        let (before, known) = (receipts, lanes);
        for call in calls.iter_mut() {
            match call {
                Call::Insert { receipt: Some(receipt), .. } => {
                    *receipt = receipts;
                    receipts += 1;
                }
                Call::Open { id, receipt, new } => {
                    let lane = &mut lanes[usize::from((*id - PLAIN) / 2)];
                    *id = PLAIN + 2 * LANES + 2 * (requests % REQUESTS);
                    *receipt = receipts;
                    (receipts, requests) = (receipts + 1, requests + 1);
                    *lane = Some(Asked { id: *id, receipt: *receipt, owner: new.owner });
                }
                _ => {}
            }
        }
        for call in calls {
            if let Call::BurnByReceipt { receipt } = call
                && *receipt >= before
            {
                *receipt = u8::MAX;
            }
            let Some(id) = call.asked_for().filter(|id| **id >= PLAIN) else { continue };
            let Some(asked) = known[usize::from((*id - PLAIN) / 2)] else { continue };
            *id = asked.id + (*id - PLAIN) % 2;
            if let Call::Answer { receipt, new, .. } = call {
                (*receipt, new.owner) = (asked.receipt, asked.owner);
            }
        }
    }
    steps
}
