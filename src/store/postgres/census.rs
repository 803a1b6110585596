//! A look at how much there is.

use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Client, Row};

use super::{
    Address,
    alone::alone,
    batch::Value,
    error::StartError,
    line::Values,
    row::{bytes, column, count, time},
    schema,
    skew::Skew,
    statements,
};
use crate::{
    secret::KeyId,
    store::{Census, KeyUse, StoreError, Usage},
};

/// No lease is longer: claimed records die before it is over.
const LONGEST_LEASE: SignedDuration = SignedDuration::from_mins(10);

/// How much is kept, beside the servers that run on the database.
pub(in crate::store) fn census_of(address: &Address, now: Timestamp) -> Result<Census, StartError> {
    let skew = Skew::default();
    alone(address, async |client| {
        look(client, address, &skew).await?;
        let values = at(now, &skew);
        let values: Vec<_> = values.iter().map(|value| value as _).collect();
        let row =
            client.query_one(statements::CENSUS, &values).await.map_err(|error| StartError::of(address, &error))?;
        of(&row, &skew).map_err(|error| other(address, &error))
    })
}

/// What needs each key, in the same way.
pub(in crate::store) fn keys_of(address: &Address) -> Result<Vec<KeyUse>, StartError> {
    let skew = Skew::default();
    alone(address, async |client| {
        look(client, address, &skew).await?;
        let rows = client.query(statements::KEYS, &[]).await.map_err(|error| StartError::of(address, &error))?;
        rows.iter().map(|row| key_of(row, &skew)).collect::<Result<_, _>>().map_err(|error| other(address, &error))
    })
}

/// Makes ready for a look that may take its time.
pub(super) async fn look(client: &Client, address: &Address, skew: &Skew) -> Result<(), StartError> {
    schema::is_current(client, address).await?;
    let slowly = client.batch_execute("SET statement_timeout = 0; SET default_transaction_read_only = on").await;
    slowly.map_err(|error| StartError::of(address, &error))?;
    schema::times(client, address, skew).await.map(drop)
}

fn other(address: &Address, error: &StoreError) -> StartError {
    StartError::Other { at: address.to_string(), why: error.to_string() }
}

/// What [`CENSUS`](statements::CENSUS) is asked with.
pub(super) fn at(now: Timestamp, skew: &Skew) -> Values {
    let leased = now.saturating_add(LONGEST_LEASE).unwrap_or(Timestamp::MAX);
    vec![Value::new(skew.there(now)), Value::new(skew.there(leased))]
}

/// What it answers.
pub(super) fn of(row: &Row, skew: &Skew) -> Result<Census, StoreError> {
    let made = column::<Option<i64>>(row, 4)?;
    Ok(Census {
        held: Usage { records: count(row, 0)?, bytes: count(row, 1)? },
        dead: count(row, 2)?,
        claimed: count(row, 3)?,
        requests: count(row, 10)?,
        receipts: count(row, 11)?,
        oldest: made.and_then(|made| Timestamp::from_millisecond(made).ok()),
        next_deadline: time(row, 5, skew)?,
        owners: count(row, 6)?,
        largest: Usage { records: count(row, 7)?, bytes: count(row, 8)? },
        messages: count(row, 12)?,
        file: count(row, 9)?,
        free: 0,
        wal: 0,
    })
}

/// What a row of [`KEYS`](statements::KEYS) says.
pub(super) fn key_of(row: &Row, skew: &Skew) -> Result<KeyUse, StoreError> {
    let damaged = || StoreError::Damaged("a record's time can't be".to_owned());
    Ok(KeyUse {
        key_id: KeyId(bytes(row, 0)?),
        held: Usage { records: count(row, 1)?, bytes: count(row, 2)? },
        oldest: Timestamp::from_millisecond(column(row, 3)?).map_err(|_| damaged())?,
        needed_until: time(row, 4, skew)?.ok_or_else(damaged)?,
    })
}
