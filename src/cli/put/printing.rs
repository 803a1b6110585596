//! Which links have been printed, and what becomes of a secret whose link wasn't: nobody could ever read it, so it is burned.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    time::Duration,
};

use super::PutError;
use crate::{
    cli::interrupt::Interrupts,
    client::{Client, ClientError},
    secret::Token,
};

/// How long burning may take when a person wants to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far it has come.
#[derive(Default)]
pub(super) struct Printing {
    printed: Cell<u16>,
    /// It is on its way to the server, or there, and nobody knows its link.
    under_way: Cell<bool>,
    /// It is on the server, and nobody has its link.
    stored: RefCell<Option<Rc<Token>>>,
}

/// What is left when not all was printed.
#[derive(Debug)]
pub(in crate::cli) struct Left {
    printed: u16,
    copies: u16,
    unprinted: Unprinted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unprinted {
    Nothing,
    Burned,
    Stored,
    MayBeStored,
}

impl Printing {
    /// A secret is being sent.
    pub(super) fn sends(&self) {
        self.under_way.set(true);
    }

    /// The server has it.
    pub(super) fn stored(&self, token: Rc<Token>) {
        self.under_way.set(false);
        self.stored.replace(Some(token));
    }

    /// It isn't stored; where that isn't certain, the error says so.
    pub(super) fn failed(&self) {
        self.under_way.set(false);
    }

    /// Its link has been printed, and taken.
    pub(super) fn printed(&self) {
        self.stored.take();
        self.printed.set(self.printed.get() + 1);
    }

    /// Burns what nobody has the link of; a second signal leaves it at that. Gives the error with what became of the rest.
    pub(super) async fn undo(
        &self,
        error: PutError,
        copies: u16,
        client: &Client,
        interrupts: &mut Interrupts,
    ) -> PutError {
        let token = self.stored.take();
        let unprinted = match token {
            Some(token) => {
                let burn = tokio::time::timeout(PATIENCE, client.burn(&token));
                match interrupts.unless(burn).await {
                    Ok(Ok(Ok(()) | Err(ClientError::Gone))) => Unprinted::Burned,
                    _ => Unprinted::Stored,
                }
            }
            None if self.under_way.get() => Unprinted::MayBeStored,
            None => Unprinted::Nothing,
        };
        let left = Left { printed: self.printed.get(), copies, unprinted };
        let interrupted = matches!(error, PutError::Interrupted(_));
        if left.printed == 0 && unprinted == Unprinted::Nothing && !interrupted {
            return error;
        }
        PutError::Undone { error: Box::new(error), left }
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.unprinted {
            Unprinted::Nothing if self.printed == 0 => "; nothing was stored",
            Unprinted::Nothing => "",
            Unprinted::Burned => "; the link wasn't printed, so the secret has been burned",
            Unprinted::Stored => {
                "; the link wasn't printed, and the secret could not be burned: nobody can read it, and it expires"
            }
            Unprinted::MayBeStored => "; if the server has stored it, nobody has its link, and it expires",
        })?;
        match (self.printed, self.copies) {
            (0, _) => Ok(()),
            (printed, copies) => write!(f, "; {printed} of {copies} links were printed, and stay good"),
        }
    }
}
