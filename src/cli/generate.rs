//! `ots generate`: prints a password or a passphrase. Talks to nobody.

use zeroize::Zeroizing;

use super::{
    Global,
    error::{CommandError, Exit, OutputError},
    terminal, values,
};
use crate::secret::{Generated, InvalidRecipe, NoRandomness, Recipe};

/// Print a password or a passphrase
///
/// A password of 20 letters and digits, without those that look alike (0 O, 1 l I), with at least one capital, one small letter and
/// one digit. With --words a passphrase of 6 words, which is easier to say and to type. It is drawn on this machine and sent nowhere;
/// `ots put --generate` stores one and prints its link as well.
#[derive(Debug, clap::Args)]
pub(super) struct Generate {
    /// So many characters, 12 to 128
    #[arg(short, long, value_name = "N", default_value_t = 20, value_parser = values::number::<u16, 128>)]
    length: u16,
    /// With symbols, too: at least one of ! # % * + - = ? @ _
    #[arg(long)]
    symbols: bool,
    /// A passphrase of so many words, 5 to 24, from EFF's long list
    #[arg(short, long, value_name = "N", num_args = 0..=1, default_missing_value = "6", value_parser = values::number::<u16, 24>)]
    #[arg(conflicts_with_all = ["length", "symbols"])]
    words: Option<u16>,
    /// What stands between the words: a space, or one of . , _ and the like
    #[arg(long, value_name = "CHARACTER", default_value_t = '-', requires = "words")]
    separator: char,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum GenerateError {
    #[error(transparent)]
    Recipe(#[from] InvalidRecipe),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl CommandError for GenerateError {
    fn exit(&self) -> Exit {
        match self {
            Self::Recipe(_) => Exit::Usage,
            Self::Randomness(_) => Exit::Other,
            Self::Output(error) => error.exit(),
        }
    }
}

impl Generate {
    pub(super) fn run(&self, global: &Global) -> Result<(), GenerateError> {
        let recipe = match self.words {
            Some(words) => Recipe::passphrase(words, self.separator)?,
            None => Recipe::password(self.length, self.symbols)?,
        };
        let generated = recipe.draw()?;
        if global.json {
            terminal::answer_json(&Members::of(&generated))?;
        } else {
            terminal::answer(Zeroizing::new(format!("{}\n", generated.expose())).as_bytes())?;
        }
        if global.chatty() {
            terminal::say(&format!("a {} of {} bits", recipe.name(), recipe.bits()));
        }
        Ok(())
    }
}

/// What a program is told: the text under the name of its kind.
#[derive(serde::Serialize)]
pub(super) struct Members<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase: Option<&'a str>,
    bits: u32,
}

impl<'a> Members<'a> {
    pub(super) fn of(generated: &'a Generated) -> Self {
        let (recipe, text) = (generated.recipe(), generated.expose());
        let of = |name| (recipe.name() == name).then_some(text);
        Self { password: of("password"), passphrase: of("passphrase"), bits: recipe.bits() }
    }
}
