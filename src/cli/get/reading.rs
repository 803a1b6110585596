//! A read under a claim: received, written, and only then acknowledged.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    GetError,
    access::Access,
    again::{AskAgain, Kept},
    output::{Delivered, Output},
};
use crate::{
    cli::{Global, error::CallError, interrupt::blocking, terminal},
    client::{Client, OnProgress},
    crypto::envelope::{Label, Opened},
    secret::{ClaimKey, Token},
};

/// A read that is under way.
pub(super) struct Reading<'a> {
    pub(super) client: &'a Client,
    pub(super) token: &'a Token,
    pub(super) claim: &'a ClaimKey,
    pub(super) global: &'a Global,
    pub(super) kept: &'a Kept,
}

/// What was stored, as its sender gave it.
pub(super) enum Content {
    /// By a server that opened it.
    Plain(Zeroizing<Vec<u8>>, Label),
    /// Opened here.
    Opened(Opened),
}

impl Content {
    pub(super) fn label(&self) -> &Label {
        match self {
            Self::Plain(_, label) => label,
            Self::Opened(opened) => &opened.label,
        }
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Plain(content, _) => content,
            Self::Opened(opened) => opened.content(),
        }
    }
}

impl Reading<'_> {
    /// Claims the secret. A wrong key or passphrase claims nothing.
    pub(super) async fn claim(
        &self,
        access: &Access,
        size: u64,
        again: AskAgain,
    ) -> Result<Zeroizing<Vec<u8>>, GetError> {
        let (passphrase, wrong) = match access {
            Access::Plain(passphrase) => (passphrase.as_ref(), "the passphrase is"),
            Access::EndToEnd { keys, passphrase: false } => (Some(keys.proof()), "the key is"),
            Access::Answer(keys) => (Some(keys.proof()), "the request's key is"),
            Access::EndToEnd { keys, passphrase: true } => (Some(keys.proof()), "the passphrase or the key is"),
        };
        let shown = terminal::Progress::new(self.global, "receiving", size);
        let on_progress: OnProgress = Box::new(move |bytes| shown.at(bytes));
        self.kept.claimed(again);
        let outcome = self.client.reveal(self.token, self.claim, passphrase, size, &on_progress).await;
        outcome.map_err(|error| {
            let may_be_claimed = error.may_be_done();
            let error = CallError::of_read(error, wrong).into();
            if may_be_claimed {
                return self.kept.error(error);
            }
            self.kept.refused();
            error
        })
    }

    /// Opens the content and writes it, flushed. What fails here can be asked for again.
    pub(super) async fn write(
        &self,
        access: Access,
        content: Zeroizing<Vec<u8>>,
        output: Output,
    ) -> Result<Delivered, GetError> {
        let delivered = async {
            let content = match access {
                Access::Plain(_) => Content::Plain(content, Label::default()),
                Access::EndToEnd { keys, .. } => {
                    Content::Opened(blocking(move || keys.open(content)).await.map_err(GetError::Damaged)?)
                }
                Access::Answer(keys) => {
                    Content::Opened(blocking(move || keys.open(content)).await.map_err(GetError::NoAnswer)?)
                }
            };
            output.write(Arc::new(content)).await
        };
        let delivered = delivered.await.map_err(|error| self.kept.error(error))?;
        if delivered.exact {
            self.kept.written();
        }
        Ok(delivered)
    }

    /// Has the server destroy the secret, if its reader has every byte. If it can't be told: the reader has the content, nobody
    /// else can get it, and the lease's end destroys it.
    pub(super) async fn acknowledge(&self, delivered: Delivered) -> Result<(), GetError> {
        if delivered.exact {
            if let Err(error) = self.client.acknowledge(self.token, self.claim).await {
                tracing::debug!(%error, "the read could not be acknowledged");
            }
        } else if let Some(again) = self.kept.again() {
            terminal::say(&format!(
                "ots: control characters are shown escaped; for the bytes as they are, {}",
                again.into_a_file()
            ));
        }
        delivered.tell(self.global)
    }
}
