//! What `put` does with a link besides printing it. It is printed by then: what fails here is said, and costs nothing.

use super::Put;
use crate::cli::{
    Global,
    clipboard::{self, Taken},
    qr, terminal,
};

impl Put {
    /// The link as a QR code, and on the clipboard, as far as that is wished.
    pub(super) fn hand_over(&self, global: &Global, link: &str) {
        if self.qr
            && let Err(error) = qr::show(global, link)
        {
            terminal::say(&format!("ots: no QR code: {error}"));
        }
        if self.copy {
            match clipboard::copy(link) {
                Ok(_) if !global.chatty() => {}
                Ok(Taken::By(tool)) => terminal::say(&format!("the link is on the clipboard ({tool})")),
                Ok(Taken::PassedOn(to)) => {
                    terminal::say(&format!(
                        "the link was given to {to} for the clipboard; not every terminal takes it"
                    ));
                }
                Err(error) => terminal::say(&format!("ots: the link isn't on the clipboard: {error}")),
            }
        }
    }
}
