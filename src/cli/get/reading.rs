//! A read under a claim: received, written, and only then acknowledged.

use zeroize::Zeroizing;

use super::{GetError, access::Access, output::Output};
use crate::{
    cli::{
        Global,
        error::{CallError, CommandError, Exit},
        terminal::{self, Progress},
    },
    client::{Client, OnProgress},
    crypto::envelope::Label,
    secret::{ClaimKey, Token},
};

/// A read that is under way.
pub(super) struct Reading<'a> {
    pub(super) client: &'a Client,
    pub(super) token: &'a Token,
    pub(super) claim: &'a ClaimKey,
    pub(super) access: &'a Access,
}

impl Reading<'_> {
    /// Claims the secret. A wrong key or passphrase claims nothing.
    pub(super) async fn claim(&self, global: &Global, size: u64) -> Result<Zeroizing<Vec<u8>>, GetError> {
        let (passphrase, wrong) = match self.access {
            Access::Plain(passphrase) => (passphrase.as_ref(), "the passphrase is"),
            Access::EndToEnd { keys, passphrase: false } => (Some(keys.proof()), "the key is"),
            Access::EndToEnd { keys, passphrase: true } => (Some(keys.proof()), "the passphrase or the key is"),
        };
        let progress = Progress::new(global, "receiving", size);
        let shown = progress.clone();
        let on_progress: OnProgress = Box::new(move |bytes| shown.at(bytes));
        let outcome = self.client.reveal(self.token, self.claim, passphrase, size, &on_progress).await;
        progress.done();
        Ok(outcome.map_err(|error| CallError::of_read(error, wrong))?)
    }

    /// Opens the content and writes it, flushed. What fails here can be asked for again, unless the output's reader left.
    pub(super) fn write(&self, global: &Global, content: Zeroizing<Vec<u8>>, output: Output) -> Result<(), GetError> {
        let written = match self.access {
            Access::Plain(_) => output.write(&content, &Label::default()),
            Access::EndToEnd { keys, .. } => match keys.open(content) {
                Ok(opened) => output.write(opened.content(), &opened.label),
                Err(error) => Err(GetError::Damaged(error)),
            },
        };
        match written {
            Ok(Some(note)) if global.chatty() => terminal::say(&note),
            Ok(_) => {}
            Err(error) if error.exit() == Exit::BrokenPipe => return Err(error),
            Err(error) => return Err(GetError::Claimed { error: Box::new(error), claim: self.claim.clone() }),
        }
        Ok(())
    }

    /// Has the server destroy the secret. If it can't be told: the reader has the content, nobody else can get it, and the
    /// lease's end destroys it.
    pub(super) async fn acknowledge(&self) {
        if let Err(error) = self.client.acknowledge(self.token, self.claim).await {
            tracing::debug!(%error, "the read could not be acknowledged");
        }
    }
}
