//! The rules of the terminal: what goes to stderr, prompts on `/dev/tty`, progress, and text that may not drive it.

#[cfg(unix)]
mod entry;
#[cfg(unix)]
mod guard;
#[cfg(unix)]
mod listener;
mod progress;
mod prompt;
mod stdout;
#[cfg(unix)]
mod stops;

use std::{
    io::{self, IsTerminal, Write},
    sync::mpsc,
    time::Duration,
};

use zeroize::Zeroizing;

pub(super) use progress::Progress;
pub(super) use prompt::{PromptError, ask_line, ask_text};
pub(super) use stdout::{answer, answer_json, check_stdout, deliver};

/// How long the last words of a process that is to end wait for somebody to read them.
const LAST_WORDS: Duration = Duration::from_secs(2);

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

/// A line on stderr, from a process that is to end: where nobody reads it, it is given up after a moment.
pub(super) fn say_and_end(text: String) {
    let (done, told) = mpsc::channel();
    std::thread::spawn(move || {
        say(&text);
        let _ = done.send(());
    });
    let _ = told.recv_timeout(LAST_WORDS);
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

/// Whether a character could drive a terminal: control characters, and bidirectional overrides, which reorder what is shown
/// (CVE-2021-42574). None has more than four digits.
pub(super) fn drives(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What stands for a character that could drive a terminal.
fn escape(character: char) -> Option<String> {
    if !drives(character) || matches!(character, '\n' | '\t') {
        return None;
    }
    let code = u32::from(character);
    Some(if code < 0x80 { format!("\\x{code:02x}") } else { format!("\\u{{{code:x}}}") })
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
