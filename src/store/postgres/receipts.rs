//! Receipts, which this engine doesn't keep yet: it knows of none.

use jiff::Timestamp;

use super::PostgresStore;
use crate::{
    secret::ReceiptId,
    store::{Burnt, StoreError, Trace},
};

#[expect(clippy::unused_async, reason = "they will ask")]
impl PostgresStore {
    pub(in crate::store) async fn trace(&self, _: ReceiptId, _: Timestamp) -> Result<Option<Trace>, StoreError> {
        Ok(None)
    }

    pub(in crate::store) async fn burn_by_receipt(&self, _: ReceiptId, _: Timestamp) -> Result<Burnt, StoreError> {
        Ok(Burnt::Unknown)
    }

    pub(in crate::store) async fn forget_receipts(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        Ok(0)
    }
}
