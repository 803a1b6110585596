//! From this process's arguments to a command: flags beat the environment, which beats the configuration file, which beats the
//! defaults. Wrong usage is told here, as the other errors are.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{ArgMatches, Command, FromArgMatches as _, error::ErrorKind, parser::ValueSource};

use super::{Cli, config, error::report, help, tree, usage::UsageError};

/// Understands the arguments, or has told why not, or has shown what was asked for; gives the exit code then.
pub(super) fn parse() -> Result<Cli, ExitCode> {
    let arguments = with_help(std::env::args_os().collect());
    let first = matches(&help::laid_out(tree()), &arguments)?;
    let path = first.get_one::<PathBuf>("config").cloned();
    let wrong = |error: config::ConfigError| report(&error, flag(&first, "json"), flag(&first, "verbose"));
    // Who wants objects gets nothing else.
    let silent = flag(&first, "quiet") || flag(&first, "json");
    let mut usual = None;
    let configured = match config::read(path.as_deref(), silent).map_err(wrong)? {
        Some((path, text)) => {
            let configured = config::apply(&path, &text, tree()).map_err(wrong)?;
            usual = usual_server(&configured).filter(|server| usual_server(&tree()).as_ref() != Some(server));
            matches(&help::laid_out(configured), &arguments)?
        }
        None => first,
    };
    let mut cli = Cli::from_arg_matches(&configured).map_err(|error| told(&error, &tree(), &arguments))?;
    let api_key = match &mut cli.command {
        super::Command::Put(put) => Some(("put", &mut put.api_key)),
        super::Command::Request(request) => Some(("request", &mut request.api_key)),
        _ => None,
    };
    if let Some((command, api_key)) = api_key {
        let matches = configured.subcommand_matches(command);
        let source = matches.and_then(|matches| matches.value_source("api_key_file"));
        api_key.is_configured = source == Some(ValueSource::DefaultValue);
        // A key that stands beside a server in the configuration is that server's.
        if api_key.is_configured && usual.is_some_and(|usual| usual != cli.global.server.as_str()) {
            api_key.forget();
        }
    }
    let server = configured.value_source("server");
    cli.global.server_is_given = server != Some(ValueSource::DefaultValue);
    // An address that was typed beats a server that a variable names.
    if let Some(health) = configured.subcommand_matches("health") {
        let typed = |id: &str| health.value_source(id) == Some(ValueSource::CommandLine);
        cli.global.server_is_given &= server == Some(ValueSource::CommandLine) || !typed("listen");
    }
    Ok(cli)
}

/// The server where none is given.
fn usual_server(tree: &Command) -> Option<String> {
    let arg = tree.get_arguments().find(|arg| arg.get_id() == "server")?;
    let text = arg.get_default_values().first()?.to_str()?;
    super::values::server(text).map(|url| url.to_string()).ok()
}

fn matches(tree: &Command, arguments: &[OsString]) -> Result<ArgMatches, ExitCode> {
    let outcome = match tree.clone().try_get_matches_from(arguments) {
        Err(error) if error.kind() == ErrorKind::ArgumentConflict => {
            let yielding = without_outdone_variables(tree, arguments);
            yielding.map_or(Err(error), |tree| tree.try_get_matches_from(arguments))
        }
        outcome => outcome,
    };
    outcome.map_err(|error| told(&error, tree, arguments))
}

/// Shows what was asked for, or tells what is wrong.
fn told(error: &clap::Error, tree: &Command, arguments: &[OsString]) -> ExitCode {
    let json = wants_json(arguments);
    // `ots` alone: the help says more than an error would, and programs get theirs.
    let shows = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !json;
    if shows || !error.use_stderr() {
        let _ = error.print(); // help that nobody reads to the end is not an error
        return if shows { super::Exit::Usage.code() } else { ExitCode::SUCCESS };
    }
    report(&UsageError::new(error, tree, arguments), json, false)
}

/// Whether errors are to be objects, asked before anything is understood.
pub(super) fn wants_json(arguments: &[OsString]) -> bool {
    let given = arguments.iter().skip(1).take_while(|argument| *argument != "--").any(|argument| argument == "--json");
    let set = std::env::var("OTS_JSON").unwrap_or_default().to_lowercase();
    given || matches!(set.as_str(), "1" | "y" | "yes" | "t" | "true" | "on")
}

/// `ots help get` is `ots get --help`.
fn with_help(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let command = arguments.iter().skip(1).position(|argument| !argument.as_encoded_bytes().starts_with(b"-"));
    if let Some(at) = command.map(|at| at + 1)
        && arguments.get(at).is_some_and(|argument| argument == "help")
    {
        arguments.remove(at);
        arguments.push("--help".into());
    }
    arguments
}

/// Flags beat variables, those too that can't stand beside them: the tree without the variables that conflict with what was typed. None
/// when that isn't what is wrong.
fn without_outdone_variables(tree: &Command, arguments: &[OsString]) -> Option<Command> {
    let bare = each(tree.clone(), &|arg| arg.env(None::<&'static str>));
    let typed = bare.clone().try_get_matches_from(arguments).ok()?;
    let (mut command, mut matches, mut outdone) = (&bare, &typed, Vec::new());
    loop {
        let is_typed = |id: &str| {
            let known = matches.try_contains_id(id).is_ok();
            known && matches.value_source(id) == Some(ValueSource::CommandLine)
        };
        // A conflict is declared on one of the two.
        for arg in command.get_arguments() {
            for other in command.get_arg_conflicts_with(arg) {
                match (is_typed(arg.get_id().as_str()), is_typed(other.get_id().as_str())) {
                    (true, false) => outdone.push(other.get_id().clone()),
                    (false, true) => outdone.push(arg.get_id().clone()),
                    _ => {}
                }
            }
        }
        let Some((name, below)) = matches.subcommand() else { break };
        let Some(sub) = command.find_subcommand(name) else { break };
        (command, matches) = (sub, below);
    }
    Some(each(tree.clone(), &|arg| if outdone.contains(arg.get_id()) { arg.env(None::<&'static str>) } else { arg }))
}

/// The tree with each argument changed.
fn each(command: Command, change: &impl Fn(clap::Arg) -> clap::Arg) -> Command {
    command.mut_args(change).mut_subcommands(|sub| each(sub, change))
}

fn flag(matches: &ArgMatches, name: &str) -> bool {
    matches.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_a_command_too() {
        for (given, meant) in [
            ("ots help", "ots --help"),
            ("ots help get", "ots get --help"),
            ("ots --json help admin check", "ots --json admin check --help"),
            ("ots get help", "ots get help"),
            ("ots", "ots"),
        ] {
            let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
            assert_eq!(with_help(words(given)), words(meant), "{given}");
        }
    }
}
