//! What a receipt tells: what became of its secret.

use super::StatusError;
use crate::{
    api::{BurnedBy, ReceiptState, ReceiptStatus},
    cli::{Global, error::Exit, terminal, values::counted, waiting},
    client::{Client, ClientError},
    secret::Receipt,
};

/// What `--wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Awaited {
    /// Whatever becomes of it.
    Ended,
    /// A reader asked for it.
    Claimed,
    /// A reader said that it has arrived.
    Delivered,
}

/// Tells what became of a secret, at once or when it has come to what is awaited.
pub(super) async fn tell(
    global: &Global,
    client: &Client,
    receipt: &Receipt,
    awaited: Option<Awaited>,
) -> Result<(), StatusError> {
    let look = async || client.receipt(receipt).await.map_err(unknown);
    let mut status = look().await?;
    if let Some(awaited) = awaited {
        let is_awaited = |status: &ReceiptStatus| !has_ended(status) && !awaited.is_reached(status);
        status = waiting::until(status, is_awaited, look, StatusError::is_passing).await?;
    }
    if global.json {
        terminal::answer_json(&status)?;
    } else {
        terminal::answer(format!("{}\n", describe(&status)).as_bytes())?;
    }
    let is_it = awaited.filter(|awaited| *awaited != Awaited::Ended).is_some_and(|awaited| awaited.is_reached(&status));
    match exit_of(status.state) {
        Some(exit) if !is_it => Err(StatusError::State(exit)),
        _ => Ok(()),
    }
}

/// The secret's own words for it don't fit.
fn unknown(error: ClientError) -> StatusError {
    if matches!(error, ClientError::Gone) { StatusError::NoReceipt } else { error.into() }
}

impl Awaited {
    fn is_reached(self, status: &ReceiptStatus) -> bool {
        match self {
            Self::Ended => has_ended(status),
            Self::Claimed => status.claimed_at.is_some(),
            Self::Delivered => status.state == ReceiptState::Delivered,
        }
    }
}

/// A state that isn't known is none that changes, as far as anybody can say.
fn has_ended(status: &ReceiptStatus) -> bool {
    !matches!(status.state, ReceiptState::Open | ReceiptState::Unread | ReceiptState::Claimed)
}

/// None once it has arrived.
pub(super) fn exit_of(state: ReceiptState) -> Option<Exit> {
    match state {
        ReceiptState::Delivered => None,
        ReceiptState::Unread => Some(Exit::Unread),
        ReceiptState::Claimed => Some(Exit::Claimed),
        ReceiptState::Unconfirmed => Some(Exit::Unconfirmed),
        ReceiptState::Burned => Some(Exit::Burned),
        ReceiptState::Expired => Some(Exit::Expired),
        ReceiptState::Open => Some(Exit::Open),
        ReceiptState::Withdrawn => Some(Exit::Withdrawn),
        _ => Some(Exit::Other),
    }
}

/// A time behind the word for what happened then, where it is known.
pub(super) fn at(time: Option<jiff::Timestamp>) -> String {
    time.map(|time| format!(" {time:.0}")).unwrap_or_default()
}

pub(super) fn describe(status: &ReceiptStatus) -> String {
    let mut text = match status.state {
        ReceiptState::Open => format!("open: nobody has answered the request; expires {:.0}", status.expires_at),
        ReceiptState::Unread => format!("unread; expires {:.0}", status.expires_at),
        ReceiptState::Claimed => {
            let until = status.claim_expires_at.map(|until| format!("until {until:.0} ")).unwrap_or_default();
            format!("claimed{}: a reader asked for it, and can say {until}that it has arrived", at(status.claimed_at))
        }
        ReceiptState::Delivered => format!("delivered{}: its reader says that it has arrived", at(status.ended_at)),
        ReceiptState::Unconfirmed => {
            format!("unconfirmed{}: it was given out, and nobody said that it has arrived", at(status.claimed_at))
        }
        ReceiptState::Burned => {
            let by = match status.burned_by {
                Some(BurnedBy::Link) => ", by whoever has the link",
                Some(BurnedBy::Receipt) => ", by its receipt",
                Some(BurnedBy::Tries) => ", by too many wrong passphrases",
                _ => "",
            };
            format!("burned{}, unread{by}", at(status.ended_at))
        }
        ReceiptState::Expired => format!("expired{}, unread", at(status.ended_at)),
        ReceiptState::Withdrawn => format!("withdrawn{}: the request was taken back unanswered", at(status.ended_at)),
        _ => "in a state that this ots doesn't know: is the server newer?".to_owned(),
    };
    if status.attempts > 0 {
        text.push_str(&format!(
            "; {}",
            counted(usize::try_from(status.attempts).unwrap_or(usize::MAX), "wrong passphrase")
        ));
    }
    text
}
