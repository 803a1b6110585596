//! `ots admin check`: whether the database is whole.

use std::path::PathBuf;

use serde::Serialize;

use crate::{
    cli::{
        Global,
        data::{DataArgs, DataError},
        error::{CommandError, Exit, FileError, OutputError},
        terminal,
    },
    crypto::at_rest::Keyring,
    store::{Checked, Location, OpenError, Store},
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

/// Why it could not be checked, or that it isn't whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("there is no database at {}: name the server's directory with --data-dir", .0.display())]
    Missing(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the database is damaged: what is whole is served; see the findings above")]
    Damaged,
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl CommandError for CheckError {
    fn exit(&self) -> Exit {
        match self {
            Self::Data(error) => error.exit(),
            Self::File(error) => error.exit(),
            Self::Missing(_) => Exit::File,
            Self::Damaged | Self::Open(OpenError::Damaged(..) | OpenError::Foreign(..)) => Exit::Damaged,
            Self::Open(_) => Exit::Other,
            Self::Output(error) => error.exit(),
        }
    }
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
    pub(super) fn run(&self, global: &Global) -> Result<(), CheckError> {
        let directory = self.data.dir()?;
        let location = self.data.location_in(&directory)?;
        let Location::Sqlite(path) = &location;
        if !path.try_exists().map_err(FileError::new("look for", path))? {
            return Err(CheckError::Missing(path.clone()));
        }
        let keys = self.data.existing_keyring(&directory)?;
        let checked = Store::check(&location)?;
        let report = Report {
            database: path.display().to_string(),
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
        if checked.findings.is_empty() { Ok(()) } else { Err(CheckError::Damaged) }
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
