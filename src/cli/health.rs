//! `ots health`: for container health checks, which know only 0 and 1.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use url::Url;

use super::{
    Global,
    error::{CallError, CommandError, Exit, OutputError},
    listen::ListenAt,
    said::one_line,
    terminal,
};
use crate::client::Way;

/// Where a server listens that wasn't told otherwise.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// Exit with 0 if the server does its work, else with 1
///
/// For container health checks: needs neither shell nor curl. A server that works though something is wrong is degraded: that is
/// said, and is 0 too.
#[derive(Debug, clap::Args)]
pub(super) struct Health {
    /// Where the server on this machine listens, as it was told itself; for when no --server is given
    #[arg(short, long, value_name = "ADDR", env = "OTS_LISTEN", value_delimiter = ',', value_parser = ListenAt::parse)]
    listen: Vec<ListenAt>,
    /// The certificate that it serves with: it is asked by https, and on a loopback address may show any
    #[arg(long, value_name = "FILE", env = "OTS_TLS_CERT", value_hint = clap::ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,
    /// The names that it orders a certificate for: the same
    #[arg(long, value_name = "DOMAIN", env = "OTS_ACME", value_delimiter = ',')]
    acme: Vec<String>,
}

/// Why the server doesn't count as healthy.
#[derive(Debug, thiserror::Error)]
pub(super) enum HealthError {
    #[error("unhealthy: {0}")]
    Call(CallError),
    /// Why, as far as the server says it.
    #[error("unhealthy: its database is {0}")]
    Database(String),
    #[error("unhealthy: it says that it is {0}")]
    Other(String),
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl CommandError for HealthError {
    fn exit(&self) -> Exit {
        match self {
            Self::Call(_) | Self::Database(_) | Self::Other(_) => Exit::Other,
            Self::Output(error) => error.exit(),
        }
    }
}

impl Health {
    pub(super) async fn run(&self, global: &Global) -> Result<(), HealthError> {
        let here = if global.server_is_given { None } else { self.here() };
        let (server, way) = here.map_or((None, Way::Usual), |(server, way)| (Some(server), way));
        let client = global.client_by(server, way).map_err(HealthError::Call)?;
        let health = client.health().await.map_err(|error| HealthError::Call(error.into()))?;
        match health.status.as_str() {
            "healthy" | "degraded" => {}
            "unhealthy" => {
                let why = health.problems.first().map(|problem| format!(": {}", one_line(&problem.detail)));
                return Err(HealthError::Database(one_line(&health.database) + &why.unwrap_or_default()));
            }
            other => return Err(HealthError::Other(one_line(other))),
        }
        if global.quiet {
            return Ok(());
        }
        if global.json {
            terminal::answer_json(&health)?;
        } else {
            let mut text = format!("{}\n", one_line(&health.status));
            for problem in &health.problems {
                text.push_str(&format!("{}: {}\n", one_line(&problem.code), one_line(&problem.detail)));
            }
            terminal::answer(text.as_bytes())?;
        }
        Ok(())
    }
}

impl Health {
    /// The server on this machine, as far as it is known otherwise than by --server's default.
    fn here(&self) -> Option<(Url, Way)> {
        let tls = self.tls_cert.is_some() || !self.acme.is_empty();
        let by_address = |address: SocketAddr| {
            let (scheme, way) = if tls { ("https", Way::AnyCertificateHere) } else { ("http", Way::Usual) };
            root_at(scheme, address).map(|root| (root, way))
        };
        let known = self.listen.iter().find(|place| !matches!(place, ListenAt::Inherited(_)));
        match known {
            Some(ListenAt::Tcp(address)) => by_address(*address),
            Some(ListenAt::Unix(path)) => root_at("http", DEFAULT).map(|root| (root, Way::Socket(path.clone()))),
            None if tls => by_address(DEFAULT),
            Some(ListenAt::Inherited(_)) | None => None,
        }
    }
}

/// The root of a server that listens there; one that listens on every address is asked on this machine's own.
fn root_at(scheme: &str, listen: SocketAddr) -> Option<Url> {
    let address = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    Url::parse(&format!("{scheme}://{}/", SocketAddr::new(address, listen.port()))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_this_machines_own() {
        for (listen, root) in [
            ("0.0.0.0:9204", "http://127.0.0.1:9204/"),
            ("[::]:9204", "http://[::1]:9204/"),
            ("127.0.0.2:80", "http://127.0.0.2/"),
            ("[::1]:8000", "http://[::1]:8000/"),
        ] {
            assert_eq!(root_at("http", listen.parse().unwrap()).unwrap().as_str(), root);
        }
    }
}
