//! The LINK argument of `get`, `status` and `burn`.

use std::{
    io::{self, Read as _},
    path::Path,
};

use zeroize::Zeroizing;

use super::{
    error::{CommandError, Exit},
    terminal,
};
use crate::secret::{CollectingKey, InvalidCollectingKey, InvalidLink, Link, SentLink};

/// What is read from standard input at most, in bytes: a link with a mail's protection around it takes a few thousand.
const LONGEST: u64 = 64 * 1024;

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("can't read the link from standard input: {}", .0.kind())]
    Read(io::Error),
    #[error("{0} holds more than one: give one of its lines, or - and that line on standard input")]
    Several(String),
    #[error(transparent)]
    Invalid(#[from] InvalidLink),
    #[error(transparent)]
    Collecting(#[from] InvalidCollectingKey),
}

/// What a person gives to `get`, `status` or `burn`.
pub(super) enum Given {
    /// A link, or the token in it.
    Link(SentLink),
    /// A request's file, or the link to collect with.
    Collecting(Box<CollectingKey>),
}

impl CommandError for LinkError {
    fn exit(&self) -> Exit {
        match self {
            Self::Several(_)
            | Self::Invalid(_)
            | Self::Collecting(InvalidCollectingKey::NoLink | InvalidCollectingKey::Cut) => Exit::Usage,
            Self::Read(_) | Self::Collecting(_) => Exit::File,
        }
    }
}

/// A link from the arguments, or with `-` from standard input, so that no process list shows it: what a mail broke over several
/// lines is taken whole. Or the name of a file: a request's, or one that holds a link, as `put --receipt` writes it.
pub(super) fn given_from(argument: &str) -> Result<Given, LinkError> {
    if let Some(text) = file_of(argument) {
        match CollectingKey::from_file(&text) {
            Err(InvalidCollectingKey::NoFile) => match text.parse() {
                Ok(link) => return Ok(Given::Link(link)),
                Err(InvalidLink::Several) => return Err(LinkError::Several(argument.to_owned())),
                Err(_) => {}
            },
            collecting => return Ok(Given::Collecting(Box::new(collecting?))),
        }
    }
    let text = text_of(argument)?;
    match text.parse() {
        Ok(collecting) => Ok(Given::Collecting(Box::new(collecting))),
        Err(InvalidCollectingKey::NoLink) => match CollectingKey::from_file(&text) {
            Err(InvalidCollectingKey::NoFile) => Ok(Given::Link(text.parse()?)),
            collecting => Ok(Given::Collecting(Box::new(collecting?))),
        },
        Err(error) => Err(error.into()),
    }
}

/// The secret that a link leads to: a receipt leads to none.
pub(super) fn secret_of(link: SentLink) -> Result<Link, LinkError> {
    match link {
        SentLink::Secret(link) => Ok(link),
        SentLink::Receipt(_) => Err(InvalidLink::Receipt.into()),
    }
}

/// What a file of that name holds, if there is one that may be meant.
fn file_of(name: &str) -> Option<Zeroizing<String>> {
    let path = Path::new(name);
    let is_one = path.metadata().is_ok_and(|file| file.is_file() && file.len() <= LONGEST);
    if is_one { std::fs::read_to_string(path).ok().map(Zeroizing::new) } else { None }
}

fn text_of(argument: &str) -> Result<Zeroizing<String>, LinkError> {
    if argument != "-" {
        return Ok(Zeroizing::new(argument.to_owned()));
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    let read = if terminal::stdin_is_terminal() {
        io::stdin().read_line(&mut text) // nobody ends what is typed but with Enter
    } else {
        io::stdin().take(LONGEST).read_to_string(&mut text)
    };
    read.map_err(LinkError::Read)?;
    Ok(text)
}
