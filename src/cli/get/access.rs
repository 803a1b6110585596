//! What opens a secret, found before anything is claimed.

use zeroize::Zeroizing;

use super::{Get, GetError};
use crate::{
    api::Status,
    cli::{Global, error::FileError, interrupt::blocking},
    crypto::{envelope::Keys, sealed_box},
    secret::{Link, LinkKey, Passphrase},
};

/// What opens a secret.
pub(super) enum Access {
    /// The server opens it, for whoever has its passphrase if there is one.
    Plain(Option<Passphrase>),
    /// It is opened here; the server wants the proof.
    EndToEnd { keys: Keys, passphrase: bool },
    /// It is the answer to a request.
    Answer(Box<sealed_box::Keys>),
}

impl Get {
    /// What this secret needs, found before anything is claimed.
    pub(super) async fn access(&self, global: &Global, link: &Link, status: &Status) -> Result<Access, GetError> {
        if link.key_apart && !status.encrypted {
            return Err(GetError::MarkedAsPlain);
        }
        let key = if status.encrypted { Some(self.key(link)?) } else { None };
        if key.is_none() && (link.key.is_some() || self.key_file.is_some()) {
            return Err(if link.key.is_some() { GetError::KeyInLinkOfPlain } else { GetError::KeyFileForPlain });
        }
        if key.is_none() && self.remote_name {
            return Err(GetError::NoName);
        }
        let passphrase =
            if status.passphrase_required { Some(self.passphrase.for_reading(global).await?) } else { None };
        let Some(key) = key else { return Ok(Access::Plain(passphrase)) };
        let with_passphrase = passphrase.is_some();
        let keys = blocking(move || Keys::derive(&key, passphrase.as_ref())).await.map_err(GetError::UnusableKey)?;
        Ok(Access::EndToEnd { keys, passphrase: with_passphrase })
    }

    /// The end-to-end key: from the link, or from a file that came another way.
    fn key(&self, link: &Link) -> Result<LinkKey, GetError> {
        let (text, place) = match (&link.key, &self.key_file) {
            (Some(_), Some(_)) => return Err(GetError::TwoKeys),
            (Some(text), None) => (text.clone(), "the key after # in the link".to_owned()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(FileError::new("read", path))?;
                (Zeroizing::new(text), format!("the key in {}", path.display()))
            }
            (None, None) if link.key_apart => return Err(GetError::KeyApart),
            (None, None) => return Err(GetError::NoKey),
        };
        text.trim().parse().map_err(|error| GetError::BadKey { place, error })
    }
}
