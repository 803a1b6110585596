//! `ots status`: says whether a secret is still unread, without reading it.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Global,
    error::{CallError, CommandError, Exit, OutputError},
    link::{LinkError, link_from},
    terminal, values,
};
use crate::{
    api,
    client::{Client, ClientError},
    secret::Token,
};

/// How often `--wait` asks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Say whether a secret is still unread
///
/// Reads nothing. Exits with 0 while the secret is there and 3 when it is gone; with --wait, 0 once it has been read or
/// burned and 3 when it expired unread.
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// The link, its token, or `-` to read it from standard input
    #[arg(value_name = "LINK", value_hint = clap::ValueHint::Other)]
    link: String,
    /// Return when it has been read
    #[arg(short, long)]
    wait: bool,
}

/// Why there is nothing to say of a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum StatusError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("the secret expired unread")]
    Expired,
}

impl From<ClientError> for StatusError {
    fn from(error: ClientError) -> Self {
        Self::Call(error.into())
    }
}

impl CommandError for StatusError {
    fn exit(&self) -> Exit {
        match self {
            Self::Link(error) => error.exit(),
            Self::Call(error) => error.exit(),
            Self::Output(error) => error.exit(),
            Self::Expired => Exit::Gone,
        }
    }
}

impl Status {
    pub(super) async fn run(&self, global: &Global) -> Result<(), StatusError> {
        let link = link_from(&self.link)?;
        let client = global.client(Some(&link))?;
        let status = client.status(&link.token, None).await?;
        if self.wait {
            return wait(global, &client, &link.token, status).await;
        }
        if global.json {
            terminal::answer_json(&status)?;
        } else {
            terminal::answer(format!("{}\n", describe(&status)).as_bytes())?;
        }
        Ok(())
    }
}

async fn wait(global: &Global, client: &Client, token: &Token, mut status: api::Status) -> Result<(), StatusError> {
    loop {
        tokio::time::sleep(INTERVAL).await;
        match client.status(token, None).await {
            Ok(still) => status = still,
            Err(ClientError::Gone) => break,
            // A server that is restarted, say: the secret is kept.
            Err(error) if error.is_passing() => tracing::debug!(%error, "asking again"),
            Err(error) => return Err(error.into()),
        }
    }
    if Timestamp::now() >= status.expires_at {
        return Err(StatusError::Expired);
    }
    let text = if global.json { "{\"state\":\"read\"}\n" } else { "read (or burned)\n" };
    Ok(terminal::answer(text.as_bytes())?)
}

fn describe(status: &api::Status) -> String {
    let encrypted = if status.encrypted { ", end-to-end encrypted" } else { "" };
    let (size, expires_at) = (status.size, status.expires_at);
    let mut text = format!("unread; {size} bytes{encrypted}; expires {expires_at:.0}");
    // By a clock here that is ahead of the server's it has passed, though the secret is there.
    if let Ok(left) = Duration::try_from(expires_at.duration_since(Timestamp::now())) {
        text.push_str(&format!(" (in {})", values::roughly(left)));
    }
    if status.passphrase_required {
        text.push_str("; has a passphrase");
    }
    text
}
