//! Histories of many callers at once, with cancelled calls, refusals and crashes: each secret's is searched for an order of its calls in
//! which the contract was kept (`checker`).

mod checker;
mod server;
mod store;

use std::{sync::Mutex, time::Instant};

use self::checker::{Call, Entry, Outcome, Rules, Span, Told, is_linearisable};

/// No end is known.
const OPEN: u64 = u64::MAX;

/// The calls on some secrets, as their callers saw them.
struct Histories {
    start: Instant,
    of: Vec<Mutex<Vec<Entry>>>,
}

impl Histories {
    fn new(secrets: usize) -> Self {
        Self { start: Instant::now(), of: (0..secrets).map(|_| Mutex::default()).collect() }
    }

    /// The time that tells what came before what.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }

    /// Notes a call that was made then, and is answered now.
    fn note(&self, secret: usize, call: Call, outcome: Option<Outcome>, made: u64, clock: Span) {
        let answered = outcome.map_or(OPEN, |_| self.now());
        self.of[secret].lock().unwrap().push(Entry { call, outcome, made, answered, clock });
    }

    /// What wasn't answered before is over now, done or not; `clock` shows so much at most.
    fn all_is_over(&self, clock: i64) {
        let now = self.now();
        for history in &self.of {
            for entry in history.lock().unwrap().iter_mut().filter(|entry| entry.answered == OPEN) {
                entry.answered = now;
                entry.clock.1 = entry.clock.1.min(clock);
            }
        }
    }

    /// Fails with the history of a secret that no order explains. How many calls there were, of which so many of unknown outcome.
    fn check(&self, rules: Rules) -> (usize, usize) {
        let (mut calls, mut unknown) = (0, 0);
        for (secret, history) in self.of.iter().enumerate() {
            let mut history = history.lock().unwrap().clone();
            history.sort_by_key(|entry| entry.made);
            let shown = || history.iter().map(|entry| format!("{entry:?}")).collect::<Vec<_>>().join("\n");
            assert!(is_linearisable(&history, rules), "secret {secret} was in two minds:\n{}", shown());
            calls += history.len();
            unknown += history.iter().filter(|entry| entry.outcome.is_none()).count();
        }
        (calls, unknown)
    }
}

/// Numbers that look random and come again with their seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        u64::from_le_bytes(crate::common::noise(self.0, 8).try_into().unwrap()) % limit
    }
}
