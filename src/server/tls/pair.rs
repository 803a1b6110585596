//! A certificate and its key, as they are read from PEM: together they work, or it is said why they don't.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use rustls::{
    Error as RustlsError, InconsistentKeys,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
    sign::CertifiedKey,
};
use x509_cert::{
    Certificate, Version,
    der::Decode as _,
    ext::pkix::{BasicConstraints, SubjectAltName, name::GeneralName},
};
use zeroize::Zeroizing;

use crate::memory::read_regular;

/// Bytes of a file at most: a chain of a few certificates has some thousand.
const LARGEST: u64 = 1 << 20;

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The server's certificate, and those that lead from it to an authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why a certificate and a key can't be used. Nothing of what is in them is in it.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPair {
    /// A file can't be read.
    #[error("can't read {}: {}", .path.display(), .source.to_string().split(" (os error").next().unwrap_or_default())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No certificate is in the file.
    #[error("{} has no certificate in PEM (-----BEGIN CERTIFICATE-----){}", .path.display(), if *.key { "; it has a key: change the two files round" } else { "" })]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// Whether there is a key instead.
        key: bool,
    },
    /// No key is in the file.
    #[error("{} has no private key in PEM (-----BEGIN PRIVATE KEY-----)", .0.display())]
    NoKey(PathBuf),
    /// The key needs a passphrase.
    #[error("the key in {} is encrypted, and nobody is there to ask: decrypt it with openssl pkey -in FILE -out KEY", .0.display())]
    EncryptedKey(PathBuf),
    /// It isn't PEM as it should be.
    #[error("{} is damaged: it isn't PEM as it should be", .0.display())]
    Pem(PathBuf),
    /// The certificate can't be read.
    #[error("the first certificate in {} can't be understood", .0.display())]
    Certificate(PathBuf),
    /// The certificate is of an older version than clients take.
    #[error("the first certificate in {} is of X.509 version 1, without names, which no client takes: give openssl x509 an -extfile with subjectAltName", .0.display())]
    OldVersion(PathBuf),
    /// The key is of a kind that isn't known.
    #[error("the key in {} is of a kind that can't be used: make one of ECDSA (P-256, P-384), Ed25519 or RSA (2048 bits and more)", .0.display())]
    UnusableKey(PathBuf),
    /// They don't belong together.
    #[error("the key in {} isn't that of the first certificate in {}: the server's own has to come first", .key.display(), .certificate.display())]
    Mismatch {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
    },
}

/// A certificate with its key, and for how long it is valid.
#[derive(Debug)]
pub struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) begins: Timestamp,
    pub(super) ends: Timestamp,
}

impl Pair {
    /// Of PEM that has both, as it is kept in a file at `path`.
    ///
    /// # Errors
    /// [`InvalidPair`], which names that file.
    pub fn of(pem: &[u8], path: &Path) -> Result<Self, InvalidPair> {
        let files = Files { certificate: path.to_owned(), key: path.to_owned() };
        Self::from_pem(pem, pem, &files, &ring::default_provider())
    }

    /// From when on the certificate is valid, and until when.
    #[must_use]
    pub fn validity(&self) -> (Timestamp, Timestamp) {
        (self.begins, self.ends)
    }

    /// The names of hosts that it is for.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let first = self.certified.cert.first().and_then(|first| Certificate::from_der(first).ok());
        let names = first.and_then(|first| first.tbs_certificate().get_extension::<SubjectAltName>().ok().flatten());
        let name = |name: &GeneralName| match name {
            GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
            _ => None,
        };
        names.iter().flat_map(|(_, SubjectAltName(names))| names).filter_map(name).collect()
    }

    /// Whether it is an authority's own, as openssl makes those that nobody signed: other programs take such a one for a server's, `ots get`
    /// doesn't.
    pub(super) fn is_an_authoritys(&self) -> bool {
        let first = self.certified.cert.first().and_then(|first| Certificate::from_der(first).ok());
        let constraints =
            first.and_then(|first| first.tbs_certificate().get_extension::<BasicConstraints>().ok().flatten());
        constraints.is_some_and(|(_, constraints)| constraints.ca)
    }

    pub(super) fn read(files: &Files, provider: &CryptoProvider) -> Result<Self, InvalidPair> {
        let certificates = read(&files.certificate)?;
        let key = read(&files.key)?;
        Self::from_pem(&certificates, &key, files, provider)
    }

    fn from_pem(
        certificates: &[u8],
        key: &[u8],
        files: &Files,
        provider: &CryptoProvider,
    ) -> Result<Self, InvalidPair> {
        let damaged = |path: &Path| InvalidPair::Pem(path.to_owned());
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<_, _>>()
            .map_err(|_| damaged(&files.certificate))?;
        let Some(first) = chain.first() else {
            let key = PrivateKeyDer::from_pem_slice(certificates).is_ok();
            return Err(InvalidPair::NoCertificate { path: files.certificate.clone(), key });
        };
        let unclear = || InvalidPair::Certificate(files.certificate.clone());
        let read = Certificate::from_der(first).map_err(|_| unclear())?;
        if read.tbs_certificate().version() != Version::V3 {
            return Err(InvalidPair::OldVersion(files.certificate.clone()));
        }
        let validity = read.tbs_certificate().validity();
        let time = |time: x509_cert::time::Time| Timestamp::try_from(time.to_system_time()).map_err(|_| unclear());
        let (begins, ends) = (time(validity.not_before)?, time(validity.not_after)?);

        // Both ways of saying so (RFC 7468 and RFC 1421) name it in a line of their own.
        if memchr::memmem::find(key, b"ENCRYPTED").is_some() {
            return Err(InvalidPair::EncryptedKey(files.key.clone()));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => InvalidPair::NoKey(files.key.clone()),
            _ => damaged(&files.key),
        })?;
        let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                InvalidPair::Mismatch { key: files.key.clone(), certificate: files.certificate.clone() }
            }
            RustlsError::InvalidCertificate(_) => unclear(),
            _ => InvalidPair::UnusableKey(files.key.clone()),
        })?;
        Ok(Self { certified: Arc::new(certified), begins, ends })
    }
}

/// The file, wiped when it has been used: it may hold a key.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, InvalidPair> {
    let read = read_regular(path, LARGEST).map(|(_, bytes)| bytes);
    read.map_err(|source| InvalidPair::Read { path: path.to_owned(), source })
}
