//! Whom a secret is counted under. A store sees only a keyed hash of it: who has the database without the key can't list anybody.

use std::net::IpAddr;

use crate::{
    crypto::{CryptoError, at_rest::MasterKey},
    secret::OwnerId,
};

/// Who creates, as far as quotas go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Whoever asks from there. Of an address of IPv6 the network counts, a /64: who has one has all of it.
    Address(IpAddr),
}

impl Owner {
    /// What the store knows it by, under that key: with another, everybody begins anew.
    pub(super) fn id(&self, master: &MasterKey) -> Result<OwnerId, CryptoError> {
        match self {
            Self::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => master.owner_id(4, &address.octets()),
                IpAddr::V6(address) => master.owner_id(6, address.octets().first_chunk::<8>().unwrap_or(&[0; 8])),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_owner_and_an_address_of_ipv4_too() {
        let master = MasterKey::derive(b"a secret key").unwrap();
        let id = |text: &str| Owner::Address(text.parse().unwrap()).id(&master).unwrap();
        assert_eq!(id("2001:db8::1"), id("2001:db8::ffff:ffff:ffff:ffff"));
        assert_eq!(id("192.0.2.1"), id("::ffff:192.0.2.1"));
        for other in ["2001:db8:0:1::1", "192.0.2.2", "192.0.2.1"] {
            assert_ne!(id("2001:db8::1"), id(other), "{other}");
        }
        assert_ne!(id("192.0.2.1"), id("192.0.2.2"));
        let other = MasterKey::derive(b"another key").unwrap();
        assert_ne!(Owner::Address("192.0.2.1".parse().unwrap()).id(&other).unwrap(), id("192.0.2.1"));
    }
}
