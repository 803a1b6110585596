//! `ots admin check`: whether the database is whole.

use serde::Serialize;

use super::place::{AdminError, Place};
use crate::{
    cli::{Global, data::DataArgs, terminal},
    crypto::at_rest::Keyring,
    store::{Checked, Store},
};

/// Check that the database is whole
///
/// Reads all of it and changes nothing; a server may be running on it. Says what is damaged, which records have lost their ciphertext
/// and which ciphertext its record, and how many records are under keys that aren't given here. Whether a record opens can only be
/// tried with its link. While it runs, what is removed stays in the server's files a little longer. Exits with 0 if the database is
/// whole, and with 6 if it is damaged. There is no repair: what can't be read is lost, and the rest is served.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    data: DataArgs,
}

/// As `--json` says it.
#[derive(Serialize)]
struct Report<'a> {
    database: String,
    records: u64,
    bytes: u64,
    /// Records under keys that weren't given; missing when there was no key at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<u64>,
    findings: &'a [String],
}

impl Check {
    pub(super) fn run(&self, global: &Global) -> Result<(), AdminError> {
        let place = Place::find(&self.data)?;
        let keys = self.data.existing_keyring(&place.directory)?;
        let checked = Store::check(&place.location)?;
        let report = Report {
            database: place.location.to_string(),
            records: checked.records,
            bytes: checked.bytes,
            unreadable: keys.as_ref().map(|keys| unreadable(keys, &checked)),
            findings: &checked.findings,
        };
        if global.json {
            terminal::answer_json(&report)?;
        } else if !(global.quiet && checked.findings.is_empty()) {
            terminal::answer(report.text().as_bytes())?;
        }
        if checked.findings.is_empty() { Ok(()) } else { Err(AdminError::Damaged) }
    }
}

fn unreadable(keys: &Keyring, checked: &Checked) -> u64 {
    checked.held.iter().filter(|held| keys.find(held.key_id).is_none()).map(|held| held.records).sum()
}

impl Report<'_> {
    fn text(&self) -> String {
        let mut text = format!("{}: {} record(s), {} bytes\n", self.database, self.records, self.bytes);
        match self.unreadable {
            Some(0) => {}
            Some(count) => {
                text.push_str(&format!("{count} of them are sealed under a SECRET_KEY that wasn't given here\n"));
            }
            None => {
                text.push_str("no SECRET_KEY was given here, so it wasn't looked whether the server's opens them\n");
            }
        }
        for finding in self.findings {
            text.push_str(&format!("damaged: {}\n", terminal::escaped(finding).as_str()));
        }
        if self.findings.is_empty() {
            text.push_str("whole\n");
        }
        text
    }
}
