//! `ots admin migrate`: moves what a host keeps into a PostgreSQL.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::Serialize;

use crate::{
    cli::{
        Global,
        data::{self, DataError, made_beside, open_words},
        error::{CommandError, Exit, FileError, OutputError, StartError},
        interrupt::{Interrupt, Interrupts},
        terminal,
    },
    store::{
        Held, InvalidLocation, Location, OpenError, StoreError,
        migrate::{self, MigrateError, Migrated},
    },
};

/// Move a host's secrets into a PostgreSQL
///
/// Stop the server on FROM first; servers on TO may run. Each secret is moved as it is, sealed, with its claim, its tries and its time: start the
/// servers on TO with the same `SECRET_KEY`. None can be read on both sides at any moment, and none is lost, however this ends: run it
/// again then, and it goes on. Until it has ended no server starts on FROM. What has expired, and what is damaged, stays there.
#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// The database of the host: sqlite:FILE
    #[arg(value_name = "FROM")]
    from: String,
    #[arg(help = "Where to: postgres://USER@HOST/DATABASE")]
    #[arg(value_name = "TO", env = "OTS_DATABASE_URL", hide_env_values = true)]
    to: String,
    /// Read the password of the PostgreSQL from a file
    #[arg(long, value_name = "FILE", env = "OTS_DATABASE_PASSWORD_FILE", value_hint = clap::ValueHint::FilePath)]
    database_password_file: Option<PathBuf>,
}

/// Why it couldn't be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("FROM: {0}")]
    From(InvalidLocation),
    #[error("TO: {0}")]
    To(InvalidLocation),
    #[error(
        "secrets are moved from a file into a PostgreSQL, and not another way: write sqlite:FILE, then postgres://USER@HOST/DATABASE"
    )]
    Direction,
    #[error("there is no database at {}", .0.display())]
    Missing(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{}", match .0 { MigrateError::From(error) => open_words(error), error => error.to_string() })]
    Migrate(#[from] MigrateError),
    #[error("{0}: what was moved is moved; run it again to go on, until then no server starts on what is left")]
    Interrupted(Interrupt),
    #[error("some records are damaged, and stayed: see above")]
    Damaged,
    #[error(
        "some secrets are there already, from another copy of this database: they stayed, and no server starts on what is left"
    )]
    There,
    #[error("what was moved isn't what is gone: look into both with ots admin check, and tell the authors")]
    Miscounted,
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl CommandError for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::From(_) | Self::To(_) | Self::Direction => Exit::Usage,
            Self::Missing(_) | Self::Migrate(MigrateError::From(OpenError::Io { .. })) => Exit::File,
            Self::File(error) => error.exit(),
            Self::Data(error) => error.exit(),
            Self::Interrupted(interrupt) => interrupt.exit(),
            Self::Damaged
            | Self::Migrate(
                MigrateError::From(OpenError::Damaged(..) | OpenError::Foreign(..))
                | MigrateError::Store(StoreError::Damaged(_)),
            ) => Exit::Damaged,
            Self::Start(_) | Self::Migrate(_) | Self::There | Self::Miscounted => Exit::Other,
            Self::Output(error) => error.exit(),
        }
    }
}

/// As `--json` says it.
#[derive(Serialize)]
struct Report<'a> {
    moved: u64,
    bytes: u64,
    /// Of secrets that were gone.
    receipts: u64,
    /// To webhooks.
    messages: u64,
    expired: u64,
    there_already: u64,
    /// Whether it went to its end.
    finished: bool,
    keys: Vec<Key>,
    damaged: &'a [String],
    /// The key that the old server made for itself, if it did: no other opens what was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_file: Option<String>,
}

/// What is under one key: before, and what is left.
#[derive(Serialize)]
struct Key {
    id: String,
    secrets: u64,
    bytes: u64,
    left: u64,
    left_bytes: u64,
}

impl Migrate {
    pub(super) async fn run(&self, global: &Global) -> Result<(), Error> {
        let (from, to) = (self.from.parse().map_err(Error::From)?, self.to.parse().map_err(Error::To)?);
        let (Location::Sqlite(from), Location::Postgres(to)) = (from, to) else { return Err(Error::Direction) };
        if !from.try_exists().map_err(FileError::new("look for", &from))? {
            return Err(Error::Missing(from));
        }
        let to = data::with_password(*to, &self.to, self.database_password_file.as_deref())?;
        let mut interrupts = Interrupts::listen().map_err(StartError)?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut shown = None;
        let told =
            move |bytes, total| shown.get_or_insert_with(|| terminal::Progress::new(global, "moving", total)).at(bytes);
        let moving = migrate::migrate(&from, &to, &stop, told);
        tokio::pin!(moving);
        // What is under way is finished first.
        let mut interrupt = None;
        let migrated = match interrupts.unless(&mut moving).await {
            Ok(migrated) => migrated,
            Err(signal) => {
                stop.store(true, Ordering::Relaxed);
                interrupt = Some(signal);
                moving.await
            }
        }?;
        tell(&migrated, &from, global)?;
        let held = |of: &[Held]| of.iter().fold((0, 0), |all, held| (all.0 + held.records, all.1 + held.bytes));
        let (before, after) = (held(&migrated.before), held(&migrated.after));
        if (after.0 + migrated.moved.records, after.1 + migrated.moved.bytes) != before {
            return Err(Error::Miscounted);
        }
        match interrupt {
            Some(signal) if !migrated.finished => Err(Error::Interrupted(signal)),
            _ if migrated.there > 0 => Err(Error::There),
            _ if !migrated.damaged.is_empty() => Err(Error::Damaged),
            _ => Ok(()),
        }
    }
}

/// What the servers over there need: nothing of a secret but where it lies.
fn what_next(key_file: Option<&Path>) -> String {
    match key_file {
        Some(path) => format!(
            "start the servers with the new database and the key that the old one made for itself, {}: copy it to each and name it with \
             --secret-key-file. No other opens what was moved; what else is left of the old one can go\n",
            terminal::escaped(&path.display().to_string()).as_str()
        ),
        None => "start the servers with the new database and the same SECRET_KEY; what is left of the old one can go\n"
            .to_owned(),
    }
}

fn tell(migrated: &Migrated, from: &Path, global: &Global) -> Result<(), OutputError> {
    let keys: Vec<Key> = migrated.before.iter().map(|before| key(before, &migrated.after)).collect();
    let Migrated { moved, receipts, messages, expired, there, finished, damaged, .. } = migrated;
    let key_file = made_beside(from).filter(|(_, id)| migrated.keys.contains(id)).map(|(path, _)| path);
    if global.json {
        return terminal::answer_json(&Report {
            moved: moved.records,
            bytes: moved.bytes,
            receipts: *receipts,
            messages: *messages,
            expired: *expired,
            there_already: *there,
            finished: *finished,
            keys,
            damaged,
            key_file: key_file.map(|path| path.display().to_string()),
        });
    }
    if migrated.other_keys {
        terminal::say(
            "ots: the destination also has secrets under other keys: its servers need those, too (ots admin keys)",
        );
    }
    if global.quiet {
        return Ok(());
    }
    let mut text = match moved.records {
        0 => "nothing was left to be moved\n".to_owned(),
        records => format!("moved {records} secret(s), {} bytes\n", moved.bytes),
    };
    for key in &keys {
        text.push_str(&format!(
            "key {}: {} secret(s), {} bytes before; {} and {} are left\n",
            key.id, key.secrets, key.bytes, key.left, key.left_bytes
        ));
    }
    if *receipts > 0 {
        text.push_str(&format!("moved {receipts} receipt(s) of secrets that are gone\n"));
    }
    if *messages > 0 {
        text.push_str(&format!("moved {messages} message(s) to webhooks\n"));
    }
    if *expired > 0 {
        text.push_str(&format!("{expired} had expired, and stayed\n"));
    }
    for finding in damaged {
        text.push_str(&format!("damaged: {}\n", terminal::escaped(finding).as_str()));
    }
    if *finished {
        text.push_str(&what_next(key_file.as_deref()));
    }
    terminal::answer(text.as_bytes())
}

fn key(before: &Held, after: &[Held]) -> Key {
    let left = after.iter().find(|held| held.key_id == before.key_id);
    Key {
        id: data_encoding::HEXLOWER.encode(&before.key_id.0),
        secrets: before.records,
        bytes: before.bytes,
        left: left.map_or(0, |left| left.records),
        left_bytes: left.map_or(0, |left| left.bytes),
    }
}
