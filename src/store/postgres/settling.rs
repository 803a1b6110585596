//! The end of claims of a server's own making: in the background, until it is known. Nobody else gets the record meanwhile, so that whoever
//! asked needn't wait.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    OWN_LEASE, PostgresStore,
    batch::Value,
    line::{Call, Repeat},
    statements,
};
use crate::secret::{ClaimHash, SecretId};

/// How soon what could not be released or given back is tried again, and how many of them at once.
const AGAIN: Duration = Duration::from_millis(500);
const UNSETTLED: u64 = 10_000;
/// How late a statement may come to the database whose connection has been given up here, and be done: unacknowledged for 5 seconds, then 10 for
/// itself.
const LATEST: Duration = Duration::from_secs(16);

impl PostgresStore {
    /// Ends a claim of our own in the background, for as long as its lease may last. Not, if too many are on their way already.
    pub(super) fn settle(&self, sql: &'static str, id: SecretId, own: ClaimHash) -> bool {
        if self.unsettled.fetch_add(1, Ordering::Relaxed) >= UNSETTLED {
            self.unsettled.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let (line, unsettled, began) = (Arc::clone(&self.line), Arc::clone(&self.unsettled), Instant::now());
        // A claim that nobody knows the outcome of may still be on its way, and come after it was given back.
        let late = if sql == statements::GIVE_BACK { LATEST } else { Duration::ZERO };
        tokio::spawn(async move {
            let mut pause = AGAIN;
            while began.elapsed() < OWN_LEASE && !line.is_closed() {
                let is_late = began.elapsed() >= late;
                let call = |sql| end(sql, id, own, Repeat::Safely);
                let done = line.rows(call(sql)).await.is_ok_and(|rows| !rows.is_empty());
                // Whoever was the primary may not know of the claim.
                let held = if done { Ok(Vec::new()) } else { line.rows(call(statements::HELD)).await };
                let is_over = held.is_ok_and(|rows| !rows.first().is_some_and(|row| row.try_get(1).unwrap_or(true)));
                if is_over && is_late {
                    break;
                }
                tokio::time::sleep(pause).await;
                pause = if is_over { pause * 2 } else { AGAIN };
            }
            unsettled.fetch_sub(1, Ordering::Relaxed);
        });
        true
    }
}

/// A statement about a record and its claim.
pub(super) fn end(sql: &'static str, id: SecretId, claim: ClaimHash, repeat: Repeat) -> Call {
    Call::about(id, sql, vec![Value::new(claim.0.to_vec())], repeat)
}
