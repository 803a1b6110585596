//! The rules of the terminal: what goes to stderr, prompts on `/dev/tty`, progress, and text that may not drive it.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use zeroize::Zeroizing;

use super::{
    Global,
    error::{CommandError, Exit, OutputError},
    said,
};

/// What takes less long shows no progress.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

pub(super) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

pub(super) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// A line on stderr. If that is closed, nobody is told.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes what was asked for to standard output, whole.
///
/// # Errors
/// [`OutputError`], which is silent when the reader went away.
pub(super) fn answer(bytes: &[u8]) -> Result<(), OutputError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(OutputError)
}

/// Writes an object and a newline to standard output, without a copy of it in memory.
///
/// # Errors
/// As [`answer`].
pub(super) fn answer_json(object: &impl serde::Serialize) -> Result<(), OutputError> {
    let mut stdout = io::BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    let mut serializer = serde_json::Serializer::with_formatter(&mut stdout, said::Tame::new());
    object
        .serialize(&mut serializer)
        .map_err(io::Error::from)
        .and_then(|()| stdout.write_all(b"\n"))
        .and_then(|()| stdout.flush())
        .map_err(OutputError)
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PromptError {
    #[error("can't ask for it with --no-input: {0}")]
    NoInput(&'static str),
    #[error("there is no terminal to ask on: {prompt}")]
    NoTerminal { prompt: &'static str, source: io::Error },
    #[cfg(unix)]
    #[error("the answer could not be read")]
    Unanswered(#[source] io::Error),
}

impl CommandError for PromptError {
    fn exit(&self) -> Exit {
        match self {
            Self::NoInput(_) | Self::NoTerminal { .. } => Exit::Usage,
            #[cfg(unix)]
            Self::Unanswered(_) => Exit::Other,
        }
    }
}

/// Asks for a hidden text on the terminal, wherever stdin and stderr lead to.
///
/// # Errors
/// When there is no terminal, or questions are not wanted.
#[cfg(unix)]
pub(super) fn ask_hidden(
    global: &Global,
    prompt: &'static str,
    confirm: Option<&str>,
) -> Result<Zeroizing<String>, PromptError> {
    if global.no_input {
        return Err(PromptError::NoInput(prompt));
    }
    let open = || std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty");
    let no_terminal = |source| PromptError::NoTerminal { prompt, source };
    let (read, write, saved) =
        (open().map_err(no_terminal)?, open().map_err(no_terminal)?, open().map_err(no_terminal)?);
    let _guard = guard::Guard::new(saved).map_err(no_terminal)?;
    let terminal = console::Term::read_write_pair(read, write);
    let mut password = dialoguer::Password::new().with_prompt(prompt).report(false);
    if let Some(again) = confirm {
        password = password.with_confirmation(again, "they differ; type it again");
    }
    password.interact_on(&terminal).map(Zeroizing::new).map_err(|error| PromptError::Unanswered(error.into()))
}

/// Asks for a hidden text on the console.
///
/// # Errors
/// When there is no console, or questions are not wanted.
#[cfg(not(unix))]
pub(super) fn ask_hidden(
    global: &Global,
    prompt: &'static str,
    confirm: Option<&str>,
) -> Result<Zeroizing<String>, PromptError> {
    if global.no_input {
        return Err(PromptError::NoInput(prompt));
    }
    let mut password = dialoguer::Password::new().with_prompt(prompt).report(false);
    if let Some(again) = confirm {
        password = password.with_confirmation(again, "they differ; type it again");
    }
    password.interact().map(Zeroizing::new).map_err(|error| PromptError::NoTerminal { prompt, source: error.into() })
}

/// The terminal as it was, whatever interrupts a prompt: dialoguer leaves that to the program.
#[cfg(unix)]
mod guard {
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
}

/// A progress bar that appears when something takes long and a person looks at stderr.
#[derive(Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    shown_at: Option<Instant>,
}

impl Progress {
    pub(super) fn new(global: &Global, doing: &'static str, total: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        let template = "{msg} [{bar:28}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(doing);
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { bar, shown_at: (global.chatty() && !dumb).then(|| Instant::now() + PATIENCE) }
    }

    /// So many bytes have passed.
    pub(super) fn at(&self, bytes: u64) {
        if self.shown_at.is_some_and(|at| Instant::now() >= at) && self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(bytes);
    }

    /// Leaves no trace.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}

/// Text with every character escaped that could drive a terminal, newline and tab excepted. It has room for one more, so that a newline
/// leaves no unwiped copy behind.
pub(super) fn escaped(text: &str) -> Zeroizing<String> {
    let length: usize =
        text.chars().map(|character| escape(character).map_or(character.len_utf8(), |it| it.len())).sum();
    let mut safe = Zeroizing::new(String::with_capacity(length + 1));
    for character in text.chars() {
        match escape(character) {
            Some(escape) => safe.push_str(&escape),
            None => safe.push(character),
        }
    }
    safe
}

/// What stands for a character that could drive a terminal.
fn escape(character: char) -> Option<String> {
    let drives = character.is_control() && !matches!(character, '\n' | '\t');
    // Bidirectional overrides reorder what is shown (CVE-2021-42574).
    let reorders = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let code = u32::from(character);
    match (drives, reorders) {
        (true, _) if code < 0x80 => Some(format!("\\x{code:02x}")),
        (false, false) => None,
        _ => Some(format!("\\u{{{code:x}}}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_can_not_drive_the_terminal() {
        let shown = escaped("a\tb\nc\r\x1b[2J\u{9b}31m\u{202e}é");
        assert_eq!(shown.as_str(), "a\tb\nc\\x0d\\x1b[2J\\u{9b}31m\\u{202e}é");
    }
}
