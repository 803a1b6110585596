//! What `put` does with a link besides printing it. It is printed by then: what fails here is said, and costs nothing.

use crate::cli::{
    Global,
    clipboard::{self, Taken},
    qr, terminal,
};

/// The options for it: of one call, never of the environment or the configuration.
#[derive(Debug, clap::Args)]
pub(super) struct HandOver {
    /// Show the link as a QR code, too, on stderr: with its key, unless that goes to --key-file
    #[arg(long, conflicts_with = "token")]
    qr: bool,
    /// Put the link on the clipboard as well, by the desktop's tool or the terminal (OSC 52)
    #[arg(long, conflicts_with = "copies")]
    copy: bool,
}

impl HandOver {
    /// Shows and copies as far as that is wished.
    pub(super) fn run(&self, global: &Global, link: &str) {
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
