//! Whether each connection is a session of the database's own. A pooler may give every transaction another: neither prepared statements, nor
//! settings, nor locks of a session last there, and what comes of it looks like anything.

use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::{Address, address::SETTINGS, alone, error::StartError};

/// How often it is looked. A pooler gives out what was given back last, or else one connection after the other: the first look finds either,
/// if nobody else comes in between.
const LOOKS: usize = 5;

/// Looks for a pooler, in words that any lets pass: while one connection has said whose it is and is idle, another is in the middle of a
/// transaction. In a database's own sessions the two are never the same, and the first stays what it was.
pub(super) async fn look(client: &Client, address: &Address) -> Result<(), StartError> {
    let of = |error: Error| StartError::of(address, &error);
    // That there is no second one is told by who needs it.
    let Ok(other) = alone::connect(address).await else { return Ok(()) };
    for _ in 0..LOOKS {
        let first = session(client, SESSION).await.map_err(of)?;
        let before = session(client, SESSION).await.map_err(of)?;
        let theirs = session(&other, &format!("BEGIN; {SESSION}")).await.map_err(of)?;
        let after = session(client, SESSION).await.map_err(of)?;
        other.batch_execute("ROLLBACK").await.map_err(of)?;
        if first != before || before != after || before == theirs {
            return Err(StartError::Pooled {
                at: address.to_string(),
                why: "a session doesn't keep its connection".to_owned(),
            });
        }
    }
    Ok(())
}

const SESSION: &str = "SELECT pg_backend_pid()";

/// Whose session it is, for this once.
async fn session(client: &Client, sql: &str) -> Result<Option<String>, Error> {
    let said = client.simple_query(sql).await?;
    Ok(said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}

/// Sets what every session of ours has to have, where a pooler has passed over what it should have begun with. What the URL's own options
/// have set stays.
pub(super) async fn settle(client: &Client) -> Result<(), Error> {
    let wanted: Vec<String> = SETTINGS.iter().map(|(name, value)| format!("('{name}', '{value}')")).collect();
    let sql = format!(
        "SELECT set_config(name, value, false) FROM (VALUES {}) AS wanted (name, value) JOIN pg_settings USING (name)
         WHERE source NOT IN ('client', 'session')",
        wanted.join(", ")
    );
    client.simple_query(&sql).await.map(drop)
}
