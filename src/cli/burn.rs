//! `ots burn`: destroys a secret unread.

use super::{
    Global,
    error::{CallError, CommandError, Exit, OutputError},
    link::{LinkError, link_from},
    terminal,
};
use crate::client::ClientError;

/// Destroy a secret unread
///
/// Asks nothing. Exits with 3 when the secret is gone already.
#[derive(Debug, clap::Args)]
pub(super) struct Burn {
    /// The link, its token, or `-` to read it from standard input
    #[arg(value_name = "LINK", value_hint = clap::ValueHint::Other)]
    link: String,
}

/// Why nothing was burned.
#[derive(Debug, thiserror::Error)]
pub(super) enum BurnError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl From<ClientError> for BurnError {
    fn from(error: ClientError) -> Self {
        Self::Call(error.into())
    }
}

impl CommandError for BurnError {
    fn exit(&self) -> Exit {
        match self {
            Self::Link(error) => error.exit(),
            Self::Call(error) => error.exit(),
            Self::Output(error) => error.exit(),
        }
    }
}

impl Burn {
    pub(super) async fn run(&self, global: &Global) -> Result<(), BurnError> {
        let link = link_from(&self.link)?;
        global.client(Some(&link))?.burn(&link.token).await?;
        if global.json {
            terminal::answer(b"{\"state\":\"burned\"}\n")?;
        } else if global.chatty() {
            terminal::say("burned unread");
        }
        Ok(())
    }
}
