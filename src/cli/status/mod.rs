//! `ots status`: says whether a secret is still unread, without reading it; and of a receipt, what became of its secret.

mod receipt;
mod request;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    Global,
    error::{CallError, CommandError, Exit, OutputError},
    link::{Given, LinkError, given_from},
    terminal, values,
};
use crate::{
    api,
    client::{Client, ClientError, Look},
    secret::{Link, SentLink, Token},
};
use receipt::Awaited;

/// How often `--wait` asks.
const INTERVAL: Duration = Duration::from_secs(1);
/// A server's date has whole seconds: it may be this much later than it says.
const CLOCK_STEP: SignedDuration = SignedDuration::from_secs(1);
/// A secret that was there so shortly before its end, and then was gone, expired.
const LAST_MOMENTS: SignedDuration = SignedDuration::from_secs(5);

/// Say whether a secret is still unread, or what became of it
///
/// Reads nothing. Of a link: exits with 0 while the secret is there and 3 when it is gone; with --wait, 0 once a reader has asked for it or
/// it was burned, and 3 when it expired unread. Of a receipt, which knows more: 0 delivered, 10 unread, 11 claimed by a reader who hasn't
/// said yet that it arrived, 12 unconfirmed (given out, and nobody said so), 13 burned, 14 expired, 15 a request that is open, 16 one that was
/// taken back, and 3 when there is no such receipt. Of a request, by its file: 0 answered or
/// collected, 15 open, and after that as of a receipt; --wait waits for the answer.
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// The link or its token, a receipt or its link, a receipt's or a request's file, or `-` to read it from standard input
    #[arg(value_name = "LINK", value_hint = clap::ValueHint::Other)]
    link: String,
    /// Return when a reader has asked for it; of a receipt, when its secret has ended, or with `=claimed` or `=delivered` has come to that: 0 then
    #[arg(short, long, value_name = "STATE", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "ended", hide_possible_values = true)]
    wait: Option<Awaited>,
}

/// Why there is nothing to say of a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum StatusError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("only a receipt tells that: give it, or --wait alone")]
    OnlyReceipts,
    #[error("no such receipt: it is another server's, or its secret ended long ago")]
    NoReceipt,
    #[error(
        "the request is gone: its answer was collected or burned, or it was taken back, or has expired, too long ago for its receipt to be kept"
    )]
    RequestGone,
    /// It is told; only the code is left to say.
    #[error("not delivered")]
    State(Exit),
    #[error("the secret expired unread")]
    Expired,
    #[error("the secret is gone: read, burned or expired; nobody answered near its end, so which of them isn't known")]
    Gone,
}

impl StatusError {
    /// Whether the same call may succeed a moment later.
    fn is_passing(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_passing())
    }
}

impl From<ClientError> for StatusError {
    fn from(error: ClientError) -> Self {
        Self::Call(error.into())
    }
}

impl CommandError for StatusError {
    fn exit(&self) -> Exit {
        match self {
            Self::Link(error) => error.exit(),
            Self::Call(error) => error.exit(),
            Self::Output(error) => error.exit(),
            Self::OnlyReceipts => Exit::Usage,
            Self::State(exit) => *exit,
            Self::NoReceipt | Self::RequestGone | Self::Expired | Self::Gone => Exit::Gone,
        }
    }

    fn is_told(&self) -> bool {
        !matches!(self, Self::State(_)) && self.exit() != Exit::BrokenPipe
    }
}

impl Status {
    pub(super) async fn run(&self, global: &Global) -> Result<(), StatusError> {
        match given_from(&self.link)? {
            Given::Collecting(collecting) => request::tell(global, &collecting, self.wait).await,
            Given::Link(SentLink::Secret(link)) => self.of_secret(global, &link).await,
            Given::Link(SentLink::Receipt(link)) => {
                let client = global.client_for(link.server)?;
                receipt::tell(global, &client, &link.receipt, self.wait).await
            }
        }
    }

    async fn of_secret(&self, global: &Global, link: &Link) -> Result<(), StatusError> {
        if self.wait.is_some_and(|awaited| awaited != Awaited::Ended) {
            return Err(StatusError::OnlyReceipts);
        }
        let client = global.client(Some(link))?;
        let Look { status, at } = client.look(&link.token).await?;
        let status = status.ok_or(ClientError::Gone)?;
        if self.wait.is_some() {
            wait(&client, &link.token, Seen { expires_at: status.expires_at, at }).await?;
            let text = if global.json {
                "{\"state\":\"taken\"}\n"
            } else {
                "taken: a reader asked for it, or it was burned\n"
            };
            return Ok(terminal::answer(text.as_bytes())?);
        }
        if global.json {
            terminal::answer_json(&status)?;
        } else {
            terminal::answer(format!("{}\n", describe(&status, at)).as_bytes())?;
        }
        Ok(())
    }
}

/// A secret that was there: when it expires, and when it was seen last, by the server's clock.
#[derive(Clone, Copy)]
struct Seen {
    expires_at: Timestamp,
    at: Timestamp,
}

/// Returns when a reader has asked for it or it was burned; a server doesn't tell which, nor whether it arrived.
async fn wait(client: &Client, token: &Token, mut seen: Seen) -> Result<(), StatusError> {
    loop {
        tokio::time::sleep(INTERVAL).await;
        match client.look(token).await {
            Ok(Look { status: Some(status), at }) => seen = Seen { expires_at: status.expires_at, at },
            Ok(Look { status: None, at }) => return seen.and_gone(at),
            // A server that is restarted, say: the secret is kept.
            Err(error) if error.is_passing() => tracing::debug!(%error, "asking again"),
            Err(error) => return Err(error.into()),
        }
    }
}

impl Seen {
    /// What its being gone means, which the server said at this time of its own: before its end, that it was taken.
    fn and_gone(self, at: Timestamp) -> Result<(), StatusError> {
        let left = |at| self.expires_at.duration_since(at);
        if left(at) > CLOCK_STEP {
            return Ok(());
        }
        Err(if left(self.at) <= LAST_MOMENTS { StatusError::Expired } else { StatusError::Gone })
    }
}

/// As at this time of the server's. It has at least so long: the date may be a second behind.
fn describe(status: &api::Status, at: Timestamp) -> String {
    let encrypted = if status.encrypted { ", end-to-end encrypted" } else { "" };
    let (size, expires_at) = (status.size, status.expires_at);
    let mut text = format!("unread; {size} bytes{encrypted}; expires {expires_at:.0}");
    // A server without a date leaves this machine's clock, by which it may have passed.
    if let Ok(left) = Duration::try_from(expires_at.duration_since(at) - CLOCK_STEP) {
        text.push_str(&format!(" (in {})", values::roughly(left)));
    }
    if status.passphrase_required {
        text.push_str("; has a passphrase");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_was_taken_or_expired_or_nobody_knows() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let outcome = |seen, gone| Seen { expires_at: at(1000), at: at(seen) }.and_gone(at(gone));
        for (seen, gone) in [(10, 11), (10, 998), (997, 998)] {
            assert!(outcome(seen, gone).is_ok(), "{seen} {gone}");
        }
        for (seen, gone) in [(995, 1000), (999, 1001), (998, 999), (999, 5000), (1001, 1002)] {
            assert!(matches!(outcome(seen, gone), Err(StatusError::Expired)), "{seen} {gone}");
        }
        // The client slept, or the server was away.
        for (seen, gone) in [(994, 1000), (10, 1000), (10, 5000)] {
            assert!(matches!(outcome(seen, gone), Err(StatusError::Gone)), "{seen} {gone}");
        }
        assert!(Seen { expires_at: Timestamp::MAX, at: Timestamp::MIN }.and_gone(Timestamp::MIN).is_ok());
    }
}
