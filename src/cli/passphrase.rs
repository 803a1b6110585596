//! Where a passphrase comes from: a prompt, a file or the environment; never the arguments.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::{Exit, Failure, Global, terminal};
use crate::secret::Passphrase;

/// The variable that holds a passphrase.
const VARIABLE: &str = "OTS_PASSPHRASE";

/// The passphrase options of `put` and `get`.
#[derive(Debug, clap::Args)]
pub(super) struct PassphraseArgs {
    /// Ask for a passphrase (or set `OTS_PASSPHRASE`)
    #[arg(short, long)]
    passphrase: bool,
    /// Read the passphrase from a file; one newline at its end is dropped
    #[arg(long, value_name = "FILE", env = "OTS_PASSPHRASE_FILE", conflicts_with = "passphrase")]
    #[arg(value_hint = clap::ValueHint::FilePath)]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The sender's passphrase, asked twice; none if none is wanted.
    pub(super) fn for_sending(&self, global: &Global) -> Result<Option<Passphrase>, Failure> {
        if self.passphrase {
            return ask(global, Some("Passphrase again")).map(Some);
        }
        self.given()
    }

    /// The reader's passphrase for a secret that has one.
    pub(super) fn for_reading(&self, global: &Global) -> Result<Passphrase, Failure> {
        if !self.passphrase
            && let Some(given) = self.given()?
        {
            return Ok(given);
        }
        ask(global, None).map_err(|failure| {
            if failure.exit() == Exit::Usage {
                let message = "this secret has a passphrase: give it with --passphrase-file or OTS_PASSPHRASE; \
                               nothing was read";
                Failure::new(Exit::Refused, message)
            } else {
                failure
            }
        })
    }

    fn given(&self) -> Result<Option<Passphrase>, Failure> {
        if let Some(path) = &self.passphrase_file {
            let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?);
            let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let text = std::str::from_utf8(line)
                .map_err(|_| Failure::new(Exit::File, format!("{} isn't UTF-8 text", path.display())))?;
            return parse(Zeroizing::new(text.to_owned())).map(Some);
        }
        match std::env::var(VARIABLE) {
            Ok(text) => parse(Zeroizing::new(text)).map(Some),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Failure::new(Exit::Usage, format!("{VARIABLE} isn't UTF-8 text")))
            }
        }
    }
}

fn ask(global: &Global, confirm: Option<&str>) -> Result<Passphrase, Failure> {
    parse(terminal::ask_hidden(global, "Passphrase", confirm)?)
}

fn parse(text: Zeroizing<String>) -> Result<Passphrase, Failure> {
    Passphrase::new(text).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
}
