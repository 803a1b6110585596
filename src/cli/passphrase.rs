//! Where a passphrase comes from: a prompt, a file or the environment; never the arguments.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{
    Global,
    error::{CommandError, Exit, FileError},
    terminal::{self, PromptError},
    values::quoted,
};
use crate::secret::{InvalidPassphrase, Passphrase};

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

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub(super) enum PassphraseError {
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "there is no passphrase file of that name (--passphrase-file, OTS_PASSPHRASE_FILE); a passphrase itself goes into {VARIABLE}"
    )]
    NoFile(#[source] std::io::Error),
    #[error("{} isn't UTF-8 text", .0.display())]
    FileNotText(PathBuf),
    #[error("{VARIABLE} isn't UTF-8 text")]
    VariableNotText,
    #[error(transparent)]
    Invalid(#[from] InvalidPassphrase),
    #[error("there is no way to ask for the passphrase here: give it with --passphrase-file or {VARIABLE}")]
    NoWay,
    #[error("this secret has a passphrase: give it with --passphrase-file or {VARIABLE}; nothing was read")]
    Wanted,
}

impl CommandError for PassphraseError {
    fn exit(&self) -> Exit {
        match self {
            Self::Prompt(error) => error.exit(),
            Self::File(error) => error.exit(),
            Self::FileNotText(_) | Self::NoFile(_) => Exit::File,
            Self::VariableNotText | Self::Invalid(_) | Self::NoWay => Exit::Usage,
            Self::Wanted => Exit::Refused,
        }
    }
}

impl PassphraseArgs {
    /// Whether a person is asked, and can be asked again.
    pub(super) fn is_asked(&self) -> bool {
        self.passphrase || matches!(self.given(), Ok(None))
    }

    /// The sender's passphrase, asked twice; none if none is wanted.
    pub(super) async fn for_sending(&self, global: &Global) -> Result<Option<Passphrase>, PassphraseError> {
        if self.passphrase {
            return ask(global, Some("Passphrase again")).await.map(Some).map_err(|error| match error {
                PassphraseError::Prompt(PromptError::NoTerminal { .. }) => PassphraseError::NoWay,
                error => error,
            });
        }
        Ok(self.given()?.map(|given| warned(global, given)))
    }

    /// The reader's passphrase for a secret that has one.
    pub(super) async fn for_reading(&self, global: &Global) -> Result<Passphrase, PassphraseError> {
        if !self.passphrase
            && let Some(given) = self.given()?
        {
            return Ok(warned(global, given));
        }
        let asked = ask(global, None).await;
        asked.map_err(|error| match error {
            PassphraseError::Prompt(error) if error.exit() == Exit::Usage => PassphraseError::Wanted,
            error => error,
        })
    }

    /// The options again, each after a space, to be pasted into a shell.
    pub(super) fn again(&self) -> String {
        let asked = if self.passphrase { " -p" } else { "" };
        let file = self.passphrase_file.as_deref().map(|path| format!(" --passphrase-file {}", quoted(path)));
        format!("{asked}{}", file.unwrap_or_default())
    }

    fn given(&self) -> Result<Option<Passphrase>, PassphraseError> {
        if let Some(path) = &self.passphrase_file {
            let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| unread(path, error))?);
            let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let text = std::str::from_utf8(line).map_err(|_| PassphraseError::FileNotText(path.clone()))?;
            return parse(Zeroizing::new(text.to_owned())).map(Some);
        }
        match std::env::var(VARIABLE) {
            Ok(text) => parse(Zeroizing::new(text)).map(Some),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(PassphraseError::VariableNotText),
        }
    }
}

/// A name is told only if something has it: else it may be the passphrase itself.
fn unread(path: &Path, error: std::io::Error) -> PassphraseError {
    if path.symlink_metadata().is_ok() {
        FileError::new("read", path)(error).into()
    } else {
        PassphraseError::NoFile(error)
    }
}

async fn ask(global: &Global, confirm: Option<&'static str>) -> Result<Passphrase, PassphraseError> {
    parse(terminal::ask_line(global, "Passphrase", confirm).await?).map(|asked| warned(global, asked))
}

/// The passphrase; what nobody sees of it is said.
fn warned(global: &Global, passphrase: Passphrase) -> Passphrase {
    if passphrase.has_space_at_an_edge() && !global.quiet && !global.json {
        terminal::say("ots: warning: the passphrase begins or ends with white space, which is a part of it");
    }
    passphrase
}

fn parse(text: Zeroizing<String>) -> Result<Passphrase, PassphraseError> {
    Ok(Passphrase::new(text)?)
}
