//! Why `put` stored nothing.

use std::{io, path::PathBuf};

use super::{api_key::ApiKeyError, printing::Left};
use crate::{
    cli::{
        error::{CallError, CommandError, Exit, FileError, OutputError},
        interrupt::Interrupt,
        passphrase::PassphraseError,
        terminal::PromptError,
    },
    client::ClientError,
    crypto::{CryptoError, envelope::SealError, sealed_box::InvitationError},
    secret::{InvalidRequestLink, NoRandomness},
};

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PutError {
    #[error("can't listen for signals: {0}")]
    Start(io::Error),
    #[error("{0}")]
    Interrupted(Interrupt),
    /// Something has been stored, or printed, and then it failed.
    #[error("{error}{left}")]
    Undone { error: Box<PutError>, left: Left },
    #[error("a name goes only with an end-to-end secret: add --encrypt")]
    NameNeedsEncrypt,
    #[error("only an end-to-end secret has a key: add --encrypt")]
    KeyNeedsEncrypt,
    #[error("each copy has a key of its own, and one file takes one key: leave --copies or --key-file out")]
    OneKeyAFile,
    #[error("--ttl is counted in whole seconds")]
    WholeSeconds,
    #[error("the file name is too long: give a shorter one with --name")]
    NameTooLong,
    /// The argument isn't repeated: somebody may have typed the secret itself.
    #[error(
        "there is no file of that name; put takes a file, or reads standard input: to store a text, \
         printf %s \"$TEXT\" | ots put"
    )]
    NoFile(#[source] io::Error),
    #[error("can't read standard input: {}", .0.kind())]
    Stdin(#[source] io::Error),
    #[error("there is nothing to store: the input is empty")]
    Empty,
    #[error("{} exists: choose another name for the key; nothing was sent", .0.display())]
    KeyFileExists(PathBuf),
    #[error("{} exists: choose another name for the receipt; nothing was sent", .0.display())]
    ReceiptFileExists(PathBuf),
    #[error("the server gave no receipt: it is older than this ots, or something between changed its answer")]
    NoReceipt,
    #[error("the server told no webhook of it: it is older than this ots, or something between changed its answer")]
    NoName,
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError),
    #[error(
        "this server stores secrets for those who have a key: ask its operator for one, and give it with --api-key-file or OTS_API_KEY"
    )]
    KeyWanted,
    #[error(
        "the server doesn't take this API key: it is another server's, or has expired, or was taken back; ask the server's operator"
    )]
    KeyRefused,
    #[error(transparent)]
    Crypto(CryptoError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the secret is too large: {size} bytes{}, and the server keeps at most {max}", padded(*.encrypted))]
    TooLarge { size: usize, encrypted: bool, max: u64 },
    #[error(
        "the answer is too large: {size} bytes with its encryption and padding, and whoever asked takes at most {max}"
    )]
    AnswerTooLarge { size: usize, max: u64 },
    #[error("the answer is too large: the request takes at most {0} bytes of it, with its encryption and padding")]
    AnswerOver(u64),
    #[error("{0}; the answer may have arrived: ask whoever asked for it before you send it another way")]
    MayHaveArrived(Box<PutError>),
    #[error(
        "{0}; the request is closed, so the answer seems to have arrived: ask whoever asked for it before you send it another way"
    )]
    HasArrived(Box<PutError>),
    #[error("the request is gone: answered, taken back or expired; ask whoever gave you its link for another")]
    RequestGone,
    #[error("that link collects an answer, and is for whoever asked alone; the link to answer with has /r/ in it")]
    ToCollecting,
    #[error(transparent)]
    To(#[from] InvalidRequestLink),
    #[error("{0}; nothing was sent")]
    Invitation(#[from] InvitationError),
    #[error("the server's answer has no token in it: is it an ots server?")]
    NoToken,
    #[error(transparent)]
    Output(#[from] OutputError),
}

fn padded(encrypted: bool) -> &'static str {
    if encrypted { " with its encryption and padding" } else { "" }
}

impl From<ClientError> for PutError {
    fn from(error: ClientError) -> Self {
        Self::Call(error.into())
    }
}

impl From<SealError> for PutError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Label => Self::NameTooLong,
            SealError::Crypto(error) => Self::Crypto(error),
        }
    }
}

impl CommandError for PutError {
    fn exit(&self) -> Exit {
        match self {
            Self::NameNeedsEncrypt
            | Self::KeyNeedsEncrypt
            | Self::OneKeyAFile
            | Self::WholeSeconds
            | Self::NameTooLong
            | Self::ToCollecting
            | Self::To(_) => Exit::Usage,
            Self::RequestGone => Exit::Gone,
            Self::Invitation(_) => Exit::Damaged,
            Self::NoFile(_) | Self::Stdin(_) | Self::Empty | Self::KeyFileExists(_) | Self::ReceiptFileExists(_) => {
                Exit::File
            }
            Self::File(error) => error.exit(),
            Self::Prompt(error) => error.exit(),
            Self::Passphrase(error) => error.exit(),
            Self::ApiKey(error) => error.exit(),
            Self::KeyWanted | Self::KeyRefused => Exit::Refused,
            Self::Call(error) => error.exit(),
            Self::TooLarge { .. } | Self::AnswerTooLarge { .. } | Self::AnswerOver(_) => Exit::Rejected,
            Self::Start(_) | Self::Crypto(_) | Self::Randomness(_) | Self::NoToken | Self::NoReceipt | Self::NoName => {
                Exit::Other
            }
            Self::Output(error) => error.exit(),
            Self::Interrupted(interrupt) => interrupt.exit(),
            Self::MayHaveArrived(error) | Self::HasArrived(error) | Self::Undone { error, .. } => error.exit(),
        }
    }

    /// What was stored, or burned, is worth a word whoever went away.
    fn is_told(&self) -> bool {
        matches!(self, Self::Undone { .. }) || self.exit() != Exit::BrokenPipe
    }
}
