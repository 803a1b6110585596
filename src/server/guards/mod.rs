//! What stands before every handler: who is at the other end, and whether what is asked may be done for them. What a guard refuses costs
//! nobody a secret.
//!
//! - [`network`]: what counts as one address.
//! - [`proxies`]: whose word on the client counts.
//! - [`forwarded`]: what such a proxy says.

mod forwarded;
mod network;
mod proxies;

use std::net::IpAddr;

use hyper::HeaderMap;

pub use self::proxies::{InvalidProxy, TrustedProxy};
use self::{
    forwarded::{Named, Said},
    proxies::Strangers,
};
pub(super) use self::{
    network::Network,
    proxies::{Peer, TrustedProxies},
};

/// What the guards are told.
#[derive(Debug, Clone, Default)]
pub struct GuardOptions {
    /// The proxies whose word on the client counts.
    pub trusted_proxies: Vec<TrustedProxy>,
}

/// The server's guards.
pub(super) struct Guards {
    trusted: TrustedProxies,
    strangers: Strangers,
}

/// Whom a request is from, and over what it came, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    /// The client's address: the peer's, if no proxy names another that is believed.
    pub(super) address: IpAddr,
    /// Whether a trusted proxy passed the request on for somebody else.
    pub(super) through_proxy: bool,
    /// What the client speaks to that proxy.
    pub(super) scheme: Option<&'static str>,
}

impl Guards {
    pub(super) fn new(options: &GuardOptions) -> Self {
        Self { trusted: TrustedProxies::new(&options.trusted_proxies), strangers: Strangers::default() }
    }

    pub(super) fn trusts(&self, peer: Peer) -> bool {
        self.trusted.trusts(peer)
    }

    /// Whom a request is from.
    pub(super) fn client(&self, headers: &HeaderMap, peer: Peer) -> Client {
        let nobody_else = Client { address: peer.address(), through_proxy: false, scheme: None };
        if !forwarded::is_forwarded(headers) {
            return nobody_else;
        }
        if !self.trusts(peer) {
            self.strangers.note(peer);
            return nobody_else;
        }
        let Said { client, scheme, .. } = forwarded::read(headers, &self.trusted);
        match client {
            Named::Nobody => Client { scheme, ..nobody_else },
            Named::At(address) => Client { address, through_proxy: true, scheme },
            // All of them share what the proxy's own address has.
            Named::Unknown => Client { through_proxy: true, scheme, ..nobody_else },
            Named::Contradicted => {
                self.strangers.note_contradiction();
                Client { through_proxy: true, scheme, ..nobody_else }
            }
        }
    }

    /// The host that the client asked, where a trusted proxy says it.
    pub(super) fn forwarded_host<'a>(&self, headers: &'a HeaderMap, peer: Peer) -> Option<&'a str> {
        if self.trusts(peer) { forwarded::read(headers, &self.trusted).host } else { None }
    }
}
