//! `/api/v1/receipts`: what became of a secret, for whoever sent it.

use hyper::StatusCode;

use crate::{
    api::{BurnedBy, Code, Problem, ReceiptState, ReceiptStatus},
    secret::Receipt,
    server::{
        call::{App, Call},
        problem::Failed,
        reply::Reply,
    },
    store::{Burnt, By, ReceiptState as Fate, Trace},
};

pub(in crate::server) async fn get(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    let trace = app.vault.trace(&receipt(call)?).await?.ok_or_else(unknown)?;
    Ok(Reply::json(StatusCode::OK, &status(&trace)))
}

pub(in crate::server) async fn delete(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    match app.vault.burn_by_receipt(&receipt(call)?, call.caller.origin()).await? {
        Burnt::Now(_) | Burnt::Withdrawn(_) | Burnt::Already => Ok(Reply::empty(StatusCode::NO_CONTENT)),
        Burnt::TooLate => Err(Problem::new(
            Code::TooLate,
            "It is too late, and nothing was destroyed: the secret is being read, or was read or burned, or has expired. Ask for the \
             receipt, which says what became of it",
        )
        .into()),
        Burnt::Unknown => Err(unknown().into()),
    }
}

/// As it travels.
pub(in crate::server) fn status(trace: &Trace) -> ReceiptStatus {
    let (state, burned_by, claim_expires_at) = match trace.state {
        Fate::Open => (ReceiptState::Open, None, None),
        Fate::Unread => (ReceiptState::Unread, None, None),
        Fate::Claimed { until } => (ReceiptState::Claimed, None, Some(until)),
        Fate::Delivered => (ReceiptState::Delivered, None, None),
        Fate::Unconfirmed => (ReceiptState::Unconfirmed, None, None),
        Fate::Burned(by) => (ReceiptState::Burned, Some(burned_by(by)), None),
        Fate::Expired => (ReceiptState::Expired, None, None),
        Fate::Withdrawn => (ReceiptState::Withdrawn, None, None),
    };
    ReceiptStatus {
        state,
        burned_by,
        created_at: trace.created_at,
        expires_at: trace.expires_at,
        claimed_at: trace.claimed_at,
        claim_expires_at,
        ended_at: trace.ended_at,
        attempts: trace.attempts,
    }
}

fn burned_by(by: By) -> BurnedBy {
    match by {
        By::Link => BurnedBy::Link,
        By::Receipt => BurnedBy::Receipt,
        By::Tries => BurnedBy::Tries,
    }
}

/// A receipt that can't be one is as any that isn't known.
fn receipt(call: &Call<'_>) -> Result<Receipt, Problem> {
    call.parameter.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::new(Code::Gone, "Receipt not found, or its time is over")
}
