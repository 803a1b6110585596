//! `ots admin`: what an operator does on the server's own host.
//!
//! - [`answer`]: what is asked and answered; [`socket`]: asking the server that runs.
//! - [`place`]: the database that is meant, and why it can't be looked after.
//! - [`check`], [`keys`], `migrate`, [`stats`], [`sweep`], [`webhooks`]: the commands.

#[cfg_attr(not(unix), allow(dead_code, reason = "no server is asked there"))]
pub(super) mod answer;
mod check;
mod keys;
#[cfg(feature = "postgres")]
mod migrate;
mod place;
#[cfg_attr(not(unix), allow(dead_code, reason = "there is none there"))]
pub(super) mod socket;
mod stats;
mod sweep;
mod webhooks;

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
    Stats(stats::Stats),
    Sweep(sweep::Sweep),
    Keys(keys::Keys),
    Check(check::Check),
    Webhooks(webhooks::Webhooks),
    #[cfg(feature = "postgres")]
    Migrate(migrate::Migrate),
}

impl Admin {
    pub(super) fn run(&self, global: &Global) -> Result<(), Box<dyn CommandError>> {
        match &self.command {
            Command::Stats(stats) => stats.run(global).map_err(Box::from),
            Command::Sweep(sweep) => sweep.run(global),
            Command::Keys(keys) => keys.run(global).map_err(Box::from),
            Command::Check(check) => check.run(global).map_err(Box::from),
            Command::Webhooks(webhooks) => webhooks.run(global).map_err(Box::from),
            #[cfg(feature = "postgres")]
            Command::Migrate(migrate) => crate::cli::run(migrate.run(global)),
        }
    }
}
