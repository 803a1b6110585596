//! End to end, from outside: `put --encrypt` and `get`, the key's ways, names, mistakes that must cost nothing, and size.

mod content;
mod keys;

use std::{path::Path, process::Output};

use crate::common::{Server, assert_fails, client, run, text};

fn client_in(server: &Server, place: &Path, arguments: &[&str]) -> Output {
    let mut command = server.client(arguments);
    command.current_dir(place);
    run(command, b"")
}

fn with_passphrase(server: &Server, passphrase: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = server.client(arguments);
    command.env("OTS_PASSPHRASE", passphrase);
    run(command, input)
}

/// Stores bytes end to end and gives the link.
fn put(server: &Server, arguments: &[&str], content: &[u8]) -> String {
    let mut command = server.client(&["put", "--encrypt"]);
    command.args(arguments);
    let output = run(command, content);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty(), "a pipe is told nothing else: {}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

fn assert_gives(output: &Output, content: &[u8]) {
    assert!(output.status.success() && output.stdout == content, "{}", text(&output.stderr));
}
