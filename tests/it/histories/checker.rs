//! Is there an order of these overlapping calls on one secret in which each answer is what the contract says? The search of Wing and Gong
//! ('Testing and verifying concurrent objects', 1993), with the memory of Lowe's ('Testing for linearizability', 2017). Secrets don't
//! touch each other, so that each secret's calls are searched by themselves, and nothing is missed by it.

use std::collections::HashSet;

/// From when to when, both included: in milliseconds, or unknown beyond it.
pub type Span = (i64, i64);

/// What a caller asks for. Claims are small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Keep it, to be gone at some time of these.
    Create {
        expires: Span,
    },
    Take,
    Claim(u8),
    Release(u8),
    Burn,
    Peek(Option<u8>),
    /// A wrong passphrase.
    Fail(Option<u8>),
    /// What its receipt tells.
    Trace,
}

/// What a receipt tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    Unread,
    Claimed,
    Delivered,
    Unconfirmed,
    Burned,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Gone,
    Exists,
    Wrong { left: u32 },
    Tells(Told),
}

/// A call as it was seen.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub call: Call,
    /// None when its caller never learned it: then it was done at some time of these, or it wasn't.
    pub outcome: Option<Outcome>,
    /// When it was made, and when it was answered: the order that everybody saw. Any unit.
    pub made: u64,
    pub answered: u64,
    /// What the store's clock may have shown it.
    pub clock: Span,
}

/// What the contract's words leave to choose.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub lease: i64,
    pub tries: u32,
}

/// A secret. Times are those that no answer has ruled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    /// Never there.
    Absent,
    /// Removed; what its receipt tells from then on.
    Ended(Told),
    Kept {
        claim: Option<u8>,
        deadline: Span,
        failed: u32,
    },
}

/// The state in which its deadline comes after some time of `clock`; and that in which it doesn't.
fn live_or_dead(state: State, clock: Span) -> (Option<State>, Option<State>) {
    let State::Kept { claim, deadline: (from, to), failed } = state else { return (None, Some(state)) };
    let kept = |deadline| State::Kept { claim, deadline, failed };
    let live = (clock.0 < to).then(|| kept((from.max(clock.0 + 1), to)));
    let dead = (clock.1 >= from).then(|| kept((from, to.min(clock.1))));
    (live, dead)
}

/// Everything that the call may answer, and leave.
fn steps(state: State, call: Call, clock: Span, rules: Rules) -> Vec<(Outcome, State)> {
    let (live, dead) = live_or_dead(state, clock);
    let mut steps = Vec::new();
    // What is dead may have been swept, and is told of alike.
    let ended = dead.map(|dead| match dead {
        State::Kept { claim: Some(_), .. } => State::Ended(Told::Unconfirmed),
        State::Kept { claim: None, .. } => State::Ended(Told::Expired),
        gone => gone,
    });
    match call {
        Call::Create { expires } => {
            let made = State::Kept { claim: None, deadline: expires, failed: 0 };
            if matches!(state, State::Kept { .. }) {
                steps.push((Outcome::Exists, state));
            }
            steps.extend(dead.map(|_| (Outcome::Done, made)));
            return steps;
        }
        Call::Release(by) => {
            let is_theirs = matches!(state, State::Kept { claim, .. } if claim == Some(by));
            if is_theirs {
                steps.extend(live.map(|_| (Outcome::Done, State::Ended(Told::Delivered))));
                steps.extend(ended.map(|ended| (Outcome::Done, ended))); // too late, and not swept
                steps.extend(ended.map(|ended| (Outcome::Gone, ended))); // swept
            } else {
                steps.push((Outcome::Gone, state));
            }
            return steps;
        }
        Call::Trace => steps.extend(dead.zip(ended).map(|(dead, ended)| match ended {
            State::Ended(told) => (Outcome::Tells(told), dead),
            _ => (Outcome::Gone, dead),
        })),
        _ => steps.extend(dead.map(|dead| (Outcome::Gone, dead))),
    }
    let Some(State::Kept { claim, deadline, failed }) = live else { return steps };
    let live = State::Kept { claim, deadline, failed };
    steps.push(match (call, claim) {
        (Call::Take, None) => (Outcome::Done, State::Ended(Told::Unconfirmed)),
        (Call::Burn, None) => (Outcome::Done, State::Ended(Told::Burned)),
        (Call::Claim(by), None) => {
            let until = (clock.0.saturating_add(rules.lease), clock.1.saturating_add(rules.lease));
            (Outcome::Done, State::Kept { claim: Some(by), deadline: until, failed })
        }
        (Call::Claim(by), Some(theirs)) if by == theirs => (Outcome::Done, live),
        (Call::Peek(by), theirs) if theirs.is_none() || by == theirs => (Outcome::Done, live),
        (Call::Fail(by), theirs) if theirs.is_none() || by == theirs => {
            let left = rules.tries - failed - 1;
            let counted = State::Kept { claim, deadline, failed: failed + 1 };
            let used_up = State::Ended(if claim.is_some() { Told::Unconfirmed } else { Told::Burned });
            (Outcome::Wrong { left }, if left == 0 { used_up } else { counted })
        }
        (Call::Trace, theirs) => (Outcome::Tells(if theirs.is_some() { Told::Claimed } else { Told::Unread }), live),
        // Another's: its deadline says nothing then.
        _ => (Outcome::Gone, state),
    });
    steps
}

/// Whether the calls on one secret, which isn't there before, have an order that the contract allows.
pub fn is_linearisable(history: &[Entry], rules: Rules) -> bool {
    assert!(history.len() <= 64, "{} calls are too many to search", history.len());
    let seen = &mut HashSet::new();
    search(history, rules, 0, State::Absent, seen)
}

/// Whether the calls that aren't among those `done` can follow on `state`.
fn search(history: &[Entry], rules: Rules, done: u64, state: State, seen: &mut HashSet<(u64, State)>) -> bool {
    let left = || history.iter().enumerate().filter(|(index, _)| done & 1 << index == 0);
    // The answer that came first: what was made after it comes after it.
    let Some(first) = left().filter(|(_, entry)| entry.outcome.is_some()).map(|(_, entry)| entry.answered).min() else {
        return true; // what nobody knows of may never have been done
    };
    if !seen.insert((done, state)) {
        return false;
    }
    let latest = history.iter().enumerate().filter(|(index, _)| done & 1 << index != 0).map(|(_, entry)| entry.made);
    let latest = latest.max().unwrap_or(0);
    left().filter(|(_, entry)| entry.made <= first && entry.answered >= latest).any(|(index, entry)| {
        steps(state, entry.call, entry.clock, rules)
            .into_iter()
            .filter(|(outcome, next)| entry.outcome.map_or(*next != state, |known| known == *outcome))
            .any(|(_, next)| search(history, rules, done | 1 << index, next, seen))
    })
}

#[cfg(test)]
mod tests {
    use super::{Call::*, Outcome::*, Told::*, *};

    const RULES: Rules = Rules { lease: 100, tries: 3 };
    const CREATE: Call = Create { expires: (1000, 1000) };

    /// Made and answered at these times, which the store's clock shows as well.
    fn entry(call: Call, outcome: impl Into<Option<Outcome>>, made: u64, answered: u64) -> Entry {
        let clock = (made.cast_signed(), answered.min(1 << 40).cast_signed());
        Entry { call, outcome: outcome.into(), made, answered, clock }
    }

    fn check(entries: &[(Call, Option<Outcome>, u64, u64)]) -> bool {
        let entries = entries.iter().map(|(call, outcome, made, answered)| entry(*call, *outcome, *made, *answered));
        is_linearisable(&entries.collect::<Vec<_>>(), RULES)
    }

    /// What the receipt tells, from then on.
    fn tells(told: Told, at: u64) -> (Call, Option<Outcome>, u64, u64) {
        (Trace, Some(Tells(told)), at, at + 1)
    }

    #[test]
    fn histories_that_the_contract_allows_pass() {
        let created = (CREATE, Some(Done), 1, 2);
        let claimed = (Claim(1), Some(Done), 3, 4);
        for history in [
            vec![created, (Take, Some(Gone), 3, 9), (Take, Some(Done), 4, 8), (Peek(None), Some(Done), 5, 6)],
            vec![created, (Claim(1), Some(Done), 3, 4), (Take, Some(Gone), 5, 6), (Claim(1), Some(Done), 5, 103)],
            vec![
                created,
                (Claim(1), Some(Done), 3, 4),
                (Claim(1), Some(Gone), 5, 103),
                (Release(1), Some(Done), 200, 201),
            ],
            vec![created, (Claim(1), Some(Done), 3, 4), (Release(1), Some(Gone), 104, 105)],
            vec![created, (Take, Some(Gone), 999, 1000)],
            // Nobody knows whether it was done, and when; at last it has been.
            vec![created, (Take, None, 3, u64::MAX), (Peek(None), Some(Done), 5, 6), (Peek(None), Some(Gone), 7, 8)],
            vec![created, (Take, None, 3, u64::MAX), (Take, Some(Done), 7, 8)],
            vec![(CREATE, None, 1, u64::MAX), (Peek(None), Some(Gone), 2, 3), (Take, Some(Done), 7, 8)],
            vec![created, (Fail(None), Some(Wrong { left: 1 }), 3, 6), (Fail(None), Some(Wrong { left: 2 }), 3, 6)],
            vec![created, (CREATE, Some(Exists), 5, 6), (CREATE, Some(Done), 1000, 1001)],
            vec![created, (Take, None, 3, u64::MAX), tells(Unread, 5), tells(Unconfirmed, 7), tells(Unconfirmed, 9)],
            vec![created, claimed, tells(Claimed, 5), (Release(1), Some(Done), 7, 8), tells(Delivered, 9)],
            vec![
                created,
                claimed,
                tells(Unconfirmed, 105),
                (Release(1), Some(Done), 107, 108),
                tells(Unconfirmed, 109),
            ],
            vec![created, claimed, (Release(1), None, 5, u64::MAX), tells(Claimed, 7), tells(Delivered, 9)],
            vec![created, tells(Expired, 1000), (Burn, Some(Gone), 1003, 1004)],
            vec![created, (Burn, Some(Done), 3, 4), tells(Burned, 5), tells(Burned, 2000)],
        ] {
            assert!(check(&history), "{history:?}");
        }
    }

    #[test]
    fn histories_that_break_the_contract_are_found() {
        let created = (CREATE, Some(Done), 1, 2);
        let (claimed, released) = ((Claim(1), Some(Done), 3, 4), (Release(1), Some(Done), 7, 8));
        for (what, history) in [
            ("told unread of what was read", vec![created, (Take, Some(Done), 3, 4), tells(Unread, 5)]),
            ("told unread again", vec![created, (Claim(1), None, 3, u64::MAX), tells(Claimed, 5), tells(Unread, 7)]),
            ("told delivered of what wasn't acknowledged", vec![created, claimed, tells(Delivered, 5)]),
            ("told delivered of a plain read", vec![created, (Take, Some(Done), 3, 4), tells(Delivered, 5)]),
            ("told unconfirmed of what was acknowledged", vec![created, claimed, released, tells(Unconfirmed, 9)]),
            (
                "told delivered when the lease had ended",
                vec![created, claimed, (Release(1), Some(Done), 107, 108), tells(Delivered, 109)],
            ),
            ("told two ends", vec![created, (Burn, None, 3, u64::MAX), tells(Burned, 5), tells(Expired, 2000)]),
            ("told expired of what was claimed", vec![created, claimed, tells(Expired, 1005)]),
            ("told burned by nobody", vec![created, tells(Burned, 5)]),
            ("two winners", vec![created, (Take, Some(Done), 3, 9), (Take, Some(Done), 3, 9)]),
            ("two readers", vec![created, (Take, Some(Done), 3, 9), (Claim(1), Some(Done), 3, 9)]),
            ("two claims", vec![created, (Claim(2), Some(Done), 3, 9), (Claim(1), Some(Done), 3, 9)]),
            ("burned and read", vec![created, (Burn, Some(Done), 3, 9), (Claim(1), Some(Done), 3, 9)]),
            (
                "a read after an acknowledgement",
                vec![
                    created,
                    (Claim(1), Some(Done), 3, 4),
                    (Release(1), Some(Done), 5, 6),
                    (Claim(1), Some(Done), 7, 8),
                ],
            ),
            ("a lost create", vec![created, (Peek(None), Some(Gone), 3, 4)]),
            ("one lost for a while", vec![created, (Take, Some(Gone), 3, 4), (Take, Some(Done), 5, 6)]),
            ("seen before it was made", vec![(Peek(None), Some(Done), 1, 2), (CREATE, None, 3, 4)]),
            (
                "done after the crash",
                vec![created, (Take, None, 3, 4), (Peek(None), Some(Done), 5, 6), (Peek(None), Some(Gone), 7, 8)],
            ),
            ("read when it had expired", vec![created, (Take, Some(Done), 1000, 1001)]),
            (
                "read when its lease had ended",
                vec![created, (Claim(1), Some(Done), 3, 4), (Claim(1), Some(Done), 104, 105)],
            ),
            (
                "a lease that ends and lasts",
                vec![
                    created,
                    (Claim(1), Some(Done), 3, 23),
                    (Claim(1), Some(Gone), 105, 106),
                    (Claim(1), Some(Done), 107, 108),
                ],
            ),
            (
                "a lease that a repeat makes longer",
                vec![
                    created,
                    (Claim(1), Some(Done), 3, 4),
                    (Claim(1), Some(Done), 50, 51),
                    (Claim(1), Some(Done), 120, 121),
                ],
            ),
            ("told to another", vec![created, (Claim(1), Some(Done), 3, 4), (Peek(Some(2)), Some(Done), 5, 6)]),
            (
                "a try not counted",
                vec![created, (Fail(None), Some(Wrong { left: 2 }), 3, 6), (Fail(None), Some(Wrong { left: 2 }), 3, 6)],
            ),
            (
                "one try too many",
                vec![
                    created,
                    (Fail(None), Some(Wrong { left: 2 }), 3, 4),
                    (Fail(None), Some(Wrong { left: 1 }), 5, 6),
                    (Fail(None), Some(Wrong { left: 0 }), 7, 8),
                    (Take, Some(Done), 9, 10),
                ],
            ),
            ("overwritten", vec![created, (CREATE, Some(Done), 5, 6)]),
        ] {
            assert!(!check(&history), "{what}");
        }
    }
}
