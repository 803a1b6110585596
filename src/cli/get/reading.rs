//! A read under a claim: received, written, and only then acknowledged.

use zeroize::Zeroizing;

use super::{CLAIM, access::Access, output::Output};
use crate::{
    cli::{
        Exit, Failure, Global,
        terminal::{self, Progress},
    },
    client::{Client, ClientError, OnProgress},
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
    pub(super) async fn receive(&self, global: &Global, size: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
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
        outcome.map_err(|error| match error {
            ClientError::Problem(problem) => Failure::refused(*problem, wrong),
            error => error.into(),
        })
    }

    /// Opens and writes the content, and only then has the server destroy it.
    pub(super) async fn deliver(
        &self,
        global: &Global,
        content: Zeroizing<Vec<u8>>,
        output: Output,
    ) -> Result<(), Failure> {
        let written = match self.access {
            Access::Plain(_) => output.write(&content, &Label::default()),
            Access::EndToEnd { keys, .. } => match keys.open(content) {
                Ok(opened) => output.write(opened.content(), &opened.label),
                Err(error) => Err(Failure::new(Exit::Damaged, format!("what came can't be decrypted: {error}"))),
            },
        };
        match written {
            Ok(Some(note)) if global.chatty() => terminal::say(&note),
            Ok(_) => {}
            Err(failure) if failure.exit() == Exit::BrokenPipe => return Err(failure),
            Err(failure) => {
                return Err(Failure::new(failure.exit(), format!("{failure}; {}", self.how_to_ask_again())));
            }
        }
        if let Err(error) = self.client.acknowledge(self.token, self.claim).await {
            // The reader has the content, and nobody else can get it: the lease's end destroys it.
            tracing::debug!(%error, "the read could not be acknowledged");
        }
        Ok(())
    }

    pub(super) fn how_to_ask_again(&self) -> String {
        format!("the secret is kept for you for a minute: {CLAIM}={} ots get LINK (the same link)", self.claim.expose())
    }
}
