//! What certificates are ordered for, and whom an authority may write to.

use std::{fmt, net::IpAddr, str::FromStr};

use url::{Host, Url};

use crate::server::Contact;

/// The authority that issues certificates when nobody names another.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// A name that a certificate is ordered for, as DNS has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(String);

/// Why no certificate can be ordered for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDomain {
    /// All names below another.
    #[error("a certificate with * takes changes in DNS, which ots doesn't make: give each name")]
    Wildcard,
    /// An address.
    #[error("that is an address: give a name that leads to this server, as ots.example.org")]
    Address,
    /// Anything else.
    #[error("write a name as ots.example.org, without scheme, port and path")]
    Invalid,
}

impl Domain {
    /// The name in lower case, and in ASCII if it has other letters (RFC 5891).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = InvalidDomain;

    fn from_str(text: &str) -> Result<Self, InvalidDomain> {
        let text = text.trim();
        if text.contains('*') {
            return Err(InvalidDomain::Wildcard);
        }
        if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return Err(InvalidDomain::Address);
        }
        match Host::parse(text) {
            Ok(Host::Domain(name)) if is_in_dns(&name) => Ok(Self(name)),
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => Err(InvalidDomain::Address),
            _ => Err(InvalidDomain::Invalid),
        }
    }
}

/// Whether it is letters, digits and hyphens between dots, no longer than DNS has room for (RFC 1123, 2.1).
fn is_in_dns(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// An address for mail, which an authority warns of what becomes of its certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailAddress(String);

/// What is no address for mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write an address for mail, as it@example.org")]
pub struct InvalidMailAddress;

impl MailAddress {
    /// As an account at an authority has it (RFC 8555, 7.1.2).
    #[must_use]
    pub fn link(&self) -> String {
        format!("mailto:{}", self.0)
    }
}

impl FromStr for MailAddress {
    type Err = InvalidMailAddress;

    fn from_str(text: &str) -> Result<Self, InvalidMailAddress> {
        // A page can be a contact, too, but not an authority's.
        let address = Contact::new(text).filter(|contact| !contact.as_str().contains('/'));
        address.map(|address| Self(address.as_str().to_owned())).ok_or(InvalidMailAddress)
    }
}

/// Where an authority says what it can do. Never plain http (RFC 8555, 6.1).
///
/// # Errors
/// What it has to be.
pub fn directory(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).ok().filter(|url| url.scheme() == "https" && url.has_host());
    let plain = url.filter(|url| url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    plain.ok_or_else(|| format!("write the URL of an ACME directory, as {LETS_ENCRYPT}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_a_name_in_dns() {
        let long = format!("{}.example.org", "a".repeat(63));
        for (text, name) in [
            ("ots.example.org", "ots.example.org"),
            (" OTS.Example.ORG ", "ots.example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("ots", "ots"),
            ("4ots.example", "4ots.example"),
            (long.as_str(), long.as_str()),
        ] {
            assert_eq!(text.parse(), Ok(Domain(name.to_owned())), "{text}");
        }
        for (text, why) in [
            ("*.example.org", InvalidDomain::Wildcard),
            ("ots.*.org", InvalidDomain::Wildcard),
            ("192.0.2.1", InvalidDomain::Address),
            ("0x7f.1", InvalidDomain::Address),
            ("2001:db8::1", InvalidDomain::Address),
            ("[2001:db8::1]", InvalidDomain::Address),
            ("", InvalidDomain::Invalid),
            ("https://ots.example.org", InvalidDomain::Invalid),
            ("ots.example.org:443", InvalidDomain::Invalid),
            ("ots.example.org/", InvalidDomain::Invalid),
            ("ots.example.org.", InvalidDomain::Invalid),
            ("ots..example.org", InvalidDomain::Invalid),
            ("-ots.example.org", InvalidDomain::Invalid),
            ("my_ots.example.org", InvalidDomain::Invalid),
            ("it@example.org", InvalidDomain::Invalid),
            ("two names", InvalidDomain::Invalid),
            (format!("a{long}").as_str(), InvalidDomain::Invalid),
            (format!("{}org", "a.".repeat(130)).as_str(), InvalidDomain::Invalid),
        ] {
            assert_eq!(text.parse::<Domain>(), Err(why), "{text}");
        }
    }

    #[test]
    fn an_authority_writes_to_addresses_alone() {
        assert_eq!(
            " it@example.org ".parse::<MailAddress>().map(|to| to.link()),
            Ok("mailto:it@example.org".to_owned())
        );
        for other in
            ["", "it", "it@", "mailto:it@example.org", "https://example.org/@it", "a@b.c,d@e.f", "a@b.c?cc=d@e.f"]
        {
            assert_eq!(other.parse::<MailAddress>(), Err(InvalidMailAddress), "{other}");
        }
    }

    #[test]
    fn an_authority_is_asked_by_https() {
        assert_eq!(directory(LETS_ENCRYPT).map(String::from).as_deref(), Ok(LETS_ENCRYPT));
        for other in
            ["", "letsencrypt", "http://ca.example/acme", "https://me:secret@ca.example/", "https://ca.example/#x"]
        {
            assert!(directory(other).is_err_and(|why| !why.contains("secret")), "{other}");
        }
    }
}
