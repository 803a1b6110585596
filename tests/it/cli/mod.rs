//! The command line, from outside: pipes, files, terminals, configuration, exit codes and words.

mod config;
mod get;
mod help;
mod put;
mod serve;
#[cfg(unix)]
mod terminal;

use crate::common::{assert_fails, client, text};
