//! `ots keygen`: makes a key for creating. The key goes to stdout, its line to the file of keys; nothing keeps the key itself.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    Global,
    create_keys::{Appended, KeyFile, KeysError, ttl, written},
    error::{CommandError, Exit, FileError, OutputError},
    terminal, values,
};
use crate::{
    secret::{CreateKey, NoRandomness},
    server::{KeyName, Limits, ListedKey},
};

/// Make a key for `serve --create-keys`
///
/// The key goes to stdout: give it to whoever is to create, as `OTS_API_KEY` or in a file for `put --api-key-file`. Its line, which holds a
/// hash of it, goes to the end of --file, or else to stderr. A server that runs takes it once it is told to read the file again
/// (SIGHUP, or systemctl reload). To take a key back, remove its line and tell the server so.
#[derive(Debug, clap::Args)]
pub(super) struct Keygen {
    /// What the key is called, in the server's records: letters, digits, . _ - and @
    #[arg(value_name = "NAME", value_hint = clap::ValueHint::Other)]
    name: KeyName,
    /// Add the key's line to this file, which is made (mode 0600) if it isn't there
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Until when it is good: a duration from now (90d), a date, or a time as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = end)]
    expires: Option<Timestamp>,
    /// How long what is created with it can be kept, at most
    #[arg(long, value_name = "DUR", value_parser = ttl)]
    ttl_max: Option<std::time::Duration>,
    /// The largest secret that can be created with it
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    size_max: Option<usize>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeygenError {
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("there is a key of that name in {} already: choose another, or remove its line first", .0.display())]
    Taken(PathBuf),
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The key was lost, and its line taken out again.
    #[error("{0}; the key is lost, and its line isn't in the file")]
    TakenBack(#[source] OutputError),
    /// The key was lost, and its line is still there.
    #[error("{output}; the key is lost, and {file}: remove its line, the last one")]
    Left { output: OutputError, file: FileError },
}

impl CommandError for KeygenError {
    fn exit(&self) -> Exit {
        match self {
            Self::Randomness(_) => Exit::Other,
            Self::Keys(error) => error.exit(),
            Self::File(error) => error.exit(),
            Self::Taken(_) => Exit::File,
            Self::Output(error) | Self::TakenBack(error) | Self::Left { output: error, .. } => error.exit(),
        }
    }

    /// That a line stays is worth a word whoever went away.
    fn is_told(&self) -> bool {
        matches!(self, Self::Left { .. }) || self.exit() != Exit::BrokenPipe
    }
}

/// The object of `--json`.
#[derive(Serialize)]
struct Answer<'a> {
    key: &'a str,
    /// Only where no file has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    name: &'a str,
}

impl Keygen {
    pub(super) fn run(&self, global: &Global) -> Result<(), KeygenError> {
        let key = CreateKey::generate()?;
        let limits = Limits { ttl: self.ttl_max, size: self.size_max };
        let line = written(&ListedKey { name: self.name.clone(), hash: key.hash(), expires: self.expires, limits });
        let Some(path) = &self.file else {
            if !global.json {
                terminal::say(line.trim_end());
            }
            return Ok(self.print(global, &key, Some(line.trim_end()))?);
        };
        let file = KeyFile::lock(path)?;
        if file.keys().iter().any(|listed| listed.name == self.name) {
            return Err(KeygenError::Taken(path.clone()));
        }
        // In the file first: what is printed works. A line whose key nobody has seen does no harm, and goes again.
        let appended = file.append(&line)?;
        self.print(global, &key, None).map_err(|output| undone(appended, output))?;
        if global.chatty() {
            terminal::say(&format!(
                "its line is in {}; a server that runs takes it once it has read the file again (SIGHUP)",
                values::quoted(path)
            ));
        }
        Ok(())
    }

    fn print(&self, global: &Global, key: &CreateKey, line: Option<&str>) -> Result<(), OutputError> {
        let text = key.expose();
        if global.json {
            return terminal::answer_json(&Answer { key: &text, line, name: self.name.as_str() });
        }
        terminal::answer(Zeroizing::new(format!("{}\n", text.as_str())).as_bytes())
    }
}

fn undone(appended: Appended, output: OutputError) -> KeygenError {
    match appended.take_back() {
        Ok(()) => KeygenError::TakenBack(output),
        Err(file) => KeygenError::Left { output, file },
    }
}

/// When a key's time ends: it has to be in the future.
fn end(text: &str) -> Result<Timestamp, String> {
    const HELP: &str = "write it as 90d (from now), 2027-01-31 (its first moment, in UTC) or 2027-01-31T12:00:00Z";
    let text = text.trim();
    let time = if let Ok(time) = text.parse::<Timestamp>() {
        time
    } else if let Ok(midnight) = format!("{text}T00:00:00Z").parse() {
        midnight
    } else {
        let duration = values::duration(text).map_err(|_| HELP.to_owned())?;
        let end = Timestamp::now().checked_add(duration).map_err(|_| "that is too long".to_owned())?;
        // To the second: people read it.
        Timestamp::from_second(end.as_second()).map_err(|_| HELP.to_owned())?
    };
    if time > Timestamp::now() {
        Ok(time)
    } else {
        Err("that time is over: a key has to be good for a while".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_duration_a_date_or_a_time_to_come() {
        for (text, time) in [
            ("2127-01-31", "2127-01-31T00:00:00Z"),
            ("2127-01-31T12:00:00+01:00", "2127-01-31T11:00:00Z"),
            (" 2127-01-31T12:00:00.5Z ", "2127-01-31T12:00:00.5Z"),
        ] {
            assert_eq!(end(text).unwrap().to_string(), time, "{text}");
        }
        let day = end("1d").unwrap().duration_since(Timestamp::now()).as_secs();
        assert!((86_390..=86_400).contains(&day), "{day}");
        for text in [
            "",
            "soon",
            "2027-13-01",
            "0",
            "-1d",
            "2020-01-01",
            "2020-01-01T00:00:00Z",
            "9999999d",
            "2127-01-31T12:00:00",
        ] {
            assert!(end(text).is_err(), "{text}");
        }
    }
}
