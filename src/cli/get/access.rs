//! What opens a secret, found before anything is claimed.

use zeroize::Zeroizing;

use super::Get;
use crate::{
    api::Status,
    cli::{Exit, Failure, Global},
    crypto::envelope::Keys,
    secret::{Link, LinkKey, Passphrase},
};

/// What opens a secret.
pub(super) enum Access {
    /// The server opens it, for whoever has its passphrase if there is one.
    Plain(Option<Passphrase>),
    /// It is opened here; the server wants the proof.
    EndToEnd { keys: Keys, passphrase: bool },
}

impl Get {
    /// What this secret needs, found before anything is claimed.
    pub(super) fn access(&self, global: &Global, link: &Link, status: &Status) -> Result<Access, Failure> {
        let key = if status.encrypted { Some(self.key(link)?) } else { None };
        if key.is_none() && (link.key.is_some() || self.key_file.is_some()) {
            let message = if link.key.is_some() {
                "this secret isn't end-to-end encrypted, but the link has a key after #: is it the right link? Nothing was \
                 read; leave the part after # out to read it all the same"
            } else {
                "this secret isn't end-to-end encrypted, so it has no key: is it the right link? Nothing was read; leave \
                 --key-file out to read it all the same"
            };
            return Err(Failure::new(Exit::Usage, message));
        }
        if key.is_none() && self.remote_name {
            let message = "this secret isn't end-to-end encrypted, so the sender gave it no name: use -o FILE; nothing was \
                           read";
            return Err(Failure::new(Exit::Usage, message));
        }
        let passphrase = status.passphrase_required.then(|| self.passphrase.for_reading(global)).transpose()?;
        let Some(key) = key else { return Ok(Access::Plain(passphrase)) };
        let keys = Keys::derive(&key, passphrase.as_ref())
            .map_err(|error| Failure::new(Exit::Other, format!("the key can't be used: {error}")))?;
        Ok(Access::EndToEnd { keys, passphrase: passphrase.is_some() })
    }

    /// The end-to-end key: from the link, or from a file that came another way.
    fn key(&self, link: &Link) -> Result<LinkKey, Failure> {
        let (text, place) = match (&link.key, &self.key_file) {
            (Some(_), Some(_)) => {
                return Err(Failure::new(Exit::Usage, "the link has its key already: leave --key-file out"));
            }
            (Some(text), None) => (text.clone(), "the part after # in the link".to_owned()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
                (Zeroizing::new(text), path.display().to_string())
            }
            (None, None) => {
                let message = "this secret is end-to-end encrypted and the link isn't whole: the part after # is missing. \
                               Ask the sender for the whole link, or for the key and give it with --key-file; nothing was \
                               read";
                return Err(Failure::new(Exit::Refused, message));
            }
        };
        text.trim().parse().map_err(|error| {
            Failure::new(Exit::Refused, format!("{place} isn't a whole key: {error}; nothing was read"))
        })
    }
}
