//! Keeping no more than is allowed: one at a time looks at how much there is and adds to it, of all servers. Only where there is a quota,
//! and of an owner's own only those of that owner; who removes something waits for nobody.

use std::sync::Arc;

use deadpool_postgres::Object;

use super::{
    batch,
    error::Fault,
    line::{Call, Line},
    row::count,
    statements::{self, locks},
};
use crate::{
    secret::{OwnerId, SecretId},
    store::{Charge, StoreError, Usage, Whose},
};

/// Whether a charge bounds what is kept.
pub(super) fn bind(charge: &Charge) -> bool {
    !charge.within.all.is_none() || (charge.owner.is_some() && !charge.within.each.is_none())
}

/// A request whose place is taken, and when, by the database's clock.
pub(super) type Answered = (SecretId, i64);

/// Makes a call that keeps a record, if its charge allows that once the request that it answers is gone. False when it has kept nothing.
pub(super) async fn keep(
    line: Arc<Line>,
    call: Call,
    charge: Charge,
    answers: Option<Answered>,
) -> Result<bool, Fault> {
    line.hold(call.sql).await?;
    let mut borrowed = line.borrow().await?;
    let Some(client) = borrowed.client_mut() else { return Err(Fault::Unsent(StoreError::Closed)) };
    let kept = line.answered(call.bytes, within(&line, client, &call, charge, answers)).await;
    if matches!(kept, Ok(_) | Err(Fault::Refused(_))) {
        line.heard();
        line.tell_of_lock(&borrowed, &kept).await;
        borrowed.done();
    }
    kept
}

async fn within(
    line: &Line,
    client: &mut Object,
    call: &Call,
    charge: Charge,
    answers: Option<Answered>,
) -> Result<bool, Fault> {
    let judge = |error: tokio_postgres::Error| line.judge(&error);
    let transaction = client.transaction().await.map_err(judge)?;
    let lock = transaction.prepare_cached(statements::LOCK).await.map_err(judge)?;
    let owner = charge.owner.filter(|_| !charge.within.each.is_none());
    // Always in this order, so that nobody waits for each other.
    let keys = owner.map(lock_of).into_iter().chain((!charge.within.all.is_none()).then_some(locks::ALL));
    for key in keys {
        // It is another server's for a moment, and no table's.
        transaction.query_one(&lock, &[&key]).await.map_err(|error| match judge(error) {
            Fault::Refused(StoreError::Locked) => Fault::Refused(StoreError::Busy),
            fault => fault,
        })?;
    }
    // A statement of its own after the locks: it sees what whoever had them before has committed.
    let usage = transaction.prepare_cached(statements::USAGE).await.map_err(judge)?;
    let owner_bytes = charge.owner.map(|owner| owner.0.to_vec());
    let (request, now) = answers.map(|(id, now)| (id.0.to_vec(), now)).unzip();
    let row = transaction.query_one(&usage, &[&owner_bytes, &request, &now]).await.map_err(judge)?;
    if request.is_some() && count(&row, 4).map_err(Fault::Refused)? == 0 {
        transaction.rollback().await.map_err(judge)?;
        return Ok(false);
    }
    let with_it = |at: usize| -> Result<Usage, StoreError> {
        let more = u64::try_from(call.bytes).unwrap_or(u64::MAX);
        let (records, held) = (count(&row, at)?.saturating_add(1), count(&row, at + 1)?.saturating_add(more));
        let (replaced, freed) = (count(&row, 4)?, count(&row, 5)?);
        Ok(Usage { records: records.saturating_sub(replaced), bytes: held.saturating_sub(freed) })
    };
    let (of_owner, in_all) = (with_it(0).map_err(Fault::Refused)?, with_it(2).map_err(Fault::Refused)?);
    let whose = if owner.is_some() && !charge.within.each.allows(of_owner) {
        Some(Whose::Owner)
    } else {
        (!charge.within.all.allows(in_all)).then_some(Whose::All)
    };
    if let Some(whose) = whose {
        transaction.rollback().await.map_err(judge)?;
        return Err(Fault::Refused(StoreError::OverQuota(whose)));
    }
    let insert = transaction.prepare_cached(call.sql).await.map_err(judge)?;
    let columns = batch::columns(&[&call.values]);
    let values: Vec<_> = columns.iter().map(|column| column as _).collect();
    let rows = transaction.query(&insert, &values).await.map_err(judge)?;
    transaction.commit().await.map_err(judge)?;
    Ok(!rows.is_empty())
}

/// The advisory lock of an owner: a part of a keyed hash, which two owners may share, at the cost of a wait. None of the fixed ones is
/// negative.
fn lock_of(owner: OwnerId) -> i64 {
    let (first, _) = owner.0.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    i64::from_be_bytes(*first) | i64::MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owners_lock_is_none_of_the_others() {
        for byte in [0, 0x6f, 0xff] {
            assert!(lock_of(OwnerId([byte; 16])) < 0);
        }
    }
}
