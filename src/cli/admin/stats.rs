//! `ots admin stats`: how much a server keeps.

use bytesize::ByteSize;
use jiff::Timestamp;

use super::{
    answer::{Answer, Bound, Question, Stats as Told},
    place::{AdminError, Place},
};
use crate::{
    cli::{Global, data::DataArgs, said::one_line, terminal},
    store::Store,
};

/// Say how much the server keeps
///
/// Counts secrets and bytes, those that are being read and those that have expired and wait to be removed; open requests, and what is left of
/// secrets for their receipts; what the one who has most has, where each has a quota; and the files. Asks the server that runs on the database; without one, or in a PostgreSQL, it looks
/// into the database itself.
#[derive(Debug, clap::Args)]
pub(super) struct Stats {
    #[command(flatten)]
    data: DataArgs,
}

impl Stats {
    pub(super) fn run(&self, global: &Global) -> Result<(), AdminError> {
        let place = Place::find(&self.data)?;
        let told = match place.ask(Question::Stats)? {
            Some(Answer::Stats(told)) => told,
            _ => Told::new(&Store::census_of(&place.location, Timestamp::now())?, None),
        };
        if global.json {
            terminal::answer_json(&told)?;
        } else {
            terminal::answer(table(&rows(&told, place.is_shared())).as_bytes())?;
        }
        Ok(())
    }
}

fn rows(told: &Told, is_shared: bool) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("secrets", format!("{}, {}", told.secrets, bytes(told.bytes))),
        ("being read", told.claimed.to_string()),
        ("expired, to be removed", told.expired.to_string()),
        ("open requests", told.requests.to_string()),
        ("receipts of what is gone", told.receipts.to_string()),
    ];
    let time = |time: &Option<String>| time.as_deref().map_or_else(|| "none".to_owned(), one_line);
    rows.push(("oldest", time(&told.oldest)));
    rows.push(("next to expire", time(&told.next_expiry)));
    if told.owners > 0 {
        let most = &told.largest_owner;
        rows.push((
            "owners",
            format!("{}, of whom one has {} secrets or {}", told.owners, most.secrets, bytes(most.bytes)),
        ));
    }
    if told.messages > 0 {
        rows.push(("messages to webhooks", told.messages.to_string()));
    }
    match &told.quotas {
        Some(quotas) => {
            rows.push(("quota in all", quota(&quotas.all)));
            rows.push(("quota of each", quota(&quotas.each)));
        }
        None if is_shared => {}
        None => rows.push(("quotas", "no server runs that could tell".to_owned())),
    }
    if is_shared {
        rows.push(("tables", bytes(told.database_bytes)));
        return rows;
    }
    rows.push(("database", format!("{}, of which {} are free", bytes(told.database_bytes), bytes(told.free_bytes))));
    rows.push(("WAL", bytes(told.wal_bytes)));
    rows
}

fn quota(bound: &Bound) -> String {
    match (bound.secrets, bound.bytes) {
        (None, None) => "none".to_owned(),
        (Some(secrets), None) => format!("{secrets} secrets"),
        (None, Some(most)) => bytes(most),
        (Some(secrets), Some(most)) => format!("{secrets} secrets, {}", bytes(most)),
    }
}

fn bytes(bytes: u64) -> String {
    if bytes < 1024 { format!("{bytes} bytes") } else { ByteSize::b(bytes).display().iec().to_string() }
}

/// What stands on the left, and beside it, each in its column.
fn table(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect();
    lines.concat()
}
