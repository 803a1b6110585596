//! The LINK argument of `get`, `status` and `burn`.

use std::io::{self, Read as _};

use zeroize::Zeroizing;

use super::{
    error::{CommandError, Exit},
    terminal,
};
use crate::secret::{InvalidLink, Link, SentLink};

/// What is read from standard input at most, in bytes: a link with a mail's protection around it takes a few thousand.
const LONGEST: u64 = 64 * 1024;

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("can't read the link from standard input: {}", .0.kind())]
    Read(io::Error),
    #[error(transparent)]
    Invalid(#[from] InvalidLink),
}

impl CommandError for LinkError {
    fn exit(&self) -> Exit {
        match self {
            Self::Read(_) => Exit::File,
            Self::Invalid(_) => Exit::Usage,
        }
    }
}

/// A link from the arguments, or with `-` from standard input, so that no process list shows it: what a mail broke over several
/// lines is taken whole.
pub(super) fn link_from(argument: &str) -> Result<Link, LinkError> {
    Ok(text_of(argument)?.parse()?)
}

/// The same, which may be a receipt's.
pub(super) fn sent_link_from(argument: &str) -> Result<SentLink, LinkError> {
    Ok(text_of(argument)?.parse()?)
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
