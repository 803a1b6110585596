//! The clipboard, when it is asked for: the desktop's own tool where there is a desktop, else the terminal (OSC 52), which may be on
//! another machine. The text goes through the tool's standard input: arguments are in the process list.

use std::{
    env,
    io::{self, Write as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use data_encoding::BASE64;
use zeroize::Zeroizing;

/// A tool that takes longer waits for something that won't come.
const PATIENCE: Duration = Duration::from_secs(3);

/// A program and its arguments.
type Tool = (&'static str, &'static [&'static str]);

/// Who has the text now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// A tool that says that all went well.
    By(&'static str),
    /// The terminal, or what stands before it: nobody answers whether it came through.
    PassedOn(&'static str),
}

/// Why nobody has.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClipboardError {
    #[error("there is no terminal here, and no tool that works (wl-copy, xclip or xsel)")]
    Nowhere,
    #[error("this terminal takes nothing (TERM=dumb)")]
    Dumb,
}

/// Puts a text on the clipboard.
pub(super) fn copy(text: &str) -> Result<Taken, ClipboardError> {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    match tools(is_set).into_iter().find(|tool| run(*tool, text).unwrap_or(false)) {
        Some(("tmux", _)) => Ok(Taken::PassedOn("tmux")),
        Some((name, _)) => Ok(Taken::By(name)),
        None if env::var_os("TERM").is_some_and(|term| term == "dumb") => Err(ClipboardError::Dumb),
        None => to_terminal(&sequence(text, is_set))
            .map(|()| Taken::PassedOn("the terminal"))
            .map_err(|_| ClipboardError::Nowhere),
    }
}

/// The tools to try, by the variables that are set. Over ssh the desktop is somebody else's, or nobody's. tmux passes its own clipboard
/// on to the terminal that it is shown on, where a program's escape sequence gets through only if it is set up so.
fn tools(is_set: impl Fn(&str) -> bool) -> Vec<Tool> {
    let remote = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    let known: [(bool, Tool); 6] = [
        (!remote && cfg!(target_os = "macos"), ("pbcopy", &[])),
        (!remote && (cfg!(windows) || is_set("WSL_DISTRO_NAME")), ("clip.exe", &[])),
        (!remote && is_set("WAYLAND_DISPLAY"), ("wl-copy", &[])),
        (!remote && is_set("DISPLAY"), ("xclip", &["-selection", "clipboard"])),
        (!remote && is_set("DISPLAY"), ("xsel", &["--clipboard", "--input"])),
        (is_set("TMUX"), ("tmux", &["load-buffer", "-w", "-"])),
    ];
    known.into_iter().filter(|(there, _)| *there).map(|(_, tool)| tool).collect()
}

/// Whether the tool took the text. It may stay behind to serve the clipboard, so it gets none of our outputs, and none of our secrets.
fn run((program, arguments): Tool, text: &str) -> io::Result<bool> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let ours =
        |name: &std::ffi::OsStr| ["OTS_", "SECRET_"].iter().any(|start| name.to_string_lossy().starts_with(start));
    for (name, _) in env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    let mut tool = command.spawn()?;
    let written = tool.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = tool.try_wait()? {
            return Ok(written.is_ok() && status.success());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    tool.kill()?;
    tool.wait()?;
    Ok(false)
}

/// The escape sequence that hands a text to the terminal's clipboard, wrapped for the program in between that would keep it.
fn sequence(text: &str, is_set: impl Fn(&str) -> bool) -> Zeroizing<String> {
    let encoded = Zeroizing::new(BASE64.encode(text.as_bytes()));
    let plain = Zeroizing::new(format!("\x1b]52;c;{}\x07", encoded.as_str()));
    if is_set("TMUX") {
        return Zeroizing::new(format!("\x1bPtmux;\x1b{}\x1b\\", plain.as_str()));
    }
    if is_set("STY") {
        // screen takes no more than a few hundred characters at a time.
        let mut parts = Zeroizing::new(String::with_capacity(plain.len() * 2));
        for part in plain.as_bytes().chunks(200) {
            parts.push_str("\x1bP");
            parts.extend(part.iter().copied().map(char::from));
            parts.push_str("\x1b\\");
        }
        return parts;
    }
    plain
}

/// To the terminal itself, wherever our outputs lead to.
#[cfg(unix)]
fn to_terminal(sequence: &str) -> io::Result<()> {
    std::fs::OpenOptions::new().write(true).open("/dev/tty")?.write_all(sequence.as_bytes())
}

#[cfg(not(unix))]
fn to_terminal(_: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(set: &[&str]) -> Vec<&'static str> {
        tools(|name| set.contains(&name)).into_iter().map(|(name, _)| name).collect()
    }

    #[cfg(not(any(target_os = "macos", windows)))]
    #[test]
    fn the_tool_is_that_of_the_desktop_in_front_of_the_person() {
        assert_eq!(names(&[]), [""; 0]);
        assert_eq!(names(&["DISPLAY"]), ["xclip", "xsel"]);
        assert_eq!(names(&["DISPLAY", "WAYLAND_DISPLAY", "TMUX"]), ["wl-copy", "xclip", "xsel", "tmux"]);
        assert_eq!(names(&["DISPLAY", "WSL_DISTRO_NAME"]), ["clip.exe", "xclip", "xsel"]);
        for ssh in ["SSH_CONNECTION", "SSH_TTY"] {
            assert_eq!(names(&[ssh, "DISPLAY", "WAYLAND_DISPLAY", "TMUX"]), ["tmux"]);
        }
    }

    #[test]
    fn the_sequence_gets_through_what_is_in_between() {
        let of = |text: &str, set: &'static str| sequence(text, move |name| name == set).to_string();
        assert_eq!(of("link", ""), "\x1b]52;c;bGluaw==\x07");
        assert_eq!(of("link", "TMUX"), "\x1bPtmux;\x1b\x1b]52;c;bGluaw==\x07\x1b\\");
        assert_eq!(of("link", "STY"), "\x1bP\x1b]52;c;bGluaw==\x07\x1b\\");
        let long = of(&"link".repeat(100), "STY");
        let parts: Vec<&str> = long.split("\x1b\\").filter(|part| !part.is_empty()).collect();
        assert!(
            parts.len() == 3 && parts.iter().all(|part| part.starts_with("\x1bP") && part.len() <= 202),
            "{parts:?}"
        );
        assert_eq!(parts.concat().replace("\x1bP", ""), of(&"link".repeat(100), ""));
    }
}
