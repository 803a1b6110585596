//! What receipts tell, and what they burn.

use std::time::Instant;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    PostgresStore,
    batch::Value,
    error::Fault,
    line::{Call, Repeat},
    reading::wait,
    row::{self, column},
    skew::Skew,
    statements,
};
use crate::{
    secret::{ReceiptId, SecretId},
    store::{
        Burnt, By, REQUEST, ReceiptState, StoreError, Trace,
        receipt::{End, Tombstone},
    },
};

impl PostgresStore {
    /// What is told once no server has the record in hand: it is given out then, or given back.
    pub(in crate::store) async fn trace(
        &self,
        receipt: ReceiptId,
        now: Timestamp,
    ) -> Result<Option<Trace>, StoreError> {
        let waits = Instant::now();
        loop {
            let values = vec![Value::new(receipt.0.to_vec()), Value::new(self.skew.there(now))];
            let rows = self.ask(statements::TRACE, values).await.map_err(Fault::into_error)?;
            match rows.first().map_or(Ok(Told::Nothing), |row| Told::read(row, receipt, &self.skew))? {
                Told::Nothing => return Ok(None),
                Told::Of(trace) => return Ok(Some(trace)),
                Told::InHand => wait(waits).await?,
            }
        }
    }

    pub(in crate::store) async fn burn_by_receipt(
        &self,
        receipt: ReceiptId,
        now: Timestamp,
    ) -> Result<Burnt, StoreError> {
        let waits = Instant::now();
        loop {
            let values = vec![Value::new(receipt.0.to_vec()), Value::new(self.skew.there(now)), self.every()];
            let call = Call::new(statements::BURN_BY_RECEIPT, values, Repeat::Never);
            let rows = self.line.rows(call).await.map_err(Fault::into_error)?;
            self.has_committed();
            if let Some(row) = rows.first() {
                let id = SecretId(row::bytes(row, 0)?);
                return Ok(if row::gone(row).request { Burnt::Withdrawn(id) } else { Burnt::Now(id) });
            }
            match self.trace(receipt, now).await?.map(|trace| trace.state) {
                None => return Ok(Burnt::Unknown),
                Some(ReceiptState::Burned(By::Receipt) | ReceiptState::Withdrawn) => return Ok(Burnt::Already),
                // It was given back meanwhile.
                Some(ReceiptState::Unread | ReceiptState::Open) => wait(waits).await?,
                Some(_) => return Ok(Burnt::TooLate),
            }
        }
    }

    pub(in crate::store) async fn forget_receipts(
        &self,
        ended_before: Timestamp,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        let limit = i64::try_from(at_most).unwrap_or(i64::MAX);
        let values = vec![Value::new(self.skew.there(ended_before)), Value::new(limit)];
        let call = Call::new(statements::FORGET_RECEIPTS, values, Repeat::Never);
        Ok(self.line.rows(call).await.map_err(Fault::into_error)?.len())
    }
}

/// What a row of [`TRACE`](statements::TRACE) says.
enum Told {
    Nothing,
    Of(Trace),
    /// A server has it in hand.
    InHand,
}

impl Told {
    fn read(row: &Row, receipt: ReceiptId, skew: &Skew) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged("what its receipt tells can't be".to_owned());
        let Some(state) = column::<Option<i16>>(row, 0)? else { return Ok(Self::Nothing) };
        // As they were sealed, by the maker's clock.
        let sealed = |at: usize| Timestamp::from_millisecond(column(row, at)?).map_err(|_| damaged());
        let (created_at, expires_at, claimed_at) = (sealed(1)?, sealed(2)?, row::time(row, 3, skew)?);
        let at = row::time(row, 4, skew)?.ok_or_else(damaged)?;
        let attempts = u32::try_from(column::<i32>(row, 5)?).map_err(|_| damaged())?;
        let kept = |state| Trace { state, created_at, expires_at, claimed_at, ended_at: None, attempts };
        Ok(match (state, column::<bool>(row, 6)?, column::<bool>(row, 7)?) {
            (0, _, true) => Self::InHand,
            (0, true, false) => Self::Of(kept(ReceiptState::Claimed { until: at })),
            (0, false, false) if column::<Option<i16>>(row, 8)? == Some(i16::from(REQUEST)) => {
                Self::Of(kept(ReceiptState::Open))
            }
            (0, false, false) => Self::Of(kept(ReceiptState::Unread)),
            (code, ..) => {
                let end = End::from_code(code).ok_or_else(damaged)?;
                let left = Tombstone { receipt, end, created_at, expires_at, claimed_at, ended_at: at, attempts };
                Self::Of(left.into())
            }
        })
    }
}
