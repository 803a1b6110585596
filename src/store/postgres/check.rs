//! A look at all of the tables, at one moment, beside the servers that run on them. Pages and indexes are PostgreSQL's own to check
//! (`pg_amcheck`).

use tokio_postgres::{Client, Error};

use super::{Address, alone::alone, census, error::StartError, row, skew::Skew};
use crate::{
    secret::{KeyId, SecretId},
    store::{Checked, Held, damage},
};

/// Findings of one kind that are told.
const TOLD: i64 = 20;

/// What records can't be: read from end to end, so that what the disk has lost shows.
const TORN: &str = "
    SELECT id FROM ots.record
    WHERE octet_length(id) <> 32 OR octet_length(key_id) <> 8 OR octet_length(sealed) <> sealed_len OR kind NOT BETWEEN 0 AND 255
       OR octet_length(verifier) <> 32 OR octet_length(claim) <> 32 OR octet_length(owner) <> 16 OR (claim IS NULL AND own)
       OR octet_length(receipt) <> 32 OR octet_length(notify) <> 8
       OR md5(sealed) IS NULL
    ORDER BY id LIMIT $1";

/// Those that calls go by: without one they take as long as there are records, or are refused.
const MISSING: &str = "
    SELECT wanted.name, wanted.columns, wanted.is_unique
    FROM (VALUES ('record', 'id', true), ('record', 'deadline', false), ('held', 'key_id, part', true), ('owner', 'owner', true),
                 ('outbox', 'number', true), ('outbox', 'id, hook, number', false), ('outbox', 'hook, due, number', false))
         AS wanted (name, columns, is_unique)
    WHERE NOT EXISTS (
        SELECT FROM pg_index AS i
        WHERE i.indrelid = to_regclass('ots.' || wanted.name) AND i.indisvalid AND i.indpred IS NULL
          AND (i.indisunique OR NOT wanted.is_unique)
          AND wanted.columns = (
              SELECT string_agg(attname, ', ' ORDER BY place) FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS key (number, place)
              JOIN pg_attribute ON attrelid = i.indrelid AND attnum = number
          )
    )";

const HELD: &str = "
    SELECT key_id, count(*), coalesce(sum(octet_length(sealed)), 0)::bigint FROM ots.record
    WHERE octet_length(key_id) = 8 GROUP BY key_id ORDER BY key_id";

const MISCOUNTED: &str = "
    SELECT count(*) FROM (SELECT key_id, sum(records) AS records, sum(bytes) AS bytes FROM ots.held GROUP BY key_id) AS counted
    FULL JOIN (SELECT key_id, count(*) AS records, sum(sealed_len) AS bytes FROM ots.record GROUP BY key_id) AS there USING (key_id)
    WHERE coalesce(counted.records, 0) <> coalesce(there.records, 0) OR coalesce(counted.bytes, 0) <> coalesce(there.bytes, 0)";

const MISCOUNTED_OWNERS: &str = "
    SELECT count(*) FROM ots.owner AS counted
    FULL JOIN (
        SELECT owner, count(*) AS records, sum(sealed_len) AS bytes FROM ots.record WHERE owner IS NOT NULL GROUP BY owner
    ) AS there USING (owner)
    WHERE coalesce(counted.records, 0) <> coalesce(there.records, 0) OR coalesce(counted.bytes, 0) <> coalesce(there.bytes, 0)";

/// What removed records have left can be read, and no record is both there and gone.
const MISTOLD: &str = "
    SELECT count(*) FROM ots.receipt AS told
    WHERE octet_length(id) <> 32 OR state NOT BETWEEN 1 AND 7 OR EXISTS (SELECT FROM ots.record WHERE receipt = told.id)";

/// Messages for webhooks that can't be read.
const UNTELLABLE: &str = "
    SELECT count(*) FROM ots.outbox
    WHERE octet_length(hook) <> 8 OR octet_length(id) <> 32 OR event NOT BETWEEN 1 AND 13 OR tries < 0
       OR (event = 1) <> (size IS NOT NULL) OR (event IN (1, 2)) <> (ttl IS NOT NULL) OR (event = 10) <> (tries_left IS NOT NULL)";

/// Looks at all of it, and changes nothing.
pub(in crate::store) fn check(address: &Address) -> Result<Checked, StartError> {
    alone(address, async |client| {
        census::look(client, address, &Skew::default()).await?;
        client
            .batch_execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .map_err(|error| StartError::of(address, &error))?;
        read(client).await.map_err(|error| StartError::of(address, &error))
    })
}

async fn read(client: &Client) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    for row in client.query(HELD, &[]).await? {
        if let (Ok(key), Ok(records), Ok(bytes)) = (row::bytes(&row, 0), row::count(&row, 1), row::count(&row, 2)) {
            checked.held.push(Held { key_id: KeyId(key), records, bytes });
        }
    }
    checked.records = checked.held.iter().map(|held| held.records).sum();
    checked.bytes = checked.held.iter().map(|held| held.bytes).sum();
    for row in client.query(TORN, &[&TOLD]).await? {
        let id =
            row::bytes(&row, 0).map_or_else(|_| "a record without an id".to_owned(), |id| damage::name(SecretId(id)));
        checked.findings.push(format!("{id} isn't as it was written"));
    }
    for row in client.query(MISSING, &[]).await? {
        let (table, columns): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        let unique = if row.try_get(2)? { "UNIQUE " } else { "" };
        checked.findings.push(format!(
            "the index of ots.{table} by {columns} isn't there, or isn't valid: make it with CREATE {unique}INDEX CONCURRENTLY ON \
             ots.{table} ({columns})"
        ));
    }
    for (counts, what) in [(MISCOUNTED, "under each key"), (MISCOUNTED_OWNERS, "of each owner")] {
        if client.query_one(counts, &[]).await?.try_get::<_, i64>(0)? > 0 {
            checked.findings.push(format!("the counts of records {what} aren't what there is"));
        }
    }
    let mistold: i64 = client.query_one(MISTOLD, &[]).await?.try_get(0)?;
    if mistold > 0 {
        checked.findings.push(format!("{mistold} receipts tell what can't be"));
    }
    let untellable: i64 = client.query_one(UNTELLABLE, &[]).await?.try_get(0)?;
    if untellable > 0 {
        checked.findings.push(format!("{untellable} messages for webhooks can't be read"));
    }
    Ok(checked)
}
