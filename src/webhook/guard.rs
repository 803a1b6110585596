//! Where webhooks may be: on public addresses, and in the networks that the operator names. A name is resolved here, and only the addresses
//! that may be used are handed on: what was checked is what is connected to, whatever a name leads to a moment later (DNS rebinding).

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A network in which webhooks may be though it isn't public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllowedNetwork(IpNet);

/// The text names no such network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// Neither an address nor a network.
    #[error("write an address, as 127.0.0.1, or a network, as 10.0.0.0/8 or fd00::/8")]
    Form,
    /// All of them.
    #[error("that is every address: name the networks that your receivers are in")]
    Everything,
}

impl FromStr for AllowedNetwork {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let text = text.trim();
        let network = match text.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().into(),
            Err(_) => canonical(text.parse().map_err(|_| InvalidNetwork::Form)?),
        };
        if network.prefix_len() == 0 { Err(InvalidNetwork::Everything) } else { Ok(Self(network)) }
    }
}

/// A network of IPv4 addresses in the clothes of IPv6 as what it is.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(outer) = network else { return network };
    let inner = outer.addr().to_ipv4_mapped().zip(outer.prefix_len().checked_sub(96));
    inner.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

/// Which addresses one webhook may have.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    allowed: Arc<[AllowedNetwork]>,
    /// In plain http nothing goes to where others listen.
    only_allowed: bool,
}

/// Why nothing is sent to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("its name leads to {0}, which isn't public: if that is meant, name its network with --webhook-allow")]
    NotPublic(IpAddr),
    #[error(
        "its name leads to {0}, and plain http is only for networks that --webhook-allow names: write https:// in its address"
    )]
    Plain(IpAddr),
    #[error("its name has no address")]
    None,
}

impl Guard {
    pub(super) fn new(allowed: Arc<[AllowedNetwork]>, is_plain: bool) -> Self {
        Self { allowed, only_allowed: is_plain }
    }

    pub(super) fn judge(&self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_canonical();
        match (self.allowed.iter().any(|network| network.0.contains(&address)), self.only_allowed) {
            (false, _) if !is_public(address) => Err(Refused::NotPublic(address)),
            (false, true) => Err(Refused::Plain(address)),
            (true, _) | (false, false) => Ok(()),
        }
    }

    /// Those that may be used, of what a name has; if none, why the first may not.
    fn pick(&self, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let (mut fit, mut refused) = (Vec::new(), Refused::None);
        for address in found {
            match self.judge(address.ip()) {
                Ok(()) => fit.push(address),
                Err(why) if refused == Refused::None => refused = why,
                Err(_) => {}
            }
        }
        if fit.is_empty() { Err(refused) } else { Ok(fit) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Addrs = Box::new(guard.pick(found)?.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is one of the internet's, and of no special meaning (RFC 6890 and IANA's registries for it).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0 | 10 | 127 | 224.., ..]          // this network, private, loopback, multicast and what is reserved
        | [169, 254, ..]                    // link-local, where clouds keep their metadata
        | [192, 168, ..]                    // private
        | [192, 0, 0 | 2, _]                // protocols, documentation
        | [192, 88, 99, _]                  // relays of 6to4
        | [198, 18 | 19, ..]                // benchmarks
        | [198, 51, 100, _]                 // documentation
        | [203, 0, 113, _] => true,         // documentation
        [100, second, ..] => second & 0xc0 == 64, // behind a carrier's NAT
        [172, second, ..] => second & 0xf0 == 16, // private
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // By NAT64 an IPv4 address is reached (RFC 6052): that one's kind counts.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8, // protocols (Teredo among them), documentation
        [0x2002, ..] => false,                                      // 6to4: whatever IPv4 address is in it
        [0x3fff, second, ..] => second >= 0x1000,                   // documentation
        [first, ..] => first & 0xe000 == 0x2000,                    // all that is given out for the internet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str], is_plain: bool) -> Guard {
        Guard::new(allowed.iter().map(|network| network.parse().unwrap()).collect(), is_plain)
    }

    #[test]
    fn nothing_goes_to_addresses_that_are_not_the_internets() {
        let open = guard(&[], false);
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:0:7f00:1::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(open.judge(address), Err(Refused::NotPublic(address.to_canonical())), "{address}");
        }
        for address in [
            "1.1.1.1",
            "9.9.9.9",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00:1450::1",
            "3fff:1000::1",
        ] {
            assert_eq!(open.judge(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn what_is_allowed_is_told_in_plain_http_too_and_nothing_else_is() {
        let plain = guard(&["10.0.0.0/8", "::ffff:192.168.0.0/112", "fd00::/8", "127.0.0.1"], true);
        for address in ["10.9.9.9", "::ffff:10.0.0.1", "192.168.7.7", "fd00::1", "127.0.0.1"] {
            assert_eq!(plain.judge(address.parse().unwrap()), Ok(()), "{address}");
        }
        let public: IpAddr = "9.9.9.9".parse().unwrap();
        assert_eq!(plain.judge(public), Err(Refused::Plain(public)));
        let private: IpAddr = "127.0.0.2".parse().unwrap();
        assert_eq!(plain.judge(private), Err(Refused::NotPublic(private)));
        for (text, why) in [
            ("10.0.0.0/33", InvalidNetwork::Form),
            ("intranet", InvalidNetwork::Form),
            ("", InvalidNetwork::Form),
            ("0.0.0.0/0", InvalidNetwork::Everything),
            ("::ffff:0.0.0.0/96", InvalidNetwork::Everything),
        ] {
            assert_eq!(text.parse::<AllowedNetwork>(), Err(why), "{text}");
        }
    }

    /// Of a name with several addresses only those are used that may be.
    #[test]
    fn of_what_a_name_has_only_what_fits_is_used() {
        let open = guard(&["10.0.0.0/8"], false);
        let at = |addresses: &[&str]| -> Vec<SocketAddr> {
            addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect()
        };
        let mixed = at(&["127.0.0.1", "9.9.9.9", "::1", "10.0.0.1"]);
        assert_eq!(open.pick(mixed.into_iter()), Ok(at(&["9.9.9.9", "10.0.0.1"])));
        let here = at(&["127.0.0.1", "::1"]);
        assert_eq!(open.pick(here.into_iter()), Err(Refused::NotPublic("127.0.0.1".parse().unwrap())));
        assert_eq!(open.pick(std::iter::empty()), Err(Refused::None));
    }
}
