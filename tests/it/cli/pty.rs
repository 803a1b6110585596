//! A terminal of the tests' own: what a person sees and types.

use std::{
    io::{Read, Write},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::text;
use crate::common::{self, OTS, Server};

pub struct Terminal {
    pty: Arc<pty_process::blocking::Pty>,
    seen: Arc<Mutex<Vec<u8>>>,
    child: std::process::Child,
}

impl Terminal {
    /// Starts a shell line on a terminal.
    pub fn start(server: &Server, line: &str) -> Self {
        Self::start_at(&server.url, line)
    }

    pub fn start_at(url: &str, line: &str) -> Self {
        let command = pty_process::blocking::Command::new("bash").args(["-c", line]).env("OTS_SERVER", url);
        Self::spawn(command)
    }

    /// Starts a shell that a person types into, in a folder.
    pub fn shell(url: &str, shell: &str, place: &Path) -> Self {
        let plain: &[&str] = if shell == "bash" { &["--norc", "--noprofile", "-i"] } else { &["-i"] };
        let command = pty_process::blocking::Command::new(shell).args(plain).env("OTS_SERVER", url);
        let terminal = Self::spawn(command.env("PS1", "$ ").current_dir(place));
        terminal.wait_for("$ ");
        terminal
    }

    fn spawn(command: pty_process::blocking::Command) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 100)).unwrap();
        let command = command.env("OTS", OTS).env("TERM", "xterm").env("HOME", "/nonexistent");
        let child = command.spawn(pts).unwrap();
        let (pty, seen) = (Arc::new(pty), Arc::new(Mutex::new(Vec::new())));
        let (reader, shared) = (Arc::clone(&pty), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = (&*reader).read(&mut part) {
                shared.lock().unwrap().extend_from_slice(&part[..length]);
            }
        });
        Self { pty, seen, child }
    }

    pub fn seen(&self) -> String {
        text(&self.seen.lock().unwrap())
    }

    pub fn wait_for(&self, what: &str) {
        let end = Instant::now() + Duration::from_secs(10);
        while !self.seen().contains(what) {
            assert!(Instant::now() < end, "no {what:?} in {:?}", self.seen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Until the shell says that its job is stopped, and reads what is typed.
    pub fn wait_for_stop(&self) {
        self.wait_for("Stopped");
        let stopped = self.seen().find("Stopped").unwrap();
        super::signals::wait_until("the shell reads", || self.seen()[stopped..].contains("$ "));
    }

    /// Answers a prompt until it has taken effect: what is typed before the prompt listens is dropped.
    pub fn answer(&mut self, answer: &str, done: impl Fn(&mut Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(15);
        while !done(self) {
            assert!(Instant::now() < end, "no effect: {:?}", self.seen());
            self.type_in(answer);
            let patience = Instant::now() + Duration::from_secs(1);
            while !done(self) && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    pub fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn type_in(&self, text: &str) {
        (&*self.pty).write_all(text.as_bytes()).unwrap();
    }

    pub fn finish(mut self) -> (String, Option<i32>) {
        let status = common::wait_for_exit(&mut self.child, Duration::from_secs(15));
        // What was written last may still be on its way.
        std::thread::sleep(Duration::from_millis(100));
        (self.seen(), status.code())
    }

    /// The settings, in words.
    pub fn settings(&self) -> String {
        format!("{:?}", rustix::termios::tcgetattr(&*self.pty).unwrap())
    }

    /// Whether what is typed is shown.
    pub fn echoes(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&*self.pty).unwrap().local_modes;
        modes.contains(rustix::termios::LocalModes::ECHO)
    }

    /// Types in pieces, as a paste comes over a network.
    pub fn paste(&self, text: &[u8], piece: usize, pause: Duration) {
        for piece in text.chunks(piece) {
            (&*self.pty).write_all(piece).unwrap();
            std::thread::sleep(pause);
        }
    }

    /// Sends a signal to what was started.
    pub fn signal(&self, signal: &str) {
        send(self.child.id(), signal);
    }

    /// What the shell has started, and that is still there.
    pub fn job(&self) -> Option<u32> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        children.split_whitespace().next().map(|child| child.parse().unwrap())
    }
}

/// Sends a signal to a process.
pub fn send(id: u32, signal: &str) {
    let id = id.to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
}

/// What a terminal is like after a signal.
pub struct After {
    pub code: Option<i32>,
    pub seen: String,
    pub settings: String,
}

impl Terminal {
    /// Sends a signal and waits until what was started has ended.
    pub fn after_signal(mut self, signal: &str, at_most: Duration) -> After {
        self.signal(signal);
        let code = common::wait_for_exit(&mut self.child, at_most).code();
        std::thread::sleep(Duration::from_millis(100)); // what was written last may still be on its way
        After { code, seen: self.seen(), settings: self.settings() }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
