//! Tables that somebody else has locked: what needs them is refused after `lock_timeout`. That is told once, until it is over, with who it
//! is, and asked again before anybody says that the store does its work.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio_postgres::{Client, Error, SimpleQueryMessage, error::SqlState};

use super::{
    PostgresStore,
    error::{Fault, clean},
    line::{Borrowed, Line},
};
use crate::store::StoreError;

/// How long a look may take.
const PATIENCE: Duration = Duration::from_millis(900);

/// Takes what any change takes, for a moment, or says at once that it can't be had: who waits for a stronger lock counts, too. In one
/// transaction, since two statements are sent together.
const LOOK: &str = "SELECT; LOCK TABLE ots.record, ots.receipt, ots.outbox, ots.held, ots.owner, ots.state IN ROW EXCLUSIVE MODE NOWAIT";

/// Who has, or waits for, what keeps changes out. Everybody may see this much of others' sessions.
const WHO: &str = "
    SELECT string_agg(format('process %s (user %s, %s)', pid, usename, coalesce(nullif(application_name, ''), 'no name')), ', ')
    FROM (
        SELECT DISTINCT pid, usename, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE relation IN (SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace('ots') AND relkind = 'r')
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') LIMIT 5
    ) AS others";

/// Whether something was refused for it, and it isn't known to be over.
#[derive(Debug, Default)]
pub(super) struct Locked(AtomicBool);

impl PostgresStore {
    pub(in crate::store) async fn can_change(&self) -> Result<(), StoreError> {
        if self.line.is_locked().await {
            return Err(StoreError::Locked);
        }
        if self.line.waits_in_vain(PATIENCE).await { Err(StoreError::NoStandby) } else { Ok(()) }
    }

    pub(in crate::store) async fn is_locked(&self) -> bool {
        self.line.is_locked().await
    }
}

impl Line {
    /// Tells of the first call that was refused for it.
    pub(super) async fn tell_of_lock<T>(&self, borrowed: &Borrowed, outcome: &Result<T, Fault>) {
        if !matches!(outcome, Err(Fault::Refused(StoreError::Locked))) || self.locked.0.swap(true, Ordering::Relaxed) {
            return;
        }
        let who = match borrowed.client() {
            Some(client) => tokio::time::timeout(PATIENCE, who(client)).await.ok().and_then(Result::ok).flatten(),
            None => None,
        };
        let who = who.map_or_else(|| "a session that has gone meanwhile".to_owned(), |who| clean(&who));
        tracing::error!(
            "the database's tables are locked by {who}, so that what needs them is refused: let it finish, or end it with: SELECT \
             pg_terminate_backend(PROCESS); what it does: SELECT * FROM pg_stat_activity WHERE pid = PROCESS"
        );
    }

    /// Whether it is so still. What can't be asked now is as it was.
    pub(super) async fn is_locked(&self) -> bool {
        if !self.locked.0.load(Ordering::Relaxed) {
            return false;
        }
        let is_locked = tokio::time::timeout(PATIENCE, self.asked_for_lock()).await.unwrap_or(true);
        if !is_locked && self.locked.0.swap(false, Ordering::Relaxed) {
            tracing::info!("the database's tables aren't locked any more");
        }
        is_locked
    }

    async fn asked_for_lock(&self) -> bool {
        let Ok(mut borrowed) = self.borrow().await else { return true };
        let Some(client) = borrowed.client() else { return true };
        let asked = client.batch_execute(LOOK).await;
        let is_locked = match &asked {
            Ok(()) => false,
            Err(error) => error.code().is_none_or(|code| *code == SqlState::LOCK_NOT_AVAILABLE),
        };
        if asked.is_ok() || asked.is_err_and(|error| error.as_db_error().is_some()) {
            borrowed.done();
        }
        is_locked
    }
}

async fn who(client: &Client) -> Result<Option<String>, Error> {
    let said = client.simple_query(WHO).await?;
    Ok(said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
