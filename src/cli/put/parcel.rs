//! What `put` sends for one reader, and the file for its key.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use zeroize::Zeroizing;

use super::{Put, PutError};
use crate::{
    api::{Code, Created},
    cli::{Global, interrupt::blocking, new_file::NewFile, terminal::Progress},
    client::{Client, ClientError, Create},
    crypto::envelope::{self, Label},
    secret::{LinkKey, Passphrase},
};

/// Contents above this many bytes are sent only after the server's limit was asked: a server that closes while a large
/// body is on its way is seen as a broken connection.
pub(super) const ASK_ABOVE: usize = 64 * 1024;

impl Put {
    /// What is sent: the content as it is, or its envelope under a new key.
    pub(super) async fn pack(
        &self,
        content: &Bytes,
        ttl: Option<Duration>,
        passphrase: Option<&Passphrase>,
    ) -> Result<Parcel, PutError> {
        if !self.encrypt {
            let create = Create { ttl, passphrase: passphrase.cloned(), ..Create::default() };
            return Ok(Parcel { body: content.clone(), create, key: None });
        }
        let (content, label, own) = (content.clone(), self.label(), passphrase.cloned());
        let sealed = blocking(move || envelope::seal(&content, &label, own.as_ref())).await?;
        let create = Create {
            ttl,
            passphrase: Some(sealed.proof),
            encrypted: true,
            passphrase_required: passphrase.is_some(),
            ..Create::default()
        };
        Ok(Parcel { body: sealed.envelope.into(), create, key: Some(sealed.key) })
    }

    /// The name that was given, else the file's; and the media type that goes with it.
    pub(super) fn label(&self) -> Label {
        let of_file = || {
            let name = self.file.as_deref()?.file_name()?;
            (name != "-").then(|| name.to_string_lossy().into_owned())
        };
        let name = self.name.clone().or_else(of_file).filter(|name| !name.is_empty());
        let media_type = name.as_deref().and_then(|name| mime_guess::from_path(name).first_raw());
        Label { name: name.map(Zeroizing::new), media_type: media_type.map(str::to_owned) }
    }
}

/// What is sent for one reader.
pub(super) struct Parcel {
    pub(super) body: Bytes,
    pub(super) create: Create,
    pub(super) key: Option<LinkKey>,
}

/// A key's file, written before anything is sent: a key that can't be kept costs nobody a secret. It is removed again
/// unless it is kept.
pub(super) struct KeyFile<'a>(Option<&'a Path>);

impl<'a> KeyFile<'a> {
    pub(super) fn write(path: Option<&'a Path>, key: Option<&LinkKey>) -> Result<Self, PutError> {
        let (Some(path), Some(key)) = (path, key) else { return Ok(Self(None)) };
        let line = Zeroizing::new(format!("{}\n", key.expose().as_str()).into_bytes());
        let mut file = NewFile::create(path)?;
        file.write(&line)?;
        match file.place(path, false) {
            Ok(()) => Ok(Self(Some(path))),
            Err((_, Some(_))) => Err(PutError::KeyFileExists(path.to_owned())),
            Err((error, None)) => Err(error.into()),
        }
    }

    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for KeyFile<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

pub(super) async fn store(global: &Global, client: &Client, parcel: &Parcel) -> Result<Created, PutError> {
    let total = u64::try_from(parcel.body.len()).unwrap_or(u64::MAX);
    let shown = Progress::new(global, "sending", total);
    let outcome = client.create(parcel.body.clone(), &parcel.create, Box::new(move |sent| shown.at(sent))).await;
    match outcome {
        // A server that refuses a body may close before its answer is read: ask what it takes.
        Err(ClientError::Unreachable { .. }) if parcel.body.len() > ASK_ABOVE => {
            check_size(client, parcel).await?;
            Ok(outcome?)
        }
        Err(ClientError::Problem(problem)) if problem.code == Code::TooLarge => {
            check_size(client, parcel).await?;
            Err(ClientError::Problem(problem).into())
        }
        Err(ClientError::Problem(problem)) if problem.code == Code::KeyRequired => {
            Err(if parcel.create.key.is_some() { PutError::KeyRefused } else { PutError::KeyWanted })
        }
        outcome => Ok(outcome?),
    }
}

pub(super) async fn check_size(client: &Client, parcel: &Parcel) -> Result<(), PutError> {
    let max = client.info().await?.max_size;
    let size = parcel.body.len();
    if u64::try_from(size).is_ok_and(|size| size <= max) {
        return Ok(());
    }
    Err(PutError::TooLarge { size, encrypted: parcel.create.encrypted, max })
}
