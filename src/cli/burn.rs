//! `ots burn`: destroys a secret unread, by its link or its receipt.

use super::{
    Global,
    error::{CallError, CommandError, Exit, OutputError},
    link::{Given, LinkError, given_from},
    terminal,
};
use crate::{
    api::Code,
    client::ClientError,
    secret::{CollectingKey, SentLink},
};

/// Destroy a secret unread
///
/// Asks nothing. Exits with 3 when the secret is gone already; by a receipt, also when it is being read. A request, by its file, is taken
/// back, or its answer burned.
#[derive(Debug, clap::Args)]
pub(super) struct Burn {
    /// The link or its token, a receipt or its link, a receipt's or a request's file, or `-` to read it from standard input
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
    #[error(
        "it is too late: the secret is being read, or was read or burned, or has expired; ots status RECEIPT says which"
    )]
    TooLate,
    #[error(
        "the request is gone: its answer was collected or burned, or it was taken back, or has expired; ots status says which"
    )]
    RequestGone,
    #[error("no such receipt: it is another server's, or its secret ended long ago")]
    NoReceipt,
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
            Self::TooLate | Self::NoReceipt | Self::RequestGone => Exit::Gone,
            Self::Output(error) => error.exit(),
        }
    }
}

impl Burn {
    pub(super) async fn run(&self, global: &Global) -> Result<(), BurnError> {
        let mut said = ("{\"state\":\"burned\"}\n", "burned unread");
        match given_from(&self.link)? {
            Given::Collecting(collecting) => {
                if withdraw(global, &collecting).await? {
                    said = ("{\"state\":\"withdrawn\"}\n", "taken back, unanswered");
                }
            }
            Given::Link(SentLink::Secret(link)) => global.client(Some(&link))?.burn(&link.token).await?,
            Given::Link(SentLink::Receipt(link)) => {
                let client = global.client_for(link.server)?;
                client.burn_by_receipt(&link.receipt).await.map_err(|error| match error {
                    ClientError::Gone => BurnError::NoReceipt,
                    ClientError::Problem(problem) if problem.code == Code::TooLate => BurnError::TooLate,
                    error => error.into(),
                })?;
            }
        }
        if global.json {
            terminal::answer(said.0.as_bytes())?;
        } else if global.chatty() {
            terminal::say(said.1);
        }
        Ok(())
    }
}

/// Takes a request back, or burns its answer; whether it was the former.
async fn withdraw(global: &Global, collecting: &CollectingKey) -> Result<bool, BurnError> {
    let client = global.client_for(Some(collecting.link.server.clone()))?;
    match client.withdraw(&collecting.link.token, &collecting.token).await {
        Err(ClientError::Gone) => {}
        withdrawn => return Ok(withdrawn.map(|()| true)?),
    }
    match client.burn(&collecting.token).await {
        Err(ClientError::Gone) => Err(BurnError::RequestGone),
        burned => Ok(burned.map(|()| false)?),
    }
}
