//! `ots completions`: shell completions from the same tree as the help.

use clap_complete::Shell;

use super::{command, error::OutputError, terminal};

/// Print shell completions
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), OutputError> {
        terminal::answer(&text(self.shell))
    }
}

/// Into a buffer first: the generator panics on a closed pipe.
fn text(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "ots", &mut text);
    text
}
