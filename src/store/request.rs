//! Requests: records that no secret is in yet. One that is open keeps the place, and the receipt, of the answer that takes both.

use jiff::Timestamp;

use super::{Engine, Record, Store, StoreError};
use crate::secret::{Kind, SecretId};

/// The kind of a record that is an open request. Of what else a kind means the store knows nothing.
pub const REQUEST: u8 = Kind::Request.to_byte();

impl Store {
    /// Keeps `answer` in the place of the request that it is to, if that is live: one of the answers that race for it. The answer has the
    /// request's receipt from then on, and its charge's quota holds as if the request were gone. False where there is no such request, or
    /// no longer.
    ///
    /// # Errors
    /// As [`Store::insert`]'s; the request is left as it was.
    pub async fn answer(&self, request: SecretId, answer: Record, now: Timestamp) -> Result<bool, StoreError> {
        let (id, expires_at) = (answer.id, answer.head.expires_at);
        self.can_promise().await?;
        let answered = match &self.engine {
            Engine::Sqlite(store) => store.answer(request, answer, now).await,
            #[cfg(feature = "postgres")]
            Engine::Postgres(store) => store.answer(request, answer, now).await,
        };
        if !self.noticed(request, answered)? {
            return Ok(false);
        }
        self.has_kept_its_promise(id).await?;
        self.due.by(expires_at);
        Ok(true)
    }
}
