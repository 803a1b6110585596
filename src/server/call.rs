//! Who asks, and over what: what every handler is given.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::{Request, body::Incoming};

use super::{activity::Activity, settings::Settings};
use crate::{memory::Budget, vault::Vault};

/// What every request needs.
pub(crate) struct App {
    pub(super) vault: Vault,
    pub(super) settings: Settings,
    pub(super) bodies: Budget,
    /// A random start, so that request ids differ between runs.
    pub(super) first_request: u64,
    pub(super) requests: AtomicU64,
}

impl App {
    pub(super) fn next_request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}", self.first_request.wrapping_add(number))
    }
}

/// What a handler is given besides the application.
pub(super) struct Call<'a> {
    pub(super) request: &'a mut Request<Incoming>,
    /// The token or the file in the path, if its route has one.
    pub(super) parameter: &'a str,
    /// The version in an asset's path, the only one that has two parameters.
    pub(super) version: &'a str,
    pub(super) activity: &'a Activity,
}
