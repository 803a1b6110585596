//! Who is told what becomes of secrets, as it is given on the command line.

use std::str::FromStr as _;

use clap::Args;

use crate::webhook::{Address, AllowedNetwork};

/// Who is told what becomes of secrets.
#[derive(Debug, Args)]
pub(in crate::cli::serve) struct WebhookArgs {
    /// Send what becomes of secrets to a URL, signed; to one with a NAME, of those whose sender picks it. A URL that is itself secret is
    /// safer in `OTS_WEBHOOK`
    #[arg(long, value_name = "[NAME=]URL", env = "OTS_WEBHOOK", hide_env_values = true, value_delimiter = ',')]
    #[arg(value_parser = Address::from_str)]
    pub(in crate::cli::serve) webhook: Vec<Address>,
    /// Networks of webhooks that aren't public
    #[arg(long, value_name = "CIDR", env = "OTS_WEBHOOK_ALLOW", value_delimiter = ',')]
    #[arg(value_parser = AllowedNetwork::from_str)]
    pub(in crate::cli::serve) webhook_allow: Vec<AllowedNetwork>,
}
