//! What a requester is told: whether its request is open, or answered, or what became of it.

use super::{
    Awaited, StatusError,
    receipt::{at, describe, exit_of},
};
use crate::{
    api::{BurnedBy, ReceiptState, ReceiptStatus},
    cli::{Global, error::Exit, terminal, waiting},
    client::{Client, ClientError},
    secret::{CollectingKey, Receipt},
};

enum Found {
    Open(crate::api::RequestStatus),
    Answered(crate::api::Status),
    /// It is neither any more, nor can it be collected by anybody else.
    Over(ReceiptStatus),
}

/// Tells it, at once or once it has been answered.
pub(super) async fn tell(
    global: &Global,
    collecting: &CollectingKey,
    awaited: Option<Awaited>,
) -> Result<(), StatusError> {
    if awaited.is_some_and(|awaited| awaited != Awaited::Ended) {
        return Err(StatusError::OnlyReceipts);
    }
    let client = global.client_for(Some(collecting.link.server.clone()))?;
    let mut found = find(&client, collecting).await?;
    if awaited.is_some() {
        let is_open = |found: &Found| matches!(found, Found::Open(_));
        found =
            waiting::until(found, is_open, async || find(&client, collecting).await, StatusError::is_passing).await?;
    }
    let (state, expires_at, size, text) = match &found {
        Found::Open(status) => {
            ("open", status.expires_at, None, format!("open: nobody has answered; expires {:.0}", status.expires_at))
        }
        Found::Answered(status) => {
            let (at, until, size) = (status.created_at, status.expires_at, status.size);
            (
                "answered",
                until,
                Some(size),
                format!("answered {at:.0}; {size} bytes; can be collected until {until:.0}"),
            )
        }
        Found::Over(status) => {
            say_label(global, collecting);
            return tell_over(global, status);
        }
    };
    if global.json {
        let expires_at = format!("{expires_at:.3}");
        terminal::answer_json(&serde_json::json!({ "state": state, "expires_at": expires_at, "size": size }))?;
    } else {
        say_label(global, collecting);
        terminal::answer(format!("{text}\n").as_bytes())?;
    }
    if matches!(found, Found::Open(_)) { Err(StatusError::State(Exit::Open)) } else { Ok(()) }
}

/// Of several files, which one it is.
fn say_label(global: &Global, collecting: &CollectingKey) {
    if let Some(label) = collecting.label.as_ref().filter(|_| global.chatty()) {
        terminal::say(&format!("asked for: {}", label.expose()));
    }
}

/// Tells it as its receipt does, in a requester's words.
fn tell_over(global: &Global, status: &ReceiptStatus) -> Result<(), StatusError> {
    if global.json {
        terminal::answer_json(status)?;
    } else {
        let text = match status.state {
            ReceiptState::Delivered => format!("collected{}", at(status.ended_at)),
            ReceiptState::Claimed => {
                format!("claimed{}: whoever has this request's file is collecting it", at(status.claimed_at))
            }
            ReceiptState::Unconfirmed => {
                format!(
                    "unconfirmed{}: the answer was given out, and nobody said that it has arrived",
                    at(status.claimed_at)
                )
            }
            ReceiptState::Burned if status.burned_by == Some(BurnedBy::Link) => {
                format!(
                    "burned{}, unread, by whoever has this request's file or its link to collect",
                    at(status.ended_at)
                )
            }
            ReceiptState::Expired => {
                format!("expired{}: nobody answered, or nobody collected the answer", at(status.ended_at))
            }
            _ => describe(status),
        };
        terminal::answer(format!("{text}\n").as_bytes())?;
    }
    exit_of(status.state).map_or(Ok(()), |exit| Err(StatusError::State(exit)))
}

/// The request first: a server counts those who ask for what isn't there. An answer comes in its place, with no moment between.
async fn find(client: &Client, collecting: &CollectingKey) -> Result<Found, StatusError> {
    match client.invitation(&collecting.link.token).await {
        Ok(status) => return Ok(Found::Open(status)),
        Err(ClientError::Gone) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(status) = client.look(&collecting.token).await?.status {
        return Ok(Found::Answered(status));
    }
    match client.receipt(&Receipt::of_request(&collecting.token)).await {
        Ok(status) => Ok(Found::Over(status)),
        Err(ClientError::Gone) => Err(StatusError::RequestGone),
        Err(error) => Err(error.into()),
    }
}
