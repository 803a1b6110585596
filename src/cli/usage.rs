//! Wrong usage in words of our own: clap's repeat what was given, and that may be the secret, a link or its key. What is ours may be
//! named: options, commands, what they take.

use std::{ffi::OsStr, path::Path};

use clap::{
    Command,
    builder::Str,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::error::{CommandError, Exit};
use crate::{
    api::nearest,
    secret::{InvalidLink, Link},
};

/// What is wrong with the arguments. Holds no part of them.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsageError {
    #[error("that is a link: did you mean `ots get`?")]
    LinkAlone,
    #[error("that is a file: did you mean `ots put`?")]
    FileAlone,
    #[error("`{command}` has no such command; {}", commands(.command, .nearest.as_ref(), .known))]
    NoSuchCommand { command: String, nearest: Option<String>, known: Vec<String> },
    #[error("`{command}` needs a command: {}; see {command} --help", .known.join(", "))]
    NoCommand { command: String, known: Vec<String> },
    #[error("`{command}` has no such option{}ee {command} --help", .nearest.as_ref().map_or("; s".to_owned(), |nearest| format!("; did you mean {nearest}? S")))]
    NoSuchOption { command: String, nearest: Option<String> },
    #[error("`{command}` takes {takes}; see {command} --help")]
    TooMuch { command: String, takes: String },
    #[error("`{command}` needs {missing}; see {command} --help")]
    Missing { command: String, missing: String },
    #[error("{0} takes no value")]
    ValueOfFlag(String),
    #[error("{option} needs a value{}", .known.as_ref().map(|known| format!(": {known}")).unwrap_or_default())]
    NoValue { option: String, known: Option<String> },
    #[error("{option} can be {known}")]
    Value { option: String, known: String },
    #[error("{option}: {reason}")]
    Invalid { option: String, reason: String },
    #[error("{0} takes its value after =, as in {0}=false")]
    NoEquals(String),
    #[error("{0} was given more than once")]
    Twice(String),
    #[error("{0} and {1} don't go together")]
    Conflict(String, String),
    #[error("an argument isn't UTF-8 text")]
    NotText,
    #[error("the arguments can't be understood; see {0} --help")]
    Other(String),
}

fn commands(command: &str, nearest: Option<&String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{command} {nearest}`?"),
        None => format!("it has {}", known.join(", ")),
    }
}

impl CommandError for UsageError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

impl UsageError {
    /// Says of clap's error what may be said, for `arguments` of the tree.
    pub(super) fn new(error: &clap::Error, tree: &Command, arguments: &[impl AsRef<OsStr>]) -> Self {
        let (command, name) = command_of(error, tree, arguments);
        let option = || option(error, command, arguments);
        let named = |kind| strings(error, kind).into_iter().next();
        match error.kind() {
            ErrorKind::InvalidSubcommand => {
                let given = named(ContextKind::InvalidSubcommand).unwrap_or_default();
                no_such_command(&given, command, name)
            }
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Self::NoCommand { known: visible(command).map(str::to_owned).collect(), command: name }
            }
            ErrorKind::UnknownArgument => {
                let given = named(ContextKind::InvalidArg).unwrap_or_default();
                if given.starts_with('-') {
                    Self::NoSuchOption { command: name, nearest: named(ContextKind::SuggestedArg) }
                } else {
                    Self::TooMuch { command: name, takes: positionals(command) }
                }
            }
            ErrorKind::MissingRequiredArgument => {
                let missing: Vec<String> =
                    strings(error, ContextKind::InvalidArg).iter().map(|missing| plain(missing)).collect();
                Self::Missing { command: name, missing: missing.join(", ") }
            }
            ErrorKind::InvalidValue => {
                let known = Some(strings(error, ContextKind::ValidValue).join(", ")).filter(|known| !known.is_empty());
                let empty = named(ContextKind::InvalidValue).is_none_or(|given| given.is_empty());
                match known {
                    Some(known) if !empty => Self::Value { option: option(), known },
                    known => Self::NoValue { option: option(), known },
                }
            }
            // The words are those of `values`, which repeat nothing.
            ErrorKind::ValueValidation => match std::error::Error::source(error) {
                Some(reason) => Self::Invalid { option: option(), reason: reason.to_string() },
                None => Self::Other(name),
            },
            ErrorKind::NoEquals => Self::NoEquals(option()),
            ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => Self::NoValue { option: option(), known: None },
            ErrorKind::TooManyValues => Self::ValueOfFlag(option()),
            ErrorKind::ArgumentConflict => match named(ContextKind::PriorArg).map(|prior| first_word(&prior)) {
                Some(prior) if prior != option() => Self::Conflict(option(), prior),
                _ => Self::Twice(option()),
            },
            ErrorKind::InvalidUtf8 => Self::NotText,
            _ => Self::Other(name),
        }
    }
}

fn no_such_command(given: &str, command: &Command, name: String) -> UsageError {
    if Path::new(given).is_file() {
        return UsageError::FileAlone;
    }
    let link = given.parse::<Link>();
    if given.contains("://") || matches!(link, Ok(_) | Err(InvalidLink::Receipt)) {
        return UsageError::LinkAlone;
    }
    let nearest = nearest(given, visible(command)).map(str::to_owned);
    UsageError::NoSuchCommand { command: name, nearest, known: visible(command).map(str::to_owned).collect() }
}

/// The commands that people are shown.
fn visible(command: &Command) -> impl Iterator<Item = &str> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(Command::get_name)
}

/// The command that the error is about, and its name with those above it. clap names it in its usage, with nothing of what was given;
/// where it says none, the arguments do.
fn command_of<'t>(error: &clap::Error, tree: &'t Command, arguments: &[impl AsRef<OsStr>]) -> (&'t Command, String) {
    let words: Vec<String> = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => {
            let usage = usage.to_string();
            let after_name = usage.split_whitespace().skip_while(|word| *word != tree.get_name()).skip(1);
            after_name.take_while(|word| !word.starts_with(['<', '[', '-'])).map(str::to_owned).collect()
        }
        _ => arguments.iter().skip(1).filter_map(|word| word.as_ref().to_str()).map(str::to_owned).collect(),
    };
    let (mut command, mut name) = (tree, tree.get_name().to_owned());
    for word in words {
        if let Some(sub) = command.find_subcommand(&word) {
            command = sub;
            name.push_str(&format!(" {word}"));
        }
    }
    (command, name)
}

/// The option as a person names it; its variable, if that is where the value comes from.
fn option(error: &clap::Error, command: &Command, arguments: &[impl AsRef<OsStr>]) -> String {
    let shown = strings(error, ContextKind::InvalidArg).into_iter().next().unwrap_or_default();
    let name = first_word(&shown);
    let known = command.get_arguments().find(|arg| arg.get_long().is_some_and(|long| name == format!("--{long}")));
    let Some(variable) = known.and_then(clap::Arg::get_env) else { return name };
    let short = known.and_then(clap::Arg::get_short);
    let given = arguments.iter().filter_map(|argument| argument.as_ref().to_str()).any(|argument| {
        let by_short = !argument.starts_with("--") && argument.starts_with('-');
        argument.starts_with(&name) || (by_short && short.is_some_and(|short| argument.contains(short)))
    });
    if !given && std::env::var_os(variable).is_some() { variable.to_string_lossy().into_owned() } else { name }
}

/// What a command takes besides options.
fn positionals(command: &Command) -> String {
    let names: Vec<String> = command
        .get_positionals()
        .map(|arg| arg.get_value_names().and_then(<[Str]>::first).map_or(arg.get_id().as_str(), Str::as_str).to_owned())
        .collect();
    if names.is_empty() {
        "options only, and there is more".to_owned()
    } else {
        format!("one {}, and there is more: put quotes around what has spaces in it", names.join(" and one "))
    }
}

/// An option without its value.
fn first_word(shown: &str) -> String {
    plain(shown).split([' ', '=', '[', ']']).find(|word| !word.is_empty()).unwrap_or_default().to_owned()
}

/// As in `--output FILE or --remote-name`, where clap has `<--output <FILE>|--remote-name>`.
fn plain(shown: &str) -> String {
    shown.chars().filter(|character| !matches!(character, '<' | '>')).collect::<String>().replace('|', " or ")
}

fn strings(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}
