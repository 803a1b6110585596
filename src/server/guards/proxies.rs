//! Whose word on the client counts: the proxies that the operator named, and nobody else.

use std::{
    collections::HashSet,
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use ipnet::{IpNet, Ipv4Net};

/// The peers of which the log says that their headers don't count: a few of them tell an operator enough.
const TOLD: usize = 8;

/// The other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::server) enum Peer {
    /// At an address, never an IPv4 address in the clothes of IPv6.
    Ip(IpAddr),
    /// At a socket of this machine's.
    Unix,
}

impl Peer {
    pub(in crate::server) fn at(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }

    /// Its address: this machine's own for what has none.
    pub(in crate::server) fn address(self) -> IpAddr {
        match self {
            Self::Ip(address) => address,
            Self::Unix => Ipv4Addr::LOCALHOST.into(),
        }
    }
}

/// As `--trusted-proxy` takes it.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// A proxy whose word on the client counts, as the operator names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Whatever connects from there.
    Network(IpNet),
    /// Whatever connects to a socket of this machine's.
    Unix,
}

/// What names no proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxy {
    /// Neither an address nor a network.
    #[error(
        "write a proxy's address, as 127.0.0.1, its network, as 10.0.0.0/8 or fd00::/8, or unix for what comes by a socket"
    )]
    Form,
    /// All of them.
    #[error(
        "that is everybody: then each client says itself where it is from. Name the network that your proxies are in"
    )]
    Everybody,
}

impl FromStr for TrustedProxy {
    type Err = InvalidProxy;

    fn from_str(text: &str) -> Result<Self, InvalidProxy> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("unix") {
            return Ok(Self::Unix);
        }
        let network = match text.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().into(),
            Err(_) => canonical(text.parse().map_err(|_| InvalidProxy::Form)?),
        };
        if network.prefix_len() == 0 { Err(InvalidProxy::Everybody) } else { Ok(Self::Network(network)) }
    }
}

/// A network of IPv4 addresses in the clothes of IPv6 as what it is.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(outer) = network else { return network };
    let inner = outer.addr().to_ipv4_mapped().zip(outer.prefix_len().checked_sub(96));
    inner.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

/// The proxies whose word on the client counts.
#[derive(Debug, Default)]
pub(in crate::server) struct TrustedProxies {
    networks: Vec<IpNet>,
    unix: bool,
}

impl TrustedProxies {
    pub(super) fn new(named: &[TrustedProxy]) -> Self {
        let mut trusted = Self::default();
        for proxy in named {
            match proxy {
                TrustedProxy::Network(network) => trusted.networks.push(*network),
                TrustedProxy::Unix => trusted.unix = true,
            }
        }
        trusted
    }

    pub(super) fn trusts(&self, peer: Peer) -> bool {
        match peer {
            Peer::Ip(address) => self.has(address),
            Peer::Unix => self.unix,
        }
    }

    pub(super) fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// What the log has said of proxies, so that it says it once.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    told: Mutex<HashSet<Peer>>,
    contradiction: AtomicBool,
}

impl Strangers {
    /// Headers of a proxy came from a peer that isn't trusted.
    pub(super) fn note(&self, peer: Peer) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD && told.insert(peer) {
            tracing::warn!(
                "{peer} sends headers that say for whom a request is (Forwarded, X-Forwarded-…), and they don't count: if that is a proxy \
                 of yours, start with --trusted-proxy {peer}. Until then all of its clients are one, and none if it is on this machine: no rate \
                 and no quota limits each"
            );
        }
    }

    /// A proxy's two headers say two things.
    pub(super) fn note_contradiction(&self) {
        if !self.contradiction.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "Forwarded and X-Forwarded-For name different clients: a proxy writes one of them and passes on the other as its client \
                 sent it. Such requests count as the proxy's own until it removes the one that it doesn't write"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_by_address_network_or_socket() {
        let trusted = |named: &[&str]| {
            TrustedProxies::new(&named.iter().map(|text| text.parse().unwrap()).collect::<Vec<TrustedProxy>>())
        };
        let at = |text: &str| Peer::at(text.parse().unwrap());
        for (named, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "11.0.0.1"),
            ("10.9.8.7/8", "10.0.0.1", "11.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("fd00::/8", "fd12::1", "fe80::1"),
            ("::1", "::1", "127.0.0.1"),
        ] {
            assert!(trusted(&[named]).trusts(at(inside)) && !trusted(&[named]).trusts(at(outside)), "{named}");
            assert!(!trusted(&[named]).trusts(Peer::Unix), "{named}");
        }
        assert!(trusted(&["unix"]).trusts(Peer::Unix) && !trusted(&["unix"]).trusts(at("127.0.0.1")));
        assert!(!trusted(&[]).trusts(at("127.0.0.1")) && !trusted(&[]).trusts(Peer::Unix));
        for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0", "127.0.0.1:80", "10.0.0.1,10.0.0.2", "unix:/run/x"] {
            assert_eq!(wrong.parse::<TrustedProxy>(), Err(InvalidProxy::Form), "{wrong}");
        }
        for all in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"] {
            assert_eq!(all.parse::<TrustedProxy>(), Err(InvalidProxy::Everybody), "{all}");
        }
    }
}
