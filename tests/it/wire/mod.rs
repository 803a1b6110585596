//! What the server is reached over: TLS, its certificates, its sockets.

#[cfg(all(unix, feature = "acme"))]
mod acme;
mod certificates;
#[cfg(target_os = "linux")] // its /proc
mod process;
mod reload;
#[cfg(unix)]
mod sockets;
mod tls;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use reqwest::{Certificate, Client, ClientBuilder};

use crate::common::{SECRET_KEY, Server, directory, ots};

/// Somebody whom clients trust for certificates, or don't.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    pub(super) directory: tempfile::TempDir,
}

/// A certificate and its key, in PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        // Each has a name of its own.
        let name = data_encoding::HEXLOWER.encode(&key.public_key_raw()[1..9]);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        let directory = directory();
        std::fs::write(directory.path().join("ca.pem"), &pem).unwrap();
        Self { issuer: Issuer::new(params, key), pem, directory }
    }

    /// For names, until the end of a year.
    pub(super) fn issue(&self, names: &[&str], until: i32) -> Pair {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 12, 31);
        let key = KeyPair::generate().unwrap();
        Pair { certificate: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    /// For a user, by their name.
    #[cfg(all(unix, feature = "postgres"))]
    pub(super) fn issue_to(&self, user: &str) -> Pair {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, user);
        let key = KeyPair::generate().unwrap();
        Pair { certificate: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    /// For this machine.
    pub(super) fn issue_here(&self) -> Pair {
        self.issue(&["127.0.0.1", "localhost"], 2999)
    }

    /// A file beside its own certificate.
    pub(super) fn keep(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Puts a pair where a server finds it.
    pub(super) fn install(&self, pair: &Pair) -> (PathBuf, PathBuf) {
        (self.keep("cert.pem", &pair.certificate), self.keep("key.pem", &pair.key))
    }

    /// A client that trusts it alone.
    pub(super) fn client(&self) -> ClientBuilder {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trusted = Certificate::from_pem(self.pem.as_bytes()).unwrap();
        Client::builder().no_proxy().tls_certs_only([trusted]).timeout(Duration::from_secs(60))
    }

    /// `ots` as a client that trusts it.
    pub(super) fn ots(&self, arguments: &[&str]) -> Command {
        let mut command = ots();
        command.env("OTS_CA_CERT", self.directory.path().join("ca.pem")).args(arguments);
        command
    }
}

/// `ots serve` with a certificate, on a free port.
pub(super) fn serving(data: &Path, (certificate, key): &(PathBuf, PathBuf)) -> Command {
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
    command.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
    command
}

/// A server with a certificate for this machine.
pub(super) fn start(data: &Path, authority: &Authority) -> Server {
    let mut command = serving(data, &authority.install(&authority.issue_here()));
    command.arg("-v");
    Server::spawn(command).unwrap()
}
