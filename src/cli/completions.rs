//! `ots completions`: shell completions from the same tree as the help.

use clap::Command;
use clap_complete::Shell;

use super::{error::OutputError, terminal, tree};

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
    clap_complete::generate(shell, &mut shown(&tree()), "ots", &mut text);
    text
}

/// The tree without what people aren't shown: the generators for some shells offer that as well.
fn shown(tree: &Command) -> Command {
    let below = tree.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned();
    let root = Command::new(tree.get_name().to_owned()).version(env!("CARGO_PKG_VERSION")).propagate_version(true);
    root.disable_help_subcommand(true).disable_help_flag(true).args(tree.get_arguments()).subcommands(below)
}
