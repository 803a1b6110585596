//! Which names the server answers to. A page of somebody else's whose name leads to this machine (DNS rebinding) asks under that name, which
//! no script can change; so a server that knows its names answers to no others.

use std::{
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
    sync::atomic::{AtomicBool, Ordering},
};

use hyper::http::uri::Authority;
use url::{Host, Url};

use super::proxies::Peer;
use crate::api::{Code, Problem};

/// The longest name that a host can have (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 255;

/// A name, or an address, that the operator lets the server answer to, on any port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost(String);

/// What is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a host as it is asked, as ots.example.org or 192.0.2.1, without scheme and port")]
pub struct InvalidHost;

impl FromStr for AllowedHost {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let text = text.trim();
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let text = if bare.parse::<Ipv6Addr>().is_ok() { format!("[{bare}]") } else { text.to_owned() };
        Host::parse(&text).map(|host| Self(host.to_string())).map_err(|_| InvalidHost)
    }
}

/// The names that the server answers to.
#[derive(Debug)]
pub(super) struct Hosts {
    ours: Vec<String>,
    only_here: bool,
    told: AtomicBool,
}

impl Hosts {
    pub(super) fn new(public: Option<&Url>, allowed: &[AllowedHost], only_here: bool) -> Self {
        let public = public.and_then(Url::host).map(|host| host.to_string());
        Self {
            ours: public.into_iter().chain(allowed.iter().map(|host| host.0.clone())).collect(),
            only_here,
            told: AtomicBool::new(false),
        }
    }

    /// Whether a peer may ask it under this name; and under that, which a trusted proxy says that its client asked.
    pub(super) fn check(&self, asked: Option<&str>, forwarded: Option<&str>, peer: Peer) -> Result<(), Problem> {
        if self.ours.is_empty() && (!self.only_here || peer == Peer::Unix) {
            return Ok(());
        }
        let here = peer.address().is_loopback();
        // A browser of this machine could be made to say what a proxy of this machine does.
        let forwarded = forwarded.filter(|_| !here || peer == Peer::Unix);
        let is_known = |host: &str| self.ours.iter().any(|ours| ours == host) || here && is_loopback(host);
        let known = |authority: &str| name(authority).is_some_and(|host| is_known(&host));
        if asked.is_none_or(known) || forwarded.is_some_and(known) {
            return Ok(());
        }
        self.tell(asked);
        Err(Problem::new(
            Code::Misdirected,
            if self.ours.is_empty() {
                "This server listens on its own machine only, and answers to that one's names. For another one its operator starts it with \
                 --public-url https://NAME, or with --allowed-host NAME; nothing was done"
            } else {
                "This server answers to other names: ask it by the one that its links have. Its operator lets it answer to more of them with \
                 --allowed-host NAME; nothing was done"
            },
        ))
    }

    /// A wrong --public-url turns everybody away: its operator sees why, once.
    fn tell(&self, asked: Option<&str>) {
        let Some(host) = asked.and_then(name).filter(|host| host.len() <= LONGEST_NAME) else { return };
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a request was for {host:?}, which is none of this server's names: it was refused (421), as others of the kind are from now \
                 on without a word. If that is its name, give it with --public-url or --allowed-host"
            );
        }
    }
}

/// The host as URLs write it, without its port.
fn name(authority: &str) -> Option<String> {
    let authority: Authority = authority.parse().ok()?;
    let host = Host::parse(authority.host()).ok()?.to_string();
    Some(host.strip_suffix('.').map_or(host.clone(), str::to_owned))
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(hosts: &Hosts, asked: &str, forwarded: Option<&str>, peer: &str) -> bool {
        let peer = if peer == "unix" { Peer::Unix } else { Peer::at(peer.parse().unwrap()) };
        hosts.check(Some(asked).filter(|asked| !asked.is_empty()), forwarded, peer).is_ok()
    }

    #[test]
    fn on_this_machine_only_its_names_are_answered() {
        let hosts = Hosts::new(None, &[], true);
        for ours in [
            "localhost",
            "LOCALHOST:8000",
            "localhost.",
            "127.0.0.1:8000",
            "127.9.9.9",
            "[::1]:8000",
            "[::ffff:127.0.0.1]",
            "",
        ] {
            assert!(answers(&hosts, ours, None, "127.0.0.1"), "{ours}");
        }
        for other in [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.1",
            "0x7f.1.evil.example",
        ] {
            assert!(!answers(&hosts, other, None, "127.0.0.1"), "{other}");
            assert!(!answers(&hosts, other, Some("localhost"), "127.0.0.1"), "{other}, whatever a script says");
        }
        assert!(answers(&hosts, "any.example", None, "unix"), "no browser comes that way");
        assert!(answers(&Hosts::new(None, &[], false), "any.example", None, "192.0.2.1"), "nobody said a name");
    }

    #[test]
    fn a_server_that_knows_its_names_answers_to_them() {
        let (public, allowed) =
            ("https://ots.example.org/path/".parse().unwrap(), ["10.0.0.7", "b\u{fc}cher.example", "::1"]);
        let hosts = Hosts::new(Some(&public), &allowed.map(|host| host.parse().unwrap()), false);
        for (asked, forwarded, peer, answered) in [
            ("ots.example.org", None, "192.0.2.1", true),
            ("OTS.example.org.:443", None, "192.0.2.1", true),
            ("xn--bcher-kva.example", None, "192.0.2.1", true),
            ("10.0.0.7:8000", None, "192.0.2.1", true),
            ("[::1]", None, "192.0.2.1", true),
            ("evil.example", None, "192.0.2.1", false),
            ("localhost", None, "192.0.2.1", false),
            ("localhost:8000", None, "127.0.0.1", true),
            ("ots:8000", Some("ots.example.org"), "172.17.0.2", true),
            ("ots:8000", Some("ots.example.org"), "unix", true),
            ("evil.example", Some("ots.example.org"), "127.0.0.1", false),
            ("evil.example", None, "unix", false),
        ] {
            assert_eq!(answers(&hosts, asked, forwarded, peer), answered, "{asked} {forwarded:?} {peer}");
        }
        for wrong in ["", "https://ots.example.org", "a:80", "a b", "a/b"] {
            assert_eq!(wrong.parse::<AllowedHost>(), Err(InvalidHost), "{wrong}");
        }
    }
}
