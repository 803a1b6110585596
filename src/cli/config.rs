//! The configuration file: its values become the defaults of the arguments of the same name, so that flags and the
//! environment beat it and clap checks it. The keys that it knows are the arguments themselves.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use toml::{Table, Value};

use super::{Exit, Failure};

/// Commands whose options stand at the file's top level, beside the global ones.
const TOP_LEVEL: &str = "put";
/// The command whose options stand in a table of its name.
const TABLE: &str = "serve";
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
    "allow_unreadable",
    "dev",
];

/// Reads `path`, which has to be there; without one the usual file, which hasn't. Gives its path and text.
pub(super) fn read(path: Option<&Path>) -> Result<Option<(PathBuf, String)>, Failure> {
    let usual = directories::ProjectDirs::from("", "", "ots").map(|dirs| dirs.config_dir().join("config.toml"));
    let Some(found) = path.map(Path::to_owned).or(usual) else { return Ok(None) };
    match std::fs::read_to_string(&found) {
        Ok(text) => Ok(Some((found, text))),
        Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file("read", &found, &error)),
    }
}

/// The tree with the values of a file's text as defaults.
pub(super) fn apply(path: &Path, text: &str, mut tree: Command) -> Result<Command, Failure> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        wrong(path, &format!("line {line}: {}", error.message()))
    })?;
    for (key, value) in table {
        if key == TABLE {
            let Value::Table(table) = value else {
                return Err(wrong(path, &format!("{TABLE} has to be a table: write [{TABLE}] above its options")));
            };
            for (key, value) in table {
                let known = options(tree.find_subcommand(TABLE));
                let id = find(path, &key, &known)?;
                let default = default(path, &key, &value)?;
                check(path, &key, tree.find_subcommand(TABLE), &id, &default)?;
                tree = tree.mut_subcommand(TABLE, |command| command.mut_arg(id, |arg| arg.default_value(default)));
            }
            continue;
        }
        let global = options(Some(&tree));
        let mut known = options(tree.find_subcommand(TOP_LEVEL));
        known.extend(global.iter().cloned());
        let id = find(path, &key, &known)?;
        let default = default(path, &key, &value)?;
        if global.contains(&id) {
            check(path, &key, Some(&tree), &id, &default)?;
            tree = tree.mut_arg(id, |arg| arg.default_value(default));
        } else {
            check(path, &key, tree.find_subcommand(TOP_LEVEL), &id, &default)?;
            tree = tree.mut_subcommand(TOP_LEVEL, |command| command.mut_arg(id, |arg| arg.default_value(default)));
        }
    }
    Ok(tree)
}

/// The options that a file may set: those with a name of their own, and no secrets.
fn options(command: Option<&Command>) -> Vec<String> {
    let settable = |arg: &&Arg| arg.get_long().is_some() && !PER_CALL.contains(&arg.get_id().as_str());
    command
        .map(|command| command.get_arguments().filter(settable).map(|arg| arg.get_id().to_string()).collect())
        .unwrap_or_default()
}

fn find(path: &Path, key: &str, known: &[String]) -> Result<String, Failure> {
    let id = key.replace('-', "_");
    if known.contains(&id) {
        return Ok(id);
    }
    let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, &id));
    let hint = nearest.map(|nearest| format!("; the nearest known one is {nearest}")).unwrap_or_default();
    Err(wrong(path, &format!("there is no option {key}{hint}")))
}

fn default(path: &Path, key: &str, value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        _ => Err(wrong(path, &format!("{key} has to be a string, a number, true or false"))),
    }
}

/// Has clap check the value now, so that the error names the file.
fn check(path: &Path, key: &str, command: Option<&Command>, id: &str, value: &str) -> Result<(), Failure> {
    let Some(arg) = command.and_then(|command| command.get_arguments().find(|arg| arg.get_id() == id)) else {
        return Ok(());
    };
    // As an option with a value, alone in a command of its own: a flag takes its value so, too.
    let probe = Arg::new("value").long("value").value_parser(arg.get_value_parser().clone()).action(ArgAction::Set);
    let words = ["ots".to_owned(), format!("--value={value}")];
    Command::new("ots").no_binary_name(false).arg(probe).try_get_matches_from(words).map(drop).map_err(|error| {
        let reason = std::error::Error::source(&error)
            .map_or_else(|| "it can't have that value".to_owned(), ToString::to_string);
        wrong(path, &format!("{key}: {reason}"))
    })
}

fn wrong(path: &Path, what: &str) -> Failure {
    Failure::new(Exit::Other, format!("{}: {what}", path.display()))
}
