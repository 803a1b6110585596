//! `ots serve`: runs the server.

#[cfg(feature = "acme")]
mod acme;
#[cfg(not(feature = "acme"))]
#[path = "no_acme.rs"]
mod acme;
#[cfg(unix)]
mod administer;
mod args;
mod certificate;
mod error;
mod listening;
mod log;
mod signals;
#[cfg(unix)]
mod sockets;
#[cfg(not(unix))]
#[path = "no_systemd.rs"]
mod systemd;
#[cfg(unix)]
mod systemd;
mod variables;

use std::{sync::Arc, time::Duration};

use super::{Global, error::StartError, values};
use crate::{
    audit::{Audit, Journal, Target},
    crypto::at_rest::Keyring,
    server::{self, WEB_BUNDLED},
    store::{Location, Store, sweeper},
    tally::Tally,
    vault::{self, Vault, VaultError, note_gone},
    webhook::{Courier, Webhooks},
};
use acme::Ordered;
pub(super) use args::Serve;
use args::WebhookArgs;
use error::ServeError;
use listening::Listening;
use log::log;
use signals::{Reloads, stop_signal};
use systemd::Manager;

/// From the removal of a record to the moment when its ciphertext has left the files, at the longest: what the sweeper and the writer
/// take when much is going on.
const LONGEST_CLEANING: Duration = Duration::from_secs(13);

impl Serve {
    pub(super) fn run(&self, global: &Global) -> Result<(), ServeError> {
        log(self.log_format, global);
        variables::tell_of_unknown();
        raise_file_limit();
        gain_nothing();
        #[cfg(unix)]
        let inherited = if self.wire.inherits() { sockets::Inherited::take() } else { sockets::Inherited::default() };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError)?;
        let served = runtime.block_on(async {
            super::interrupt::outlive_the_limit_of_a_file();
            self.serve(
                global,
                #[cfg(unix)]
                inherited,
            )
            .await
        });
        // A file that is read again may lie where nothing answers any more; all that matters has ended before.
        runtime.shutdown_timeout(Duration::from_secs(1));
        served
    }

    async fn serve(&self, global: &Global, #[cfg(unix)] inherited: sockets::Inherited) -> Result<(), ServeError> {
        let stop = stop_signal();
        let manager = Manager::of_this_process();
        let stop = async move {
            stop.await;
            manager.stopping();
        };
        let mut reloads = Reloads::default();
        manager.reload_begins(&mut reloads);
        let tally: Arc<Tally> = Arc::default();
        let settings = self.settings(&mut reloads, &tally)?;
        let named = self.data.location()?; // before anything is made
        let tls = certificate::read(&self.wire, &mut reloads, &tally)?;
        #[cfg(feature = "postgres")]
        if self.require_synchronous && !matches!(named, Some(Location::Postgres(_))) {
            return Err(ServeError::SynchronousFile);
        }
        let (data, location) = self.data.place_of_a_server(named)?;
        #[cfg(feature = "postgres")]
        let location = self.connected(location);
        if !self.allow_unreadable && self.data.would_make_a_key(&data) {
            match orphans(&location)? {
                0 => {}
                count => return Err(ServeError::Unreadable(count)),
            }
        }
        let keys = self.data.keyring_of_a_server(&data, &location)?;
        let given = keys.ids();
        let webhooks = self.webhooks(global, &keys, &mut reloads, &tally)?;
        let settings = settings.with_webhooks(webhooks.to_pick());
        let mut store = Store::open_counted(&location, self.max_size, Arc::clone(&tally))?;
        store.tell(webhooks.of_every_secret());
        #[cfg(feature = "postgres")]
        let store = if self.require_synchronous { store.requiring_synchronous()? } else { store };
        let store = Arc::new(store);
        let journal = Arc::new(self.journal(&keys, Arc::clone(&tally))?);
        let names = keys.current().audit_key().map_err(VaultError::from)?;
        let vault = self.vault(&store, keys).await?.with_journal(Arc::clone(&journal));
        let ordered = Ordered::read(&self.wire.acme, global, &data, &mut reloads, &tally)?;
        let tls = tls.or_else(|| ordered.as_ref().map(Ordered::tls));
        let mut listening = Listening::on(
            &self.wire,
            #[cfg(unix)]
            inherited,
            tls.as_ref(),
        )?;
        let metrics = listening::metrics(self.watch.metrics_listen)?;
        self.tell_of_a_long_way();
        tell_of_no_bundle();
        self.tell_of_no_name();
        #[cfg(unix)]
        let admin = administer::administer(
            &location,
            administer::Desk {
                store: Arc::clone(&store),
                journal: Arc::clone(&journal),
                keys: given,
                quotas: self.quotas.quotas(),
                webhooks: webhooks.shown(),
            },
        );
        #[cfg(not(unix))]
        drop(given);
        manager.reload_ends(&mut reloads);
        reloads.listen(); // before it is said that the server listens: whoever waits for that may send the signal then
        manager.ready(&listening.tell());
        manager.watch(Arc::clone(&store));
        tracing::info!("keeping secrets in {location}");
        if let Some(ordered) = ordered {
            ordered.begin();
        }

        let noted = Arc::clone(&journal);
        let told = move |gone: &[_]| note_gone(&noted, gone);
        let mut sweeping = tokio::spawn(sweeper::run(Arc::clone(&store), self.sweep(), told));
        let courier = Courier::start(Arc::clone(&store), &webhooks, names);
        let looking = tokio::spawn(vault::keys::watch(Arc::clone(&store), vault.expected(), self.cleanup_interval));
        // What the promises depend on never ends alone.
        let served = tokio::select! {
            served = server::run(listening.listeners(), vault, settings, metrics, stop) => served,
            why = store.ended() => {
                journal.close().await;
                return Err(ServeError::WriterEnded(why));
            }
            _ = &mut sweeping => {
                journal.close().await;
                return Err(ServeError::SweeperEnded);
            }
        };
        sweeping.abort();
        looking.abort();
        #[cfg(unix)]
        drop(admin);
        courier.stop().await;
        let closed = store.close().await;
        journal.close().await;
        closed.map_err(ServeError::Close)?;
        tracing::info!("stopped");
        Ok(served?)
    }

    fn sweep(&self) -> sweeper::Settings {
        sweeper::Settings {
            interval: self.cleanup_interval,
            grace: self.clock_grace,
            retention: self.receipt_retention,
        }
    }

    /// The same, with so many connections as were asked for.
    #[cfg(feature = "postgres")]
    fn connected(&self, location: Location) -> Location {
        let Some(connections) = self.database_connections else { return location };
        if matches!(location, Location::Sqlite(_)) {
            tracing::warn!("--database-connections is for a PostgreSQL: the database here is a file, and has none");
        }
        location.with_connections(connections)
    }

    /// Who is told what becomes of secrets. SIGHUP has what waits for them tried again.
    fn webhooks(
        &self,
        global: &Global,
        keys: &Keyring,
        reloads: &mut Reloads,
        tally: &Tally,
    ) -> Result<Webhooks, ServeError> {
        let WebhookArgs { webhook, webhook_allow } = &self.watch.webhooks;
        if webhook.is_empty() {
            return Ok(Webhooks::default());
        }
        let trusted = global.ca_certificates()?;
        let webhooks = Webhooks::new(webhook, webhook_allow, keys, trusted.as_deref()).map_err(ServeError::Webhooks)?;
        tally.webhooks.are(webhooks.counted());
        reloads.add(webhooks.try_again());
        Ok(webhooks)
    }

    /// Where it is noted what becomes of secrets.
    fn journal(&self, keys: &Keyring, tally: Arc<Tally>) -> Result<Journal, ServeError> {
        let Some(target) = self.watch.audit.clone() else { return Ok(Journal::new(tally, None)) };
        let to = match &target {
            Target::File(path) | Target::Syslog(path) => values::quoted(path),
            Target::Stdout => "standard output".to_owned(),
        };
        let names = keys.current().audit_key().map_err(VaultError::from)?;
        let audit = Audit::open(target, names, self.watch.audit_addresses, Arc::clone(&tally));
        let audit = audit.map_err(|source| ServeError::Audit { to, source })?;
        Ok(Journal::new(tally, Some(audit)))
    }

    /// What is read and never acknowledged is gone within a minute with the defaults; an operator who wants more time is told.
    fn tell_of_a_long_way(&self) {
        let longest = self.claim_lease + LONGEST_CLEANING;
        if longest > Duration::from_secs(60) {
            tracing::warn!(
                "with this --claim-lease a secret that is read and never acknowledged can stay on the disk for {} s",
                longest.as_secs()
            );
        }
    }

    /// Whoever is reached from elsewhere is often reached by another name than the one that a proxy passes on.
    fn tell_of_no_name(&self) {
        if self.public_url.is_none() && (!self.wire.is_loopback() || self.wire.is_behind_a_proxy()) {
            tracing::warn!(
                "links start with the host that each request names; behind a proxy, give the public address with --public-url"
            );
        }
        if self.wire.is_in_clear() && !self.guards.trusts_somebody() {
            tracing::warn!(
                "what is sent here from elsewhere travels in the clear: give --acme, or --tls-cert and --tls-key, or name the proxy in \
                 front that speaks TLS with --trusted-proxy"
            );
        }
    }

    /// What none of the keys opens stays as it is, and somebody has to say that this is known.
    async fn vault(&self, store: &Arc<Store>, keys: Keyring) -> Result<Vault, ServeError> {
        let vault = Vault::new(Arc::clone(store), keys, self.claim_lease).within(self.quotas.quotas());
        let others = vault.unreadable().await?;
        match others.iter().map(|held| held.records).sum() {
            0 => {}
            count if self.allow_unreadable => {
                tracing::warn!(count, "there are secrets that none of the keys opens; they stay as they are");
            }
            count => return Err(ServeError::Unreadable(count)),
        }
        Ok(vault.expecting(&others))
    }
}

fn tell_of_no_bundle() {
    if !WEB_BUNDLED {
        tracing::warn!(
            "this ots was built without npm, so its pages lack ciphers: end to end works only in browsers that have \
             ChaCha20-Poly1305 themselves (not Firefox, not Safari), and without a passphrase"
        );
    }
}

/// Secrets in a database that has lost its key: a new one would open none of them, and would look like theirs.
fn orphans(location: &Location) -> Result<u64, ServeError> {
    match location {
        Location::Sqlite(path) if path.exists() => {}
        Location::Sqlite(_) => return Ok(0),
        // None is made for it.
        #[cfg(feature = "postgres")]
        Location::Postgres(_) => return Ok(0),
    }
    Ok(Store::keys_of(location)?.iter().map(|key| key.held.records).sum())
}

/// Neither this process nor one that it starts can get more rights than it has, by a program that belongs to another user, say. A sandbox may
/// forbid to ask for it; that is no reason to stop.
fn gain_nothing() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_no_new_privs(true);
}

/// As many connections as the system lets us have.
fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}
