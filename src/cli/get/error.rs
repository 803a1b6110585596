//! Why `get` gave nothing. Up to the claim nothing was read; after it, the error says how to ask again.

use std::path::PathBuf;

use super::CLAIM;
use crate::{
    cli::{
        error::{CallError, CommandError, Exit, FileError, OutputError},
        link::LinkError,
        passphrase::PassphraseError,
    },
    client::ClientError,
    crypto::{CryptoError, envelope::OpenError},
    secret::{ClaimKey, InvalidLinkKey, NoRandomness},
};

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum GetError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{CLAIM} isn't a claim: copy it from the message that named it, or unset it")]
    ClaimVariable,
    #[error(
        "this secret isn't end-to-end encrypted, or so the server says, but the link has a key after #: is it the right link? \
         Nothing was read; leave the part after # out to read it all the same: the server then gets the passphrase, if it has one"
    )]
    KeyInLinkOfPlain,
    #[error(
        "this secret isn't end-to-end encrypted, or so the server says, and so has no key: is it the right link? Nothing was \
         read; leave --key-file out to read it all the same: the server then gets the passphrase, if it has one"
    )]
    KeyFileForPlain,
    #[error("this secret isn't end-to-end encrypted, so the sender gave it no name: use -o FILE; nothing was read")]
    NoName,
    #[error("the link has its key already: leave --key-file out")]
    TwoKeys,
    #[error(
        "this secret is end-to-end encrypted and the link isn't whole: the part after # is missing. Ask the sender for the \
         whole link, or for the key and give it with --key-file; nothing was read"
    )]
    NoKey,
    #[error(
        "this link ends in #, so its key comes another way: ask the sender for it and give it with --key-file; nothing was read"
    )]
    KeyApart,
    #[error(
        "this link ends in #, so the secret is end-to-end encrypted, but the server says that it isn't: don't trust it, and ask \
         the sender. Nothing was read, and no passphrase was sent"
    )]
    MarkedAsPlain,
    #[error("{place} isn't a whole key: {error}; nothing was read")]
    BadKey { place: String, error: InvalidLinkKey },
    #[error("the key can't be used: {0}")]
    UnusableKey(CryptoError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{} exists: choose another name, or --force to replace it; nothing was read", .0.display())]
    Exists(PathBuf),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("what came can't be decrypted: {0}")]
    Damaged(OpenError),
    #[error("the secret isn't text, so it isn't shown on a terminal: save it with -o FILE, or pipe it")]
    NotText,
    #[error("{0} exists, and every name like it: save the secret with -o FILE")]
    NamesTaken(String),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("interrupted; {}", how_to_ask_again(.0))]
    Interrupted(ClaimKey),
    /// The secret has been claimed, and what came after failed.
    #[error("{error}; {}", how_to_ask_again(.claim))]
    Claimed { error: Box<GetError>, claim: ClaimKey },
}

fn how_to_ask_again(claim: &ClaimKey) -> String {
    format!("the secret is kept for you for half a minute: {CLAIM}={} ots get LINK (the same link)", claim.expose())
}

impl From<ClientError> for GetError {
    fn from(error: ClientError) -> Self {
        Self::Call(error.into())
    }
}

impl CommandError for GetError {
    fn exit(&self) -> Exit {
        match self {
            Self::Link(error) => error.exit(),
            Self::Call(error) => error.exit(),
            Self::ClaimVariable | Self::KeyInLinkOfPlain | Self::KeyFileForPlain | Self::NoName | Self::TwoKeys => {
                Exit::Usage
            }
            Self::NoKey | Self::KeyApart | Self::MarkedAsPlain | Self::BadKey { .. } => Exit::Refused,
            Self::UnusableKey(_) | Self::Randomness(_) => Exit::Other,
            Self::Passphrase(error) => error.exit(),
            Self::File(error) => error.exit(),
            Self::Exists(_) | Self::NotText | Self::NamesTaken(_) => Exit::File,
            Self::Damaged(_) => Exit::Damaged,
            Self::Output(error) => error.exit(),
            Self::Interrupted(_) => Exit::Interrupted,
            Self::Claimed { error, .. } => error.exit(),
        }
    }
}
