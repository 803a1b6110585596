//! A prompt that is stopped, and goes on: the shell gets its terminal as it was, and nothing that is typed afterwards is shown.
//! SIGTSTP gives the terminal back before the command stops; SIGSTOP can't be heard, but SIGCONT behind it can.

use std::{
    fs::File,
    io::{self, Write},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use rustix::{
    process::{Signal, getpid, kill_process},
    termios::{OptionalActions, Termios, tcsetattr},
};
use tokio::signal::unix::{Signal as Heard, SignalKind, signal};

use super::guard::TICK;
use crate::cli::interrupt::is_ignored;

/// The terminal that a question is open on.
static OPEN: Mutex<Option<Open>> = Mutex::new(None);
static HEED: Once = Once::new();

/// How a terminal is while a question is open on it, and how it was.
pub(super) struct Open {
    pub(super) device: File,
    pub(super) saved: Termios,
    pub(super) asking: Termios,
    /// Pastes are bracketed.
    pub(super) bracketed: bool,
    /// What is shown when the question goes on.
    pub(super) again: &'static str,
}

impl Open {
    /// Nothing is shown from now on.
    fn ask(&mut self, actions: OptionalActions) -> io::Result<()> {
        tcsetattr(&self.device, actions, &self.asking)?;
        if self.bracketed { self.device.write_all(b"\x1b[?2004h") } else { Ok(()) }
    }

    /// As it was; with what came in between forgotten.
    fn give_back(&mut self) {
        if self.bracketed {
            let _ = self.device.write_all(b"\x1b[?2004l");
        }
        let _ = tcsetattr(&self.device, OptionalActions::Flush, &self.saved);
    }
}

/// Opens a question on a terminal. What has been typed already is kept: it may be the answer's beginning.
pub(super) fn open(mut open: Open) -> io::Result<()> {
    heed()?;
    let mut place = lock();
    let asked = open.ask(OptionalActions::Now);
    match asked {
        Ok(()) => *place = Some(open),
        Err(_) => open.give_back(),
    }
    asked
}

/// Gives the terminal back.
pub(super) fn close() {
    if let Some(mut open) = lock().take() {
        open.give_back();
    }
}

fn lock() -> MutexGuard<'static, Option<Open>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Heeds both signals from now on: one that has been heard once does nothing by itself any more.
fn heed() -> io::Result<()> {
    let mut heeded = Ok(());
    HEED.call_once(|| {
        heeded = (|| {
            let continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
            let stop = SignalKind::from_raw(Signal::TSTP.as_raw());
            let stopped = if is_ignored(stop) { None } else { Some(signal(stop)?) };
            tokio::spawn(follow(continued, stopped));
            Ok(())
        })();
    });
    heeded
}

async fn follow(mut continued: Heard, mut stopped: Option<Heard>) {
    loop {
        let stops = async {
            match &mut stopped {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(()) = continued.recv() => {}
            Some(()) = stops => {
                if let Some(open) = &mut *lock() {
                    open.give_back();
                }
                // Stops as SIGTSTP would: not where nobody could make it go on, and then no SIGCONT comes.
                let _ = kill_process(getpid(), Signal::TTIN);
                let _ = tokio::time::timeout(TICK, continued.recv()).await;
            }
            else => return,
        }
        if let Some(open) = &mut *lock() {
            // What was typed while it was shown is no part of the answer.
            let _ = open.ask(OptionalActions::Flush);
            let _ = open.device.write_all(format!("\r\n{}", open.again).as_bytes());
        }
    }
}
