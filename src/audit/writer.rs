//! The thread that writes the stream, so that nobody who reads a secret waits for it. Lines that can't be written wait, within bounds; those
//! beyond the bound are counted, and the stream says how many when it goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender},
    },
    time::Duration,
};

use super::{
    line::{self, Entry, Remark},
    sink::Sink,
};
use crate::{crypto::at_rest::AuditKey, tally::Tally};

/// Lines that are written at a time at most.
const BATCH: usize = 512;
/// How soon it is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// What the thread is sent.
pub(super) enum Message {
    Event(Entry),
    /// Ends it, once what came before is written, or can't be.
    Close,
}

pub(super) struct Writer {
    pub(super) sink: Sink,
    pub(super) names: AuditKey,
    pub(super) addresses: bool,
    pub(super) tally: Arc<Tally>,
    pub(super) closing: Arc<AtomicBool>,
    /// What is to be written next, and how many lines that is.
    pub(super) lines: Vec<u8>,
    pub(super) count: u64,
    /// Lost lines that the stream has told of.
    pub(super) told: u64,
    /// Dropped at the end.
    pub(super) _ended: Sender<()>,
}

impl Writer {
    pub(super) fn run(mut self, queue: &Receiver<Message>) {
        self.write(); // that it is open
        let mut closing = false;
        while !closing {
            if self.lines.is_empty() {
                let Ok(Message::Event(first)) = queue.recv() else { break };
                self.add(&first);
            } else {
                // What waits in the queue stays there: its bound is the bound.
                std::thread::sleep(AGAIN);
            }
            closing = self.gather(queue) || self.closing.load(Ordering::Relaxed);
            self.write();
        }
        // At the end there is one try for all that is left.
        while self.lines.is_empty() && !self.gather_all(queue) {
            self.write();
        }
        let queued = u64::try_from(self.tally.audit.queue.get()).unwrap_or_default();
        let left = self.count + queued;
        if left > 0 {
            self.tally.audit.lose(left);
            tracing::warn!(left, "these lines of the audit stream could not be written");
        }
    }

    fn add(&mut self, entry: &Entry) {
        self.tally.audit.queue.add(-1);
        let lost = self.tally.audit.lost.get();
        if lost > self.told {
            line::remark(&Remark::Lost { lines: lost - self.told }, &mut self.lines);
            self.told = lost;
        }
        line::write(entry, &self.names, self.addresses, &mut self.lines);
        self.count += 1;
    }

    /// Adds what has queued, as far as it is written at a time. True when it is time to close.
    fn gather(&mut self, queue: &Receiver<Message>) -> bool {
        while self.count < u64::try_from(BATCH).unwrap_or(u64::MAX) {
            match queue.try_recv() {
                Ok(Message::Event(entry)) => self.add(&entry),
                Ok(Message::Close) => return true,
                Err(_) => break,
            }
        }
        false
    }

    /// True when nothing was left.
    fn gather_all(&mut self, queue: &Receiver<Message>) -> bool {
        self.gather(queue);
        self.lines.is_empty()
    }

    fn write(&mut self) {
        let audit = &self.tally.audit;
        audit.begins();
        match self.sink.write(&mut self.lines) {
            Ok(()) => {
                audit.written.add(self.count);
                self.count = 0;
                if audit.ends() {
                    tracing::info!("the audit stream is written again");
                }
            }
            Err(error) => {
                if audit.fails() {
                    tracing::warn!(
                        %error,
                        "the audit stream can't be written: its lines wait, and are counted as lost when they are too many"
                    );
                }
            }
        }
    }
}
