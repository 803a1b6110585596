//! The command line, from outside: pipes, files, terminals, configuration, exit codes and words.

mod config;
mod generate;
mod get;
#[cfg(unix)]
mod hand_over;
mod help;
mod links;
#[cfg(target_os = "linux")]
mod places;
mod put;
mod serve;
#[cfg(unix)]
mod terminal;
mod untrusted;
mod usage;

use crate::common::{assert_fails, client, text};
