//! Where a server listens, as `serve` and `health` are told.

use std::{net::SocketAddr, path::PathBuf};

/// One place to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListenAt {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
    /// Sockets that the service manager opened: those of that name, or all.
    Inherited(Option<String>),
}

impl ListenAt {
    /// `HOST:PORT`, `unix:PATH`, `fd:` or `fd:NAME`. A host is numbers, since a name can mean several.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const HELP: &str = "write it as 127.0.0.1:8000, [::1]:8000, or 0.0.0.0:8000 for every network: an address and a port, no name; or as \
                            unix:PATH, or fd: for systemd's sockets";
        let text = text.trim();
        if !cfg!(unix) && (text.starts_with("unix:") || text.starts_with("fd:")) {
            return Err("this system has no such sockets: write an address and a port, as 127.0.0.1:8000".to_owned());
        }
        match (text.strip_prefix("unix:"), text.strip_prefix("fd:")) {
            (Some(""), _) => Err("a path has to follow, as in unix:/run/ots/ots.sock".to_owned()),
            (Some(path), _) => Ok(Self::Unix(path.into())),
            (_, Some(name)) => Ok(Self::Inherited(Some(name.to_owned()).filter(|name| !name.is_empty()))),
            (None, None) => text.parse().map(Self::Tcp).map_err(|_| HELP.to_owned()),
        }
    }
}

/// Access rights in octal: `0660`, `600`.
pub(super) fn mode(text: &str) -> Result<u32, String> {
    let parsed = u32::from_str_radix(text.trim().trim_start_matches("0o"), 8).ok();
    parsed.filter(|mode| *mode <= 0o777).ok_or_else(|| "write it in octal, as 0660 or 0666".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_parsed() {
        for (text, place) in [
            (" [::1]:80", ListenAt::Tcp("[::1]:80".parse().unwrap())),
            ("unix:/run/ots.sock", ListenAt::Unix("/run/ots.sock".into())),
            ("unix:ots.sock", ListenAt::Unix("ots.sock".into())),
            ("fd:", ListenAt::Inherited(None)),
            ("fd:web", ListenAt::Inherited(Some("web".to_owned()))),
        ] {
            assert_eq!(ListenAt::parse(text), Ok(place), "{text}");
        }
        for text in ["localhost:9204", "8000", ":8000", "0.0.0.0", ""] {
            assert!(ListenAt::parse(text).unwrap_err().contains("127.0.0.1:8000"), "{text}");
        }
        assert!(ListenAt::parse("unix:").is_err());
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!((mode("0660"), mode("600")), (Ok(0o660), Ok(0o600)));
        for text in ["", "rw", "888", "1777", "-1"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }
}
