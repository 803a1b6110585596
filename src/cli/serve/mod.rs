//! `ots serve`: runs the server.

mod args;
mod error;
mod log;
mod signals;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::{TcpListener, TcpSocket};

use super::{Global, error::StartError};
use crate::{
    crypto::at_rest::Keyring,
    server::{self, Settings, WEB_BUNDLED},
    store::{Location, Store, sweeper},
    vault::Vault,
};
pub(super) use args::Serve;
use error::ServeError;
use log::log;
use signals::{Reloads, stop_signal};

/// From the removal of a record to the moment when its ciphertext has left the files, at the longest: what the sweeper and the writer
/// take when much is going on.
const LONGEST_CLEANING: Duration = Duration::from_secs(13);

/// Connections that wait to be accepted at most, where the system allows as many.
const BACKLOG: u32 = 4096;

impl Serve {
    pub(super) fn run(&self, global: &Global) -> Result<(), ServeError> {
        log(self.log_format, global);
        raise_file_limit();
        let settings = self.settings()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError)?;
        runtime.block_on(async {
            super::interrupt::outlive_the_limit_of_a_file();
            self.serve(settings).await
        })
    }

    async fn serve(&self, settings: Settings) -> Result<(), ServeError> {
        let stop = stop_signal();
        let reloads = Reloads::default();
        self.data.location()?; // before anything is made
        let data = self.data.make_dir()?;
        let location = self.data.location_in(&data)?;
        let store = Arc::new(Store::open(&location, self.max_size)?);
        let vault = self.vault(&store, self.data.keyring(&data)?).await?;
        let listen = |source| ServeError::Listen { address: self.listen, source };
        let listener = listen_on(self.listen).map_err(listen)?;
        let address = listener.local_addr().unwrap_or(self.listen);
        self.tell_of_a_long_way();
        if !WEB_BUNDLED {
            tracing::warn!(
                "this ots was built without npm, so its pages lack ciphers: end to end works only in browsers that have \
                 ChaCha20-Poly1305 themselves (not Firefox, not Safari), and without a passphrase"
            );
        }
        self.tell_of_no_name(address);
        reloads.listen(); // before it is said that the server listens: whoever waits for that may send the signal then
        tracing::info!("listening on http://{address}");
        let Location::Sqlite(path) = &location;
        tracing::info!("keeping secrets in {}", path.display());

        let mut sweeping = tokio::spawn(sweeper::run(Arc::clone(&store), self.cleanup_interval, self.clock_grace));
        // What the promises depend on never ends alone.
        let served = tokio::select! {
            served = server::run(listener, vault, settings, stop) => served,
            why = store.ended() => return Err(ServeError::WriterEnded(why)),
            _ = &mut sweeping => return Err(ServeError::SweeperEnded),
        };
        sweeping.abort();
        store.close().await.map_err(ServeError::Close)?;
        tracing::info!("stopped");
        Ok(served?)
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
    fn tell_of_no_name(&self, address: SocketAddr) {
        if self.public_url.is_none() && !address.ip().is_loopback() {
            tracing::warn!(
                "links start with the host that each request names; behind a proxy, give the public address with --public-url"
            );
        }
    }

    /// What none of the keys opens stays as it is, and somebody has to say that this is known.
    async fn vault(&self, store: &Arc<Store>, keys: Keyring) -> Result<Vault, ServeError> {
        let vault = Vault::new(Arc::clone(store), keys, self.claim_lease).within(self.quotas.quotas());
        match vault.unreadable().await? {
            0 => {}
            count if self.allow_unreadable => {
                tracing::warn!(count, "there are secrets that none of the keys opens; they stay as they are");
            }
            count => return Err(ServeError::Unreadable(count)),
        }
        Ok(vault)
    }
}

/// With room for a flood of new connections, so that others needn't call twice.
fn listen_on(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the standard library does: a port that was left a moment ago is free. Elsewhere it would let two have one.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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
