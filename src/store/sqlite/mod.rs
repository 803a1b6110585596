//! The embedded store: SQLite behind one thread that writes, and connections that read.
//!
//! - [`schema`]: opening, settings, migrations.
//! - [`error`]: what SQLite's errors mean.
//! - [`payload`]: how ciphertext lies in the file.
//! - [`tables`]: what each changing call of the contract does to the tables.
//! - [`counts`]: what is kept under each key and for each owner; [`receipts`]: what is left of what is gone; [`outbox`]: what
//!   webhooks are told. [`given_up`]: all three are done without where they are damaged.
//! - [`requests`]: answers in the place of their requests.
//! - [`job`]: a call on its way through the writer's thread; [`transaction`]: one transaction, and where it broke.
//! - [`sweep`]: removing what is no longer live.
//! - [`writer`]: the thread that gathers calls into transactions.
//! - [`cleaner`]: what it does between them, to keep the files clean; [`wal`]: overwriting what the WAL gives back.
//! - [`reader`]: the connections that answer what changes nothing.
//! - [`fresh`]: the newest ciphertexts, still in memory.
//! - [`progress`]: when the store last got on.
//! - [`census`]: a look at how much there is; [`check`]: at all of it.
//! - `moving`: records on their way into another database.
//! - [`reserve`]: disk space for reading when the disk is full.

pub(super) mod census;
pub(super) mod check;
mod cleaner;
mod counts;
mod error;
mod fresh;
mod given_up;
mod job;
#[cfg(feature = "postgres")]
mod moving;
mod outbox;
mod payload;
mod progress;
mod reader;
mod receipts;
mod requests;
mod reserve;
mod schema;
mod sweep;
mod tables;
mod transaction;
mod wal;
mod writer;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
};

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use self::{
    cleaner::Cleaner,
    fresh::Fresh,
    job::{Failure, Job},
    progress::Progress,
    reader::{Loaded, Reader, Readers, Within},
    receipts::Looked,
    reserve::Reserve,
    sweep::PassedOver,
    tables::Tables,
    writer::{Call, Effect, Writer},
};
use super::{
    Access, Census, Claimed, Head, KeyUse, OpenError, Record, State, StoreError, Stored,
    damage::Damage,
    files::{beside, create_private_directory, create_private_file, lock, sync_directory},
    outbox::Telling,
};
use crate::{
    memory::{Budget, Buffer},
    secret::{ClaimHash, SecretId},
    tally::Tally,
};

/// Calls that wait for a thread at most; more are [`StoreError::Busy`].
const QUEUE: usize = 4096;
/// Ciphertext that waits to be written at most, in bytes, unless two of the largest contents are more.
const MEMORY: usize = 32 * 1024 * 1024;
/// What sealing may add to a content, and more.
const OVERHEAD: usize = 1024;
/// Ciphertext that is loaded on the thread that serves requests: more would hold others up.
const INLINE: usize = 256 * 1024;
/// Disk space kept back, besides twice the largest record, in bytes: what the WAL may hold that isn't in the database yet.
const RESERVE: usize = 24 * 1024 * 1024;

/// The embedded store. Cheap calls in, answers once they are on the disk.
pub(super) struct SqliteStore {
    path: PathBuf,
    writes: mpsc::SyncSender<writer::Message>,
    readers: Arc<Readers>,
    fresh: Fresh,
    /// What waits to be written.
    waiting: Budget,
    progress: Arc<Progress>,
    damage: Arc<Damage>,
    tally: Arc<Tally>,
    wal: PathBuf,
    passed_over: PassedOver,
    looked: Looked,
    /// Why the writer's thread has come to its end, once it has.
    ended: watch::Receiver<Option<String>>,
    /// Locked for as long as the store is open: a second server is refused.
    lock: File,
}

impl SqliteStore {
    /// Opens the database at `path`, making it and its directory (0600 and 0700) if they aren't there.
    ///
    /// `largest` is the largest content that will be kept, in bytes: disk space for removing it is held back.
    ///
    /// # Errors
    /// [`OpenError`], each of which says what to do. Nothing that was there is changed then.
    pub(super) fn open(
        path: &Path,
        largest: usize,
        damage: Arc<Damage>,
        telling: Arc<Telling>,
        tally: Arc<Tally>,
    ) -> Result<Self, OpenError> {
        tally.queue_limit.set(i64::try_from(QUEUE).unwrap_or(i64::MAX));
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            create_private_directory(directory)?;
        }
        let mut reserve = Reserve::new(beside(path, "reserve"), RESERVE + 2 * largest);
        let lock = with_room(&mut reserve, || lock(path))?;
        let (connection, readers, file) = with_room(&mut reserve, || {
            let file = create_private_file(path)?;
            let connection = schema::open_writer(path)?;
            let readers = Readers::open(path)?;
            sync_directory(path)?;
            Ok((connection, Arc::new(readers), file))
        })?;
        reserve.restore();
        let waiting = Budget::new(MEMORY.max(2 * (largest + OVERHEAD)));

        let progress = Arc::new(Progress::default());
        let (writes, write_queue) = mpsc::sync_channel(QUEUE);
        let cleaner = Cleaner::new(path, file, Arc::clone(&readers), reserve, Arc::clone(&progress));
        let tables = Tables::new(connection, telling);
        let writer = Writer::new(tables, cleaner, Arc::clone(&progress), Arc::clone(&damage), Arc::clone(&tally));
        let (end, ended) = watch::channel(None);
        let work = move || {
            let mut end = AtEnd { why: "it panicked, which is a bug".to_owned(), end };
            end.why = match writer.run(&write_queue) {
                Ok(()) => "it was closed".to_owned(),
                Err(error) => error.to_string(),
            };
        };
        std::thread::Builder::new()
            .name("ots-writer".to_owned())
            .spawn(work)
            .map_err(|error| OpenError::Engine(path.to_owned(), error.to_string()))?;
        let (fresh, passed_over, looked) = (Fresh::default(), PassedOver::default(), Looked::default());
        let (wal, path) = (beside(path, "wal"), path.to_owned());
        Ok(Self {
            path,
            writes,
            readers,
            fresh,
            waiting,
            progress,
            damage,
            tally,
            wal,
            passed_over,
            looked,
            ended,
            lock,
        })
    }

    pub(super) async fn insert(&self, mut record: Record) -> Result<(), StoreError> {
        if record.sealed.len() > payload::MAX_SEALED {
            return Err(StoreError::TooLarge);
        }
        if !record.sealed.move_to(&self.waiting) {
            return Err(StoreError::Busy);
        }
        let copy = Fresh::copy(&record);
        if !self.write(Effect::Adds(record.sealed.len()), move |tables| tables.insert(&record)).await? {
            return Err(StoreError::Exists);
        }
        if let Some(copy) = copy {
            self.fresh.keep(copy);
        }
        Ok(())
    }

    pub(super) async fn take(&self, id: SecretId, access: Access, now: Timestamp) -> Result<bool, StoreError> {
        self.fresh.forget(id);
        self.write(Effect::Removes, move |tables| tables.take(id, access, now)).await
    }

    pub(super) async fn claim(
        &self,
        id: SecretId,
        access: Access,
        claim: ClaimHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        self.fresh.forget(id);
        self.write(Effect::Changes, move |tables| tables.claim(id, access, claim, until, now)).await
    }

    pub(super) async fn release(&self, id: SecretId, claim: ClaimHash, now: Timestamp) -> Result<bool, StoreError> {
        self.write(Effect::Removes, move |tables| tables.release(id, claim, now)).await
    }

    pub(super) async fn burn(&self, id: SecretId, now: Timestamp) -> Result<bool, StoreError> {
        self.fresh.forget(id);
        self.write(Effect::Removes, move |tables| tables.burn(id, now)).await
    }

    pub(super) async fn fail_attempt(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        self.fresh.forget(id);
        self.write(Effect::Removes, move |tables| tables.fail_attempt(id, claim, limit, now)).await
    }

    pub(super) async fn load(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        access: Access,
        now: Timestamp,
        memory: &Budget,
    ) -> Result<Option<Stored>, StoreError> {
        if let Some((head, sealed)) = self.fresh.take(id, access, now) {
            let mut sealed = Buffer::from(&*sealed);
            return if sealed.move_to(memory) { Ok(Some(Stored { head, sealed })) } else { Err(StoreError::Busy) };
        }
        let loaded =
            match self.readers.run(|reader| reader.load(id, claim, access, now, Within { memory, at_most: INLINE }))? {
                Some(Loaded::Large) => {
                    let (readers, memory) = (Arc::clone(&self.readers), memory.clone());
                    let load = move || {
                        let within = Within { memory: &memory, at_most: usize::MAX };
                        readers.run(|reader| reader.load(id, claim, access, now, within))
                    };
                    tokio::task::spawn_blocking(load).await.map_err(|_| StoreError::Closed)??
                }
                loaded => loaded,
            };
        let Some(Loaded::Whole(stored)) = loaded else { return Ok(None) };
        Ok(Some(stored))
    }

    pub(super) fn peek(
        &self,
        id: SecretId,
        claim: Option<ClaimHash>,
        now: Timestamp,
    ) -> Result<Option<Head>, StoreError> {
        self.readers.run(|reader| reader.peek(id, claim, now))
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.readers.run(Reader::ping)?;
        self.write(Effect::Changes, |_| Ok(())).await
    }

    pub(super) async fn saw(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write(Effect::Changes, move |tables| tables.saw(now)).await
    }

    /// Nothing where that is damaged: the clock is believed then.
    pub(super) fn last_seen(&self) -> Option<Timestamp> {
        self.readers.run(Reader::last_seen).ok().flatten()
    }

    /// Nothing where that can't be told: there is a next look in any case.
    pub(super) fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.readers.run(|reader| reader.next_deadline(now)).ok().flatten()
    }

    pub(super) fn state(&self, now: Timestamp) -> Result<State, StoreError> {
        // Nobody is kept from what is whole by what damage hides here.
        let held = self.unless_damaged("the counts of records", self.readers.run(Reader::held))?;
        let oldest_dead =
            self.unless_damaged("the index by deadline", self.readers.run(|reader| reader.oldest_dead(now)))?;
        let wal_bytes = std::fs::metadata(&self.wal).map_or(0, |wal| wal.len());
        Ok(State { held, oldest_dead, wal_bytes, ..self.progress.state() })
    }

    pub(super) fn census(&self, now: Timestamp) -> Result<Census, StoreError> {
        self.readers.run(|reader| reader.look(|connection| census::census(connection, &self.path, now)))
    }

    pub(super) fn keys(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.readers.run(|reader| reader.look(census::keys))
    }

    /// Tells of damage, and goes on with nothing in its place.
    fn unless_damaged<T: Default>(&self, place: &str, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match outcome {
            Err(StoreError::Damaged(why)) => {
                self.damage.report(place, &why);
                Ok(T::default())
            }
            outcome => outcome,
        }
    }

    /// Whether it is being moved into another database.
    pub(super) fn is_half_moved(&self) -> Result<bool, StoreError> {
        self.readers.run(|reader| reader.look(schema::is_half_moved))
    }

    /// Waits until the writer's thread has ended: by itself, if nobody has closed the store.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let why = ended.wait_for(Option::is_some).await.map(|why| why.clone());
        why.ok().flatten().unwrap_or_default()
    }

    /// Ends the writer, once it has finished what is queued.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        let (closed, writer) = oneshot::channel();
        self.writes.send(writer::Message::Close(closed)).map_err(|_| StoreError::Closed)?;
        let closed = writer.await.map_err(|_| StoreError::Closed);
        let _ = self.lock.unlock();
        closed
    }

    async fn write<T: Send + 'static>(
        &self,
        effect: Effect,
        work: impl FnMut(&Tables) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = Job::new(work);
        let call = writer::Message::Call(Call { effect, work: Box::new(job) });
        self.tally.queue.add(1);
        self.writes.try_send(call).map_err(|error| {
            self.tally.queue.add(-1);
            match error {
                mpsc::TrySendError::Full(_) => StoreError::Busy,
                mpsc::TrySendError::Disconnected(_) => StoreError::Closed,
            }
        })?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// Tells that a thread has ended, also when it panicked.
struct AtEnd {
    why: String,
    end: watch::Sender<Option<String>>,
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.end.send_replace(Some(std::mem::take(&mut self.why)));
    }
}

/// Opens something; when the disk is full, with the space that was kept back for that.
fn with_room<T>(reserve: &mut Reserve, open: impl Fn() -> Result<T, OpenError>) -> Result<T, OpenError> {
    match open() {
        Err(OpenError::Io { .. } | OpenError::Engine(..)) if reserve.disk_is_full() && reserve.give_up() => {
            tracing::warn!("the disk is full: the space that was kept back is used to start");
            open()
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A writer that dies is noticed at once, and every call says that the store is closed, in place of waiting.
    #[tokio::test]
    async fn the_end_of_the_writer_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let (path, nothing) = (directory.path().join("t.db"), Arc::default());
        let store = SqliteStore::open(&path, 1 << 20, nothing, Arc::default(), Arc::default()).unwrap();
        let waited = tokio::time::timeout(Duration::from_millis(50), store.ended()).await;
        assert!(waited.is_err(), "it runs");
        let panics = store.write(Effect::Changes, |_| -> Result<(), Failure> { panic!("as a bug would") });
        assert_eq!(panics.await, Err(StoreError::Closed));
        let why = tokio::time::timeout(Duration::from_secs(5), store.ended()).await.unwrap();
        assert!(why.contains("panicked"), "{why}");
        assert_eq!(store.burn(SecretId([0; 32]), Timestamp::now()).await, Err(StoreError::Closed));
    }
}
