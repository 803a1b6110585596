//! The LINK argument of `get`, `status` and `burn`.

use std::io;

use zeroize::Zeroizing;

use super::error::{CommandError, Exit};
use crate::secret::{InvalidLink, Link};

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("can't read the link from standard input: {0}")]
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

/// A link from the arguments, or with `-` from standard input, so that no process list shows it.
pub(super) fn link_from(argument: &str) -> Result<Link, LinkError> {
    if argument != "-" {
        return Ok(argument.parse()?);
    }
    let mut line = Zeroizing::new(String::new());
    io::stdin().read_line(&mut line).map_err(LinkError::Read)?;
    Ok(line.parse()?)
}
