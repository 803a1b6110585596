//! What a requester is told: whether its request is open, or answered.

use super::{Awaited, StatusError};
use crate::{
    cli::{Global, error::Exit, terminal, waiting},
    client::{Client, ClientError},
    secret::CollectingKey,
};

enum Found {
    Open(crate::api::RequestStatus),
    Answered(crate::api::Status),
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
    };
    if global.json {
        let expires_at = format!("{expires_at:.3}");
        terminal::answer_json(&serde_json::json!({ "state": state, "expires_at": expires_at, "size": size }))?;
    } else {
        terminal::answer(format!("{text}\n").as_bytes())?;
    }
    if matches!(found, Found::Open(_)) { Err(StatusError::State(Exit::Open)) } else { Ok(()) }
}

async fn find(client: &Client, collecting: &CollectingKey) -> Result<Found, StatusError> {
    let answered = async || client.look(&collecting.token).await.map(|look| look.status);
    if let Some(status) = answered().await? {
        return Ok(Found::Answered(status));
    }
    match client.invitation(&collecting.link.token).await {
        Ok(status) => return Ok(Found::Open(status)),
        Err(ClientError::Gone) => {}
        Err(error) => return Err(error.into()),
    }
    // It may have been answered between the two.
    answered().await?.map(Found::Answered).ok_or(StatusError::RequestGone)
}
