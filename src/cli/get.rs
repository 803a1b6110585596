//! `ots get`: prints a secret and destroys it.
//!
//! The order is the promise: status, then the passphrase, then the output is opened, and only then is the secret
//! claimed; it is written and flushed, and only then acknowledged. Every failure before the claim costs nothing, and
//! every one after it can be repeated with the same claim while the lease lasts.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::{
    Exit, Failure, Global, link_from,
    passphrase::PassphraseArgs,
    terminal::{self, Progress},
};
use crate::{client::Client, crypto::token::Token, vault::ClaimKey};

/// The variable that holds the claim of an earlier try.
const CLAIM: &str = "OTS_CLAIM";

/// Print a secret and destroy it
///
/// The bytes go to stdout or a file as they were stored. The server destroys the secret once they are written; when
/// something fails before that, it is still there.
#[derive(Debug, clap::Args)]
pub(super) struct Get {
    /// The link, its token, or `-` to read it from standard input
    #[arg(value_name = "LINK", value_hint = clap::ValueHint::Other)]
    link: String,
    /// Write to a new file (mode 0600); `-` is stdout
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(short, long, requires = "output")]
    force: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Get {
    pub(super) async fn run(&self, global: &Global) -> Result<(), Failure> {
        let link = link_from(&self.link)?;
        let client = global.client(Some(&link))?;
        let earlier = earlier_claim()?;
        let status = client.status(&link.token, earlier.as_ref()).await?;
        if status.encrypted {
            let message =
                "this secret is end-to-end encrypted, and this version of ots can't open those; nothing was read";
            return Err(Failure::new(Exit::Damaged, message));
        }
        if link.key.is_some() {
            let message = "this secret isn't end-to-end encrypted, but the link has a key after #: is it the right link? \
                           Nothing was read; leave the part after # out to read it all the same";
            return Err(Failure::new(Exit::Usage, message));
        }
        let passphrase = status.passphrase_required.then(|| self.passphrase.for_reading(global)).transpose()?;
        let output = Output::open(self.output.as_deref(), self.force, global.json)?;
        let claim = match earlier {
            Some(claim) => claim,
            None => ClaimKey::generate().map_err(|error| Failure::new(Exit::Other, error.to_string()))?,
        };

        let reading = Reading { client: &client, token: &link.token, claim: &claim };
        tokio::select! {
            outcome = async {
                let progress = Progress::new(global, "receiving", status.size);
                let shown = progress.clone();
                let on_progress: crate::client::OnProgress = Box::new(move |bytes| shown.at(bytes));
                let content =
                    client.reveal(&link.token, &claim, passphrase.as_ref(), status.size, &on_progress).await;
                progress.done();
                reading.deliver(content?, output).await
            } => outcome,
            _ = tokio::signal::ctrl_c() => {
                Err(Failure::new(Exit::Interrupted, format!("interrupted; {}", reading.how_to_ask_again())))
            }
        }
    }
}

/// A read that is under way.
struct Reading<'a> {
    client: &'a Client,
    token: &'a Token,
    claim: &'a ClaimKey,
}

impl Reading<'_> {
    /// Writes the content, and only then has the server destroy it.
    async fn deliver(&self, content: Zeroizing<Vec<u8>>, output: Output) -> Result<(), Failure> {
        match output.write(&content) {
            Ok(()) => {}
            Err(failure) if failure.exit() == Exit::BrokenPipe => return Err(failure),
            Err(failure) => {
                return Err(Failure::new(failure.exit(), format!("{failure}; {}", self.how_to_ask_again())));
            }
        }
        drop(content);
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

/// Where the content goes, opened before anything is read.
enum Output {
    Stdout { terminal: bool, json: bool },
    File { file: NamedTempFile, path: PathBuf, force: bool },
}

impl Output {
    fn open(path: Option<&Path>, force: bool, json: bool) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Stdout { terminal: terminal::stdout_is_terminal(), json });
        };
        if path.is_dir() || (path.symlink_metadata().is_ok() && !force) {
            let message =
                format!("{} exists: choose another name, or --force to replace it; nothing was read", path.display());
            return Err(Failure::new(Exit::File, message));
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Beside its place, so that it appears there whole or not at all.
        let file = tempfile::Builder::new()
            .prefix(".ots-")
            .tempfile_in(directory)
            .map_err(|error| Failure::file("write to", directory, &error))?;
        Ok(Self::File { file, path: path.to_owned(), force })
    }

    fn write(self, content: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout { json: true, .. } => {
                let text = match std::str::from_utf8(content) {
                    Ok(text) => serde_json::json!({ "content": text }),
                    Err(_) => {
                        serde_json::json!({ "content": data_encoding::BASE64.encode(content), "encoding": "base64" })
                    }
                };
                terminal::answer(Zeroizing::new(text.to_string() + "\n").as_bytes())
            }
            Self::Stdout { terminal: true, .. } => show(content),
            Self::Stdout { terminal: false, .. } => terminal::answer(content),
            Self::File { mut file, path, force } => {
                let failed = |error: &io::Error| Failure::file("write", &path, error);
                file.write_all(content).and_then(|()| file.as_file().sync_all()).map_err(|error| failed(&error))?;
                let placed = if force { file.persist(&path) } else { file.persist_noclobber(&path) };
                placed.map_err(|error| failed(&error.error))?;
                // So that the name, too, survives a power cut before the server is told.
                let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let _ = File::open(directory.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
                Ok(())
            }
        }
    }
}

/// Shows text on a terminal: a sender must not drive it, and the prompt begins on a line of its own.
fn show(content: &[u8]) -> Result<(), Failure> {
    let text = std::str::from_utf8(content).ok().filter(|text| !text.contains('\0')).ok_or_else(|| {
        Failure::new(
            Exit::File,
            "the secret isn't text, so it isn't shown on a terminal: save it with -o FILE, or pipe it",
        )
    })?;
    let mut shown = terminal::escaped(text);
    if shown.len() != text.len() {
        terminal::say("(control characters are shown escaped; use -o FILE for the exact bytes)");
    }
    if !shown.ends_with('\n') {
        shown.push('\n');
    }
    terminal::answer(shown.as_bytes())
}
