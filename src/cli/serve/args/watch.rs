//! What whoever runs the server can watch, as it is given on the command line.

use std::net::SocketAddr;

use clap::{Args, builder::BoolishValueParser};

use super::webhooks::WebhookArgs;
use crate::{audit::Target, cli::values};

/// What can be watched.
#[derive(Debug, Args)]
pub(in crate::cli::serve) struct WatchArgs {
    /// Show numbers at /metrics, on their own address
    #[arg(long, value_name = "ADDR", env = "OTS_METRICS_LISTEN", value_parser = values::listen)]
    pub(in crate::cli::serve) metrics_listen: Option<SocketAddr>,
    /// Write what becomes of secrets: FILE, -, syslog
    #[arg(long, value_name = "WHERE", env = "OTS_AUDIT", value_parser = audit)]
    pub(in crate::cli::serve) audit: Option<Target>,
    /// And the addresses of those who asked
    #[arg(long, env = "OTS_AUDIT_ADDRESSES", value_parser = BoolishValueParser::new())]
    pub(in crate::cli::serve) audit_addresses: bool,
    #[command(flatten)]
    pub(in crate::cli::serve) webhooks: WebhookArgs,
}

/// The socket of the system's log.
const SYSLOG: &str = "/dev/log";

fn audit(text: &str) -> Result<Target, &'static str> {
    match text.split_once(':') {
        _ if text == "-" => Ok(Target::Stdout),
        _ if text == "syslog" => Ok(Target::Syslog(SYSLOG.into())),
        Some(("syslog", socket)) if !socket.is_empty() => Ok(Target::Syslog(socket.into())),
        Some(("syslog", _)) | None if text.is_empty() || text.ends_with(':') => {
            Err("write a file, - for standard output, or syslog (syslog:SOCKET for another than /dev/log)")
        }
        _ => Ok(Target::File(text.into())),
    }
}
