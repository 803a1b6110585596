//! Where the server is reached, and over what.

use std::path::PathBuf;

use clap::Args;

use super::acme::AcmeArgs;
use crate::{
    cli::{
        listen::{self, ListenAt},
        serve::ServeError,
    },
    server::Files,
};

/// Where the server is reached, and over what.
#[derive(Debug, Args)]
pub(in crate::cli::serve) struct WireArgs {
    /// Where to listen, several times too: HOST:PORT, unix:PATH, or fd: for systemd's sockets
    #[arg(short, long, value_name = "ADDR", env = "OTS_LISTEN", default_value = "127.0.0.1:8000")]
    #[arg(value_delimiter = ',', value_parser = ListenAt::parse)]
    pub(in crate::cli::serve) listen: Vec<ListenAt>,
    /// Who may connect to unix:PATH, in octal
    #[arg(long, value_name = "MODE", env = "OTS_SOCKET_MODE", default_value = "0660", value_parser = listen::mode)]
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no such sockets"))]
    pub(in crate::cli::serve) socket_mode: u32,
    /// Serve https, with the certificate in this PEM file
    #[arg(long, value_name = "FILE", env = "OTS_TLS_CERT", value_hint = clap::ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,
    /// And its private key, in PEM
    #[arg(long, value_name = "FILE", env = "OTS_TLS_KEY", value_hint = clap::ValueHint::FilePath)]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli::serve) acme: AcmeArgs,
}

impl WireArgs {
    /// The certificate and its key, if they come from files.
    pub(in crate::cli::serve) fn files(&self) -> Result<Option<Files>, ServeError> {
        self.acme.check()?;
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), _) | (_, Some(_)) if !self.acme.acme.is_empty() => Err(ServeError::TwoCertificates),
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Files { certificate: certificate.clone(), key: key.clone() })),
            _ => Err(ServeError::HalfAPair),
        }
    }

    /// Whether nobody but this machine reaches the server, as far as can be known: what systemd opened isn't.
    pub(in crate::cli::serve) fn is_loopback(&self) -> bool {
        self.listen.iter().all(|place| match place {
            ListenAt::Tcp(address) => address.ip().is_loopback(),
            ListenAt::Unix(_) => true,
            ListenAt::Inherited(_) => false,
        })
    }

    /// Whether it listens where only a proxy on this machine asks, by the name that it was told.
    pub(in crate::cli::serve) fn is_behind_a_proxy(&self) -> bool {
        self.listen.iter().any(|place| matches!(place, ListenAt::Unix(_)))
    }

    /// Whether others than this machine's programs reach it without TLS.
    pub(in crate::cli::serve) fn is_in_clear(&self) -> bool {
        self.tls_cert.is_none()
            && self.acme.acme.is_empty()
            && self.listen.iter().any(|place| matches!(place, ListenAt::Tcp(address) if !address.ip().is_loopback()))
    }

    /// Whether it takes sockets from the service manager.
    #[cfg(unix)]
    pub(in crate::cli::serve) fn inherits(&self) -> bool {
        self.listen.iter().any(|place| matches!(place, ListenAt::Inherited(_)))
    }
}
