//! `ots status`: says whether a secret is still unread, without reading it.

use std::time::Duration;

use jiff::Timestamp;

use super::{Exit, Failure, Global, link_from, terminal, values};
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

impl Status {
    pub(super) async fn run(&self, global: &Global) -> Result<(), Failure> {
        let link = link_from(&self.link)?;
        let client = global.client(Some(&link))?;
        let status = client.status(&link.token, None).await?;
        if self.wait {
            return wait(global, &client, &link.token, status).await;
        }
        let text = if global.json { serde_json::to_string(&status).unwrap_or_default() } else { describe(&status) };
        terminal::answer(format!("{text}\n").as_bytes())
    }
}

async fn wait(global: &Global, client: &Client, token: &Token, mut status: api::Status) -> Result<(), Failure> {
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
        return Err(Failure::new(Exit::Gone, "the secret expired unread"));
    }
    let text = if global.json { "{\"state\":\"read\"}\n" } else { "read (or burned)\n" };
    terminal::answer(text.as_bytes())
}

fn describe(status: &api::Status) -> String {
    let left = status.expires_at.duration_since(Timestamp::now()).unsigned_abs();
    let encrypted = if status.encrypted { ", end-to-end encrypted" } else { "" };
    let (size, expires_at) = (status.size, status.expires_at);
    let mut text = format!("unread; {size} bytes{encrypted}; expires {expires_at:.0} (in {})", values::roughly(left));
    if status.passphrase_required {
        text.push_str("; has a passphrase");
    }
    text
}
