//! Hidden questions on `/dev/tty`, wherever stdin and stderr lead to.

use std::io;

use zeroize::Zeroizing;

#[cfg(unix)]
use super::guard;
use crate::cli::{
    Global,
    error::{CommandError, Exit},
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

/// Asks for a hidden text on the terminal, wherever stdin and stderr lead to.
///
/// # Errors
/// When there is no terminal, or questions are not wanted.
#[cfg(unix)]
pub(in crate::cli) fn ask_hidden(
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
pub(in crate::cli) fn ask_hidden(
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
