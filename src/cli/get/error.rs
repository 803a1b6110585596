//! Why `get` gave nothing. Up to the claim nothing was read; after it, the error says how to ask again.

use std::{io, path::PathBuf};

use super::{CLAIM, again::AskAgain};
use crate::{
    cli::{
        error::{CallError, CommandError, Exit, FileError, OutputError},
        interrupt::Interrupt,
        link::LinkError,
        passphrase::PassphraseError,
    },
    client::ClientError,
    crypto::{
        CryptoError,
        envelope::OpenError,
        sealed_box::{self, KeysError},
    },
    secret::{InvalidLinkKey, NoRandomness},
};

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum GetError {
    #[error("can't listen for signals: {0}")]
    Start(io::Error),
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{CLAIM} isn't a claim: copy it from the message that named it, or unset it")]
    ClaimVariable,
    #[error("the secret is gone: the time of the claim in {CLAIM} is over, or it is another secret's claim")]
    ClaimOver,
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
    #[error("{place} {error}; nothing was read")]
    BadKey { place: String, error: InvalidLinkKey },
    #[error("the key can't be used: {0}")]
    UnusableKey(CryptoError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0}; nothing was read")]
    Unwritable(FileError),
    #[error("{} exists: choose another name, or --force to replace it; nothing was read", .0.display())]
    Exists(PathBuf),
    #[error("{} isn't a regular file, so it isn't written to: choose another name, or -o - for a pipe; nothing was read", .0.display())]
    NotAFile(PathBuf),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("what came can't be decrypted: {0}")]
    Damaged(OpenError),
    #[error("what came isn't the answer to this request: {0}")]
    NoAnswer(sealed_box::OpenError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("nobody has answered the request yet: --wait waits for it")]
    NotAnswered,
    #[error(
        "the request is gone: its answer was collected or burned, or it was taken back, or has expired; ots status says which"
    )]
    RequestGone,
    #[error("only the answer to a request is waited for: give the request's file, or leave --wait out")]
    NothingToWaitFor,
    #[error("a request's key is in its file: leave --key-file out")]
    KeyFileForAnswer,
    #[error("the secret isn't text, so it isn't shown on a terminal: save it with -o FILE, or pipe it")]
    NotText,
    #[error("{0} exists, and every name like it: save the secret with -o FILE")]
    NamesTaken(String),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("{interrupt}{outcome}")]
    Interrupted { interrupt: Interrupt, outcome: &'static str },
    /// The secret has been claimed, and what came after failed.
    #[error("{error}; {again}")]
    Claimed { error: Box<GetError>, again: AskAgain },
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
            Self::ClaimVariable
            | Self::KeyInLinkOfPlain
            | Self::KeyFileForPlain
            | Self::NoName
            | Self::TwoKeys
            | Self::NothingToWaitFor
            | Self::KeyFileForAnswer => Exit::Usage,
            Self::NoKey
            | Self::KeyApart
            | Self::MarkedAsPlain
            | Self::BadKey { .. }
            | Self::Keys(
                KeysError::PassphraseNeeded | KeysError::NoPassphrase | KeysError::WrongPassphrase | KeysError::Key,
            ) => Exit::Refused,
            Self::Start(_) | Self::UnusableKey(_) | Self::Randomness(_) | Self::Keys(_) => Exit::Other,
            Self::ClaimOver | Self::RequestGone => Exit::Gone,
            Self::NotAnswered => Exit::Open,
            Self::Passphrase(error) => error.exit(),
            Self::File(error) | Self::Unwritable(error) => error.exit(),
            Self::Exists(_) | Self::NotAFile(_) | Self::NotText | Self::NamesTaken(_) => Exit::File,
            Self::Damaged(_) | Self::NoAnswer(_) => Exit::Damaged,
            Self::Output(error) => error.exit(),
            Self::Interrupted { interrupt, .. } => interrupt.exit(),
            Self::Claimed { error, .. } => error.exit(),
        }
    }

    /// A reader that went away with a part of the secret untaken may want to ask again.
    fn is_told(&self) -> bool {
        matches!(self, Self::Claimed { .. }) || self.exit() != Exit::BrokenPipe
    }
}
