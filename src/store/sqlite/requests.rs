//! Answers in the place of their requests.

use jiff::Timestamp;

use super::{SqliteStore, fresh::Fresh, payload, writer::Effect};
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
        let (copy, effect) = (Fresh::copy(&answer), Effect::Replaces(answer.sealed.len()));
        let answered = self.write(effect, move |tables| tables.answer(request, &answer, now)).await?;
        if let Some(copy) = copy.filter(|_| answered) {
            self.fresh.keep(copy);
        }
        Ok(answered)
    }
}
