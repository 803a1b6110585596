//! Taking records in from another database ([`migrate`](crate::store::migrate)), as they are: first so that nobody can read them, then as
//! they were.

use std::{collections::BTreeMap, time::Duration};

use tokio_postgres::{Client, Error, types::Type};

use super::{
    Address,
    alone::connect,
    error::{Fault, StartError},
    schema,
    skew::Skew,
};
use crate::{
    secret::{ClaimHash, KeyId},
    store::{
        Held, Message, StoreError, Usage,
        migrate::{Marked, Moving},
        outbox::Event,
        receipt::Tombstone,
    },
};

/// How long a batch may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What tells one database from another, also after a failover: when its tables were made.
const IDENTITY: &str = "SELECT at::text FROM ots.migration WHERE number = 1";

const STAGE: &str = "
    INSERT INTO ots.record (id, created_at, expires_at, ends_at, deadline, kind, size, key_id, verifier, attempts, claim, owner, sealed_len, sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (id) DO NOTHING";

const IS_STAGED: &str = "SELECT count(*) FROM ots.record WHERE id = $1 AND claim = $2";

const COUNT: &str = "
    INSERT INTO ots.held AS h (key_id, part, records, bytes) VALUES ($1, (pg_backend_pid() % 256)::smallint, $2, $3)
    ON CONFLICT (key_id, part) DO UPDATE SET records = h.records + excluded.records, bytes = h.bytes + excluded.bytes";

const CHARGE: &str = "
    INSERT INTO ots.owner AS o (owner, records, bytes) VALUES ($1, $2, $3)
    ON CONFLICT (owner) DO UPDATE SET records = o.records + excluded.records, bytes = o.bytes + excluded.bytes";

/// A claim that lasts is one that its reader may repeat.
const PUBLISH: &str = "
    UPDATE ots.record
    SET claim = $3, own = false, reads = CASE WHEN $3::bytea IS NULL THEN 0 ELSE 1 END, receipt = $4, claimed_at = $5, notify = $6
    WHERE id = $1 AND claim = $2";

const KEEP: &str = "
    INSERT INTO ots.receipt (id, state, created_at, expires_at, claimed_at, ended_at, attempts) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (id) DO NOTHING";

/// One that an earlier try has taken isn't taken again, unless it was delivered meanwhile.
const TAKE: &str = "
    INSERT INTO ots.outbox (hook, id, at, due, event, size, ttl, tries_left, made_by, tries, answer)
    SELECT $1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10 WHERE NOT EXISTS (
        SELECT FROM ots.outbox WHERE hook = $1 AND id = $2 AND at = $3 AND event = $4 AND tries_left IS NOT DISTINCT FROM $7
    )";

/// Why a batch came to nothing, as far as is known.
pub(in crate::store) enum ImportError {
    /// The connection broke, or the like: it can be done again.
    Lost(String),
    /// It would be refused again.
    Refused(String),
}

impl From<Error> for ImportError {
    fn from(error: Error) -> Self {
        match Fault::of(&error) {
            Fault::Refused(StoreError::Busy | StoreError::Locked) => Self::Lost(super::error::words(&error)),
            Fault::Refused(why) => Self::Refused(why.to_string()),
            Fault::Unsent(why) | Fault::Stale(why) | Fault::Unknown(why) => Self::Lost(why.to_string()),
        }
    }
}

/// A connection for it.
pub(in crate::store) struct Import {
    client: Client,
    skew: Skew,
}

impl Import {
    /// Connects, and makes the tables if they aren't there.
    pub(in crate::store) async fn open(address: &Address) -> Result<Self, StartError> {
        let mut client = connect(address).await?;
        schema::prepare(&mut client, address).await?;
        let skew = Skew::default();
        schema::times(&client, address, &skew).await?;
        let slowly = client.batch_execute("SET statement_timeout = 60000; SET lock_timeout = 10000").await;
        slowly.map_err(|error| StartError::of(address, &error))?;
        Ok(Self { client, skew })
    }

    /// Which database it is, and what it keeps.
    pub(in crate::store) async fn asked(&mut self) -> Result<(String, Vec<Held>), ImportError> {
        let identity = self.client.query_one(IDENTITY, &[]).await?.try_get(0)?;
        let kept = "SELECT key_id FROM ots.held GROUP BY key_id HAVING sum(records) > 0";
        let rows = self.client.query(kept, &[]).await?;
        let keys = rows.iter().filter_map(|row| row.try_get::<_, &[u8]>(0).ok()?.try_into().ok());
        Ok((identity, keys.map(|key| Held { key_id: KeyId(key), records: 0, bytes: 0 }).collect()))
    }

    /// Puts records there so that nobody can read them; those that an earlier try has staged are found. Says of each whether it is ours.
    pub(in crate::store) async fn stage(
        &mut self,
        staging: ClaimHash,
        records: &[Moving],
    ) -> Result<Vec<bool>, ImportError> {
        let (client, skew) = (&mut self.client, &self.skew);
        bounded(async {
            let transaction = client.transaction().await?;
            let (stage, is_staged) = (transaction.prepare(STAGE).await?, transaction.prepare(IS_STAGED).await?);
            let mut ours = Vec::with_capacity(records.len());
            let (mut keys, mut owners) = (BTreeMap::<_, Usage>::new(), BTreeMap::<_, Usage>::new());
            for record in records {
                let head = &record.head;
                let bytes = record.sealed.len();
                let kept = transaction
                    .execute(
                        &stage,
                        &[
                            &record.id.0.as_slice(),
                            &head.created_at.as_millisecond(),
                            &head.expires_at.as_millisecond(),
                            &skew.there(head.expires_at),
                            &skew.there(record.deadline),
                            &i16::from(head.kind),
                            &i64::try_from(head.size).unwrap_or(i64::MAX),
                            &head.key_id.0.as_slice(),
                            &head.verifier.as_ref().map(|verifier| verifier.0.as_slice()),
                            &i32::try_from(record.attempts).unwrap_or(i32::MAX),
                            &staging.0.as_slice(),
                            &record.owner.as_ref().map(|owner| owner.0.as_slice()),
                            &i64::try_from(bytes).unwrap_or(i64::MAX),
                            &record.sealed.as_ref(),
                        ],
                    )
                    .await?;
                if kept == 0 {
                    let row =
                        transaction.query_one(&is_staged, &[&record.id.0.as_slice(), &staging.0.as_slice()]).await?;
                    ours.push(row.try_get::<_, i64>(0)? == 1);
                    continue;
                }
                ours.push(true);
                add(keys.entry(head.key_id).or_default(), bytes);
                if let Some(owner) = record.owner {
                    add(owners.entry(owner).or_default(), bytes);
                }
            }
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            // In order, so that nobody waits for us while we wait for them.
            for (owner, Usage { records, bytes }) in owners {
                transaction.execute(CHARGE, &[&owner.0.as_slice(), &number(records), &number(bytes)]).await?;
            }
            for (key, Usage { records, bytes }) in keys {
                transaction.execute(COUNT, &[&key.0.as_slice(), &number(records), &number(bytes)]).await?;
            }
            transaction.commit().await?;
            Ok(ours)
        })
        .await
    }

    /// Gives staged records the claim that they had, or none, and their receipt: from now on they are read here. What isn't there any more was published before.
    pub(in crate::store) async fn publish(&mut self, staging: ClaimHash, marked: &[Marked]) -> Result<(), ImportError> {
        let (client, skew) = (&mut self.client, &self.skew);
        bounded(async {
            let transaction = client.transaction().await?;
            let publish = transaction.prepare(PUBLISH).await?;
            for one in marked {
                let claim = one.claim.as_ref().map(|claim| claim.0.as_slice());
                let receipt = one.mark.receipt.as_ref().map(|receipt| receipt.0.as_slice());
                let claimed_at = one.mark.claimed_at.map(|time| skew.there(time));
                let (id, staging) = (one.id.0.as_slice(), staging.0.as_slice());
                let notify = one.mark.notify.as_ref().map(|notify| notify.0.as_slice());
                transaction.execute(&publish, &[&id, &staging, &claim, &receipt, &claimed_at, &notify]).await?;
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    /// Takes messages to webhooks over, in their order.
    pub(in crate::store) async fn take_messages(&mut self, messages: &[Message]) -> Result<(), ImportError> {
        let (client, skew) = (&mut self.client, &self.skew);
        bounded(async {
            let transaction = client.transaction().await?;
            let bytes = Type::BYTEA;
            let types = [
                bytes.clone(),
                bytes.clone(),
                Type::INT8,
                Type::INT2,
                Type::INT8,
                Type::INT8,
                Type::INT4,
                Type::TEXT,
                Type::INT4,
                bytes,
            ];
            let take = transaction.prepare_typed(TAKE, &types).await?;
            for Message { hook, id, at, told, tries, .. } in messages {
                let Event { code, size, ttl, left, by, answer } = told.event();
                let (hook, id, at) = (hook.0.as_slice(), id.0.as_slice(), skew.there(*at));
                let (by, tries) = (by.as_deref(), i32::try_from(*tries).unwrap_or(i32::MAX));
                let answer = answer.as_ref().map(<[u8; 32]>::as_slice);
                transaction.execute(&take, &[&hook, &id, &at, &code, &size, &ttl, &left, &by, &tries, &answer]).await?;
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    /// Keeps what records that are gone have left; what is there already stays.
    pub(in crate::store) async fn keep(&mut self, left: &[Tombstone]) -> Result<(), ImportError> {
        let (client, skew) = (&mut self.client, &self.skew);
        bounded(async {
            let transaction = client.transaction().await?;
            let keep = transaction.prepare(KEEP).await?;
            for one in left {
                transaction
                    .execute(
                        &keep,
                        &[
                            &one.receipt.0.as_slice(),
                            &one.end.code(),
                            &one.created_at.as_millisecond(),
                            &one.expires_at.as_millisecond(),
                            &one.claimed_at.map(|time| skew.there(time)),
                            &skew.there(one.ended_at),
                            &i32::try_from(one.attempts).unwrap_or(i32::MAX),
                        ],
                    )
                    .await?;
            }
            Ok(transaction.commit().await?)
        })
        .await
    }
}

fn add(usage: &mut Usage, bytes: usize) {
    usage.records += 1;
    usage.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
}

async fn bounded<T>(work: impl Future<Output = Result<T, ImportError>>) -> Result<T, ImportError> {
    let lost = |_| ImportError::Lost("it didn't answer in time".to_owned());
    tokio::time::timeout(PATIENCE, work).await.map_err(lost)?
}
