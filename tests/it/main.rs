//! The tests from outside, in one binary: a file or folder a subject. The tests of the pages in a browser are one of their
//! own (`tests/browser.rs`).
//!
//! They run side by side, in threads of one process. So each has a server, a port and a directory to itself; none changes
//! this process's environment, umask or current directory; and those that measure, or that load the machine, wait for each
//! other (`common::heavy`).
#![allow(unreachable_pub, reason = "what the tests share is public to them")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::must_use_candidate,
    clippy::missing_panics_doc
)]

#[cfg(unix)] // its sockets
mod admin;
mod api;
mod architecture;
mod cli;
mod common;
mod contract;
mod creation;
mod damage;
#[cfg(all(target_os = "linux", target_env = "gnu"))] // where its library can be put between a program and libc
mod disk;
mod docs;
mod encrypt;
mod face;
mod faults;
mod fuzz;
mod guards;
mod histories;
#[cfg(target_os = "linux")] // its addresses, and its /proc
mod hostile;
mod house;
mod leak;
mod liars;
#[cfg(target_os = "linux")] // its /proc, and its core dumps
mod memory;
mod model;
mod openapi;
mod outbox;
mod pages;
mod pictures;
#[cfg(all(unix, feature = "postgres"))] // its sockets
mod postgres;
mod promises;
mod proxies;
mod quotas;
mod receipt_pages;
mod receipts;
mod request_leaks;
mod requests;
#[cfg(target_os = "linux")] // in the words of its kernel
mod session;
#[cfg(target_os = "linux")] // its tests mount small file systems
mod space;
#[cfg(target_os = "linux")]
mod transcripts;
mod transcripts_http;
#[cfg(target_os = "linux")]
mod transcripts_operator;
mod vectors;
mod watch;
#[cfg(target_os = "linux")] // its loopback addresses
mod webhooks;
mod wire;
