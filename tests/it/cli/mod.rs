//! The command line, from outside: pipes, files, terminals, configuration, exit codes and words.

#[cfg(unix)]
mod again;
mod config;
mod get;
mod help;
#[cfg(unix)]
mod paste;
#[cfg(unix)]
mod pty;
mod put;
mod serve;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod terminal;

use std::process::Output;

use crate::common::{self, client, text};

/// What clap says of wrong usage takes several lines.
fn assert_fails(output: &Output, code: i32, says: &str) {
    if code == 2 {
        common::assert_refuses(output, code, says);
    } else {
        common::assert_fails(output, code, says);
    }
}
