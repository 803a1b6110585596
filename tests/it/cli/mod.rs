//! The command line, from outside: pipes, files, terminals, configuration, exit codes and words.

mod config;
mod get;
mod help;
mod put;
mod serve;
#[cfg(unix)]
mod terminal;

use std::process::Output;

use crate::common::{Server, run};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `ots` against the server with nothing on stdin.
fn client(server: &Server, arguments: &[&str]) -> Output {
    run(server.client(arguments), b"")
}

fn assert_fails(output: &Output, code: i32, says: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "{said}");
    assert!(output.stdout.is_empty(), "stdout is for what was asked for: {}", text(&output.stdout));
    if code != 2 {
        assert!(said.starts_with("ots: ") && said.trim_end().lines().count() == 1, "one line: {said}");
    }
}
