//! What a secret's sender is told of it, and may still do.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Vault, VaultError};
use crate::{
    audit::{Event, Origin},
    secret::Receipt,
    store::{Burnt, Trace},
};

impl Vault {
    /// What became of the secret that a receipt is of. `None` when there is no such receipt, or no more.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn trace(&self, receipt: &Receipt) -> Result<Option<Trace>, VaultError> {
        Ok(self.store.trace(receipt.id(), Timestamp::now()).await?)
    }

    /// Destroys the secret that a receipt is of, if it is unread.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn burn_by_receipt(&self, receipt: &Receipt, origin: Origin) -> Result<Burnt, VaultError> {
        let (store, journal, receipt) = (Arc::clone(&self.store), Arc::clone(&self.journal), receipt.id());
        let burned = async move {
            let burnt = store.burn_by_receipt(receipt, Timestamp::now()).await?;
            match burnt {
                Burnt::Now(id) => journal.note(Some(origin), Some(id), Event::Burned { by_receipt: true }),
                Burnt::Withdrawn(id) => journal.note(Some(origin), Some(id), Event::Withdrawn),
                Burnt::Already | Burnt::TooLate | Burnt::Unknown => {}
            }
            Ok(burnt)
        };
        Ok(self.to_its_end(burned).await?)
    }
}
