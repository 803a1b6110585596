//! The thread that makes commits durable, and answers them only then. While it syncs one batch, the writer runs the next: the disk and
//! the processor work at the same time, and one sync serves every batch that was committed before it began.
//!
//! The writer commits with `synchronous=NORMAL`: SQLite then syncs the WAL's header when it starts over, and everything around a
//! checkpoint, but no commit. This thread syncs the WAL through a descriptor of its own (SQLite holds no locks on that file). A sync
//! covers all that was written before it began, in whatever order it reaches the disk: after a power cut, recovery takes the WAL up
//! to the last whole commit with no gap before it, and what comes after a gap had not been answered.

use std::{
    fs::File,
    io,
    sync::{
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::job::Work;
use crate::store::StoreError;

/// The calls of a committed batch, to be answered once it is on the disk.
pub(super) struct Settle {
    pub(super) batch: u64,
    pub(super) jobs: Vec<Box<dyn Work>>,
}

/// How often a failed sync is looked after.
const REPAIR: Duration = Duration::from_millis(20);

/// How far writer and syncer have come, in batches since the start.
#[derive(Default)]
pub(super) struct Progress {
    begun: AtomicU64,
    ended: AtomicU64,
    synced: watch::Sender<u64>,
    failed: AtomicBool,
    last_sync: AtomicI64,
    last_sweep: AtomicI64,
    last_checkpoint: AtomicI64,
}

impl Progress {
    /// The number of a batch that is about to be committed: from now on readers may see it.
    pub(super) fn begin_commit(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Says that the batch was committed, or that nothing came of it: a sync that begins after this covers it.
    pub(super) fn end_commit(&self, batch: u64) {
        self.ended.store(batch, Ordering::Release);
    }

    /// The last batch that was.
    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits until what a reader may have seen by now is on the disk. False when that will not be.
    pub(super) async fn settled(&self) -> bool {
        let seen = self.begun.load(Ordering::Acquire);
        self.is_synced(seen) || self.synced.subscribe().wait_for(|synced| *synced >= seen).await.is_ok()
    }

    /// Whether that batch, and so all before it, is on the disk.
    fn is_synced(&self, batch: u64) -> bool {
        *self.synced.borrow() >= batch
    }

    /// Says that all batches up to this one are on the disk.
    fn reached(&self, batch: u64) {
        self.synced.send_if_modified(|synced| {
            let more = batch > *synced;
            *synced = batch.max(*synced);
            more
        });
    }

    /// Whether all that was committed is on the disk.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_synced(self.ended())
    }

    /// Whether batches wait that could not be synced.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Says, in the writer, that a checkpoint has put all that was committed into the database file, and synced that.
    pub(super) fn checkpointed(&self) {
        self.reached(self.ended());
        self.failed.store(false, Ordering::Release);
        note(&self.last_checkpoint);
    }

    /// Says that a sweep came to its end.
    pub(super) fn swept(&self) {
        note(&self.last_sweep);
    }

    /// When that was last: a sync, a sweep, a checkpoint.
    pub(super) fn times(&self) -> [Option<Timestamp>; 3] {
        [&self.last_sync, &self.last_sweep, &self.last_checkpoint].map(|time| {
            Some(time.load(Ordering::Relaxed))
                .filter(|time| *time != 0)
                .and_then(|time| Timestamp::from_millisecond(time).ok())
        })
    }
}

fn note(time: &AtomicI64) {
    time.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
}

/// Syncs and answers until nobody is left who could commit.
pub(super) fn run(wal: &File, queue: &Receiver<Settle>, progress: &Progress) {
    let mut waiting: Vec<Settle> = Vec::new();
    loop {
        match if waiting.is_empty() { queue.recv().map_err(Into::into) } else { queue.recv_timeout(REPAIR) } {
            Ok(settle) => waiting.push(settle),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        waiting.extend(queue.try_iter());
        settle(wal, &mut waiting, progress);
    }
    settle(wal, &mut waiting, progress);
    for settle in waiting {
        let unknown =
            StoreError::Engine("what was written could not be synced: whether it was kept is not known".to_owned());
        settle.jobs.into_iter().for_each(|job| job.finish(Some(unknown.clone())));
    }
}

/// Answers what is on the disk. What isn't stays, after a sync that failed, until the writer has repaired that.
fn settle(wal: &File, waiting: &mut Vec<Settle>, progress: &Progress) {
    if !progress.has_failed() && waiting.iter().any(|settle| !progress.is_synced(settle.batch)) {
        let ended = progress.ended();
        match sync_data(wal) {
            Ok(()) => {
                progress.reached(ended);
                note(&progress.last_sync);
            }
            Err(error) => {
                // The kernel may have dropped what it could not write, and a later sync would say nothing of it: only a checkpoint,
                // which reads the WAL back and writes it elsewhere, can tell that it is safe.
                tracing::error!(%error, "the WAL could not be synced");
                progress.failed.store(true, Ordering::Release);
            }
        }
    }
    for settle in waiting.extract_if(.., |settle| progress.is_synced(settle.batch)) {
        settle.jobs.into_iter().for_each(|job| job.finish(None));
    }
}

fn sync_data(wal: &File) -> io::Result<()> {
    loop {
        match wal.sync_data() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
