//! The configuration file: its values become the defaults of the arguments of the same name, so that flags and the
//! environment beat it and clap checks it. The keys that it knows are the arguments themselves.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use toml::{Table, Value};

use super::error::{CommandError, Exit, FileError};
use crate::api::nearest;

/// Commands whose options stand at the file's top level, beside the global ones.
const TOP_LEVEL: &str = "put";
/// The command whose options stand in a table of its name.
const TABLE: &str = "serve";
/// The command whose own take those of that table that they know.
const ADMIN: &str = "admin";
/// Options that make sense on one call only.
const PER_CALL: &[&str] = &[
    "config",
    "help",
    "version",
    "verbose",
    "json",
    "copies",
    "token",
    "name",
    "key_file",
    "passphrase",
    "generate",
    "qr",
    "copy",
    "allow_unreadable",
    "dev",
];

/// Why a configuration file can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is in it is wrong.
    #[error("{}: {mistake}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        mistake: Mistake,
    },
}

/// What is wrong in a configuration file.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// It isn't TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// Counted from one.
        line: usize,
        /// The parser's own.
        message: String,
    },
    /// An option of that name stands where the table should.
    #[error("{TABLE} has to be a table: write [{TABLE}] above its options")]
    NotATable,
    /// There is no such option.
    #[error("there is no option {key}; {hint}")]
    Unknown {
        /// As written.
        key: String,
        /// The nearest known one, or all.
        hint: String,
    },
    /// The value is a list, a table or a date.
    #[error("{0} has to be a string, a number, true or false")]
    Kind(String),
    /// The option can't have that value.
    #[error("{key}: {reason}")]
    Value {
        /// As written.
        key: String,
        /// What it takes.
        reason: String,
    },
}

impl CommandError for ConfigError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Wrong { .. } => Exit::Other,
        }
    }
}

/// Reads `path`, which has to be there; without one the usual file, which hasn't. Gives its path and text.
pub(super) fn read(path: Option<&Path>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let usual = directories::ProjectDirs::from("", "", "ots").map(|dirs| dirs.config_dir().join("config.toml"));
    let Some(found) = path.map(Path::to_owned).or(usual) else { return Ok(None) };
    match std::fs::read_to_string(&found) {
        Ok(text) => Ok(Some((found, text))),
        Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("read", &found)(error).into()),
    }
}

/// The tree with the values of a file's text as defaults.
pub(super) fn apply(path: &Path, text: &str, tree: Command) -> Result<Command, ConfigError> {
    with_values(text, tree).map_err(|mistake| ConfigError::Wrong { path: path.to_owned(), mistake })
}

fn with_values(text: &str, mut tree: Command) -> Result<Command, Mistake> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        Mistake::Syntax { line, message: error.message().to_owned() }
    })?;
    for (key, value) in table {
        if key == TABLE {
            let Value::Table(table) = value else {
                return Err(Mistake::NotATable);
            };
            let known = options(tree.find_subcommand(TABLE));
            for (key, value) in table {
                let id = find(&key, &known)?;
                tree = for_admin(set(tree, Some(TABLE), id.clone(), &key, &value)?, &id, &default(&key, &value)?);
            }
            continue;
        }
        let global = options(Some(&tree));
        let mut known = options(tree.find_subcommand(TOP_LEVEL));
        known.extend(global.iter().cloned());
        let id = find(&key, &known)?;
        let command = if global.contains(&id) { None } else { Some(TOP_LEVEL) };
        tree = set(tree, command, id, &key, &value)?;
    }
    Ok(tree)
}

/// Makes a value the default of the argument `id`, which is that command's, or every command's if none is named.
fn set(tree: Command, command: Option<&str>, id: String, key: &str, value: &Value) -> Result<Command, Mistake> {
    let default = default(key, value)?;
    check(key, command.map_or(Some(&tree), |name| tree.find_subcommand(name)), &id, &default)?;
    let with_default = |command: Command| command.mut_arg(id, |arg| arg.default_value(default));
    Ok(match command {
        Some(name) => tree.mut_subcommand(name, with_default),
        None => with_default(tree),
    })
}

/// What the server is told of its data holds for the commands beside it too.
fn for_admin(tree: Command, id: &str, default: &str) -> Command {
    let with_default = |command: Command| {
        let takes = command.get_arguments().any(|arg| arg.get_id() == id);
        if takes { command.mut_arg(id, |arg| arg.default_value(default.to_owned())) } else { command }
    };
    tree.mut_subcommand(ADMIN, |admin| admin.mut_subcommands(with_default))
}

/// The options that a file may set: those with a name of their own, and no secrets.
fn options(command: Option<&Command>) -> Vec<String> {
    let settable = |arg: &&Arg| arg.get_long().is_some() && !PER_CALL.contains(&arg.get_id().as_str());
    command
        .map(|command| command.get_arguments().filter(settable).map(|arg| arg.get_id().to_string()).collect())
        .unwrap_or_default()
}

fn find(key: &str, known: &[String]) -> Result<String, Mistake> {
    let id = key.replace('-', "_");
    if known.contains(&id) {
        return Ok(id);
    }
    let hint = match nearest(&id, known.iter().map(String::as_str)) {
        Some(nearest) => format!("the nearest known one is {nearest}"),
        None => format!("the known ones are {}", known.join(", ")),
    };
    Err(Mistake::Unknown { key: key.to_owned(), hint })
}

fn default(key: &str, value: &Value) -> Result<String, Mistake> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        _ => Err(Mistake::Kind(key.to_owned())),
    }
}

/// Has clap check the value now, so that the error names the file.
fn check(key: &str, command: Option<&Command>, id: &str, value: &str) -> Result<(), Mistake> {
    let Some(arg) = command.and_then(|command| command.get_arguments().find(|arg| arg.get_id() == id)) else {
        return Ok(());
    };
    // As an option with a value, alone in a command of its own: a flag takes its value so, too.
    let probe = Arg::new("value").long("value").value_parser(arg.get_value_parser().clone()).action(ArgAction::Set);
    let words = ["ots".to_owned(), format!("--value={value}")];
    Command::new("ots").no_binary_name(false).arg(probe).try_get_matches_from(words).map(drop).map_err(|error| {
        let reason = std::error::Error::source(&error)
            .map_or_else(|| "it can't have that value".to_owned(), ToString::to_string);
        Mistake::Value { key: key.to_owned(), reason }
    })
}
