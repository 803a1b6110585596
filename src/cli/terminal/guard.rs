//! A terminal that is given back as it was, whatever ends a prompt: its settings, and nothing left in it of what was typed or
//! pasted, which a shell would run.

use std::{
    fs::File,
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

/// How long nothing has to come, for what is pasted to be over: a paste comes in pieces, over a network above all.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// How long a terminal is drained at most, while more and more comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A terminal whose settings are changed until this is dropped.
pub(super) struct Guard {
    device: File,
    saved: Termios,
    raw: bool,
    bracketed: bool,
    answered: bool,
}

impl Guard {
    /// Shows nothing of what is typed; lines end with Enter, and keys do what they do.
    pub(super) fn hidden(device: File) -> io::Result<Self> {
        let saved = tcgetattr(&device)?;
        let mut hidden = saved.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&device, OptionalActions::Now, &hidden)?;
        Ok(Self { device, saved, raw: false, bracketed: false, answered: false })
    }

    /// Shows nothing of what is typed and gives every byte as it comes; a read gives none after a [`TICK`] without. Pastes are
    /// bracketed, where the terminal knows that.
    pub(super) fn raw(device: File) -> io::Result<Self> {
        let saved = tcgetattr(&device)?;
        let bracketed = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let mut guard = Self { device, saved, raw: true, bracketed, answered: false };
        // What has been typed already is kept: it may be the secret's beginning.
        tcsetattr(&guard.device, OptionalActions::Now, &raw(&guard.saved))?;
        if bracketed {
            guard.device.write_all(b"\x1b[?2004h")?;
        }
        Ok(guard)
    }

    /// The prompt has its answer, and the cursor is on a line of its own.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }

    /// Forgets what comes for a moment, while somebody else still waits for a line: that thread would be woken by other settings,
    /// and make its own again.
    fn flush(&self) {
        let end = Instant::now() + TICK;
        while Instant::now() < end {
            let _ = tcflush(&self.device, QueueSelector::IFlush);
            std::thread::sleep(TICK / 10);
        }
    }

    /// Reads and forgets what comes, until nothing has come for a moment.
    fn drain(&mut self) {
        let _ = tcsetattr(&self.device, OptionalActions::Now, &raw(&self.saved));
        let end = Instant::now() + PATIENCE;
        let mut part = Zeroizing::new([0; 4096]);
        while Instant::now() < end && matches!(self.device.read(&mut part[..]), Ok(1..)) {}
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.raw || self.answered {
            self.drain();
        } else {
            self.flush();
        }
        if self.bracketed {
            let _ = self.device.write_all(b"\x1b[?2004l");
        }
        if !self.answered {
            let _ = self.device.write_all(b"\x1b[?25h\r\n"); // the cursor, on a line of its own
        }
        // With what came while it was drained in vain.
        let _ = tcsetattr(&self.device, OptionalActions::Flush, &self.saved);
    }
}

fn raw(saved: &Termios) -> Termios {
    let mut raw = saved.clone();
    raw.local_modes
        .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
    raw.input_modes.remove(
        InputModes::ICRNL
            | InputModes::INLCR
            | InputModes::IGNCR
            | InputModes::ISTRIP
            | InputModes::IXON
            | InputModes::IXOFF,
    );
    raw.special_codes[SpecialCodeIndex::VMIN] = 0;
    raw.special_codes[SpecialCodeIndex::VTIME] = 1; // tenths of a second
    raw
}
