//! `ots admin`: what an operator does on the server's own host.

mod check;

use clap::Subcommand;

use super::{Global, error::CommandError};

/// Look after a server, on its own host
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Admin {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
}

impl Admin {
    pub(super) fn run(&self, global: &Global) -> Result<(), Box<dyn CommandError>> {
        match &self.command {
            Command::Check(check) => check.run(global).map_err(Box::from),
        }
    }
}
