//! Hidden questions on `/dev/tty`, wherever stdin and stderr lead to: a line for a passphrase, a text of any length for a
//! secret. Who asks has to listen for signals: a question that is dropped gives the terminal back.

use std::io;

use zeroize::Zeroizing;

#[cfg(unix)]
use super::{guard::Guard, listener::Listener, say};
use crate::cli::{
    Global,
    error::{CommandError, Exit},
    interrupt::blocking,
};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PromptError {
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

/// Asks for a hidden line.
///
/// # Errors
/// When there is no terminal, or questions are not wanted.
#[cfg(unix)]
pub(in crate::cli) async fn ask_line(
    global: &Global,
    prompt: &'static str,
    confirm: Option<&'static str>,
) -> Result<Zeroizing<String>, PromptError> {
    let (read, write) = (open(global, prompt)?, open(global, prompt)?);
    let no_terminal = |source| PromptError::NoTerminal { prompt, source };
    let again = "(goes on; type it from its beginning) ";
    let mut guard = Guard::hidden(open(global, prompt)?, again).map_err(no_terminal)?;
    let terminal = console::Term::read_write_pair(read, write);
    let answer = blocking(move || password(prompt, confirm).interact_on(&terminal)).await;
    if answer.is_ok() && guard.answered() && !global.quiet && !global.json {
        say("ots: warning: only the first line was taken; what came behind it is forgotten");
    }
    answer.map(Zeroizing::new).map_err(|error| PromptError::Unanswered(error.into()))
}

/// Asks for a hidden text of any length: what was pasted, all of its lines.
///
/// # Errors
/// As [`ask_line`], and when it is too large.
#[cfg(unix)]
pub(in crate::cli) async fn ask_text(global: &Global, prompt: &'static str) -> Result<Zeroizing<Vec<u8>>, PromptError> {
    let (device, mut shown) = (open(global, prompt)?, open(global, prompt)?);
    let no_terminal = |source| PromptError::NoTerminal { prompt, source };
    let again = "(goes on; Ctrl-U begins it anew) ";
    let mut guard = Guard::raw(open(global, prompt)?, again).map_err(no_terminal)?;
    let end = " (hidden; Enter ends one line, Ctrl-D a text of several): ";
    io::Write::write_all(&mut shown, format!("{prompt}{end}").as_bytes()).map_err(no_terminal)?;
    let text = Listener::start(device).text().await.map_err(PromptError::Unanswered)?;
    guard.answered();
    let _ = io::Write::write_all(&mut shown, b"\r\n");
    Ok(text)
}

#[cfg(unix)]
fn open(global: &Global, prompt: &'static str) -> Result<std::fs::File, PromptError> {
    if global.no_input {
        return Err(PromptError::NoInput(prompt));
    }
    let open = std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty");
    open.map_err(|source| PromptError::NoTerminal { prompt, source })
}

/// Asks for a hidden line on the console.
///
/// # Errors
/// When there is no console, or questions are not wanted.
#[cfg(not(unix))]
pub(in crate::cli) async fn ask_line(
    global: &Global,
    prompt: &'static str,
    confirm: Option<&'static str>,
) -> Result<Zeroizing<String>, PromptError> {
    if global.no_input {
        return Err(PromptError::NoInput(prompt));
    }
    let answer = blocking(move || password(prompt, confirm).interact()).await;
    answer.map(Zeroizing::new).map_err(|error| PromptError::NoTerminal { prompt, source: error.into() })
}

/// Asks for a hidden line on the console, which has no mode for more.
///
/// # Errors
/// As [`ask_line`].
#[cfg(not(unix))]
pub(in crate::cli) async fn ask_text(global: &Global, prompt: &'static str) -> Result<Zeroizing<Vec<u8>>, PromptError> {
    let mut text = ask_line(global, prompt, None).await?;
    Ok(Zeroizing::new(std::mem::take(&mut *text).into_bytes()))
}

fn password(prompt: &'static str, confirm: Option<&'static str>) -> dialoguer::Password<'static> {
    let password = dialoguer::Password::new().with_prompt(prompt).report(false);
    match confirm {
        Some(again) => password.with_confirmation(again, "they differ; type it again"),
        None => password,
    }
}
