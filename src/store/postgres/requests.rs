//! Answers in the place of their requests.

use jiff::Timestamp;

use super::{
    LARGEST, PostgresStore,
    batch::Value,
    error::Fault,
    line::{Call, Repeat},
    outbox::made_by,
    quotas, row, statements,
};
use crate::{
    secret::SecretId,
    store::{Record, StoreError},
};

impl PostgresStore {
    pub(in crate::store) async fn answer(
        &self,
        request: SecretId,
        mut answer: Record,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if answer.sealed.len() > LARGEST {
            return Err(StoreError::TooLarge);
        }
        if !answer.sealed.move_to(&self.waiting) {
            return Err(StoreError::Busy);
        }
        let (id, charge, bytes) = (answer.id, answer.charge, answer.sealed.len());
        let (by, there) = (made_by(answer.by.clone()), self.skew.there(now));
        let mut values = row::values(answer, &self.skew);
        values.extend([Value::new(request.0.to_vec()), Value::new(there), by, self.every()]);
        let call = Call { bytes, ..Call::about(id, statements::ANSWER, values, Repeat::Never) };
        let answered = if quotas::bind(&charge) {
            self.line.to_its_end(|line| quotas::keep(line, call, charge, Some((request, there)))).await
        } else {
            self.line.rows(call).await.map(|rows| !rows.is_empty())
        };
        if answered.map_err(Fault::into_error)? {
            self.has_committed();
            self.line.had_room();
            return Ok(true);
        }
        // What was the primary may not know of the request, or not that it was answered.
        let values = vec![Value::new(self.skew.there(now))];
        let open = self.is_so(Call::about(request, statements::OPEN, values, Repeat::Safely));
        if open.await.map_err(Fault::into_error)? { Err(StoreError::Busy) } else { Ok(false) }
    }
}
