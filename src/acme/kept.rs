//! What is kept of an authority in the data directory: the account there, and the certificate with its key. Each authority has a folder of
//! its own, so that a try with another one spoils nothing; only the server's user can read them.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    server::{InvalidPair, Pair},
    store::{OpenError, create_private_directory},
};

/// Where all authorities' folders are, in the data directory.
const FOLDER: &str = "acme";
const ACCOUNT: &str = "account.json";
const CERTIFICATE: &str = "certificate.pem";

/// The folder of one authority.
#[derive(Debug, Clone)]
pub(super) struct Kept(PathBuf);

/// An account, and what the authority was last told of it.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptAccount {
    pub(super) contact: Vec<String>,
    /// As instant-acme writes them, with the account's key.
    pub(super) credentials: Value,
}

impl Kept {
    /// Makes the folder if it isn't there.
    pub(super) fn open(data: &Path, directory: &Url) -> Result<Self, OpenError> {
        let folder = data.join(FOLDER).join(name(directory));
        create_private_directory(&folder)?;
        Ok(Self(folder))
    }

    /// The account, if there is one that can be read: without it another one is made.
    pub(super) fn account(&self) -> Option<KeptAccount> {
        let json = fs::read(self.0.join(ACCOUNT)).map(Zeroizing::new).ok()?;
        serde_json::from_slice(&json).ok()
    }

    pub(super) fn keep_account(&self, account: &KeptAccount) -> io::Result<()> {
        self.write(ACCOUNT, &Zeroizing::new(serde_json::to_vec(account)?))
    }

    pub(super) fn forget_account(&self) -> io::Result<()> {
        fs::remove_file(self.0.join(ACCOUNT))
    }

    /// The certificate and its key, if there are any.
    pub(super) fn certificate(&self) -> Result<Option<Pair>, InvalidPair> {
        let path = self.certificate_path();
        match fs::read(&path).map(Zeroizing::new) {
            Ok(pem) => Pair::of(&pem, &path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(InvalidPair::Read { path, source }),
        }
    }

    /// Where they are.
    pub(super) fn certificate_path(&self) -> PathBuf {
        self.0.join(CERTIFICATE)
    }

    /// Both are one file: never a new one with the other's old one.
    pub(super) fn keep_certificate(&self, pem: &[u8]) -> io::Result<()> {
        self.write(CERTIFICATE, pem)
    }

    /// The file is there whole or as it was, after a power cut too. A temporary one is its owner's alone.
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".ots-").tempfile_in(&self.0)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(self.0.join(name)).map_err(|error| error.error)?;
        // Only Unix lets a directory be opened, and has this need.
        let _ = File::open(&self.0).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

/// A URL as the name of a folder: `acme-v02.api.letsencrypt.org_directory`.
fn name(directory: &Url) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '.';
    let url = directory.as_str().trim_start_matches("https://");
    url.chars().map(|character| if plain(character) { character } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_have_folders_of_their_own() {
        for (url, folder) in [
            ("https://acme-v02.api.letsencrypt.org/directory", "acme-v02.api.letsencrypt.org_directory"),
            ("https://[::1]:14000/dir?a=b", "___1__14000_dir_a_b"),
            ("https://ca.example/../..", "ca.example_"),
        ] {
            assert_eq!(name(&url.parse().unwrap()), folder);
        }
    }

    #[test]
    fn what_is_kept_is_its_owners_and_whole() {
        let data = tempfile::tempdir().unwrap();
        let kept = Kept::open(data.path(), &"https://ca.example/".parse().unwrap()).unwrap();
        assert!(kept.account().is_none() && kept.certificate().unwrap().is_none());
        for content in [&b"first"[..], b"second"] {
            kept.keep_certificate(content).unwrap();
            assert_eq!(fs::read(kept.certificate_path()).unwrap(), content);
        }
        assert!(matches!(kept.certificate(), Err(InvalidPair::NoCertificate { .. })));
        fs::write(kept.0.join(ACCOUNT), "{}").unwrap();
        assert!(kept.account().is_none(), "another one is made in its place");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&data.path().join(FOLDER)), mode(&kept.0)), (0o700, 0o700));
            assert_eq!(mode(&kept.certificate_path()), 0o600);
        }
        assert_eq!(fs::read_dir(&kept.0).unwrap().count(), 2, "nothing temporary stays");
    }
}
