//! Wrong usage: told in a line or an object, never with a part of what was given; and what goes before what.

use std::{ffi::OsStr, process::Output};

use clap::Command as Tree;

use super::{assert_fails, text};
use crate::common::{Server, directory, ots, run};

/// What must not be seen again.
const GIVEN: &str = "hunter2";

fn run_with<S: AsRef<OsStr>>(environment: &[(&str, &str)], arguments: &[S]) -> Output {
    let mut command = ots();
    command.envs(environment.iter().copied()).args(arguments);
    run(command, b"x")
}

/// A usage error, which repeats nothing: a line, and with `--json` an object.
fn assert_silent(arguments: &[String]) {
    let output = run_with(&[], arguments);
    assert_fails(&output, 2, "ots: ");
    assert!(!text(&output.stderr).contains(GIVEN), "{arguments:?}: {}", text(&output.stderr));
    let json = run_with(&[], &[arguments, &["--json".to_owned()]].concat());
    let said = text(&json.stderr);
    let error: serde_json::Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{arguments:?}: {said}"));
    assert_eq!((json.status.code(), &error["error"]["exit_code"]), (Some(2), &2.into()), "{arguments:?}");
    assert!(error["error"]["message"].is_string() && !said.contains(GIVEN), "{arguments:?}: {said}");
}

/// A command, by its name and those above it, and the options that it takes.
fn commands(tree: &Tree, above: &[String], found: &mut Vec<(Vec<String>, Vec<clap::Arg>)>) {
    let global = tree.get_arguments().cloned();
    found.push((above.to_vec(), global.collect()));
    for sub in tree.get_subcommands() {
        commands(sub, &[above, &[sub.get_name().to_owned()]].concat(), found);
    }
}

/// Every option of every command, given wrongly in every way that there is.
#[test]
fn nothing_that_was_given_is_repeated() {
    let mut all = Vec::new();
    commands(&ots::cli::command(), &[], &mut all);
    assert!(all.len() > 8);
    for (command, options) in all {
        let with =
            |words: &[&str]| [&command[..], &words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>()].concat();
        let more = [GIVEN, "hunter2 and more", "and hunter2"];
        assert_silent(&with(&more));
        assert_silent(&with(&["--hunter2", "--hunter2=hunter2"]));
        assert_silent(&with(&["--jsom-hunter2", GIVEN, GIVEN, GIVEN]));
        for option in
            options.iter().filter_map(clap::Arg::get_long).filter(|long| !["help", "version", "json"].contains(long))
        {
            let option = format!("--{option}");
            // As its value, joined to it, and too often; with more than any command takes, so that none runs.
            assert_silent(&with(&[&[option.as_str(), GIVEN][..], &more].concat()));
            assert_silent(&with(&[&[format!("{option}={GIVEN}").as_str()][..], &more].concat()));
        }
    }
}

#[test]
fn a_link_without_a_command_is_told_of_get() {
    let link = "https://host/s/abcdefghijklmnopqrstuvwxyz234567#hunter2";
    for given in
        [link, &format!("<{link}>"), "abcdefghijklmnopqrstuvwxyz234567", "https://onetimesecret.com/secret/hunter2xx"]
    {
        let output = run_with(&[], &[given]);
        assert_fails(&output, 2, "did you mean `ots get`?");
        assert!(!text(&output.stderr).contains(GIVEN) && !text(&output.stderr).contains("abcdef"));
    }
    let files = directory();
    let file = files.path().join("hunter2");
    std::fs::write(&file, "x").unwrap();
    assert_fails(&run_with(&[], &[&file]), 2, "that is a file: did you mean `ots put`?");
    assert_fails(&run_with(&[], &["gett"]), 2, "did you mean `ots get`?");
    assert_fails(&run_with(&[], &["mam"]), 2, "it has put, get, status");
    assert_fails(&run_with(&[], &["admin", "chek"]), 2, "did you mean `ots admin check`?");
}

/// `--json` holds wherever it stands, and as a variable; `ots` alone too.
#[test]
fn usage_errors_are_objects_where_objects_are_wanted() {
    for (environment, arguments) in [
        (&[][..], &["--json", "gett"][..]),
        (&[], &["put", "a", "b", "--json"]),
        (&[], &["--json"]),
        (&[("OTS_JSON", "true")], &["get"]),
        (&[("OTS_JSON", "on")], &[]),
        (&[("OTS_CONFIG", "/dev/stdin/x")], &["--json", "put"]),
    ] {
        let output = run_with(environment, arguments);
        let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap_or_default();
        let code = output.status.code().unwrap();
        assert_eq!(error["error"]["exit_code"], code, "{arguments:?}: {}", text(&output.stderr));
    }
    assert_fails(&run_with(&[("OTS_JSON", "false")], &["get"]), 2, "needs LINK");
    assert_fails(&run_with(&[], &["put", "--", "--json", "b"]), 2, "takes one FILE");
}

/// What comes from a variable is called by its name.
#[test]
fn a_wrong_variable_is_named() {
    for (variable, command) in [
        ("OTS_TTL", "put"),
        ("OTS_TIMEOUT", "put"),
        ("OTS_ENCRYPT", "put"),
        ("OTS_LISTEN", "serve"),
        ("OTS_LISTEN", "health"),
        ("OTS_MAX_SIZE", "serve"),
        ("OTS_PUBLIC_URL", "serve"),
        ("OTS_SERVER", "put"),
    ] {
        let output = run_with(&[(variable, GIVEN)], &[command]);
        assert_fails(&output, 2, &format!("ots: {variable}: "));
        assert!(!text(&output.stderr).contains(GIVEN));
    }
    let typed = run_with(&[("OTS_TTL", GIVEN)], &["put", "--ttl", "soon"]);
    assert_fails(&typed, 2, "ots: --ttl: write it as");
}

/// A flag beats a variable that it can't stand beside; two flags still don't go together.
#[test]
fn flags_beat_variables_that_they_conflict_with() {
    let variable = [("OTS_PASSPHRASE_FILE", "/nonexistent"), ("OTS_SERVER", "http://127.0.0.1:1")];
    // Asked for, then, and there is nobody to ask.
    assert_fails(&run_with(&variable, &["put", "-p", "--no-input"]), 2, "--no-input");
    assert_fails(&run_with(&variable, &["put", "--no-input"]), 8, "no passphrase file of that name");
    let both = run_with(&[], &["put", "-p", "--passphrase-file", "x"]);
    assert_fails(&both, 2, "--passphrase and --passphrase-file don't go together");
    assert_fails(&run_with(&[], &["put", "--ttl", "1h", "--ttl", "2h"]), 2, "--ttl was given more than once");
    // Whoever asked has said how long an answer is kept, and has a passphrase of their own or none.
    let link = format!("http://127.0.0.1:1/r/{}#{}", "a".repeat(32), "A".repeat(43));
    for (option, name) in [
        (&["--ttl", "1h"][..], "--ttl"),
        (&["-p"], "--passphrase"),
        (&["--passphrase-file", "x"], "--passphrase-file"),
        (&["--receipt", "x"], "--receipt"),
    ] {
        let output = run_with(&[], &[&["put", "--to", &link], option].concat());
        assert_fails(&output, 2, "don't go together");
        assert!(text(&output.stderr).contains(name) && !text(&output.stderr).contains("127.0.0.1"), "{output:?}");
    }
    let variables = [("OTS_TTL", "1h"), ("OTS_PASSPHRASE_FILE", "/nonexistent"), ("OTS_ENCRYPT", "true")];
    assert_fails(&run_with(&variables, &["put", "--to", &link]), 4, "can't reach");
    assert_fails(&run_with(&[], &["put", "--token=yes"]), 2, "--token takes no value");
}

#[test]
fn help_is_a_command_and_fits_on_two_screens() {
    let mut all = Vec::new();
    commands(&ots::cli::command(), &[], &mut all);
    for (command, _) in all {
        let help = run_with(&[("COLUMNS", "80")], &[&command[..], &["--help".to_owned()]].concat());
        let said = text(&help.stdout);
        // What an operator can set stands under headings.
        let most = if command == ["serve"] { 120 } else { 48 };
        assert!(help.status.success() && said.lines().count() <= most, "{command:?}: {} lines", said.lines().count());
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{command:?}: {said}");
        let by_name = run_with(&[("COLUMNS", "80")], &[&["help".to_owned()][..], &command].concat());
        assert_eq!(text(&by_name.stdout), said, "{command:?}");
    }
    assert_fails(&run_with(&[], &["help", GIVEN]), 2, "no such command");
}

/// A server is asked where it was told to listen, unless another is named.
#[test]
fn health_knows_where_the_server_listens() {
    let (data, files) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let everywhere = format!("0.0.0.0:{port}");
    assert!(run_with(&[("OTS_LISTEN", &everywhere)], &["health"]).status.success());
    assert!(run_with(&[], &["health", "--listen", &format!("127.0.0.1:{port}")]).status.success());
    let elsewhere = [("OTS_LISTEN", everywhere.as_str()), ("OTS_SERVER", "http://127.0.0.1:1")];
    assert_fails(&run_with(&elsewhere, &["health"]), 1, "127.0.0.1:1");
    let config = files.path().join("config.toml");
    std::fs::write(&config, format!("[serve]\nlisten = \"{everywhere}\"\n")).unwrap();
    assert!(run_with(&[("OTS_CONFIG", config.to_str().unwrap())], &["health"]).status.success());
}
