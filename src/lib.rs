//! `ots` shares a secret exactly once.
//!
//! One crate holds the server, the command line and what both agree on. Read it in this order:
//!
//! - [`secret`]: the words that every layer shares: token, id, claim, passphrase, link, key, kind, time to live; and
//!   passwords and passphrases that it draws.
//! - [`memory`]: bytes that wipe themselves, and a bound on how many are held at once.
//! - [`crypto`]: sealing at rest and end to end: pure functions over bytes.
//! - [`tally`]: what is counted while a server runs.
//! - [`audit`]: what becomes of secrets, told.
//! - [`store`]: the contract of a store, its SQLite engine and the sweeper. Sees opaque bytes only.
//! - [`vault`]: the domain: create, reveal, burn, status. Puts `crypto` and `store` together.
//! - [`api`]: the wire: paths, bodies and problems, shared by both sides.
//! - [`server`]: HTTP in, `vault` calls out.
//! - [`client`]: the API from the other side, over reqwest.
//! - [`acme`]: certificates for the server, ordered of an authority.
//! - [`webhook`]: what becomes of secrets, brought to programs elsewhere.
//! - [`cli`]: arguments in, text out: one file a command.
//!
//! Calls go `cli → client → api` and `cli → server → vault → store`; `acme` stands above client and server, `webhook` above client and store; whoever needs them uses `secret`, `memory` and `crypto`.
//! No arrow turns back; a test sees to it.

pub mod acme;
pub mod api;
pub mod audit;
pub mod cli;
pub mod client;
pub mod crypto;
pub mod memory;
pub mod secret;
pub mod server;
pub mod store;
pub mod tally;
pub mod vault;
pub mod webhook;
