//! How help is laid out, so that each command's fits on two screens (`serve` has headings): its words first, an option a line or two,
//! and the options that every command has named once, in the help of `ots` itself. Variables are in the man pages.

use clap::{Arg, ArgAction, Command};

const TEMPLATE: &str = "{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// The whole tree with its help laid out. Configured values are set before: the options of every command are made twice here.
pub(super) fn laid_out(tree: Command) -> Command {
    let globals: Vec<Arg> = tree.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    let tree = laid_out_alone(tree).after_help(
        "ots help COMMAND shows a command's help. Options can be given in variables and in a file, too: man ots.",
    );
    tree.mut_subcommands(|sub| below(sub, &globals))
}

fn below(command: Command, globals: &[Arg]) -> Command {
    let known = globals.iter().map(shown).collect::<Vec<_>>().join(", ");
    let command = laid_out_alone(command).after_help(format!("Besides, as in ots --help: {known}"));
    let command = command.args(globals.iter().map(|arg| arg.clone().hide(true)));
    command.mut_subcommands(|sub| below(sub, globals))
}

fn shown(arg: &Arg) -> String {
    let long = arg.get_long().unwrap_or_default();
    arg.get_short().map_or_else(|| format!("--{long}"), |short| format!("-{short}, --{long}"))
}

fn laid_out_alone(command: Command) -> Command {
    let words = command.get_long_about().or(command.get_about()).cloned().unwrap_or_default();
    let command = command.before_help(words).help_template(TEMPLATE);
    command.mut_args(|arg| arg.hide_env(true))
}

/// One help for `-h` and `--help`, in every command.
pub(super) fn with_one_help(command: Command) -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::HelpShort).help("Print help");
    let help = help.help_heading(None::<&'static str>);
    command.disable_help_flag(true).arg(help).mut_subcommands(with_one_help)
}
