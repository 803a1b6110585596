//! Records on their way into rows and out of them.

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::{
    Row,
    types::{FromSql, IsNull, ToSql, Type, to_sql_checked},
};

use super::{batch::Value, line::Values, skew::Skew};
use crate::{
    memory::Buffer,
    secret::{KeyId, Verifier},
    store::{Gone, Head, Record, StoreError},
};

/// Ciphertext as a value, where it lies.
#[derive(Debug)]
struct Sealed(Buffer);

impl ToSql for Sealed {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.put_slice(self.0.as_ref());
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::BYTEA
    }

    to_sql_checked!();
}

/// What goes with a statement that keeps a record, after its id.
pub(super) fn values(record: Record, skew: &Skew) -> Values {
    let Record { head, sealed, charge, receipt, .. } = record;
    vec![
        Value::new(head.created_at.as_millisecond()),
        Value::new(head.expires_at.as_millisecond()),
        Value::new(skew.there(head.expires_at)),
        Value::new(i16::from(head.kind)),
        Value::new(i64::try_from(head.size).unwrap_or(i64::MAX)),
        Value::new(head.key_id.0.to_vec()),
        Value::new(head.verifier.map(|verifier| verifier.0.to_vec())),
        Value::new(charge.owner.map(|owner| owner.0.to_vec())),
        Value::new(i64::try_from(sealed.len()).unwrap_or(i64::MAX)),
        Value::new(Sealed(sealed)),
        Value::new(receipt.map(|receipt| receipt.0.to_vec())),
    ]
}

/// A column; one that is of another kind than it was written is damage.
pub(super) fn column<'r, T: FromSql<'r>>(row: &'r Row, at: usize) -> Result<T, StoreError> {
    row.try_get(at).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// A number that isn't negative.
pub(super) fn count(row: &Row, at: usize) -> Result<u64, StoreError> {
    Ok(u64::try_from(column::<i64>(row, at)?).unwrap_or(0))
}

/// Bytes of a known number.
pub(super) fn bytes<const N: usize>(row: &Row, at: usize) -> Result<[u8; N], StoreError> {
    let found: &[u8] = column(row, at)?;
    found.try_into().map_err(|_| StoreError::Damaged(format!("column {at} has {} bytes in place of {N}", found.len())))
}

/// The columns of [`LOAD`](super::statements::LOAD) after the first.
pub(super) fn head(row: &Row) -> Result<Head, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("a record's {what} can't be"));
    let time = |at: usize| {
        // As it was sealed: by its maker's clock.
        jiff::Timestamp::from_millisecond(column(row, at)?).map_err(|_| damaged("time"))
    };
    let verifier: Option<&[u8]> = column(row, 6)?;
    let verifier = verifier.map(|bytes| bytes.try_into().map_err(|_| damaged("verifier"))).transpose()?;
    Ok(Head {
        created_at: time(1)?,
        expires_at: time(2)?,
        kind: u8::try_from(column::<i16>(row, 3)?).map_err(|_| damaged("kind"))?,
        size: count(row, 4)?,
        key_id: KeyId(bytes(row, 5)?),
        verifier: verifier.map(Verifier),
    })
}

/// What is told of a record that was removed.
pub(super) fn gone(row: &Row) -> Gone {
    Gone {
        id: bytes(row, 0).ok().map(crate::secret::SecretId),
        claimed: column(row, 1).unwrap_or_default(),
        request: column(row, 2).unwrap_or_default(),
    }
}

/// A time of the database, as this machine has it.
pub(super) fn time(row: &Row, at: usize, skew: &Skew) -> Result<Option<jiff::Timestamp>, StoreError> {
    Ok(column::<Option<i64>>(row, at)?.and_then(|time| skew.here(time)))
}
