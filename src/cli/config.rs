//! The configuration file: its values become the defaults of the arguments of the same name, so that flags and the
//! environment beat it and clap checks it. The keys that it knows are the arguments themselves.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use clap::{
    Arg, ArgAction, Command,
    error::{ContextKind, ContextValue},
};
use toml::{Table, Value};

use super::{
    error::{CommandError, Exit, FileError},
    said::one_line,
    terminal,
};
use crate::api::nearest;

/// Commands whose options stand at the file's top level, beside the global ones.
const TOP_LEVEL: &str = "put";
/// The command whose options stand in a table of its name.
const TABLE: &str = "serve";
/// The command whose own take those of that table that they know.
const ADMIN: &str = "admin";
/// And so does this one.
const HEALTH: &str = "health";
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
    /// It is no text at all.
    #[error("it isn't UTF-8 text")]
    NotText,
    /// There is no such option.
    #[error("there is no option {key}; {hint}")]
    Unknown {
        /// As written.
        key: String,
        /// The nearest known one, or all.
        hint: String,
    },
    /// A key itself.
    #[error("a key isn't kept in this file: write it to one of its own (mode 0600), and name that with api_key_file")]
    KeyItself,
    /// An option of the server stands among those of the clients.
    #[error("{0} is an option of {TABLE}: write it below [{TABLE}]")]
    OfTable(String),
    /// The other way round.
    #[error("{0} isn't an option of {TABLE}: write it at the top, above [{TABLE}]")]
    OfTop(String),
    /// The value is a list, a table or a date.
    #[error(
        "{} has to be a string, a number, true or false{}", .0,
        if .0 == "server" { "; what is for ots serve stands below [serve]" } else { "" }
    )]
    Kind(String),
    /// The same, of an option that can be given several times.
    #[error("{0} has to be a string, or a list of strings")]
    KindOfList(String),
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
            // As the same mistake in a flag.
            Self::Wrong { .. } => Exit::Usage,
        }
    }
}

/// Reads `path`, which has to be there; without one the usual file, which hasn't, and which is passed over with a warning if it can't be
/// read: it may be another user's. Gives its path and text.
pub(super) fn read(path: Option<&Path>, silent: bool) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let usual = directories::ProjectDirs::from("", "", "ots").map(|dirs| dirs.config_dir().join("config.toml"));
    let Some(found) = path.map(Path::to_owned).or(usual) else { return Ok(None) };
    match std::fs::read(&found) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some((found, text))),
            Err(_) => Err(ConfigError::Wrong { path: found, mistake: Mistake::NotText }),
        },
        Err(error) if path.is_some() => Err(FileError::new("read", &found)(error).into()),
        Err(error) => {
            let is_missing = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
            if !is_missing && !silent {
                let error = FileError::new("read", &found)(error);
                terminal::say(&format!("ots: {}: going on without it", one_line(&error.to_string())));
            }
            Ok(None)
        }
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
    let of_table = options(tree.find_subcommand(TABLE));
    let global = options(Some(&tree));
    let mut of_top = options(tree.find_subcommand(TOP_LEVEL));
    of_top.extend(global.iter().cloned());
    for (key, value) in table {
        if key == TABLE {
            let Value::Table(table) = value else {
                return Err(Mistake::NotATable);
            };
            for (key, value) in table {
                let id = find(&key, &of_table, &of_top, Mistake::OfTop)?;
                tree = set(tree, Some(TABLE), &id, &key, &value)?;
                tree = for_others(tree, &id, &defaults(&key, &value, true)?);
            }
            continue;
        }
        let id = find(&key, &of_top, &of_table, Mistake::OfTable)?;
        let command = if global.contains(&id) { None } else { Some(TOP_LEVEL) };
        tree = set(tree, command, &id, &key, &value)?;
    }
    Ok(tree)
}

/// Makes a value the default of the argument `id`, which is that command's, or every command's if none is named.
fn set(tree: Command, command: Option<&str>, id: &str, key: &str, value: &Value) -> Result<Command, Mistake> {
    let of = command.map_or(Some(&tree), |name| tree.find_subcommand(name));
    let arg = of.and_then(|command| command.get_arguments().find(|arg| arg.get_id() == id));
    let takes_several = arg.is_some_and(|arg| matches!(arg.get_action(), ArgAction::Append));
    let defaults = defaults(key, value, takes_several)?;
    for default in &defaults {
        check(key, arg, default)?;
    }
    let with_defaults = |command: Command| command.mut_arg(id, |arg| arg.default_values(defaults));
    Ok(match command {
        Some(name) => tree.mut_subcommand(name, with_defaults),
        None => with_defaults(tree),
    })
}

/// What the server is told of its data and its address holds for the commands beside it too.
fn for_others(tree: Command, id: &str, defaults: &[String]) -> Command {
    let with_defaults = |command: Command| {
        let takes = command.get_arguments().any(|arg| arg.get_id() == id);
        if takes { command.mut_arg(id, |arg| arg.default_values(defaults.to_vec())) } else { command }
    };
    let tree = tree.mut_subcommand(HEALTH, with_defaults);
    tree.mut_subcommand(ADMIN, |admin| admin.mut_subcommands(with_defaults))
}

/// The options that a file may set: those with a name of their own, and no secrets.
fn options(command: Option<&Command>) -> Vec<String> {
    let settable = |arg: &&Arg| arg.get_long().is_some() && !PER_CALL.contains(&arg.get_id().as_str());
    command
        .map(|command| command.get_arguments().filter(settable).map(|arg| arg.get_id().to_string()).collect())
        .unwrap_or_default()
}

/// The option of that name; one that is known in the other place is said to belong there.
fn find(key: &str, known: &[String], elsewhere: &[String], belongs: fn(String) -> Mistake) -> Result<String, Mistake> {
    let id = key.replace('-', "_");
    if id == "api_key" {
        return Err(Mistake::KeyItself);
    }
    if known.contains(&id) {
        return Ok(id);
    }
    if elsewhere.contains(&id) {
        return Err(belongs(key.to_owned()));
    }
    let hint = match nearest(&id, known.iter().map(String::as_str)) {
        Some(nearest) => format!("the nearest known one is {nearest}"),
        None => format!("the known ones are {}", known.join(", ")),
    };
    Err(Mistake::Unknown { key: key.to_owned(), hint })
}

fn defaults(key: &str, value: &Value, takes_several: bool) -> Result<Vec<String>, Mistake> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Integer(number) => Ok(vec![number.to_string()]),
        Value::Boolean(flag) => Ok(vec![flag.to_string()]),
        Value::Array(list) if takes_several => {
            let texts: Option<Vec<String>> = list.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.ok_or_else(|| Mistake::KindOfList(key.to_owned()))
        }
        _ if takes_several => Err(Mistake::KindOfList(key.to_owned())),
        _ => Err(Mistake::Kind(key.to_owned())),
    }
}

/// Has clap check the value now, so that the error names the file.
fn check(key: &str, arg: Option<&Arg>, value: &str) -> Result<(), Mistake> {
    let Some(arg) = arg else { return Ok(()) };
    // As an option with a value, alone in a command of its own: a flag takes its value so, too.
    let probe = Arg::new("value").long("value").value_parser(arg.get_value_parser().clone()).action(ArgAction::Set);
    let words = ["ots".to_owned(), format!("--value={value}")];
    Command::new("ots").no_binary_name(false).arg(probe).try_get_matches_from(words).map(drop).map_err(|error| {
        // The words are those of `values`; of a list of words, the list.
        let known = match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(known)) => format!("it can be {}", known.join(", ")),
            _ => "it can't have that value".to_owned(),
        };
        let reason = std::error::Error::source(&error).map_or(known, ToString::to_string);
        Mistake::Value { key: key.to_owned(), reason }
    })
}
