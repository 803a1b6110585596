//! Keeps the files clean: removed ciphertext leaves the WAL and the disk's blocks under it, free pages go back to the file system, and
//! the reserve is held. A step at a time, between the writer's batches.

use std::{
    fs::File,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    progress::Progress,
    reader::Readers,
    reserve::{Reserve, lacks_space},
    schema::{AUTOCHECKPOINT_PAGES, PAGE_SIZE},
    tables::Tables,
    transaction::Broken,
    wal::{Wal, wipe_behind},
};
use crate::store::files::beside;

/// How long the queue has to be empty before the files are cleaned.
const IDLE: Duration = Duration::from_millis(500);
/// How long removed ciphertext may stay in the WAL, load or no load.
const LATEST: Duration = Duration::from_secs(10);
/// How soon to try again when somebody's open snapshot kept the WAL from being emptied.
const RETRY: Duration = Duration::from_secs(1);
/// How soon the next step of many is taken.
const AGAIN: Duration = Duration::from_secs(1);
/// How soon to try again to hold all of the reserve.
const RESERVE_RETRY: Duration = Duration::from_secs(5);
/// How long to sleep when there is nothing to do.
const ASLEEP: Duration = Duration::from_secs(60);
/// Free pages that are left for the next secrets: at rest, and when so much goes on that they will be wanted.
const SPARE_PAGES: i64 = 1024;
const SPARE_PAGES_BUSY: i64 = 16 * 1024;
/// Calls between two checkpoints that make a store busy.
const BUSY: usize = 2000;
/// Free pages given back in a step, at most and at least.
const VACUUM_STEP: i64 = 4096;
const LEAST_STEP: i64 = 128;
/// Frames that the WAL has at most when it has begun anew.
const FRESH_FRAMES: u64 = 16;

/// The files beside the tables, and when something has to be done for them.
pub(super) struct Cleaner {
    wal: Wal,
    /// Closed after the connections: to close it is to drop SQLite's own locks (fcntl(2)).
    database: File,
    readers: Arc<Readers>,
    reserve: Reserve,
    progress: Arc<Progress>,
    /// Since when the WAL may hold removed ciphertext.
    dirty_since: Option<Instant>,
    /// Not before then is a checkpoint tried again.
    retry_at: Option<Instant>,
    /// Calls since the last checkpoint.
    calls: usize,
    /// Whether something found no space, and none has been seen since.
    full: bool,
}

impl Cleaner {
    pub(super) fn new(
        path: &Path,
        database: File,
        readers: Arc<Readers>,
        reserve: Reserve,
        progress: Arc<Progress>,
    ) -> Self {
        let wal = Wal(beside(path, "wal"));
        progress.removed();
        progress.lacks_space(!reserve.is_whole());
        // What was removed just before a crash may still be in the WAL.
        Self {
            wal,
            database,
            readers,
            reserve,
            progress,
            dirty_since: Some(Instant::now()),
            retry_at: None,
            calls: 0,
            full: false,
        }
    }

    /// Says that so many calls have been made.
    pub(super) fn count(&mut self, calls: usize) {
        self.calls = self.calls.saturating_add(calls);
    }

    /// Says that ciphertext was removed.
    pub(super) fn removed(&mut self) {
        if self.dirty_since.is_none() {
            self.dirty_since = Some(Instant::now());
            self.progress.removed();
        }
    }

    fn restore_reserve(&mut self) {
        self.reserve.restore();
        self.tell_space();
    }

    /// Says that something found no space.
    pub(super) fn found_full(&mut self) {
        if !self.full {
            tracing::error!("the disk is full: new secrets are refused until there is room; what is there can be read");
        }
        self.full = true;
        self.tell_space();
    }

    fn tell_space(&self) {
        self.progress.lacks_space(self.full || !self.reserve.is_whole());
    }

    /// How long the queue may be waited for.
    pub(super) fn wait(&self) -> Duration {
        match (self.dirty_since, self.retry_at) {
            (None, _) if self.full || !self.reserve.is_whole() => RESERVE_RETRY,
            (None, _) => ASLEEP,
            (Some(_), None) => IDLE,
            (Some(_), Some(at)) => at.saturating_duration_since(Instant::now()).max(IDLE),
        }
    }

    /// Whether a step is due though the queue isn't empty.
    pub(super) fn is_overdue(&self) -> bool {
        self.dirty_since.is_some_and(|since| since.elapsed() > LATEST) && self.may_retry()
    }

    /// One step: give free pages back, empty the WAL, hold the reserve again.
    pub(super) fn step(&mut self, tables: &Tables) {
        if self.full && !self.reserve.disk_is_full() {
            tracing::info!("the disk has room again");
            self.full = false;
        }
        self.tell_space();
        if self.dirty_since.is_none() {
            self.restore_reserve();
        } else if self.may_retry() {
            let more = self.give_back_pages(tables);
            if self.empty_wal(tables) {
                self.restore_reserve();
            }
            // The rest soon, also when the queue is never empty.
            if more {
                self.removed();
                self.dirty_since = Instant::now().checked_sub(LATEST.saturating_sub(AGAIN));
            }
        }
    }

    /// Gives back free pages, at most a step of them. Whether there are more.
    ///
    /// SQLite moves what lies at the end of the database into free pages before it, and cuts at the next checkpoint: a copy of ciphertext
    /// would stay in the blocks that go back to the file system. So the end is overwritten before that, while nobody reads it.
    fn give_back_pages(&mut self, tables: &Tables) -> bool {
        let spare = if self.calls > BUSY { SPARE_PAGES_BUSY } else { SPARE_PAGES };
        let connection = &tables.connection;
        let free = connection.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0)).unwrap_or(0);
        // A few more aren't worth the writing.
        if free < spare + LEAST_STEP {
            return false;
        }
        let step = (free - spare).min(VACUUM_STEP);
        let readers = Arc::clone(&self.readers);
        let nobody_reads = readers.hold();
        let outcome = match is_read(tables) {
            Ok(false) => cut(connection, &mut self.database, step).map(|()| free - step >= spare + LEAST_STEP),
            outcome => outcome.map(|_| false),
        };
        drop(nobody_reads);
        outcome.unwrap_or_else(|error| {
            tracing::warn!(%error, "free pages could not be given back; it will be tried again");
            false
        })
    }

    /// Makes room on a full disk for a call that frees some. Whether any was made.
    pub(super) fn make_room(&mut self, tables: &Tables) -> bool {
        // With the reserve's space the WAL can move to the database, and then has room for this call.
        let given_up = self.reserve.give_up();
        self.empty_wal(tables) || given_up
    }

    pub(super) fn give_up_reserve(&mut self) {
        self.reserve.give_up();
    }

    /// After such a call: what the WAL took is free again, and is held before anybody else takes it.
    pub(super) fn close_room(&mut self, tables: &Tables) {
        if self.empty_wal(tables) {
            self.restore_reserve();
        }
        self.removed();
    }

    /// Whether the file system takes no more.
    pub(super) fn disk_is_full(&self) -> bool {
        self.reserve.disk_is_full()
    }

    /// Moves the WAL into the database, syncs that, and leaves nothing in the WAL nor in the blocks that it gives back. False when that
    /// has to be tried again.
    pub(super) fn empty_wal(&mut self, tables: &Tables) -> bool {
        let emptied = self.try_to_empty_wal(tables);
        match &emptied {
            Ok(true) => {}
            Ok(false) => tracing::debug!("somebody reads the database: the WAL is emptied later"),
            Err(error) => tracing::warn!(%error, "the WAL could not be emptied; it will be tried again"),
        }
        if matches!(emptied, Ok(true)) {
            self.progress.checkpointed();
            (self.dirty_since, self.retry_at, self.calls) = (None, None, 0);
            return true;
        }
        self.removed();
        self.retry_at = Some(Instant::now() + RETRY);
        false
    }

    fn try_to_empty_wal(&self, tables: &Tables) -> Result<bool, Box<dyn std::error::Error>> {
        let connection = &tables.connection;
        // Everything is in the database then, and nobody reads the WAL any more.
        match checkpoint(connection, "RESTART")? {
            // Nothing that counts; what a crash left behind its last whole commit may lie there all the same.
            Some(0) => {
                self.wal.wipe_behind(0)?;
                checkpoint(connection, "TRUNCATE")?;
                return Ok(true);
            }
            Some(_) => {}
            None => return Ok(false),
        }
        // The next transaction begins the WAL anew, if nobody has come to read it meanwhile; what lies behind it is nobody's.
        tables.settle().map_err(Broken::into_error)?;
        let Some(frames) = checkpoint(connection, "PASSIVE")?.filter(|frames| *frames <= FRESH_FRAMES) else {
            return Ok(false);
        };
        match self.wal.wipe_behind(frames) {
            // A file system that never writes in place. To go on is worth more.
            Err(error) if lacks_space(&error) => {
                tracing::warn!(%error, "what the WAL gives back to the disk could not be overwritten");
            }
            wiped => wiped?,
        }
        // What it holds now is no secret, so that it doesn't matter whether a reader keeps the file from being cut.
        checkpoint(connection, "TRUNCATE")?;
        Ok(true)
    }

    fn may_retry(&self) -> bool {
        self.retry_at.is_none_or(|at| Instant::now() >= at)
    }
}

/// The frames that the WAL has; none if somebody was in the way: then SQLite says −1, or what was so before.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Option<u64>> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let (busy, frames): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(u64::try_from(frames).ok().filter(|_| busy == 0))
    })
}

/// Whether a snapshot is open, of another program's say: a page is written and moved to the database, which waits for all of them.
fn is_read(tables: &Tables) -> Result<bool, Box<dyn std::error::Error>> {
    tables.settle().map_err(Broken::into_error)?;
    Ok(checkpoint(&tables.connection, "RESTART")?.is_none())
}

/// Takes so many free pages from the database, and overwrites the end of the file, where what was moved into them lay. Nobody reads it, and
/// no checkpoint cuts it meanwhile.
fn cut(connection: &Connection, database: &mut File, pages: i64) -> Result<(), Box<dyn std::error::Error>> {
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    let outcome = vacuum(connection, pages);
    connection.pragma_update(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    outcome?;
    let left: u64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    wipe_behind(database, left.saturating_mul(u64::try_from(PAGE_SIZE)?))?;
    Ok(())
}

/// Takes so many free pages from the end: one with each step of the statement.
fn vacuum(connection: &Connection, pages: i64) -> rusqlite::Result<()> {
    // To SQLite none are all: it would move what lies behind them.
    if pages < 1 {
        return Ok(());
    }
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::{payload, schema::open_writer};

    /// Whatever lies where when space is given back: what is cut off holds zeros by then, and what is left is whole.
    #[test]
    fn nothing_is_cut_off_but_zeros() {
        for (removed, pages) in
            [(0..60, 1700), (20..70, 100), (40..100, 1500), (0..99, 3000), (30..31, 10), (5..20, 500)]
        {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("t.db");
            let connection = open_writer(&path).unwrap();
            for seq in 0..100 {
                payload::write(&connection, seq, &vec![0xa5; 60_000]).unwrap();
            }
            checkpoint(&connection, "TRUNCATE").unwrap();
            for seq in removed.clone() {
                payload::remove(&connection, seq).unwrap();
            }
            assert_eq!(checkpoint(&connection, "TRUNCATE").unwrap(), Some(0));
            let mut database = File::options().write(true).open(&path).unwrap();
            cut(&connection, &mut database, pages).unwrap();
            let before = std::fs::read(&path).unwrap();
            checkpoint(&connection, "TRUNCATE").unwrap();
            let after = std::fs::read(&path).unwrap();
            assert!(before.len() > after.len(), "{removed:?}");
            let cut_off = before.get(after.len()..).unwrap();
            assert!(cut_off.iter().all(|byte| *byte == 0), "{removed:?}: {} bytes are cut off", cut_off.len());
            for seq in (0..100).filter(|seq| !removed.contains(seq)) {
                assert_eq!(payload::length(&connection, seq).unwrap(), 60_000);
            }
            let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(check, "ok", "{removed:?}");
        }
    }
}
