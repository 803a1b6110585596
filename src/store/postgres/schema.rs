//! Bringing the tables up to date, and what has to be so of a database before a server runs on it.

use jiff::Timestamp;
use tokio_postgres::{Client, Error};

use super::{
    Address,
    error::{OLDEST, StartError, clean},
    skew::Skew,
    statements::{self, locks},
};

/// One step of the tables' history.
struct Migration {
    sql: &'static str,
    /// The oldest schema whose servers can go on beside it.
    works_from: i32,
}

/// In order, each in one transaction. Forward only; what an older server still uses is taken away by a later one.
const MIGRATIONS: &[Migration] = &[
    Migration { sql: include_str!("migrations/0001_records.sql"), works_from: 1 },
    Migration { sql: include_str!("migrations/0002_receipts.sql"), works_from: 1 },
    Migration { sql: include_str!("migrations/0003_outbox.sql"), works_from: 1 },
    Migration { sql: include_str!("migrations/0004_requests.sql"), works_from: 1 },
];

/// Before the first of them.
const FIRST: &str = "CREATE TABLE ots.migration (
    number     integer     NOT NULL PRIMARY KEY,
    works_from integer     NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
)";

/// Messages have their numbers from a sequence, which doesn't come along where the tables were copied: it goes on behind them.
const NUMBERS: &str = "
    SELECT setval(sequence, highest) FROM (SELECT pg_get_serial_sequence('ots.outbox', 'number')::regclass AS sequence) AS its,
        (SELECT max(number) AS highest FROM ots.outbox) AS there
    WHERE highest > coalesce((SELECT last_value FROM pg_sequences WHERE schemaname = 'ots' AND sequencename = 'outbox_number_seq'), 0)
      AND has_sequence_privilege(sequence, 'UPDATE')";

/// What has been done to the tables.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    number: i32,
    works_from: i32,
}

/// Checks the database, and brings its tables up to date. Servers may start together: one does it, the others wait for it.
pub(super) async fn prepare(client: &mut Client, address: &Address) -> Result<(), StartError> {
    let of = |error: Error| StartError::of(address, &error);
    check_server(client, address).await?;
    client.batch_execute("SET lock_timeout = 60000; SET statement_timeout = 0").await.map_err(of)?;
    client.query_one("SELECT pg_advisory_lock($1)", &[&locks::MIGRATE]).await.map_err(of)?;
    // The lock goes with the connection, whatever happens.
    migrate(client, address, MIGRATIONS).await?;
    client.execute(NUMBERS, &[]).await.map_err(of)?;
    client.query_one("SELECT pg_advisory_unlock($1)", &[&locks::MIGRATE]).await.map_err(of)?;
    client.batch_execute("RESET lock_timeout; RESET statement_timeout").await.map_err(of)?;
    check_rights(client, address).await
}

/// Refuses what has no tables of this version, and changes nothing.
pub(super) async fn is_current(client: &Client, address: &Address) -> Result<(), StartError> {
    let found = found(client).await.map_err(|error| StartError::of(address, &error))?;
    usable(found, address, MIGRATIONS)?;
    if found.number < newest(MIGRATIONS) { Err(StartError::Empty { at: address.to_string() }) } else { Ok(()) }
}

async fn check_server(client: &Client, address: &Address) -> Result<(), StartError> {
    let at = || address.to_string();
    let asked = "SELECT current_setting('server_version_num')::integer / 10000, current_setting('server_version'),
                        current_setting('synchronous_commit')";
    let row = client.query_one(asked, &[]).await.map_err(|error| StartError::of(address, &error))?;
    let text = |column: usize| row.try_get::<_, String>(column).unwrap_or_default();
    if row.try_get::<_, i32>(0).unwrap_or_default() < OLDEST {
        return Err(StartError::Old { at: at(), found: clean(&text(1)) });
    }
    if text(2) == "off" {
        return Err(StartError::NotDurable { at: at() });
    }
    Ok(())
}

/// Reading and changing have to be allowed, where somebody else made the tables.
async fn check_rights(client: &Client, address: &Address) -> Result<(), StartError> {
    let asked = "SELECT bool_and(has_table_privilege('ots.' || name, right_to))
                 FROM unnest(ARRAY['record', 'held', 'owner', 'receipt', 'state', 'outbox', 'courier']) AS name,
                      unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS right_to";
    let row = client.query_one(asked, &[]).await.map_err(|error| StartError::of(address, &error))?;
    if row.try_get(0).unwrap_or_default() {
        return Ok(());
    }
    let why = "SELECT, INSERT, UPDATE or DELETE on the tables in the schema ots is missing".to_owned();
    Err(StartError::NoRights { at: address.to_string(), user: address.user().to_owned(), why })
}

async fn found(client: &Client) -> Result<Found, Error> {
    let there: bool = client.query_one("SELECT to_regclass('ots.migration') IS NOT NULL", &[]).await?.try_get(0)?;
    if !there {
        return Ok(Found::default());
    }
    let asked = "SELECT coalesce(max(number), 0), coalesce(max(works_from), 0) FROM ots.migration";
    let row = client.query_one(asked, &[]).await?;
    Ok(Found { number: row.try_get(0)?, works_from: row.try_get(1)? })
}

fn newest(migrations: &[Migration]) -> i32 {
    i32::try_from(migrations.len()).unwrap_or(i32::MAX)
}

/// A newer schema is one to work with, unless it says that it isn't.
fn usable(found: Found, address: &Address, migrations: &[Migration]) -> Result<(), StartError> {
    let known = newest(migrations);
    if found.works_from > known {
        return Err(StartError::Newer { at: address.to_string(), found: found.number, known });
    }
    if found.number > known {
        tracing::info!("the database's tables are of a newer ots, which this one can work beside");
    }
    Ok(())
}

async fn migrate(client: &mut Client, address: &Address, migrations: &[Migration]) -> Result<(), StartError> {
    let of = |error: Error| StartError::of(address, &error);
    let before = found(client).await.map_err(of)?;
    usable(before, address, migrations)?;
    for (number, migration) in (1_i32..).zip(migrations).filter(|(number, _)| *number > before.number) {
        let transaction = client.transaction().await.map_err(of)?;
        if number == 1 {
            let asked = "SELECT to_regnamespace('ots') IS NOT NULL";
            let there: bool = transaction.query_one(asked, &[]).await.and_then(|row| row.try_get(0)).map_err(of)?;
            if !there {
                transaction.batch_execute("CREATE SCHEMA ots").await.map_err(of)?;
            }
            transaction.batch_execute(FIRST).await.map_err(of)?;
        }
        transaction.batch_execute(migration.sql).await.map_err(of)?;
        let noted = "INSERT INTO ots.migration (number, works_from) VALUES ($1, $2)";
        transaction.execute(noted, &[&number, &migration.works_from]).await.map_err(of)?;
        transaction.commit().await.map_err(of)?;
        tracing::info!("brought the database's tables to schema {number}");
    }
    Ok(())
}

/// When a server is known to have run, by the database's clock; and how far that is from this machine's is measured.
pub(super) async fn times(client: &Client, address: &Address, skew: &Skew) -> Result<Option<i64>, StartError> {
    let of = |error: Error| StartError::of(address, &error);
    // Prepared before, so that it takes one round trip.
    let time = client.prepare(statements::TIME).await.map_err(of)?;
    let before = Timestamp::now();
    let theirs = client.query_one(&time, &[]).await.and_then(|row| row.try_get(0)).map_err(of)?;
    skew.measure(before, theirs, Timestamp::now());
    let seen = client.query_opt(statements::SEEN, &[]).await.map_err(of)?;
    Ok(seen.and_then(|row| row.try_get(0).ok()).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_worked_with_unless_it_says_otherwise() {
        let address: Address = "postgres://h/ots".parse().unwrap();
        let usable = |number, works_from| usable(Found { number, works_from }, &address, MIGRATIONS);
        assert!(usable(0, 0).is_ok() && usable(1, 1).is_ok() && usable(9, 4).is_ok());
        assert!(matches!(usable(9, 5), Err(StartError::Newer { found: 9, known: 4, .. })));
    }
}
