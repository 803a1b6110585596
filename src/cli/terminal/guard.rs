//! The terminal as it was, whatever interrupts a prompt: dialoguer leaves that to the program.

use std::{fs::File, io, io::Write, os::fd::AsFd, thread::JoinHandle};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    iterator::{Handle, Signals},
    low_level::emulate_default_handler,
};

pub(super) struct Guard {
    terminal: File,
    saved: Termios,
    signals: Handle,
    watcher: Option<JoinHandle<()>>,
}

impl Guard {
    pub(super) fn new(terminal: File) -> io::Result<Self> {
        let saved = tcgetattr(terminal.as_fd())?;
        // What is typed before the prompt is ready isn't shown either.
        let mut hidden = saved.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal.as_fd(), OptionalActions::Now, &hidden)?;
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
        let handle = signals.handle();
        let (restored, mut device) = (saved.clone(), terminal.try_clone()?);
        let watcher = std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                let _ = tcsetattr(device.as_fd(), OptionalActions::Now, &restored);
                let _ = device.write_all(b"\x1b[?25h\r\n"); // the cursor again, on a line of its own
                let _ = emulate_default_handler(signal);
            }
        });
        Ok(Self { terminal, saved, signals: handle, watcher: Some(watcher) })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal.as_fd(), OptionalActions::Now, &self.saved);
        self.signals.close();
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}
