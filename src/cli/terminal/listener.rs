//! Hears what is typed and pasted on a terminal in raw mode, on a thread of its own, until it has ended or nobody waits for
//! it any more.

use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use rustix::process::{Signal, kill_current_process_group};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::{
    entry::{Entry, Key},
    guard::{TICK, read},
};

type Heard = io::Result<Zeroizing<Vec<u8>>>;

/// Stops when it is dropped.
pub(super) struct Listener {
    heard: oneshot::Receiver<Heard>,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Hears a terminal that is in raw mode.
    pub(super) fn start(device: File) -> Self {
        let (tell, heard) = oneshot::channel();
        let closed = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&closed);
        let thread = std::thread::spawn(move || {
            let _ = tell.send(listen(device, &shared));
        });
        Self { heard, closed, thread: Some(thread) }
    }

    /// What was typed and pasted.
    pub(super) async fn text(mut self) -> Heard {
        (&mut self.heard).await.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it looks up at every tick
        }
    }
}

fn listen(mut device: File, closed: &AtomicBool) -> Heard {
    let mut entry = Entry::default();
    let mut part = Zeroizing::new([0; 4096]);
    let mut told = false;
    while !closed.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let length = match read(&mut device, &mut part[..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // At once, and not after a tick: nobody is there any more.
            Ok(0) if asked.elapsed() < TICK / 2 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => length?,
        };
        for byte in part.get(..length).unwrap_or_default() {
            obey(entry.take(*byte)?)?;
            if entry.has_ended() {
                return Ok(entry.into_text());
            }
        }
        if length > 0 {
            continue;
        }
        obey(entry.pause()?)?;
        if entry.has_ended() || entry.may_end() {
            return Ok(entry.into_text());
        }
        if !told && !entry.is_one_line() {
            told = true;
            let _ = device.write_all(b"\r\n(several lines; Ctrl-D ends them) ");
        }
    }
    Err(io::ErrorKind::Interrupted.into())
}

/// Tells all that the terminal would have told: this process hears it like any other signal.
fn obey(key: Key) -> io::Result<()> {
    match key {
        Key::Text => Ok(()),
        Key::Interrupt => Ok(kill_current_process_group(Signal::INT)?),
        Key::Quit => Ok(kill_current_process_group(Signal::QUIT)?),
    }
}
