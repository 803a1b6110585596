//! What becomes of secrets, told: counted, and written to the audit stream if there is one. Whoever commits a change notes it here, after the
//! commit; no other thread is waited for.
//!
//! - [`event`]: what can happen, and who had it so.
//! - [`mod@line`]: an event as a line of the stream.
//! - [`sink`]: where the stream goes.
//! - [`writer`]: the thread that writes it.
//! - [`Journal`]: where events are noted.

mod event;
mod line;
mod sink;
mod writer;

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    time::Duration,
};

use jiff::Timestamp;

pub use event::{Event, Origin};
pub use sink::Target;

use crate::{crypto::at_rest::AuditKey, secret::SecretId, tally::Tally};
use line::{Entry, Remark};
use sink::Sink;
use writer::{Message, Writer};

/// Lines that wait for the thread at most; more are lost, and counted.
const QUEUE: usize = 8192;
/// Of these, those that refusals may fill: a flood of them leaves room for what was committed.
const OF_REFUSALS: i64 = 4096;
/// How long the stream may take to be written to its end.
const PATIENCE: Duration = Duration::from_secs(5);

/// The audit stream, open.
#[derive(Debug)]
pub struct Audit {
    queue: SyncSender<Message>,
    closing: Arc<AtomicBool>,
    /// Nobody is at its other end once the thread has ended.
    ended: Mutex<Receiver<()>>,
}

impl Audit {
    /// Opens the stream, and says so in it. Secrets have the names that `names` gives them; what is lost is counted in `tally`.
    ///
    /// # Errors
    /// When it can't be opened, or there is no thread for it.
    pub fn open(target: Target, names: AuditKey, addresses: bool, tally: Arc<Tally>) -> io::Result<Self> {
        let (queue, queued) = mpsc::sync_channel(QUEUE);
        let (end, ended) = mpsc::channel();
        let closing = Arc::new(AtomicBool::new(false));
        let sink = Sink::open(target)?;
        let mut lines = Vec::new();
        // What names a secret: one that was made under another key has another name from here on.
        let of_none = names.name(SecretId([0; 32])).map(|name| data_encoding::HEXLOWER.encode(&name));
        line::remark(&Remark::Opened { names: &of_none.unwrap_or_default() }, &mut lines);
        let told = tally.audit.lost.get();
        let flag = Arc::clone(&closing);
        let writer = Writer { sink, names, addresses, tally, closing: flag, lines, count: 1, told, _ended: end };
        std::thread::Builder::new().name("ots-audit".to_owned()).spawn(move || writer.run(&queued))?;
        Ok(Self { queue, closing, ended: Mutex::new(ended) })
    }

    /// Writes what waits, and returns when that is done, or takes too long.
    fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        let _ = self.queue.try_send(Message::Close);
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the audit stream could not be written to its end");
        }
    }
}

/// Where events are noted.
#[derive(Debug, Default)]
pub struct Journal {
    tally: Arc<Tally>,
    audit: Option<Audit>,
    /// Held by whatever is going to be noted.
    to_come: Arc<()>,
}

impl Journal {
    /// One that counts in `tally`, and writes to `audit`.
    #[must_use]
    pub fn new(tally: Arc<Tally>, audit: Option<Audit>) -> Self {
        Self { tally, audit, to_come: Arc::default() }
    }

    /// Where it counts.
    #[must_use]
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Whether there is an audit stream.
    #[must_use]
    pub fn has_audit(&self) -> bool {
        self.audit.is_some()
    }

    /// Keeps it from being closed, for as long as what is given lives: for what is committed and will be noted.
    #[must_use]
    pub fn hold(&self) -> Arc<()> {
        Arc::clone(&self.to_come)
    }

    /// Notes what became of a secret; none, where it isn't known which. Waits for nobody.
    pub fn note(&self, origin: Option<Origin>, id: Option<SecretId>, event: Event) {
        self.count(&event);
        let Some(audit) = &self.audit else { return };
        let counted = &self.tally.audit;
        if matches!(event, Event::Refused { .. }) && counted.queue.get() >= OF_REFUSALS {
            return counted.lose(1);
        }
        counted.queue.add(1);
        let entry = Entry { at: Timestamp::now(), origin, id, event };
        if audit.queue.try_send(Message::Event(entry)).is_err() {
            counted.queue.add(-1);
            counted.lose(1);
        }
    }

    /// Waits for what is to be noted, and for the stream to be written, each for a while.
    pub async fn close(self: Arc<Self>) {
        let settled = async {
            while Arc::strong_count(&self.to_come) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, settled).await;
        let close = move || self.audit.iter().for_each(Audit::close);
        let _ = tokio::task::spawn_blocking(close).await;
    }

    fn count(&self, event: &Event) {
        let secrets = &self.tally.secrets;
        match event {
            Event::Created { .. } => secrets.created.one(),
            Event::Delivered => secrets.delivered.one(),
            Event::Claimed => secrets.claimed.one(),
            Event::Repeated => secrets.repeated.one(),
            Event::Acknowledged => secrets.acknowledged.one(),
            Event::Burned { .. } => secrets.burned.one(),
            Event::WrongPassphrase { left } => {
                secrets.wrong_passphrases.one();
                if *left == 0 {
                    secrets.exhausted.one();
                }
            }
            Event::Expired { read: false } => secrets.expired.one(),
            Event::Expired { read: true } => secrets.lapsed.one(),
            // No secret's. Refusals the server counts, by their code.
            Event::Requested { .. }
            | Event::Answered
            | Event::Withdrawn
            | Event::Unanswered
            | Event::Refused { .. } => {}
        }
    }
}
