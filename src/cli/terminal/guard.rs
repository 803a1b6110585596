//! A terminal that is given back as it was, whatever ends a prompt: its settings, and nothing left in it of what was typed or
//! pasted, which a shell would run.

use std::{
    fs::File,
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{
        InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr,
        tcsetattr,
    },
};
use zeroize::Zeroizing;

use super::{
    entry::TICKS_TO_END,
    stops::{self, Open},
};

/// How long nothing has to come, for what is pasted to be over: a paste comes in pieces, over a network above all.
pub(super) const TICK: Duration = Duration::from_millis(100);
const TICK_AS_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// How long a terminal is drained at most, while more and more comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A terminal whose settings are changed until this is dropped.
pub(super) struct Guard {
    device: File,
    raw: Termios,
    is_raw: bool,
    answered: bool,
}

impl Guard {
    /// Shows nothing of what is typed; lines end with Enter, and keys do what they do. `again` is shown when it goes on after a
    /// stop, which takes what was typed of the line.
    pub(super) fn hidden(device: File, again: &'static str) -> io::Result<Self> {
        let saved = tcgetattr(&device)?;
        let mut hidden = saved.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        let guard = Self { device: device.try_clone()?, raw: raw(&saved), is_raw: false, answered: false };
        stops::open(Open { device, saved, asking: hidden, bracketed: false, again })?;
        Ok(guard)
    }

    /// Shows nothing of what is typed and gives every byte as it comes. Pastes are bracketed, where the terminal knows that.
    pub(super) fn raw(device: File, again: &'static str) -> io::Result<Self> {
        let saved = tcgetattr(&device)?;
        let raw = raw(&saved);
        let bracketed = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let guard = Self { device: device.try_clone()?, raw: raw.clone(), is_raw: true, answered: false };
        stops::open(Open { device, saved, asking: raw, bracketed, again })?;
        Ok(guard)
    }

    /// The prompt has its answer, and the cursor is on a line of its own. Forgets what comes behind the answer, and says whether
    /// there was anything.
    pub(super) fn answered(&mut self) -> bool {
        self.answered = true;
        self.drain()
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

    /// Reads and forgets what comes, until nothing has come for a moment; says whether that was more than ends of lines.
    fn drain(&mut self) -> bool {
        let _ = tcsetattr(&self.device, OptionalActions::Now, &self.raw);
        let end = Instant::now() + PATIENCE;
        let mut part = Zeroizing::new([0; 4096]);
        let (mut more, mut quiet) = (false, 0);
        while quiet < TICKS_TO_END && Instant::now() < end {
            match read(&mut self.device, &mut part[..]) {
                Ok(0) => quiet += 1,
                Ok(length) => {
                    quiet = 0;
                    more |= part.iter().take(length).any(|byte| !matches!(byte, b'\r' | b'\n'));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        more
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.answered && self.is_raw {
            self.drain();
        } else if !self.answered {
            self.flush();
        }
        if !self.answered {
            let _ = self.device.write_all(b"\x1b[?25h\r\n"); // the cursor, on a line of its own
        }
        stops::close(); // with what came while it was drained in vain
    }
}

/// Reads what a terminal in raw mode has, nothing after a [`TICK`] without. The terminal is asked first: a read that began
/// while a shell had its own settings, after a stop, would wait on.
pub(super) fn read(device: &mut File, part: &mut [u8]) -> io::Result<usize> {
    match poll(&mut [PollFd::new(&*device, PollFlags::IN)], Some(&TICK_AS_TIME))? {
        0 => Ok(0),
        _ => device.read(part),
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
