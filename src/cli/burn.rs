//! `ots burn`: destroys a secret unread.

use super::{Failure, Global, link_from, terminal};

/// Destroy a secret unread
///
/// Asks nothing. Exits with 3 when the secret is gone already.
#[derive(Debug, clap::Args)]
pub(super) struct Burn {
    /// The link, its token, or `-` to read it from standard input
    #[arg(value_name = "LINK", value_hint = clap::ValueHint::Other)]
    link: String,
}

impl Burn {
    pub(super) async fn run(&self, global: &Global) -> Result<(), Failure> {
        let link = link_from(&self.link)?;
        global.client(Some(&link))?.burn(&link.token).await?;
        if global.json {
            terminal::answer(b"{\"state\":\"burned\"}\n")?;
        } else if global.chatty() {
            terminal::say("burned unread");
        }
        Ok(())
    }
}
