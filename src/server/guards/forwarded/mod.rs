//! What a trusted proxy says of the client: `Forwarded` (RFC 7239), `X-Forwarded-For`, `-Proto` and `-Host`.
//!
//! Each proxy adds what it saw at the right, so they are read from there: what stands left of the first address that is no trusted proxy's
//! was written by whoever is there, and says nothing. What can't be read is an unknown client, never an error.

use std::net::IpAddr;

use hyper::{HeaderMap, header, header::HeaderName};

use super::proxies::TrustedProxies;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whom a proxy names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// Nobody but itself, or its own machine.
    Nobody,
    /// Somebody at an address.
    At(IpAddr),
    /// Somebody, in words that are no address.
    Unknown,
    /// One in one header, another in the other: which of them the proxy wrote itself, nobody knows.
    Contradicted,
}

/// What the headers say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub(super) client: Named,
    pub(super) scheme: Option<&'static str>,
    /// As it was said: it may be no host at all.
    pub(super) host: Option<&'a str>,
}

/// Whether a proxy says anything of the client.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    [&header::FORWARDED, &FOR, &PROTO, &HOST].into_iter().any(|name| headers.contains_key(name))
}

/// What a trusted proxy says.
pub(super) fn read<'a>(headers: &'a HeaderMap, trusted: &TrustedProxies) -> Said<'a> {
    let listed = Listed::read(headers, trusted);
    let elements: Vec<Element<'_>> = lines(headers, &header::FORWARDED).flat_map(elements).collect();
    let hops = elements.iter().rev().map(|element| element.node.unwrap_or(Node::Unknown));
    let named = elements.iter().any(|element| element.node.is_some()).then(|| walk(hops, trusted));
    let element = match named {
        Some((_, hop)) => elements.iter().rev().nth(hop),
        None => elements.last(),
    };
    let client = match (named, listed.client) {
        (None, None) => Named::Nobody,
        (Some((client, _)), None) | (None, Some((client, _))) => client,
        (Some((client, _)), Some((same, _))) if client == same => client,
        (Some(_), Some(_)) => Named::Contradicted,
    };
    let scheme = agreed(
        element.and_then(|element| element.proto).and_then(scheme),
        listed.beside(headers, &PROTO).and_then(scheme),
    );
    let host = agreed(element.and_then(|element| element.host), listed.beside(headers, &HOST));
    Said { client, scheme, host }
}

/// What both say, or one of them alone.
fn agreed<T: PartialEq>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        (one, other) => one.or(other),
    }
}

fn scheme(text: &str) -> Option<&'static str> {
    ["https", "http"].into_iter().find(|known| known.eq_ignore_ascii_case(text))
}

/// One end of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    At(IpAddr),
    Unknown,
}

impl Node {
    /// An address, with a port or without; IPv6 with its brackets or without.
    fn parse(text: &str) -> Self {
        let bare = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').filter(|(_, port)| port.is_empty() || port.starts_with(':')),
            None => text.split_once(':').filter(|(_, port)| !port.contains(':')).or(Some((text, ""))),
        };
        let address = bare.and_then(|(bare, _)| bare.parse::<IpAddr>().ok());
        // What has brackets is IPv6, and what has neither them nor a port may be.
        let address =
            address.filter(|address| text.starts_with('[') == address.is_ipv6()).or_else(|| text.parse().ok());
        address.map_or(Self::Unknown, |address| Self::At(address.to_canonical()))
    }
}

/// Whom the hops name, from the nearest on, and how many hops away.
fn walk(hops: impl Iterator<Item = Node>, trusted: &TrustedProxies) -> (Named, usize) {
    let mut last = (Named::Nobody, 0);
    for (hop, node) in hops.enumerate() {
        last = match node {
            Node::At(address) if !trusted.has(address) => return (Named::At(address), hop),
            Node::Unknown => return (Named::Unknown, hop),
            Node::At(address) if address.is_loopback() => (Named::Nobody, hop),
            Node::At(address) => (Named::At(address), hop),
        };
    }
    last
}

/// A header's lines, in order.
fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a str> {
    headers.get_all(name).iter().map(|value| text(value.as_bytes()))
}

/// A line as text; of what isn't, its end, which its last writer wrote.
fn text(line: &[u8]) -> &str {
    let end = || line.rsplit(|byte| !byte.is_ascii()).next().and_then(|end| std::str::from_utf8(end).ok());
    let whole = std::str::from_utf8(line).ok();
    whole.or_else(end).filter(|text| !text.is_empty() || line.is_empty()).unwrap_or("?")
}

/// What stands in a header of the kind that lists, one a hop, from the left.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a str> {
    let parts = lines(headers, name).flat_map(|line| line.split(','));
    parts.map(|part| part.trim().trim_matches('"')).filter(|part| !part.is_empty())
}

/// `X-Forwarded-For`, read.
struct Listed {
    client: Option<(Named, usize)>,
    hops: usize,
}

impl Listed {
    fn read(headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        let hops = list(headers, &FOR).count();
        let client = (hops > 0).then(|| walk(list(headers, &FOR).rev().map(Node::parse), trusted));
        Self { client, hops }
    }

    /// What a header beside it says of the same hop: of the nearest, if it doesn't have as many.
    fn beside<'a>(&self, headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
        let hop = self.client.filter(|_| list(headers, name).count() == self.hops).map_or(0, |(_, hop)| hop);
        list(headers, name).rev().nth(hop)
    }
}

/// What `Forwarded` says of one hop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Element<'a> {
    node: Option<Node>,
    proto: Option<&'a str>,
    host: Option<&'a str>,
}

/// A line's elements. What is no line of `Forwarded` is one element of somebody unknown.
fn elements(line: &str) -> Vec<Element<'_>> {
    parsed(line).unwrap_or_else(|| vec![Element { node: Some(Node::Unknown), ..Element::default() }])
}

fn parsed(line: &str) -> Option<Vec<Element<'_>>> {
    let (mut found, mut element, mut rest) = (Vec::new(), None::<Element<'_>>, line.trim());
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix([',', ';']) {
            if rest.starts_with(',') {
                found.extend(element.take());
            }
            rest = after.trim_start();
            continue;
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        rest = after.trim_start();
        if !(rest.is_empty() || rest.starts_with([',', ';'])) {
            return None;
        }
        let element = element.get_or_insert_default();
        let twice = match name.trim().to_ascii_lowercase().as_str() {
            "for" => element.node.replace(Node::parse(value)).is_some(),
            "proto" => element.proto.replace(value).is_some(),
            "host" => element.host.replace(value).is_some(),
            // `by`, or an extension's.
            name => name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;".contains(&byte)),
        };
        if twice {
            return None;
        }
    }
    found.extend(element);
    Some(found)
}

/// A pair's value and what follows it. What is quoted may hold anything; of what is not, more is taken than the RFC allows, since proxies
/// write addresses with ports so. An escape stays as it is: no address and no host has one.
fn value(text: &str) -> Option<(&str, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end)?;
        return Some((value.trim_end(), rest)).filter(|(value, _)| !value.contains(['"', ' ', '\t', '=']));
    };
    let mut escaped = false;
    let end = quoted.find(|sign| {
        let ends = sign == '"' && !escaped;
        escaped = sign == '\\' && !escaped;
        ends
    })?;
    let (value, rest) = quoted.split_at_checked(end)?;
    Some((value, rest.strip_prefix('"')?))
}

#[cfg(test)]
mod tests;
