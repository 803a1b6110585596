//! `ots get`: prints a secret and destroys it.
//!
//! The order is the promise: status, then the passphrase, then the output is opened, and only then is the secret
//! claimed; it is written and flushed, and only then acknowledged. Every failure before the claim costs nothing, and
//! every one after it can be repeated with the same claim while the lease lasts.

use std::path::{Path, PathBuf};

use clap::ArgGroup;
use zeroize::Zeroizing;

use super::{
    Exit, Failure, Global, link_from,
    output::Output,
    passphrase::PassphraseArgs,
    terminal::{self, Progress},
};
use crate::{
    api::Status,
    client::{Client, ClientError, OnProgress},
    crypto::envelope::{Keys, Label},
    secret::{ClaimKey, Link, LinkKey, Passphrase, Token},
};

/// The variable that holds the claim of an earlier try.
const CLAIM: &str = "OTS_CLAIM";

/// Print a secret and destroy it
///
/// The bytes go to stdout or a file as they were stored; an end-to-end secret is decrypted here. The server destroys the
/// secret once they are written; when something fails before that, it is still there.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("file").args(["output", "remote_name"]))]
pub(super) struct Get {
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
    pub(super) async fn run(&self, global: &Global) -> Result<(), Failure> {
        let link = link_from(&self.link)?;
        let client = global.client(Some(&link))?;
        let earlier = earlier_claim()?;
        let status = client.status(&link.token, earlier.as_ref()).await?;
        let access = self.access(global, &link, &status)?;
        let output = self.open_output(global)?;
        let claim = match earlier {
            Some(claim) => claim,
            None => ClaimKey::generate().map_err(|error| Failure::new(Exit::Other, error.to_string()))?,
        };
        let reading = Reading { client: &client, token: &link.token, claim: &claim, access: &access };
        tokio::select! {
            outcome = async {
                let content = reading.receive(global, status.size).await?;
                reading.deliver(global, content, output).await
            } => outcome,
            _ = tokio::signal::ctrl_c() => {
                Err(Failure::new(Exit::Interrupted, format!("interrupted; {}", reading.how_to_ask_again())))
            }
        }
    }

    /// What this secret needs, found before anything is claimed.
    fn access(&self, global: &Global, link: &Link, status: &Status) -> Result<Access, Failure> {
        let key = if status.encrypted { Some(self.key(link)?) } else { None };
        if key.is_none() && (link.key.is_some() || self.key_file.is_some()) {
            let message = if link.key.is_some() {
                "this secret isn't end-to-end encrypted, but the link has a key after #: is it the right link? Nothing was \
                 read; leave the part after # out to read it all the same"
            } else {
                "this secret isn't end-to-end encrypted, so it has no key: is it the right link? Nothing was read; leave \
                 --key-file out to read it all the same"
            };
            return Err(Failure::new(Exit::Usage, message));
        }
        if key.is_none() && self.remote_name {
            let message = "this secret isn't end-to-end encrypted, so the sender gave it no name: use -o FILE; nothing was \
                           read";
            return Err(Failure::new(Exit::Usage, message));
        }
        let passphrase = status.passphrase_required.then(|| self.passphrase.for_reading(global)).transpose()?;
        let Some(key) = key else { return Ok(Access::Plain(passphrase)) };
        let keys = Keys::derive(&key, passphrase.as_ref())
            .map_err(|error| Failure::new(Exit::Other, format!("the key can't be used: {error}")))?;
        Ok(Access::EndToEnd { keys, passphrase: passphrase.is_some() })
    }

    /// The end-to-end key: from the link, or from a file that came another way.
    fn key(&self, link: &Link) -> Result<LinkKey, Failure> {
        let (text, place) = match (&link.key, &self.key_file) {
            (Some(_), Some(_)) => {
                return Err(Failure::new(Exit::Usage, "the link has its key already: leave --key-file out"));
            }
            (Some(text), None) => (text.clone(), "the part after # in the link".to_owned()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
                (Zeroizing::new(text), path.display().to_string())
            }
            (None, None) => {
                let message = "this secret is end-to-end encrypted and the link isn't whole: the part after # is missing. \
                               Ask the sender for the whole link, or for the key and give it with --key-file; nothing was \
                               read";
                return Err(Failure::new(Exit::Refused, message));
            }
        };
        text.trim().parse().map_err(|error| {
            Failure::new(Exit::Refused, format!("{place} isn't a whole key: {error}; nothing was read"))
        })
    }

    fn open_output(&self, global: &Global) -> Result<Output, Failure> {
        match self.output.as_deref() {
            Some(path) if path != Path::new("-") => Output::file(path, self.force),
            None if self.remote_name => Output::named(self.force, global),
            _ => Ok(Output::stdout(global)),
        }
    }
}

/// What opens a secret.
enum Access {
    /// The server opens it, for whoever has its passphrase if there is one.
    Plain(Option<Passphrase>),
    /// It is opened here; the server wants the proof.
    EndToEnd { keys: Keys, passphrase: bool },
}

/// A read that is under way.
struct Reading<'a> {
    client: &'a Client,
    token: &'a Token,
    claim: &'a ClaimKey,
    access: &'a Access,
}

impl Reading<'_> {
    /// Claims the secret. A wrong key or passphrase claims nothing.
    async fn receive(&self, global: &Global, size: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let (passphrase, wrong) = match self.access {
            Access::Plain(passphrase) => (passphrase.as_ref(), "the passphrase is"),
            Access::EndToEnd { keys, passphrase: false } => (Some(keys.proof()), "the key is"),
            Access::EndToEnd { keys, passphrase: true } => (Some(keys.proof()), "the passphrase or the key is"),
        };
        let progress = Progress::new(global, "receiving", size);
        let shown = progress.clone();
        let on_progress: OnProgress = Box::new(move |bytes| shown.at(bytes));
        let outcome = self.client.reveal(self.token, self.claim, passphrase, size, &on_progress).await;
        progress.done();
        outcome.map_err(|error| match error {
            ClientError::Problem(problem) => Failure::refused(*problem, wrong),
            error => error.into(),
        })
    }

    /// Opens and writes the content, and only then has the server destroy it.
    async fn deliver(&self, global: &Global, content: Zeroizing<Vec<u8>>, output: Output) -> Result<(), Failure> {
        let written = match self.access {
            Access::Plain(_) => output.write(&content, &Label::default()),
            Access::EndToEnd { keys, .. } => match keys.open(content) {
                Ok(opened) => output.write(opened.content(), &opened.label),
                Err(error) => Err(Failure::new(Exit::Damaged, format!("what came can't be decrypted: {error}"))),
            },
        };
        match written {
            Ok(Some(note)) if global.chatty() => terminal::say(&note),
            Ok(_) => {}
            Err(failure) if failure.exit() == Exit::BrokenPipe => return Err(failure),
            Err(failure) => {
                return Err(Failure::new(failure.exit(), format!("{failure}; {}", self.how_to_ask_again())));
            }
        }
        if let Err(error) = self.client.acknowledge(self.token, self.claim).await {
            // The reader has the content, and nobody else can get it: the lease's end destroys it.
            tracing::debug!(%error, "the read could not be acknowledged");
        }
        Ok(())
    }

    fn how_to_ask_again(&self) -> String {
        format!("the secret is kept for you for a minute: {CLAIM}={} ots get LINK (the same link)", self.claim.expose())
    }
}

fn earlier_claim() -> Result<Option<ClaimKey>, Failure> {
    let Some(text) = std::env::var_os(CLAIM) else { return Ok(None) };
    let claim = text.to_str().and_then(|text| text.parse().ok());
    claim.map(Some).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{CLAIM} isn't a claim: copy it from the message that named it, or unset it"))
    })
}
