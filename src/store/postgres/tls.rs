//! TLS to the database: rustls with ring, to a server whose certificate names it.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    address::{Own, Tls},
    error::StartError,
    password,
};

/// What connects with that. Without TLS it is there, and never used.
pub(super) fn connector(tls: &Tls) -> Result<MakeRustlsConnect, StartError> {
    let built = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let built = built.with_safe_default_protocol_versions().map_err(StartError::tls)?;
    let config = match tls {
        Tls::None => built.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
        Tls::Verified { roots: Some(path), own } => showing(built.with_root_certificates(read(path)?), own.as_ref())?,
        Tls::Verified { roots: None, own } => {
            showing(built.with_platform_verifier().map_err(StartError::tls)?, own.as_ref())?
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

/// With the user's certificate, if there is one.
fn showing(built: ConfigBuilder<ClientConfig, WantsClientCert>, own: Option<&Own>) -> Result<ClientConfig, StartError> {
    let Some(Own { certificate, key }) = own else { return Ok(built.with_no_client_auth()) };
    let wrong = |option, path: &Path, why: String| StartError::OwnCertificate { option, path: path.to_owned(), why };
    let chain = certificates(certificate).map_err(|why| wrong("sslcert", certificate, why))?;
    let pem = password::read(key).map_err(|error| wrong("sslkey", key, error.to_string()))?;
    let parsed = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| wrong("sslkey", key, error.to_string()))?;
    // Which fails when they don't belong together, too.
    built.with_client_auth_cert(chain, parsed).map_err(|error| wrong("sslkey", key, error.to_string()))
}

/// The certificates of a file in PEM.
fn read(path: &Path) -> Result<RootCertStore, StartError> {
    let wrong = |why: String| StartError::Roots { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path).map_err(wrong)? {
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| error.to_string())?;
    if found.is_empty() { Err("it has no certificate".to_owned()) } else { Ok(found) }
}
