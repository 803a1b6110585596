//! The end of claims that couldn't be had at once, in the background, until it is known: of a server's own making, and of readers who were
//! answered by an error.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use super::{
    IN_HAND, LOOK, OWN_LEASE,
    batch::Value,
    line::{Call, Line, Repeat},
    statements,
};
use crate::{
    secret::{ClaimHash, SecretId},
    store::outbox::Telling,
};

/// How soon what could not be released or given back is tried again, and how many of them at once.
const AGAIN: Duration = Duration::from_millis(500);
const UNSETTLED: u64 = 10_000;
/// How late a statement may come to the database whose connection has been given up here, and be done: unacknowledged for 5 seconds, then 10 for
/// itself.
const LATEST: Duration = Duration::from_secs(16);

/// What ends claims: our own, and those of readers that nobody was told of.
pub(super) struct Settling {
    line: Arc<Line>,
    /// Those whose end isn't known yet.
    unsettled: Arc<AtomicU64>,
    telling: Arc<Telling>,
}

/// A claim of our own that may be made, and under which nothing is given out as long as nobody says so: who goes away meanwhile, or isn't told,
/// leaves the record to others.
pub(super) struct Doubt<'s> {
    settling: &'s Settling,
    id: SecretId,
    own: ClaimHash,
    is_over: bool,
}

impl Doubt<'_> {
    /// It is known what became of it.
    pub(super) fn resolve(mut self) {
        self.is_over = true;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.settling.settle(End::GiveBack, self.id, self.own);
        }
    }
}

impl Settling {
    pub(super) fn new(line: Arc<Line>, telling: Arc<Telling>) -> Self {
        Self { line, unsettled: Arc::default(), telling }
    }

    /// To be had before a claim is made.
    pub(super) fn doubt(&self, id: SecretId, own: ClaimHash) -> Doubt<'_> {
        Doubt { settling: self, id, own, is_over: false }
    }

    /// Waits for those under way to end, and not for long.
    pub(super) async fn wait(&self) {
        let end = Instant::now() + IN_HAND;
        while self.unsettled.load(Ordering::Relaxed) > 0 && Instant::now() < end {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends a claim in the background, for as long as it may last. If too many are on their way already, it is the sweeper's.
    pub(super) fn settle(&self, how: End, id: SecretId, claim: ClaimHash) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.unsettled.fetch_add(1, Ordering::Relaxed) >= UNSETTLED {
            self.unsettled.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let (line, unsettled, telling) =
            (Arc::clone(&self.line), Arc::clone(&self.unsettled), Arc::clone(&self.telling));
        let began = Instant::now();
        // A claim that nobody knows the outcome of may still be on its way, and come after it was given back.
        let is_release = matches!(how, End::Release(_));
        let late = if is_release { Duration::ZERO } else { LATEST };
        runtime.spawn(async move {
            let mut pause = AGAIN;
            // What is to be given back may be hanging for as long as nobody agrees with commits: it is waited for.
            while (!is_release || began.elapsed() < OWN_LEASE) && !line.is_closed() {
                let is_late = began.elapsed() >= late;
                let [ending, held] = how.calls(id, claim, &telling);
                let done = line.rows(ending).await.is_ok_and(|rows| !rows.is_empty());
                // Whoever was the primary may not know of the claim.
                if done {
                    telling.has_told();
                }
                let held = if done { Ok(Vec::new()) } else { line.rows(held).await };
                let is_over = held.is_ok_and(|rows| !rows.first().is_some_and(|row| row.try_get(1).unwrap_or(true)));
                if is_over && is_late {
                    break;
                }
                tokio::time::sleep(pause).await;
                pause = if is_over { pause * 2 } else { AGAIN };
            }
            unsettled.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// How a claim ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// What it was made for was given out, then.
    Release(i64),
    /// One of our own, under which nothing was.
    GiveBack,
    /// A reader's, which would have lasted until then by the database's clock, and was answered by an error: the reader may have
    /// repeated it elsewhere, and been told.
    GiveBackUntold(i64),
}

impl End {
    /// What ends it, and whether it is still to be ended.
    fn calls(self, id: SecretId, claim: ClaimHash, telling: &Telling) -> [Call; 2] {
        let (both, at) = match self {
            Self::Release(now) => {
                return [
                    release(id, claim, now, telling, Repeat::Safely),
                    end(statements::HELD, id, claim, Repeat::Safely),
                ];
            }
            Self::GiveBack => ([statements::GIVE_BACK, statements::HELD], None),
            Self::GiveBackUntold(until) => ([statements::GIVE_BACK_UNTOLD, statements::HELD_UNTOLD], Some(until)),
        };
        both.map(|sql| match at {
            Some(at) => end_at(sql, id, claim, at, Repeat::Safely),
            None => end(sql, id, claim, Repeat::Safely),
        })
    }
}

/// A statement about a record and its claim.
pub(super) fn end(sql: &'static str, id: SecretId, claim: ClaimHash, repeat: Repeat) -> Call {
    Call::about(id, sql, vec![Value::new(claim.0.to_vec())], repeat)
}

/// The same, with a time of the database's.
pub(super) fn end_at(sql: &'static str, id: SecretId, claim: ClaimHash, at: i64, repeat: Repeat) -> Call {
    Call::about(id, sql, vec![Value::new(claim.0.to_vec()), Value::new(at)], repeat)
}

/// What ends a claim when its content has been given out.
pub(super) fn release(id: SecretId, claim: ClaimHash, now: i64, telling: &Telling, repeat: Repeat) -> Call {
    let values = vec![Value::new(claim.0.to_vec()), Value::new(now), Value::new(telling.every_in_a_row())];
    Call::about(id, statements::RELEASE, values, repeat)
}
