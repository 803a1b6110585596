//! What stands before every handler: who is at the other end, and whether what is asked may be done for them. What a guard refuses costs
//! nobody a secret.
//!
//! - [`network`]: what counts as one address.
//! - [`proxies`]: whose word on the client counts.
//! - [`forwarded`]: what such a proxy says.
//! - [`hosts`]: which names the server answers to.
//! - [`origins`]: which pages may have a browser do what.
//! - [`rates`]: how often an address may create and miss.

mod forwarded;
mod hosts;
mod network;
mod origins;
mod proxies;
mod rates;

use std::net::IpAddr;

use governor::clock::DefaultClock;
use hyper::{HeaderMap, header::HeaderValue};
use url::Url;

use self::{
    forwarded::{Named, Said},
    hosts::Hosts,
    origins::Origins,
    proxies::Strangers,
    rates::Rates,
};
pub use self::{
    hosts::{AllowedHost, InvalidHost},
    origins::{CorsOrigin, InvalidOrigin},
    proxies::{InvalidProxy, TrustedProxy},
    rates::{InvalidRates, RateLimits},
};
pub(super) use self::{
    network::Network,
    origins::Asked,
    proxies::{Peer, TrustedProxies},
    rates::Limited,
};
use crate::api::Problem;

/// What the guards are told.
#[derive(Debug, Clone, Default)]
pub struct GuardOptions {
    /// The proxies whose word on the client counts.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// How often an address may do what.
    pub rates: RateLimits,
    /// Names that the server answers to besides the one of its links.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Pages elsewhere that may use the API.
    pub cors_origins: Vec<CorsOrigin>,
    /// Whether nobody but this machine can connect.
    pub only_here: bool,
}

/// What a request would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Store something.
    Create,
    /// Store what somebody has asked for.
    Answer,
    /// Read a secret, as whoever means to does.
    Read,
    /// Read one as a browser could by itself.
    ReadByGet,
    /// Ask for a secret, and leave it where it is.
    Probe,
    /// Destroy one.
    Burn,
    /// Ask how the server is.
    Health,
    /// Nothing of all that.
    Other,
}

impl Deed {
    /// Whether something is there or gone afterwards.
    fn changes(self) -> bool {
        matches!(self, Self::Create | Self::Answer | Self::Read | Self::ReadByGet | Self::Burn)
    }

    /// Whether it names what may not be there.
    pub(super) fn seeks(self) -> bool {
        matches!(self, Self::Answer | Self::Read | Self::ReadByGet | Self::Probe | Self::Burn)
    }
}

/// The server's guards.
pub(super) struct Guards {
    trusted: TrustedProxies,
    strangers: Strangers,
    rates: Rates,
    hosts: Hosts,
    origins: Origins,
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
    pub(super) fn new(options: &GuardOptions, public_url: Option<&Url>) -> Self {
        Self {
            trusted: TrustedProxies::new(&options.trusted_proxies),
            strangers: Strangers::default(),
            rates: Rates::new(options.rates, &DefaultClock::default()),
            hosts: Hosts::new(public_url, &options.allowed_hosts, options.only_here),
            origins: Origins::new(public_url, &options.cors_origins),
        }
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

    /// Whether a peer may ask under this name, and a browser's page for this. A health check asks by whatever address it has.
    pub(super) fn check(
        &self,
        deed: Deed,
        headers: &HeaderMap,
        peer: Peer,
        named: Option<&str>,
        asked: Asked<'_>,
    ) -> Result<(), Problem> {
        if deed != Deed::Health {
            self.hosts.check(named, self.forwarded_host(headers, peer), peer)?;
        }
        self.origins.check(deed, headers, asked)
    }

    /// Whether a client may do this once more, which counts from now on if it creates.
    pub(super) fn admit(&self, deed: Deed, address: IpAddr, through_proxy: bool) -> Result<(), Limited> {
        if is_counted(address, through_proxy) { self.rates.admit(deed, Network::of(address)) } else { Ok(()) }
    }

    /// Whether a client may try to create without having shown whatever is wanted for that. Somebody else at its address who has it must not
    /// lose their turn by it, so that it counts as a miss, or afterwards by [`Self::admit`].
    pub(super) fn admit_unproven(&self, address: IpAddr, through_proxy: bool) -> Result<(), Limited> {
        if is_counted(address, through_proxy) { self.rates.admit_unproven(Network::of(address)) } else { Ok(()) }
    }

    /// What a client asked for wasn't there, or what it tried was wrong.
    pub(super) fn missed(&self, address: IpAddr, through_proxy: bool) {
        if is_counted(address, through_proxy) {
            self.rates.missed(Network::of(address));
        }
    }

    /// The origin to tell a browser that its page may see the answer.
    pub(super) fn shared_with<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        self.origins.allowed(headers)
    }

    /// Whether answers depend on the page that asks.
    pub(super) fn shares(&self) -> bool {
        self.origins.has_others()
    }
}

/// This machine's own programs aren't, and neither is a proxy on it that nobody named: that would be everybody.
pub(super) fn is_counted(address: IpAddr, through_proxy: bool) -> bool {
    through_proxy || !address.to_canonical().is_loopback()
}
