//! ACME (RFC 8555): certificates that an authority issues when it has seen that their names lead to this server, each renewed before it
//! expires.
//!
//! - [`names`]: what certificates are for, and whom the authority may write to.
//! - [`keep`]: when a certificate is ordered, and how long after a failure it is tried again.
//! - [`account`]: who orders; [`order`]: one order; [`error`]: why it came to nothing.
//! - [`kept`]: what outlives the process; [`http`]: requests to the authority.
//!
//! The protocol is instant-acme's. Without the feature `acme` only the names are here, so that the command line can say what is missing.

#[cfg(feature = "acme")]
mod account;
#[cfg(feature = "acme")]
mod error;
#[cfg(feature = "acme")]
mod http;
#[cfg(feature = "acme")]
mod keep;
#[cfg(feature = "acme")]
mod kept;
mod names;
#[cfg(feature = "acme")]
mod order;

#[cfg(feature = "acme")]
pub use error::OrderError;
#[cfg(feature = "acme")]
pub use keep::{Acme, Event, Options};
pub use names::{Domain, InvalidDomain, InvalidMailAddress, LETS_ENCRYPT, MailAddress, directory};
