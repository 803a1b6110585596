//! Whom a secret is counted under. A store sees only a keyed hash of it: who has the database without the key can't list anybody.

use std::{net::IpAddr, sync::Arc};

use crate::{
    crypto::{CryptoError, at_rest::MasterKey},
    secret::OwnerId,
};

/// Who creates, as far as quotas go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Whoever asks from there. Of an address of IPv6 the network counts, a /64: who has one has all of it.
    Address(IpAddr),
    /// Whoever has a key of that name, from wherever: also another key, once it has that name.
    Key(Arc<str>),
    /// Whom a proxy calls that.
    User(Arc<str>),
}

impl Owner {
    /// What the store knows it by, under that key: with another, everybody begins anew.
    pub(super) fn id(&self, master: &MasterKey) -> Result<OwnerId, CryptoError> {
        match self {
            Self::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => master.owner_id(4, &address.octets()),
                IpAddr::V6(address) => master.owner_id(6, address.octets().first_chunk::<8>().unwrap_or(&[0; 8])),
            },
            Self::Key(name) => master.owner_id(b'k', name.as_bytes()),
            Self::User(name) => master.owner_id(b'u', name.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_users_and_addresses_of_one_name_are_three() {
        let master = MasterKey::derive(b"a secret key").unwrap();
        let id = |owner: Owner| owner.id(&master).unwrap();
        let key = id(Owner::Key("ci".into()));
        assert_eq!(key, id(Owner::Key("ci".into())));
        for other in [Owner::Key("bob".into()), Owner::User("ci".into())] {
            assert_ne!(key, id(other.clone()), "{other:?}");
        }
        assert_ne!(id(Owner::Address([99, 105, 46, 46].into())), id(Owner::Key("ci..".into())));
    }

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
