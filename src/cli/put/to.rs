//! `put --to`: answers a request, sealed for whoever asked.

use std::{cell::Cell, sync::Arc};

use bytes::Bytes;
use data_encoding::BASE64;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Put, PutError};
use crate::{
    api::Code,
    cli::{Global, interrupt::blocking, terminal},
    client::{Client, ClientError},
    crypto::sealed_box::{Invitation, InvitationError},
    secret::{CollectingKey, InvalidCollectingKey, RequestLink},
};

/// The object of `put --to --json`.
#[derive(Serialize)]
struct Answer<'a> {
    state: &'static str,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    generated: Option<&'a str>,
}

impl Put {
    /// Checks that the request is the one of the link, says what is asked for, and only then takes the content and seals it.
    /// `under_way` says whether it may have got there.
    pub(super) async fn answer(&self, global: &Global, text: &str, under_way: &Cell<bool>) -> Result<(), PutError> {
        terminal::check_stdout()?;
        let link = request_link(text)?;
        let client = global.client_for(Some(link.server.clone()))?;
        let asked = client.invitation(&link.token).await.map_err(gone)?;
        let invitation = BASE64.decode(asked.invitation.as_bytes()).map_err(|_| InvitationError::Length)?;
        let invitation = Invitation::open(&invitation, &link.fingerprint)?;
        if let Some(label) = invitation.label().filter(|_| !global.quiet) {
            terminal::say(&format!("asked for: {}", label.expose()));
        }
        let generated = self.generate.map(crate::secret::Recipe::draw).transpose()?.map(Arc::new);
        let content = match &generated {
            Some(generated) => Zeroizing::new(generated.expose().as_bytes().to_vec()),
            // What the request doesn't take isn't read to its end.
            None => self.content_within(global, asked.max_size).await?.ok_or(PutError::AnswerOver(asked.max_size))?,
        };
        let label = self.label();
        let answer = blocking(move || invitation.answer(&content, &label)).await?;
        let (size, max) = (answer.len(), asked.max_size);
        if u64::try_from(size).is_ok_and(|size| size > max) {
            return Err(PutError::AnswerTooLarge { size, max });
        }
        let shown = terminal::Progress::new(global, "sending", u64::try_from(size).unwrap_or(u64::MAX));
        let generated = generated.as_ref().map(|generated| generated.expose());
        if let Some(text) = generated.filter(|_| !global.json) {
            // Before it is sent: whoever asked may have it, whatever becomes of what the server says.
            terminal::answer(format!("{text}\n").as_bytes())?;
        }
        under_way.set(true);
        let sent = client.answer(&link.token, Bytes::from(answer), Box::new(move |sent| shown.at(sent))).await;
        under_way.set(false);
        let answered = match sent {
            Ok(answered) => answered,
            Err(error) if error.may_be_done() => {
                if let Some(text) = generated.filter(|_| global.json) {
                    terminal::answer_json(&serde_json::json!({ "state": "unknown", "generated": text }))?;
                }
                return Err(arrived(&client, &link, error).await);
            }
            Err(error) => return Err(gone(error)),
        };
        if global.json {
            let expires_at = format!("{:.3}", answered.expires_at);
            let object = Answer { state: "answered", expires_at, generated };
            terminal::answer_json(&object)?;
        }
        if global.chatty() {
            terminal::say(&format!("sent; only whoever asked can open it, until {:.0}", answered.expires_at));
        }
        Ok(())
    }
}

/// What a failure means that may have come after the answer was kept: an open request says that it wasn't.
async fn arrived(client: &Client, link: &RequestLink, error: ClientError) -> PutError {
    let error = Box::new(gone(error));
    match client.invitation(&link.token).await {
        Ok(_) => *error,
        Err(ClientError::Gone) => PutError::HasArrived(error),
        Err(_) => PutError::MayHaveArrived(error),
    }
}

/// A link to collect with has a request's token in it too, and is refused in words.
fn request_link(text: &str) -> Result<RequestLink, PutError> {
    match text.parse::<CollectingKey>() {
        Ok(_) | Err(InvalidCollectingKey::Cut) => Err(PutError::ToCollecting),
        Err(_) => Ok(text.parse()?),
    }
}

/// The secret's own words for it don't fit.
fn gone(error: ClientError) -> PutError {
    match error {
        ClientError::Gone => PutError::RequestGone,
        ClientError::Problem(problem) if problem.code == Code::NotFound => PutError::RequestGone,
        error => error.into(),
    }
}
