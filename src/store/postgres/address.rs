//! Where a PostgreSQL is, as its URL says it, in libpq's words: one host or several, and how far the way there is trusted.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};
use zeroize::Zeroizing;

/// How long one host may take to be connected to.
const CONNECT: Duration = Duration::from_secs(2);
/// How long what was sent may stay unacknowledged, before a connection is given up.
const SILENCE: Duration = Duration::from_secs(5);
/// What every session is set to. What the URL's `options` say comes after it, and wins.
pub(super) const SETTINGS: [(&str, &str); 6] = [
    ("statement_timeout", "10000"),
    ("lock_timeout", "4000"),
    ("idle_in_transaction_session_timeout", "10000"),
    ("synchronous_commit", "on"),
    ("default_transaction_isolation", "read committed"),
    ("client_min_messages", "warning"),
];
/// Connections of a server that isn't told otherwise.
const CONNECTIONS: usize = 16;
/// What a URL may say behind its question mark, besides what is read here.
const KNOWN: [&str; 15] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "user",
];

/// A database of a PostgreSQL. Shows itself without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
    pub(super) connections: usize,
}

/// How the way to the server is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tls {
    /// Open: on this machine, or because the operator says so.
    None,
    /// Encrypted, to a server whose certificate names it.
    Verified {
        /// Who has to have signed it; the system's authorities, if nobody is named.
        roots: Option<PathBuf>,
        /// What this side shows for itself, if it does.
        own: Option<Own>,
    },
}

/// A certificate of this side, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// What is wrong with a URL. Repeats nothing of it that may be a part of a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// It can't be read.
    #[error(
        "write it as postgres://USER@HOST/DATABASE (several hosts as HOST:PORT,HOST:PORT; a socket as \
         postgres:///DATABASE?host=/run/postgresql); a password in it needs %40 for @, %2F for / and so on, and is better kept in \
         PGPASSWORD or a file"
    )]
    Form,
    /// It has an option that isn't known.
    #[error(
        "{} behind its ? can't be used: it can have sslmode (disable or verify-full), sslrootcert, sslcert, sslkey, host, port, user, \
         dbname, options, connect_timeout, application_name and few more",
        .0.as_deref().map_or_else(|| "an option".to_owned(), |name| format!("the option {name}"))
    )]
    Option(Option<String>),
    /// TLS on less than the whole way.
    #[error("sslmode has to be disable or verify-full")]
    SslMode,
    /// A certificate without its key, or a key without its certificate.
    #[error("sslcert and sslkey go together: the user's certificate and its key, each a file in PEM")]
    Certificate,
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(url: &str) -> Result<Self, InvalidAddress> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut certificate, mut key) = (None, None, None, None);
        let file = |value: &str| Some(PathBuf::from(decoded(value)));
        let mut rest = Zeroizing::new(String::with_capacity(url.len()));
        rest.push_str(place);
        let mut joint = '?';
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').ok_or(InvalidAddress::Form)?;
            match name {
                "sslmode" => mode = Some(decoded(value)),
                "sslrootcert" => roots = file(value).filter(|roots| *roots != *"system"),
                "sslcert" => certificate = file(value),
                "sslkey" => key = file(value),
                // There is no other: a server that can't write is of no use.
                "target_session_attrs" if value == "read-write" || value == "primary" => {}
                name if KNOWN.contains(&name) => {
                    rest.push(joint);
                    rest.push_str(option);
                    joint = '&';
                }
                name => return Err(InvalidAddress::Option(shown(name, query))),
            }
        }
        let config: Config = rest.parse().map_err(|_| InvalidAddress::Form)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() || shows_more(&config) {
            return Err(InvalidAddress::Form);
        }
        let own = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Own { certificate, key }),
            (None, None) => None,
            _ => return Err(InvalidAddress::Certificate),
        };
        let tls = match mode.as_deref() {
            Some("disable") => Tls::None,
            // Whoever asks for less than all of it gets all of it, off this machine; and so does who has a certificate to show.
            None | Some("allow" | "prefer") if own.is_none() && is_here(&config) => Tls::None,
            None | Some("allow" | "prefer" | "require" | "verify-ca" | "verify-full") => Tls::Verified { roots, own },
            Some(_) => return Err(InvalidAddress::SslMode),
        };
        Ok(Self { config: completed(config, &tls), tls, connections: CONNECTIONS })
    }
}

/// An option's name, if it is one: where an @ comes behind it, it may be the rest of a password with a ? in it.
fn shown(name: &str, query: &str) -> Option<String> {
    let plain = |name: &str| name.chars().all(|next| next.is_ascii_alphanumeric() || next == '_') && name.len() <= 40;
    (!query.contains('@') && plain(name)).then(|| name.to_owned())
}

/// With what holds for every connection of ours.
fn completed(mut config: Config, tls: &Tls) -> Config {
    let ours = SETTINGS.iter().map(|(name, value)| format!("-c {name}={}", value.replace(' ', "\\ ")));
    let options: Vec<String> = ours.chain(config.get_options().map(str::to_owned)).collect();
    config.options(options.join(" ")).target_session_attrs(TargetSessionAttrs::ReadWrite).tcp_user_timeout(SILENCE);
    config.keepalives_idle(SILENCE).keepalives_interval(Duration::from_secs(2)).keepalives_retries(3);
    config.ssl_mode(if *tls == Tls::None { SslMode::Disable } else { SslMode::Require });
    if config.get_application_name().is_none() {
        config.application_name("ots");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_dbname().is_none() {
        config.dbname("ots");
    }
    if config.get_user().is_none() {
        config.user("ots");
    }
    config
}

/// Whether what is shown of it is more than names: a part of a password with an @ in it, say.
fn shows_more(config: &Config) -> bool {
    let is_odd = |name: &str| name.contains(['@', '/', '?', '#', ' ']) || name.chars().any(char::is_control);
    let odd_host = |host: &Host| match host {
        Host::Tcp(name) => is_odd(name),
        #[cfg(unix)]
        Host::Unix(_) => false,
    };
    config.get_dbname().is_some_and(is_odd) || config.get_hosts().iter().any(odd_host)
}

/// Whether all of its hosts are this one.
fn is_here(config: &Config) -> bool {
    let here = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    let hosts = config.get_hosts().iter().all(here);
    if config.get_hostaddrs().is_empty() {
        hosts
    } else {
        config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
    }
}

fn decoded(text: &str) -> String {
    let pairs = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pairs.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

impl Address {
    /// The same, with so many connections at most.
    #[must_use]
    pub fn with_connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// The same, with a password, if it has none of its own or `anyway`.
    #[must_use]
    pub fn with_password(mut self, password: &[u8], anyway: bool) -> Self {
        if anyway || self.config.get_password().is_none() {
            self.config.password(password);
        }
        self
    }

    /// Whether the URL has a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The hosts, each with its port; `localhost` for a socket, as libpq's password file has it.
    #[must_use]
    pub fn hosts(&self) -> Vec<(String, u16)> {
        self.each(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(_) => "localhost".to_owned(),
        })
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    /// Who it is connected to as.
    #[must_use]
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or_default()
    }

    fn each(&self, name: impl Fn(&Host) -> String) -> Vec<(String, u16)> {
        let ports = self.config.get_ports();
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let hosts = self.config.get_hosts();
        if hosts.is_empty() {
            let addresses = self.config.get_hostaddrs().iter().enumerate();
            return addresses.map(|(at, address)| (address.to_string(), port(at))).collect();
        }
        hosts.iter().enumerate().map(|(at, host)| (name(host), port(at))).collect()
    }
}

/// Without user and password, and in one line whatever it holds.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.each(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<String> = hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        let text = format!("{} at {}", self.database(), hosts.join(","));
        f.write_str(&text.escape_debug().to_string())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        url.parse().unwrap()
    }

    #[test]
    fn the_way_is_encrypted_and_checked_unless_it_is_on_this_machine() {
        let verified = Tls::Verified { roots: None, own: None };
        let own = Own { certificate: "/c".into(), key: "/k".into() };
        for (url, tls) in [
            ("postgres://ots@localhost/ots", &Tls::None),
            ("postgresql://127.0.0.1:5433,[::1]:5434/ots", &Tls::None),
            ("postgres:///ots?host=/run/postgresql", &Tls::None),
            ("postgres://localhost,db.example/ots", &verified),
            ("postgres://db.example/ots", &verified),
            ("postgres://db.example/ots?sslmode=prefer", &verified),
            ("postgres://db.example/ots?sslmode=require&sslrootcert=system", &verified),
            ("postgres://localhost/ots?sslmode=require", &verified),
            ("postgres://db.example/ots?sslmode=disable", &Tls::None),
            ("postgres://db.example/ots?sslrootcert=/a%20b", &Tls::Verified { roots: Some("/a b".into()), own: None }),
            ("postgres://localhost/ots?sslcert=/c&sslkey=/k", &Tls::Verified { roots: None, own: Some(own) }),
        ] {
            assert_eq!(&address(url).tls, tls, "{url}");
        }
    }

    #[test]
    fn what_can_not_be_read_is_refused_without_being_repeated() {
        for (url, error) in [
            ("postgres://", InvalidAddress::Form),
            ("postgres:hunter2", InvalidAddress::Form),
            ("postgres://a:hun?ter2@host/ots", InvalidAddress::Form),
            ("postgres://a:x@hunter2@host/ots", InvalidAddress::Form),
            ("postgres://a:x@y/hunter2@host/ots", InvalidAddress::Form),
            ("postgres://host/ots?hunter2", InvalidAddress::Form),
            ("postgres://host/ots?colour=hunter2", InvalidAddress::Option(Some("colour".to_owned()))),
            ("postgres://a:x?hunter2=y@host/ots", InvalidAddress::Option(None)),
            ("postgres://host/ots?hunter2%21=1", InvalidAddress::Option(None)),
            ("postgres://host/ots?sslmode=hunter2", InvalidAddress::SslMode),
            ("postgres://host/ots?sslcert=hunter2", InvalidAddress::Certificate),
            (
                "postgres://host/ots?target_session_attrs=any",
                InvalidAddress::Option(Some("target_session_attrs".to_owned())),
            ),
            ("postgres://host:port/ots", InvalidAddress::Form),
        ] {
            assert!(!error.to_string().contains("hunter2"));
            assert_eq!(url.parse::<Address>(), Err(error), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let shown = address("postgres://me:hunter2@a:1,b:2/secrets?application_name=x");
        assert_eq!(shown.to_string(), "secrets at a:1,b:2");
        assert!(shown.has_password() && !format!("{shown:?}").contains("hunter2"));
        assert_eq!(shown.hosts(), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(address("postgres://h/").to_string(), "ots at h:5432");
        let given = shown.clone().with_password(b"other", false);
        assert_eq!(given.config.get_password(), Some(&b"hunter2"[..]));
        assert_eq!(shown.with_password(b"other", true).config.get_password(), Some(&b"other"[..]));
    }
}
