//! TLS to the database: rustls with ring, to a server whose certificate names it.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{address::Tls, error::StartError};

/// What connects with that. Without TLS it is there, and never used.
pub(super) fn connector(tls: &Tls) -> Result<MakeRustlsConnect, StartError> {
    let provider = Arc::new(ring::default_provider());
    let config = match tls {
        Tls::None => trusting(provider, RootCertStore::empty())?,
        Tls::Verified { roots: Some(path) } => trusting(provider, read(path)?)?,
        Tls::Verified { roots: None } => {
            let built = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            let built = built.and_then(BuilderVerifierExt::with_platform_verifier).map_err(StartError::tls)?;
            built.with_no_client_auth()
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn trusting(provider: Arc<CryptoProvider>, roots: RootCertStore) -> Result<ClientConfig, StartError> {
    let built = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(built.map_err(StartError::tls)?.with_root_certificates(roots).with_no_client_auth())
}

/// The certificates of a file in PEM.
fn read(path: &Path) -> Result<RootCertStore, StartError> {
    let wrong = |why: String| StartError::Roots { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("it has no certificate".to_owned())) } else { Ok(roots) }
}
