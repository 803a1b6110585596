//! Where the server is reached, and over what.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::{
    cli::{serve::ServeError, values},
    server::Files,
};

/// Where the server is reached, and over what.
#[derive(Debug, Args)]
pub(in crate::cli::serve) struct WireArgs {
    /// The address and port to listen on; can be given several times
    #[arg(short, long, value_name = "ADDR", env = "OTS_LISTEN", default_value = "127.0.0.1:8000")]
    #[arg(value_delimiter = ',', value_parser = values::listen)]
    pub(in crate::cli::serve) listen: Vec<SocketAddr>,
    /// Serve https, with the certificate in this PEM file
    #[arg(long, value_name = "FILE", env = "OTS_TLS_CERT", value_hint = clap::ValueHint::FilePath)]
    tls_cert: Option<PathBuf>,
    /// And its private key, in PEM
    #[arg(long, value_name = "FILE", env = "OTS_TLS_KEY", value_hint = clap::ValueHint::FilePath)]
    tls_key: Option<PathBuf>,
}

impl WireArgs {
    /// The certificate and its key, if there are to be any.
    pub(in crate::cli::serve) fn files(&self) -> Result<Option<Files>, ServeError> {
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Files { certificate: certificate.clone(), key: key.clone() })),
            _ => Err(ServeError::HalfAPair),
        }
    }

    /// Whether nobody but this machine reaches the server.
    pub(in crate::cli::serve) fn is_loopback(&self) -> bool {
        self.listen.iter().all(|address| address.ip().is_loopback())
    }
}
