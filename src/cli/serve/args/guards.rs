//! Whom the server does what for, as it is given on the command line.

use std::str::FromStr as _;

use clap::Args;

use crate::server::{AllowedHost, CorsOrigin, GuardOptions, RateLimits, TrustedProxy};

/// Whom the server does what for.
#[derive(Debug, Args)]
pub(in crate::cli::serve) struct GuardArgs {
    /// Proxies whose word on the client counts: addresses, networks, unix
    #[arg(long, value_name = "CIDR", env = "OTS_TRUSTED_PROXY", value_delimiter = ',')]
    #[arg(value_parser = TrustedProxy::from_str)]
    trusted_proxy: Vec<TrustedProxy>,
    /// What one address may do, as creates=60/m,misses=60/m; or off
    #[arg(long, value_name = "RATES", env = "OTS_RATE_LIMIT", default_value = "creates=60/m,misses=60/m")]
    #[arg(value_parser = RateLimits::from_str)]
    rate_limit: RateLimits,
    /// Names to answer to besides the one of --public-url
    #[arg(long, value_name = "HOST", env = "OTS_ALLOWED_HOST", value_delimiter = ',', value_parser = AllowedHost::from_str)]
    allowed_host: Vec<AllowedHost>,
    /// Websites whose pages may use the API, by their origins
    #[arg(long, value_name = "ORIGIN", env = "OTS_CORS_ORIGIN", value_delimiter = ',', value_parser = CorsOrigin::from_str)]
    cors_origin: Vec<CorsOrigin>,
}

impl GuardArgs {
    /// Whether it believes a proxy.
    pub(in crate::cli::serve) fn trusts_somebody(&self) -> bool {
        !self.trusted_proxy.is_empty()
    }

    /// `only_here` is whether nobody but this machine can connect.
    pub(super) fn guards(&self, only_here: bool) -> GuardOptions {
        GuardOptions {
            trusted_proxies: self.trusted_proxy.clone(),
            rates: self.rate_limit,
            allowed_hosts: self.allowed_host.clone(),
            cors_origins: self.cors_origin.clone(),
            only_here,
        }
    }
}
