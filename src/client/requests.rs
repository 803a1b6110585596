//! Requests for a secret: to make one, to answer one, to take one back.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use data_encoding::BASE64;
use reqwest::{Method, header};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Client, ClientError, OnProgress, retry, sensitive, upload};
use crate::{
    api::{self, Answered, OCTET_STREAM, RequestOpened, RequestStatus},
    secret::{CreateKey, HookName, Passphrase, Token},
};

/// A request to make.
pub struct Ask {
    /// What the server keeps for whoever answers.
    pub invitation: Vec<u8>,
    /// What collecting the answer will take.
    pub proof: Passphrase,
    /// How long it is open; the server's default when none.
    pub ttl: Option<Duration>,
    /// The largest answer that is wanted, in bytes as it is sent; the server's when none.
    pub max_size: Option<u64>,
    /// The webhook of the server's that is to be told of it.
    pub notify: Option<HookName>,
    /// What a server wants that doesn't store for everybody.
    pub key: Option<Arc<CreateKey>>,
}

#[derive(Serialize)]
struct Body<'a> {
    invitation: String,
    proof: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notify: Option<&'a str>,
}

impl Client {
    /// Makes a request. Not repeated by itself, as a create isn't.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ask(&self, ask: &Ask) -> Result<RequestOpened, ClientError> {
        let mut request =
            self.request(Method::POST, api::REQUESTS_PATH, 0).header(header::CONTENT_TYPE, api::JSON).body(body(ask));
        if let Some(key) = &ask.key {
            let shown = Zeroizing::new(format!("Bearer {}", key.expose().as_str()));
            request = request.header(header::AUTHORIZATION, sensitive(&shown));
        }
        let response = self.send(request).await?;
        self.reader().json(response).await
    }

    /// What whoever answers may know. A server that asks to wait a moment is asked again then.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Gone`] when there is no such request, or no longer.
    pub async fn invitation(&self, token: &Token) -> Result<RequestStatus, ClientError> {
        let ask = async || self.send(self.request(Method::GET, &path(token), 0)).await;
        let response = retry::wait_if_asked(ask).await?;
        self.reader().json(response).await
    }

    /// Sends a sealed answer. Not repeated by itself: a second one would be refused though the first was taken.
    ///
    /// # Errors
    /// As [`Client::invitation`].
    pub async fn answer(&self, token: &Token, answer: Bytes, on_progress: OnProgress) -> Result<Answered, ClientError> {
        let length = u64::try_from(answer.len()).unwrap_or(u64::MAX);
        let request = self
            .request(Method::POST, &format!("{}/answer", path(token)), length)
            .header(header::CONTENT_TYPE, OCTET_STREAM)
            .header(header::CONTENT_LENGTH, length);
        let body = upload::UploadBody::new(answer, on_progress);
        let response = self.send(request.body(reqwest::Body::wrap(body))).await?;
        self.reader().json(response).await
    }

    /// Takes a request back that nobody has answered.
    ///
    /// # Errors
    /// As [`Client::invitation`].
    pub async fn withdraw(&self, token: &Token, collecting_token: &Token) -> Result<(), ClientError> {
        let request = self.request(Method::DELETE, &path(token), 0);
        let request = request.header(api::OTS_COLLECTING_TOKEN, sensitive(&collecting_token.expose()));
        let response = self.send(request).await?;
        self.reader().destroyed(&response)
    }
}

fn path(token: &Token) -> String {
    format!("{}/{}", api::REQUESTS_PATH, token.expose().as_str())
}

/// It has the proof in it, and is wiped when it has been sent.
#[expect(clippy::expect_used, reason = "text and numbers can be written as JSON, and memory takes them")]
fn body(ask: &Ask) -> Bytes {
    let ttl_seconds = ask.ttl.map(|ttl| ttl.as_secs());
    let invitation = BASE64.encode(&ask.invitation);
    // Room for all of it, so that no smaller buffer is left behind unwiped.
    let mut body = Zeroizing::new(Vec::with_capacity(invitation.len() + 512));
    let notify = ask.notify.as_ref().map(HookName::as_str);
    let object = Body { invitation, proof: ask.proof.expose(), ttl_seconds, max_size: ask.max_size, notify };
    serde_json::to_writer(&mut *body, &object).expect("text and numbers are JSON");
    Bytes::from_owner(body)
}
