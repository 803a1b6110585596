//! Secrets that none of the keys opens. On a database that servers share another may have stored them, or they were moved there, since the
//! start: it is looked for as long as the server runs.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::Vault;
use crate::{
    secret::KeyId,
    store::{Held, State, Store},
};

/// The keys under which secrets are expected: those that were given, and those that somebody said are missing.
#[derive(Debug, Clone)]
pub struct Expected(Arc<[KeyId]>);

impl Expected {
    pub(super) fn new(keys: Vec<KeyId>) -> Self {
        Self(keys.into())
    }

    /// What is kept under other keys.
    pub(super) fn others(&self, state: &State) -> Vec<Held> {
        state.held.iter().filter(|held| held.records > 0 && !self.0.contains(&held.key_id)).copied().collect()
    }
}

impl Vault {
    /// The same, which expects secrets that it can't open, under these keys.
    #[must_use]
    pub fn expecting(self, others: &[Held]) -> Self {
        let keys = self.expected.0.iter().copied().chain(others.iter().map(|held| held.key_id)).collect();
        Self { expected: Expected::new(keys), ..self }
    }

    /// Under which keys secrets are expected.
    #[must_use]
    pub fn expected(&self) -> Expected {
        self.expected.clone()
    }
}

/// Looks for secrets under other keys, and tells when there are some, and when there are none any more. Never returns; drop it to stop.
pub async fn watch(store: Arc<Store>, expected: Expected, interval: Duration) {
    let mut known: Vec<KeyId> = Vec::new();
    loop {
        tokio::time::sleep(interval).await;
        // What can't be asked is told by those who need it.
        let Ok(state) = store.state(Timestamp::now()).await else { continue };
        let others = expected.others(&state);
        let keys: Vec<KeyId> = others.iter().map(|held| held.key_id).collect();
        if keys.iter().any(|key| !known.contains(key)) {
            let count: u64 = others.iter().map(|held| held.records).sum();
            let names: Vec<String> = keys.iter().map(|key| data_encoding::HEXLOWER.encode(&key.0)).collect();
            tracing::error!(
                "{count} stored secret(s) are sealed under a SECRET_KEY that this server wasn't given (key {}), by another server or by \
                 ots admin migrate: whoever asks for them here is told that they can't be opened. All servers of a database need the same \
                 keys: give that one too, with --old-key-file or in SECRET_KEYS_OLD, and start again",
                names.join(", ")
            );
        } else if keys.is_empty() && !known.is_empty() {
            tracing::info!("no stored secret is sealed under a SECRET_KEY any more that this server wasn't given");
        }
        known = keys;
    }
}
