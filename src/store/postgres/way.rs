//! The way to whichever host is the primary: each host is tried by itself, so that one that is frozen or cut off holds up nobody; and of
//! two that both take themselves for the primary, the newer one is it.
//!
//! Every promotion begins a timeline, with a higher number. A primary that was frozen or cut off and comes back is on an older one: nobody agrees
//! with its commits any more, so that they don't end, and what it says isn't so. Which it is shows by a look at all hosts; it is taken when a
//! statement waits for long. From then on what is under way with the old one has no known outcome, and its connections are not used again.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::Connect;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_postgres::{AsyncMessage, Client, Config, Error, SimpleQueryMessage, config::Host};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::pooler;

/// How long a host has, before the next is tried beside it.
const NEXT: Duration = Duration::from_millis(250);
/// How long one that says nothing is waited for, when the others have said that they are no primary.
const REST: Duration = Duration::from_millis(500);
/// How long a statement waits, before a look at all hosts; and how long that looks, if none of them says anything.
const LOOK: Duration = Duration::from_millis(600);
const LOOKS: Duration = Duration::from_secs(2);

/// The timeline that a primary writes is the first part of the name of what it writes to.
const TIMELINE: &str = "SELECT pg_walfile_name(pg_current_wal_insert_lsn())";

/// A primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Primary {
    host: usize,
    timeline: u32,
    /// When it was found.
    since: Instant,
}

/// Which of the hosts it is.
pub(super) struct Way {
    hosts: Arc<Hosts>,
    primary: watch::Sender<Primary>,
    looking: AtomicBool,
}

struct Hosts {
    configs: Vec<Config>,
    tls: MakeRustlsConnect,
}

/// A connection to a primary.
struct Found {
    client: Client,
    ends: JoinHandle<()>,
    host: usize,
    timeline: u32,
}

impl Way {
    pub(super) fn new(config: &Config, tls: MakeRustlsConnect) -> Self {
        let none = Primary { host: 0, timeline: 0, since: Instant::now() };
        let hosts = Arc::new(Hosts { configs: apart(config), tls });
        Self { hosts, primary: watch::Sender::new(none), looking: AtomicBool::new(false) }
    }

    /// A connection to the primary, and what drives it.
    ///
    /// # Errors
    /// What the host said that said most, when none is the primary. None while no host says anything: that is for the caller to bound.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let last = *self.primary.borrow();
        let count = self.hosts.configs.len();
        let mut next = (0..count).map(|at| (last.host + at) % count);
        let (mut tries, mut best, mut said) = (JoinSet::new(), None::<Found>, None);
        loop {
            if let Some(host) = next.next() {
                let hosts = Arc::clone(&self.hosts);
                tries.spawn(async move { hosts.connect(host).await });
            }
            let is_last = next.len() == 0;
            let wait = match (is_last, best.is_some() || said.is_some()) {
                (false, _) => Some(NEXT),
                (true, true) => Some(REST),
                (true, false) => None,
            };
            let tried = match wait {
                Some(wait) => tokio::time::timeout(wait, tries.join_next()).await,
                None => Ok(tries.join_next().await),
            };
            match tried {
                // Nobody has seen a newer one.
                Ok(Some(Ok(Ok(found)))) if found.timeline >= last.timeline => return Ok(self.use_of(found)),
                Ok(Some(Ok(Ok(found)))) => best = best.filter(|best| best.timeline >= found.timeline).or(Some(found)),
                Ok(Some(Ok(Err(error)))) => said = said.filter(|said| tells(said) > tells(&error)).or(Some(error)),
                Ok(None) | Err(_) if is_last => break,
                Ok(Some(Err(_)) | None) | Err(_) => {}
            }
        }
        match (best, said) {
            (Some(found), _) => Ok(self.use_of(found)),
            (None, Some(error)) => Err(error),
            (None, None) => std::future::pending().await,
        }
    }

    /// A connection that is to be used: from now on its primary is the one.
    fn use_of(&self, found: Found) -> (Client, JoinHandle<()>) {
        self.primary.send_if_modified(|known| {
            let is_other = (known.host, known.timeline) != (found.host, found.timeline);
            if is_other {
                *known = Primary { host: found.host, timeline: found.timeline, since: Instant::now() };
            }
            is_other
        });
        (found.client, found.ends)
    }

    /// Whether a connection of then is one to the primary as far as is known.
    pub(super) fn is_current(&self, made: Instant) -> bool {
        self.hosts.configs.len() < 2 || made >= self.primary.borrow().since
    }

    /// Ends when another host is the primary. While that doesn't come about, somebody waits: it is looked for.
    pub(super) async fn another(self: &Arc<Self>) {
        if self.hosts.configs.len() < 2 {
            return std::future::pending().await;
        }
        let mut primary = self.primary.subscribe();
        while tokio::time::timeout(LOOK, primary.changed()).await.is_err() {
            if !self.looking.swap(true, Ordering::Relaxed) {
                let way = Arc::clone(self);
                tokio::spawn(async move {
                    way.look().await;
                    way.looking.store(false, Ordering::Relaxed);
                });
            }
        }
    }

    /// Asks all hosts. A newer primary is it; and so is another, where the one that was it says nothing.
    async fn look(&self) {
        let known = *self.primary.borrow();
        let mut tries = JoinSet::new();
        for host in 0..self.hosts.configs.len() {
            let hosts = Arc::clone(&self.hosts);
            tries.spawn(async move { hosts.connect(host).await });
        }
        let mut best = None::<Found>;
        let rank = |found: &Found| (found.timeline, found.host == known.host);
        let mut patience = LOOKS;
        while let Ok(Some(tried)) = tokio::time::timeout(patience, tries.join_next()).await {
            patience = REST;
            if let Ok(Ok(found)) = tried {
                best = best.filter(|best| rank(best) > rank(&found)).or(Some(found));
            }
            if best.as_ref().is_some_and(|best| best.timeline > known.timeline) {
                break;
            }
        }
        if let Some(found) = best.filter(|found| found.timeline >= known.timeline) {
            let _ = self.use_of(found);
        }
    }
}

impl Hosts {
    async fn connect(&self, host: usize) -> Result<Found, Error> {
        let Some(config) = self.configs.get(host) else { return std::future::pending().await };
        let (client, mut connection) = config.connect(self.tls.clone()).await?;
        // Its end is noticed by whoever asks the client for something.
        let ends = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if is_unconfirmed(&message) {
                    tracing::warn!(
                        "a session was told not to wait for a standby: what it did may be on one machine only"
                    );
                    break;
                }
            }
        });
        pooler::settle(&client).await?;
        let timeline = if self.configs.len() < 2 { 0 } else { timeline(&client).await? };
        Ok(Found { client, ends, host, timeline })
    }
}

/// Whether a commit is about to be called done that no standby has: an administrator has ended its wait (`pg_cancel_backend`). Without its
/// connection its outcome is what it is: unknown.
fn is_unconfirmed(message: &AsyncMessage) -> bool {
    // The function that gives the warning, since its words are in the database's language.
    matches!(message, AsyncMessage::Notice(notice) if notice.routine() == Some("SyncRepWaitForLSN"))
}

/// The primary's timeline; 0 of an engine that has none.
async fn timeline(client: &Client) -> Result<u32, Error> {
    let answer = match client.simple_query(TIMELINE).await {
        Err(error) if error.as_db_error().is_none() => return Err(error),
        answer => answer.unwrap_or_default(),
    };
    let name = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).and_then(|name| name.get(..8)),
        _ => None,
    });
    Ok(name.and_then(|timeline| u32::from_str_radix(timeline, 16).ok()).unwrap_or(0))
}

/// How much an error tells of why there is no connection: of those of several hosts one is told. A standby's refusal says more than a port
/// where nobody is, and less than a wrong password or certificate.
fn tells(error: &Error) -> u8 {
    let is_io = |error: &Error| {
        let source = std::error::Error::source(error);
        source.and_then(|source| source.downcast_ref::<std::io::Error>()).map(std::io::Error::kind)
    };
    match is_io(error) {
        Some(std::io::ErrorKind::PermissionDenied) => 1,
        Some(std::io::ErrorKind::InvalidData) | None => 2,
        Some(_) => 0,
    }
}

/// One for each host.
fn apart(config: &Config) -> Vec<Config> {
    let count = config.get_hosts().len().max(config.get_hostaddrs().len());
    (0..count).map(|at| only(config, at)).collect()
}

/// The same, with one of its hosts.
fn only(config: &Config, at: usize) -> Config {
    let mut only = Config::new();
    match config.get_hosts().get(at) {
        Some(Host::Tcp(name)) => drop(only.host(name)),
        #[cfg(unix)]
        Some(Host::Unix(path)) => drop(only.host_path(path)),
        None => {}
    }
    if let Some(address) = config.get_hostaddrs().get(at) {
        only.hostaddr(*address);
    }
    if let Some(port) = config.get_ports().get(at).or(config.get_ports().first()) {
        only.port(*port);
    }
    if let Some(user) = config.get_user() {
        only.user(user);
    }
    if let Some(password) = config.get_password() {
        only.password(password);
    }
    if let Some(database) = config.get_dbname() {
        only.dbname(database);
    }
    if let Some(options) = config.get_options() {
        only.options(options);
    }
    if let Some(name) = config.get_application_name() {
        only.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        only.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        only.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        only.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        only.keepalives_retries(retries);
    }
    only.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
    only.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding());
    only.target_session_attrs(config.get_target_session_attrs());
    only
}

/// The pool connects by it.
pub(super) struct By(pub(super) Arc<Way>);

impl Connect for By {
    fn connect(
        &self,
        _: &Config,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(self.0.connect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_is_tried_with_all_that_holds_for_it() {
        let url = "postgres://me:word@a:1,b:2/secrets?application_name=x&connect_timeout=7&options=-cx%3Dy";
        let address: crate::store::postgres::Address = url.parse().unwrap();
        let each = apart(&address.config);
        assert_eq!(each.len(), 2);
        for (one, (host, port)) in each.iter().zip([("a", 1), ("b", 2)]) {
            let mut whole: Config = format!("postgres://{host}:{port}").parse().unwrap();
            whole.user("me").password("word").dbname("secrets").application_name("x");
            whole.options(address.config.get_options().unwrap()).connect_timeout(Duration::from_secs(7));
            whole.tcp_user_timeout(*address.config.get_tcp_user_timeout().unwrap());
            whole.keepalives_idle(address.config.get_keepalives_idle());
            whole.keepalives_interval(address.config.get_keepalives_interval().unwrap());
            whole.keepalives_retries(address.config.get_keepalives_retries().unwrap());
            whole
                .ssl_mode(address.config.get_ssl_mode())
                .target_session_attrs(address.config.get_target_session_attrs());
            assert_eq!(one, &whole, "{host}");
        }
        let one_port: crate::store::postgres::Address = "postgres://a,b:7/x".parse().unwrap();
        let ports: Vec<_> = apart(&one_port.config).iter().map(|one| one.get_ports().to_vec()).collect();
        assert_eq!(ports, [[5432], [7]]);
    }
}
