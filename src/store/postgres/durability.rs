//! What outlives the loss of a machine: asked of the database at the start, over each new connection before it is used, so that another
//! primary is known before anything is committed there, and with the sweeps.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deadpool_postgres::{ClientWrapper, Hook, HookError};
use tokio_postgres::{Client, Error, SimpleQueryMessage, SimpleQueryRow};

use super::{
    Address, PostgresStore,
    error::{Fault, StartError, clean, words},
    line::{Call, Line, Repeat},
    statements,
};
use crate::{
    secret::SecretId,
    store::{Assurance, Connections, Durability, Standbys, StoreError},
};

/// How soon after a look the next one is, at the soonest.
const SOONEST: Duration = Duration::from_millis(500);
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a call that would wait for a standby is held back, before it is refused: one may be about to follow a new primary.
const HOLD: Duration = Duration::from_secs(2);

/// Everybody may ask this; what a role may not see of the standbys, it sees as nothing. Whoever makes a copy isn't one of them. A session of
/// the role's own that has been waiting for a standby for long shows that none answers, whatever else is seen.
const ASK: &str = "
    SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), current_setting('fsync'),
           current_setting('full_page_writes'), count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')),
           count(*) FILTER (WHERE sync_state = 'potential'), count(*) FILTER (WHERE sync_state = 'async'),
           count(*) FILTER (WHERE sync_state IS NULL),
           (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT temporary AND NOT active),
           (SELECT count(*) FROM pg_stat_activity
            WHERE usename = current_user AND wait_event = 'SyncRep' AND state_change < clock_timestamp() - interval '5 seconds')
    FROM pg_stat_replication
    WHERE state IS DISTINCT FROM 'backup' AND application_name IS DISTINCT FROM 'pg_basebackup'";

/// What a database says of itself.
#[derive(Debug, Clone, Default)]
struct Settings {
    synchronous_commit: String,
    synchronous_standby_names: String,
    fsync: String,
    full_page_writes: String,
    standbys: Standbys,
    /// Sessions that wait for one, and have for long.
    waiting: u64,
}

/// What was found at the last look.
#[derive(Debug)]
pub(super) struct Watch {
    found: Mutex<(Assurance, Instant)>,
    looking: tokio::sync::Mutex<()>,
}

impl Watch {
    /// The first look, with which a server starts.
    pub(super) async fn begin(client: &Client, address: &Address) -> Result<Arc<Self>, StartError> {
        let found = ask(client).await.map_err(|error| StartError::of(address, &error))?;
        tell(&found, None);
        Ok(Arc::new(Self { found: Mutex::new((found, Instant::now())), looking: tokio::sync::Mutex::default() }))
    }

    fn found(&self) -> Assurance {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    fn waits_in_vain(&self) -> bool {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).0.waits_in_vain()
    }

    fn is_fresh(&self) -> bool {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).1.elapsed() < SOONEST
    }

    fn note(&self, found: Assurance) {
        let mut known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        tell(&found, Some(&known.0));
        *known = (found, Instant::now());
    }

    /// Asks over each new connection, before anybody uses it.
    pub(super) fn hook(self: &Arc<Self>) -> Hook {
        let watch = Arc::clone(self);
        Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let watch = Arc::clone(&watch);
            Box::pin(async move {
                let asked = tokio::time::timeout(PATIENCE, ask(client)).await;
                let asked = asked.map_err(|_| HookError::message("the database doesn't answer in time"))?;
                watch.note(asked.map_err(HookError::Backend)?);
                Ok(())
            })
        })
    }
}

impl PostgresStore {
    pub(in crate::store) fn assurance(&self) -> Assurance {
        self.line.watch.found()
    }

    pub(in crate::store) fn connections(&self) -> Connections {
        self.line.connections()
    }

    /// Whether commits still wait for a standby: to be asked after one that may have been let go of. It is about no record; with its id
    /// those that ask at once ask together.
    pub(in crate::store) async fn still_waits(&self, id: SecretId) -> Result<bool, StoreError> {
        let call = Call::about(id, statements::STILL_WAITS, Vec::new(), Repeat::Safely);
        self.is_so(call).await.map_err(Fault::into_error)
    }

    pub(in crate::store) async fn look_at_durability(&self) {
        self.line.look().await;
        self.line.is_locked().await;
    }
}

impl Line {
    /// What can't be asked now stays as it was: the next connection is asked in any case.
    pub(super) async fn look(&self) {
        let _one_at_a_time = self.watch.looking.lock().await;
        if self.watch.is_fresh() {
            return;
        }
        let Ok(mut borrowed) = self.borrow().await else { return };
        let Some(client) = borrowed.client() else { return };
        match tokio::time::timeout(PATIENCE, ask(client)).await {
            Ok(Ok(found)) => {
                borrowed.done();
                self.watch.note(found);
            }
            Ok(Err(error)) => {
                let error = words(&error);
                tracing::debug!(error, "the database doesn't say how durable it is");
            }
            Err(_) => {}
        }
    }

    /// Whether commits wait for a standby that isn't there, as a look says that may take as long as this.
    pub(super) async fn waits_in_vain(&self, patience: Duration) -> bool {
        if self.watch.waits_in_vain() {
            // It may be back: nobody is kept waiting for the next look.
            let _ = tokio::time::timeout(patience, self.look()).await;
        }
        self.watch.waits_in_vain()
    }

    /// Holds back what would wait for a standby that isn't there: PostgreSQL waits on after its connection was given up, so that with each a
    /// session more would.
    pub(super) async fn hold(&self, sql: &str) -> Result<(), Fault> {
        let end = Instant::now() + HOLD;
        while self.watch.waits_in_vain() && !statements::READS.contains(&sql) {
            if !self.waits_in_vain(HOLD).await {
                break;
            }
            if Instant::now() >= end {
                return Err(Fault::Unsent(StoreError::NoStandby));
            }
            tokio::time::sleep(SOONEST / 4).await;
        }
        Ok(())
    }
}

async fn ask(client: &Client) -> Result<Assurance, Error> {
    let messages = client.simple_query(ASK).await?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(settings(row)),
        _ => None,
    });
    Ok(judge(&row.unwrap_or_default()))
}

fn settings(row: &SimpleQueryRow) -> Settings {
    let text = |at: usize| row.try_get(at).ok().flatten().unwrap_or_default().to_owned();
    let count = |at: usize| text(at).parse().unwrap_or(0);
    Settings {
        synchronous_commit: text(0),
        synchronous_standby_names: text(1).trim().to_owned(),
        fsync: text(2),
        full_page_writes: text(3),
        standbys: Standbys {
            waited_for: count(4),
            potential: count(5),
            not_waited_for: count(6),
            hidden: count(7),
            away: count(8),
        },
        waiting: count(9),
    }
}

/// What settings come to. `remote_write` waits until a standby's system has it, in memory: a disk is what counts here.
fn judge(settings: &Settings) -> Assurance {
    let Settings { synchronous_commit, synchronous_standby_names, fsync, full_page_writes, standbys, waiting } =
        settings;
    let has_standbys = *standbys != Standbys::default();
    let waits_for_disks = matches!(&**synchronous_commit, "on" | "remote_apply");
    let found = |durability, lacks: &str| Assurance {
        durability,
        lacks: Some(lacks.to_owned()).filter(|lacks| !lacks.is_empty()),
        standbys: Some(*standbys),
        commits_wait: *waiting > 0,
    };
    if fsync != "on" || full_page_writes != "on" {
        return found(
            Durability::Asynchronous,
            "fsync or full_page_writes is off, so that a power cut may lose what was acknowledged, or all of it: turn them on",
        );
    }
    if synchronous_commit == "off" {
        return found(Durability::Asynchronous, "synchronous_commit is off: set it to on");
    }
    match (synchronous_standby_names.is_empty(), waits_for_disks) {
        (false, true) => found(Durability::Synchronous, ""),
        (false, false) => {
            let lacks = format!(
                "synchronous_commit is {}, which doesn't wait for the standbys' disks: set it to on",
                clean(synchronous_commit)
            );
            found(Durability::Asynchronous, &lacks)
        }
        (true, _) if has_standbys => found(
            Durability::Asynchronous,
            "commits don't wait for the standbys: set synchronous_standby_names = 'ANY 1 (*)', or better with their names in place of the *",
        ),
        (true, _) => found(
            Durability::OneNode,
            "there is no standby: add two, and set synchronous_standby_names = 'ANY 1 (*)', or better with their names in place of the *",
        ),
    }
}

/// Tells what was found, if it is new.
fn tell(found: &Assurance, before: Option<&Assurance>) {
    let durability = found.durability;
    if before.is_none_or(|before| (before.durability, &before.lacks) != (durability, &found.lacks)) {
        match &found.lacks {
            None if before.is_none() => {
                tracing::info!("durability of the database: {durability}: commits wait for a standby's disk");
            }
            None => tracing::info!("durability of the database is now {durability}: commits wait for a standby's disk"),
            Some(lacks) if before.is_some() => {
                tracing::warn!("durability of the database is now {durability}: {lacks}");
            }
            Some(lacks) if durability == Durability::OneNode => {
                tracing::info!("durability of the database: {durability}: {lacks}");
            }
            Some(lacks) => tracing::warn!("durability of the database: {durability}: {lacks}"),
        }
    }
    match (found.waits_in_vain(), before.is_some_and(Assurance::waits_in_vain)) {
        (true, false) => tracing::warn!(
            "no standby answers that commits wait for: nothing is stored or given out until one comes back, or \
             synchronous_standby_names is changed"
        ),
        (false, true) => tracing::info!("commits have a standby again that they can wait for"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_settings_come_to() {
        use Durability::{Asynchronous, OneNode, Synchronous};
        let one = Standbys { hidden: 1, ..Standbys::default() };
        let away = Standbys { away: 1, ..Standbys::default() };
        let none = Standbys::default();
        for (commit, names, fsync, pages, standbys, durability) in [
            ("on", "ANY 1 (*)", "on", "on", one, Synchronous),
            ("remote_apply", "ANY 1 (*)", "on", "on", none, Synchronous),
            ("remote_write", "ANY 1 (*)", "on", "on", one, Asynchronous),
            ("local", "ANY 1 (*)", "on", "on", one, Asynchronous),
            ("off", "ANY 1 (*)", "on", "on", one, Asynchronous),
            ("on", "ANY 1 (*)", "off", "on", one, Asynchronous),
            ("on", "ANY 1 (*)", "on", "off", one, Asynchronous),
            ("on", "", "on", "on", one, Asynchronous),
            ("on", "", "on", "on", away, Asynchronous),
            ("on", "", "on", "on", none, OneNode),
            ("local", "", "on", "on", none, OneNode),
            ("off", "", "on", "on", none, Asynchronous),
            ("on", "", "off", "on", none, Asynchronous),
            ("", "", "", "", none, Asynchronous),
        ] {
            let settings = Settings {
                synchronous_commit: commit.to_owned(),
                synchronous_standby_names: names.to_owned(),
                fsync: fsync.to_owned(),
                full_page_writes: pages.to_owned(),
                standbys,
                waiting: 0,
            };
            let found = judge(&settings);
            assert_eq!(found.durability, durability, "{settings:?}");
            assert_eq!(found.lacks.is_none(), durability == Synchronous, "{found:?}");
        }
    }
}
