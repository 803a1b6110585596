//! Whom the server does what for, as it is given on the command line.

use std::str::FromStr as _;

use clap::Args;

use crate::server::{GuardOptions, TrustedProxy};

/// Whom the server does what for.
#[derive(Debug, Args)]
pub(in crate::cli::serve) struct GuardArgs {
    /// Proxies whose word on the client counts: addresses, networks, unix
    #[arg(long, value_name = "CIDR", env = "OTS_TRUSTED_PROXY", value_delimiter = ',')]
    #[arg(value_parser = TrustedProxy::from_str)]
    trusted_proxy: Vec<TrustedProxy>,
}

impl GuardArgs {
    pub(super) fn guards(&self) -> GuardOptions {
        GuardOptions { trusted_proxies: self.trusted_proxy.clone() }
    }
}
