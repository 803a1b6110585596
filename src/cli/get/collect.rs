//! `get` of a request: waits for its answer if that is wished, and collects it as any secret is.

use std::sync::Arc;

use super::{AskAgain, Get, GetError, Kept, Reading, access::Access, earlier_claim, lease};
use crate::{
    api::Status,
    cli::{Global, interrupt::blocking, terminal, waiting},
    client::{Client, ClientError},
    crypto::sealed_box::{Keys, KeysError},
    secret::{ClaimKey, CollectingKey},
};

impl Get {
    /// In the order of [`Get`]'s: a wrong passphrase is found out here, before anything is claimed.
    pub(super) async fn collect(
        &self,
        global: &Global,
        kept: &Kept,
        collecting: CollectingKey,
    ) -> Result<(), GetError> {
        if self.key_file.is_some() {
            return Err(GetError::KeyFileForAnswer);
        }
        let collecting = Arc::new(collecting);
        let client = global.client_for(Some(collecting.link.server.clone()))?;
        let earlier = earlier_claim()?;
        let status = self.answered(&client, &collecting, earlier.as_ref()).await?;
        client.check_size(status.size)?;
        let keys = self.request_keys(global, &collecting).await?;
        let output = self.open_output(global)?;

        let claim = earlier.clone().map_or_else(ClaimKey::generate, Ok)?;
        let again = AskAgain::new(self, global, Some(&collecting.link.server), &claim, lease(&client).await);
        let again = if earlier.is_some() { again.earlier() } else { again };
        let reading = Reading { client: &client, token: &collecting.token, claim: &claim, global, kept };
        let access = Access::Answer(Box::new(keys));
        let content = reading.claim(&access, status.size, again).await?;
        let delivered = reading.write(access, content, output).await?;
        reading.acknowledge(delivered).await
    }

    /// What may be known of the answer, once there is one.
    async fn answered(
        &self,
        client: &Client,
        collecting: &CollectingKey,
        earlier: Option<&ClaimKey>,
    ) -> Result<Status, GetError> {
        let look = async || self.look(client, collecting, earlier).await;
        let mut status = look().await?;
        if self.wait {
            let passes = |error: &GetError| matches!(error, GetError::Call(error) if error.is_passing());
            status = waiting::until(status, Option::is_none, look, passes).await?;
        }
        status.ok_or(GetError::NotAnswered)
    }

    /// None while nobody has answered.
    async fn look(
        &self,
        client: &Client,
        collecting: &CollectingKey,
        earlier: Option<&ClaimKey>,
    ) -> Result<Option<Status>, GetError> {
        // The request first: a server counts those who ask for what isn't there. An answer comes in its place, with no moment between.
        match client.invitation(&collecting.link.token).await {
            Ok(_) if earlier.is_none() => return Ok(None),
            Ok(_) | Err(ClientError::Gone) => {}
            Err(error) => return Err(error.into()),
        }
        match client.status(&collecting.token, earlier).await {
            Err(ClientError::Gone) if earlier.is_some() => Err(GetError::ClaimOver),
            Err(ClientError::Gone) => Err(GetError::RequestGone),
            status => Ok(Some(status?)),
        }
    }

    async fn request_keys(&self, global: &Global, collecting: &Arc<CollectingKey>) -> Result<Keys, GetError> {
        loop {
            let passphrase =
                if collecting.passphrase { Some(self.passphrase.for_reading(global).await?) } else { None };
            let collecting = Arc::clone(collecting);
            match blocking(move || Keys::of(&collecting, passphrase.as_ref())).await {
                Err(error @ KeysError::WrongPassphrase) if self.passphrase.is_asked() => {
                    terminal::say(&format!("ots: {error}"));
                }
                outcome => return Ok(outcome?),
            }
        }
    }
}
