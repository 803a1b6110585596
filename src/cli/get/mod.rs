//! `ots get`: prints a secret and destroys it.
//!
//! The order is the promise: status, then the passphrase, then the output is opened, and only then is the secret
//! claimed; it is written and flushed, and only then acknowledged. Every failure before the claim costs nothing, and
//! every one after it can be repeated with the same claim while the lease lasts.

mod access;
mod error;
mod output;
mod reading;

use std::path::{Path, PathBuf};

use clap::ArgGroup;

use super::{Global, link::link_from, passphrase::PassphraseArgs};
use crate::secret::ClaimKey;
use error::GetError;
use output::Output;
use reading::Reading;

/// The variable that holds the claim of an earlier try.
const CLAIM: &str = "OTS_CLAIM";

/// Print a secret and destroy it
///
/// The bytes go to stdout or a file as they were stored; an end-to-end secret is decrypted here. The server destroys the
/// secret once they are written; when something fails before that, it is still there.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("file").args(["output", "remote_name"]))]
pub(in crate::cli) struct Get {
    /// The link, its token (TOKEN or TOKEN#KEY), or `-` to read it from standard input
    #[arg(value_name = "LINK", value_hint = clap::ValueHint::Other)]
    link: String,
    /// Write to a new file (mode 0600); `-` is stdout
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Write to a new file here, named as the sender named it
    #[arg(short = 'O', long)]
    remote_name: bool,
    /// Replace the file if there is one
    #[arg(short, long, requires = "file")]
    force: bool,
    /// Read the key from a file, for a link that came without one
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Get {
    pub(super) async fn run(&self, global: &Global) -> Result<(), GetError> {
        let link = link_from(&self.link)?;
        let client = global.client(Some(&link))?;
        let earlier = earlier_claim()?;
        let status = client.status(&link.token, earlier.as_ref()).await?;
        let access = self.access(global, &link, &status)?;
        let output = self.open_output(global)?;
        let claim = match earlier {
            Some(claim) => claim,
            None => ClaimKey::generate()?,
        };
        let reading = Reading { client: &client, token: &link.token, claim: &claim, access: &access };
        tokio::select! {
            outcome = async {
                let content = reading.claim(global, status.size).await?;
                reading.write(global, content, output)?;
                reading.acknowledge().await;
                Ok(())
            } => outcome,
            _ = tokio::signal::ctrl_c() => Err(GetError::Interrupted(claim.clone())),
        }
    }

    fn open_output(&self, global: &Global) -> Result<Output, GetError> {
        match self.output.as_deref() {
            Some(path) if path != Path::new("-") => Output::file(path, self.force),
            None if self.remote_name => Output::named(self.force, global),
            _ => Ok(Output::stdout(global)),
        }
    }
}

fn earlier_claim() -> Result<Option<ClaimKey>, GetError> {
    let Some(text) = std::env::var_os(CLAIM) else { return Ok(None) };
    let claim = text.to_str().and_then(|text| text.parse().ok());
    claim.map(Some).ok_or(GetError::ClaimVariable)
}
