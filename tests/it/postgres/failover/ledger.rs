//! What was done with each secret and what came of it; and what the promises say of that.

use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, Instant},
};

/// What was asked for. Readers have numbers: one that asks again is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Create,
    /// A plain `GET`.
    Read(u8),
    /// A reading under the reader's claim.
    Claim(u8),
    /// The end of that.
    Acknowledge(u8),
    Burn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Made, removed, or given out.
    Done,
    /// It isn't there.
    Gone,
    /// `503`: nothing was given out, and whether anything was done isn't said.
    Refused,
    /// The connection ended before the answer did.
    Broken,
}

#[derive(Debug, Clone, Copy)]
pub struct Operation {
    pub what: What,
    pub begin: Instant,
    pub end: Instant,
    pub outcome: Outcome,
}

/// One secret's operations.
#[derive(Debug, Default)]
pub struct Story {
    pub number: usize,
    pub operations: Vec<Operation>,
    /// Its receipt, and the state that it told in the end.
    pub receipt: Option<String>,
    pub state: Option<String>,
    /// Of a request: who answered, and what came of each try. Its answer is the secret, made when one of them was acknowledged.
    pub answers: Vec<(u8, Outcome)>,
}

impl Story {
    pub fn new(number: usize) -> Self {
        Self { number, ..Self::default() }
    }
}

/// When a server was killed.
pub type Kill = Instant;

/// What must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// It was acknowledged, and is gone to a reader whom nobody was before.
    Lost,
    /// Two had it, or one had it after it was burned.
    Twice,
    /// A claim that was given is not there.
    ClaimLost,
    /// An answer broke off though no server was killed.
    Broken,
    /// Its receipt tells what wasn't so.
    Untrue,
}

/// What came of all stories.
#[derive(Debug, Default)]
pub struct Verdict {
    pub secrets: usize,
    pub operations: usize,
    pub refused: usize,
    pub broken: usize,
    /// Creations of which it isn't known whether they were done.
    pub unknown_creations: usize,
    /// Plain reads that broke off as their server was killed, after which the secret was gone: at most once.
    pub at_most_once: usize,
    /// Receipts that told something.
    pub receipts: usize,
    pub findings: Vec<(usize, Finding)>,
}

impl Verdict {
    pub fn of(stories: &[Story], kills: &[Kill]) -> Self {
        let mut verdict = Self::default();
        for story in stories {
            verdict.add(story, kills);
        }
        verdict
    }

    pub fn count(&self, finding: Finding) -> usize {
        self.findings.iter().filter(|(_, found)| *found == finding).count()
    }

    fn add(&mut self, story: &Story, kills: &[Kill]) {
        let all = &story.operations;
        let with = |outcome: Outcome| all.iter().filter(|one| one.outcome == outcome).count();
        self.operations += all.len() + story.answers.len();
        self.refused += with(Outcome::Refused);
        self.broken += with(Outcome::Broken);
        let mut found = |finding| self.findings.push((story.number, finding));
        let taken: BTreeSet<u8> = story.answers.iter().filter(|one| one.1 == Outcome::Done).map(|one| one.0).collect();
        if taken.len() > 1 {
            found(Finding::Twice);
        }
        // Too late for nobody.
        if !story.answers.is_empty() && story.answers.iter().all(|one| one.1 == Outcome::Gone) {
            found(Finding::Lost);
        }
        if all.iter().any(|one| one.outcome == Outcome::Broken && !struck(one, kills)) {
            found(Finding::Broken);
        }
        let is_made = all.iter().any(|one| one.what == What::Create && one.outcome == Outcome::Done);
        if !is_made {
            self.unknown_creations += usize::from(!all.is_empty());
            return;
        }
        self.secrets += 1;
        if let Some(state) = &story.state {
            self.receipts += 1;
            if !may_be_told(state, all) {
                found(Finding::Untrue);
            }
        }
        let readers: BTreeSet<u8> = all.iter().filter(|one| one.outcome == Outcome::Done).filter_map(reader).collect();
        let is_burned = all.iter().any(|one| one.what == What::Burn && one.outcome == Outcome::Done);
        if readers.len() + usize::from(is_burned) > 1 {
            found(Finding::Twice);
        }
        let unexplained = |one: &&Operation| one.outcome == Outcome::Gone && !is_explained(one, all);
        let gone: Vec<&Operation> = all.iter().filter(unexplained).collect();
        if gone.iter().any(|one| matches!(one.what, What::Acknowledge(_))) {
            found(Finding::ClaimLost);
        }
        let is_had = !readers.is_empty() || all.iter().any(|one| one.what == What::Burn && may_be_done(one));
        if is_had && gone.iter().all(|one| matches!(one.what, What::Acknowledge(_))) {
            return;
        }
        // Of those that remain only a read that broke off with its server may have taken it.
        let taken =
            |one: &Operation| matches!(one.what, What::Read(_)) && one.outcome == Outcome::Broken && struck(one, kills);
        if all.iter().any(taken) && readers.is_empty() {
            self.at_most_once += 1;
        } else {
            found(Finding::Lost);
        }
    }
}

/// Whether a server was killed while it was under way, or just before: its last words may still have been on their way.
fn struck(one: &Operation, kills: &[Kill]) -> bool {
    kills.iter().any(|kill| one.begin <= *kill + Duration::from_millis(500) && *kill <= one.end)
}

fn reader(one: &Operation) -> Option<u8> {
    match one.what {
        What::Read(reader) | What::Claim(reader) => Some(reader),
        _ => None,
    }
}

fn may_be_done(one: &Operation) -> bool {
    one.outcome != Outcome::Gone
}

/// Whether a receipt may say so: never that it was acknowledged or burned by nobody, nor that nobody asked when somebody was answered.
fn may_be_told(state: &str, all: &[Operation]) -> bool {
    let any = |is: &dyn Fn(&Operation) -> bool| all.iter().any(is);
    let is_done = |one: &Operation| one.outcome == Outcome::Done;
    let acknowledges = |one: &Operation| matches!(one.what, What::Acknowledge(_));
    let burns = |one: &Operation| one.what == What::Burn;
    if any(&|one| acknowledges(one) && is_done(one)) {
        return state == "delivered";
    }
    if any(&|one| burns(one) && is_done(one)) {
        return state == "burned";
    }
    match state {
        "unread" => !any(&|one| is_done(one) && reader(one).is_some()),
        "claimed" | "unconfirmed" => any(&|one| may_be_done(one) && reader(one).is_some()),
        "delivered" => any(&|one| may_be_done(one) && acknowledges(one)),
        "burned" => any(&|one| may_be_done(one) && burns(one)),
        _ => false,
    }
}

/// Whether something else explains that it was gone to this one: somebody else's reading, a burning, an end of the claim. A plain read
/// that was refused explains nothing: it gave nothing out.
fn is_explained(gone: &Operation, all: &[Operation]) -> bool {
    let given = |reader: u8| {
        let is_it = |one: &Operation| self::reader(one) == Some(reader) && one.outcome == Outcome::Done;
        all.iter().any(is_it)
    };
    all.iter().filter(|one| one.begin <= gone.end && may_be_done(one)).any(|one| match (one.what, gone.what) {
        (What::Create, _) | (What::Claim(_), What::Acknowledge(_)) => false,
        (What::Read(theirs) | What::Claim(theirs), What::Read(own) | What::Claim(own)) => {
            theirs != own && given(theirs)
        }
        (What::Read(theirs) | What::Claim(theirs), _) => given(theirs),
        // By somebody who asks again after no answer.
        (What::Burn | What::Acknowledge(_), _) => true,
    })
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} secrets, {} operations ({} refused, {} broken off), {} creations unknown; lost {}, delivered twice {}, claims lost {}, \
             broken off without a kill {}; at most once {}; of {} receipts {} untrue",
            self.secrets,
            self.operations,
            self.refused,
            self.broken,
            self.unknown_creations,
            self.count(Finding::Lost),
            self.count(Finding::Twice),
            self.count(Finding::ClaimLost),
            self.count(Finding::Broken),
            self.at_most_once,
            self.receipts,
            self.count(Finding::Untrue)
        )
    }
}

/// The checker finds what is to be found, and nothing else.
#[test]
fn a_story_is_judged_by_what_the_promises_say() {
    use Finding::{ClaimLost, Lost, Twice};
    use Outcome::{Broken, Done, Gone, Refused};
    use What::{Acknowledge, Burn, Claim, Read};

    let start = Instant::now();
    let at = |second: u64| start + Duration::from_secs(second);
    let judged = |told: &[(What, Outcome)], kills: &[u64]| {
        let mut story = Story::new(7);
        for (second, (what, outcome)) in (1..).step_by(2).zip([(What::Create, Outcome::Done)].iter().chain(told)) {
            story.operations.push(Operation { what: *what, begin: at(second), end: at(second + 1), outcome: *outcome });
        }
        let verdict = Verdict::of(&[story], &kills.iter().map(|second| at(*second)).collect::<Vec<_>>());
        let findings: Vec<Finding> = verdict.findings.iter().map(|(_, finding)| *finding).collect();
        (findings, verdict.at_most_once)
    };
    for (told, findings) in [
        (&[(Read(1), Refused), (Read(1), Done), (Read(2), Gone)][..], &[][..]),
        (&[(Read(1), Refused), (Read(1), Gone)], &[Lost]),
        (&[(Read(1), Gone)], &[Lost]),
        (&[], &[Lost]),
        (&[(Read(1), Gone), (Read(2), Done)], &[Lost]),
        (&[(Read(1), Done), (Read(2), Done)], &[Twice]),
        (&[(Claim(1), Done), (Claim(1), Done), (Acknowledge(1), Refused), (Acknowledge(1), Gone)], &[]),
        (&[(Claim(1), Done), (Acknowledge(1), Gone), (Read(2), Gone)], &[ClaimLost]),
        (&[(Claim(1), Done), (Claim(1), Gone)], &[Lost]),
        (&[(Claim(1), Done), (Acknowledge(1), Done), (Read(2), Done)], &[Twice]),
        (&[(Burn, Refused), (Burn, Gone), (Read(2), Gone)], &[]),
        (&[(Burn, Gone)], &[Lost]),
        (&[(Burn, Done), (Read(2), Done)], &[Twice]),
        (&[(Burn, Done), (Read(2), Gone)], &[]),
    ] {
        assert_eq!(judged(told, &[]), (findings.to_vec(), 0), "{told:?}");
    }
    assert_eq!(judged(&[(Read(1), Broken), (Read(1), Gone)], &[3]), (vec![], 1));
    assert_eq!(judged(&[(Read(1), Broken), (Read(1), Gone)], &[9]), (vec![Finding::Broken, Lost], 0));
    assert_eq!(judged(&[(Read(1), Broken), (Read(1), Done), (Read(2), Gone)], &[3]), (vec![], 0));
}

/// Of two answers one is taken, and nobody is told that it is too late where there is none.
#[test]
fn a_request_is_judged_by_its_answers() {
    use Outcome::{Broken, Done, Gone, Refused};

    for (answers, findings) in [
        (&[(1, Done), (2, Gone)][..], &[][..]),
        (&[(1, Refused), (2, Gone), (1, Gone)], &[]),
        (&[(1, Broken), (1, Refused)], &[]),
        (&[(1, Done), (2, Done)], &[Finding::Twice]),
        (&[(1, Gone), (2, Gone)], &[Finding::Lost]),
    ] {
        let story = Story { answers: answers.to_vec(), ..Story::new(7) };
        let verdict = Verdict::of(&[story], &[]);
        let found: Vec<Finding> = verdict.findings.iter().map(|(_, finding)| *finding).collect();
        assert_eq!(found, findings, "{answers:?}");
    }
}

/// Each state is told of what may have been so.
#[test]
fn a_receipt_is_judged_by_what_was_done() {
    use Outcome::{Broken, Done, Gone, Refused};
    use What::{Acknowledge, Burn, Claim, Read};

    let now = Instant::now();
    for (told, states) in [
        (&[][..], &["unread"][..]),
        (&[(Read(1), Broken)], &["unread", "claimed", "unconfirmed"]),
        (&[(Read(1), Done)], &["claimed", "unconfirmed"]),
        (&[(Claim(1), Done)], &["claimed", "unconfirmed"]),
        (&[(Claim(1), Done), (Acknowledge(1), Refused)], &["claimed", "unconfirmed", "delivered"]),
        (&[(Claim(1), Done), (Acknowledge(1), Done)], &["delivered"]),
        (&[(Read(1), Gone)], &["unread"]),
        (&[(Burn, Refused)], &["unread", "burned"]),
        (&[(Burn, Done)], &["burned"]),
    ] {
        let operation =
            |(what, outcome): &(What, Outcome)| Operation { what: *what, begin: now, end: now, outcome: *outcome };
        let all: Vec<Operation> = told.iter().map(operation).collect();
        let may = |state: &&str| may_be_told(state, &all);
        let every = ["unread", "claimed", "unconfirmed", "delivered", "burned", "expired"];
        assert_eq!(every.into_iter().filter(may).collect::<Vec<_>>(), states, "{told:?}");
    }
}
