//! Answers in the place of their requests.

use jiff::Timestamp;

use super::{SqliteStore, payload, writer::Effect};
use crate::{
    secret::SecretId,
    store::{Record, StoreError},
};

impl SqliteStore {
    pub(in crate::store) async fn answer(
        &self,
        request: SecretId,
        mut answer: Record,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if answer.sealed.len() > payload::MAX_SEALED {
            return Err(StoreError::TooLarge);
        }
        if !answer.sealed.move_to(&self.waiting) {
            return Err(StoreError::Busy);
        }
        self.fresh.forget(request);
        // It isn't kept in memory itself: whoever collects it knew its id before, and may have had it by now.
        self.write(Effect::Replaces(answer.sealed.len()), move |tables| tables.answer(request, &answer, now)).await
    }
}
