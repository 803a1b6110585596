//! The command line, from outside: pipes, files, terminals, configuration, exit codes and words.

#[cfg(unix)]
mod again;
mod config;
mod generate;
mod get;
#[cfg(unix)]
mod hand_over;
mod help;
mod links;
#[cfg(unix)]
mod paste;
#[cfg(target_os = "linux")]
mod places;
#[cfg(unix)]
mod pty;
mod put;
mod receipts;
#[cfg(unix)]
mod reload;
mod requests;
mod returning;
mod serve;
#[cfg(unix)]
pub mod signals;
#[cfg(unix)]
mod terminal;
mod untrusted;
mod usage;

use crate::common::{assert_fails, client, text};
