//! `ots get`: prints a secret and destroys it.
//!
//! The order is the promise: status, then the passphrase, then the output is opened, and only then is the secret
//! claimed; it is written and flushed, and only then acknowledged. Every failure before the claim costs nothing, and
//! every one after it can be repeated with the same claim while the lease lasts.

mod access;
mod again;
mod collect;
mod error;
mod output;
mod reading;

use std::{path::PathBuf, time::Duration};

use clap::ArgGroup;
use zeroize::Zeroizing;

use super::{
    Global,
    interrupt::{Interrupts, blocking},
    link::{Given, given_from, secret_of},
    passphrase::PassphraseArgs,
    terminal,
};
use crate::{
    api::Status,
    client::{Client, ClientError},
    secret::{ClaimKey, Link},
};
use access::Access;
use again::{AskAgain, Kept};
use error::GetError;
use reading::Reading;

/// The variable that holds the claim of an earlier try.
const CLAIM: &str = "OTS_CLAIM";
/// How long the server is asked how long it keeps what is claimed: not knowing costs no secret.
const PATIENCE: Duration = Duration::from_secs(3);

/// Print a secret and destroy it
///
/// The bytes go to stdout or a file as they were stored; an end-to-end secret is decrypted here. The server destroys the
/// secret once they are written; when something fails before that, it is still there, and the error says how to ask again.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("file").args(["output", "remote_name"]))]
pub(in crate::cli) struct Get {
    /// The link, its token (TOKEN or TOKEN#KEY), a request's file (to collect its answer), or `-` to read it from standard input
    #[arg(value_name = "LINK", value_hint = clap::ValueHint::Other)]
    link: String,
    /// Write to a new file (mode 0600); `-` is stdout
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Write to a new file here, named as the sender named it
    #[arg(short = 'O', long)]
    remote_name: bool,
    /// Replace the file if there is one; of a symbolic link, the link, not what it leads to
    #[arg(short, long, requires = "file")]
    force: bool,
    /// Read the key from a file, for a link that came without one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    key_file: Option<PathBuf>,
    /// Of a request: wait until it is answered
    #[arg(short, long)]
    wait: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Get {
    pub(super) async fn run(&self, global: &Global) -> Result<(), GetError> {
        let mut interrupts = Interrupts::listen().map_err(GetError::Start)?;
        let kept = Kept::default();
        match interrupts.unless(self.read(global, &kept)).await {
            Ok(outcome) => outcome,
            Err(interrupt) => Err(kept.error(GetError::Interrupted { interrupt, outcome: kept.outcome() })),
        }
    }

    /// The order that costs nobody a secret.
    async fn read(&self, global: &Global, kept: &Kept) -> Result<(), GetError> {
        let argument = self.link.clone();
        let link = match blocking(move || given_from(&argument)).await? {
            Given::Collecting(collecting) => return self.collect(global, kept, *collecting).await,
            Given::Link(link) => secret_of(link)?,
        };
        if self.wait {
            return Err(GetError::NothingToWaitFor);
        }
        let client = global.client(Some(&link))?;
        let earlier = earlier_claim()?;

        let status = status(&client, &link, earlier.as_ref()).await?;
        let access = self.access(global, &link, &status).await?;
        let output = self.open_output(global)?;

        let claim = earlier.clone().map_or_else(ClaimKey::generate, Ok)?;
        let again = AskAgain::new(self, global, link.server.as_ref(), &claim, lease(&client).await);
        let again = if earlier.is_some() { again.earlier() } else { again };
        let reading = Reading { client: &client, token: &link.token, claim: &claim, global, kept };
        let (access, content) = self.claim(&reading, &link, &status, access, again).await?;
        let delivered = reading.write(access, content, output).await?;
        reading.acknowledge(delivered).await
    }
}

impl Get {
    /// Claims the secret. A passphrase that a person typed wrong is asked for again, since that claims nothing.
    async fn claim(
        &self,
        reading: &Reading<'_>,
        link: &Link,
        status: &Status,
        mut access: Access,
        again: AskAgain,
    ) -> Result<(Access, Zeroizing<Vec<u8>>), GetError> {
        loop {
            match reading.claim(&access, status.size, again.clone()).await {
                Err(GetError::Call(error))
                    if error.leaves_tries() && status.passphrase_required && self.passphrase.is_asked() =>
                {
                    terminal::say(&format!("ots: {error}"));
                    access = self.access(reading.global, link, status).await?;
                }
                outcome => return Ok((access, outcome?)),
            }
        }
    }
}

/// What may be known before anything is read; a size that can't be is refused here.
async fn status(client: &Client, link: &Link, earlier: Option<&ClaimKey>) -> Result<Status, GetError> {
    let status = match client.status(&link.token, earlier).await {
        Err(ClientError::Gone) if earlier.is_some() => return Err(GetError::ClaimOver),
        status => status?,
    };
    client.check_size(status.size)?;
    Ok(status)
}

/// How long the server keeps a claimed secret for its reader, if it says.
async fn lease(client: &Client) -> Option<Duration> {
    let info = tokio::time::timeout(PATIENCE, client.info()).await.ok()?.ok()?;
    Some(Duration::from_secs(info.claim_lease_seconds))
}

fn earlier_claim() -> Result<Option<ClaimKey>, GetError> {
    let Some(text) = std::env::var_os(CLAIM) else { return Ok(None) };
    let claim = text.to_str().and_then(|text| text.parse().ok());
    claim.map(Some).ok_or(GetError::ClaimVariable)
}
