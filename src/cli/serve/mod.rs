//! `ots serve`: runs the server.

mod args;
mod data;
mod keys;
mod log;
mod signals;

use std::sync::Arc;

use tokio::net::TcpListener;

use super::{Exit, Failure, Global};
use crate::{
    server::{self, Settings},
    store::{Store, sqlite::SqliteStore, sweeper},
};
pub(super) use args::Serve;
use args::database;
use log::log;
use signals::stop_signal;

impl Serve {
    pub(super) fn run(&self, global: &Global) -> Result<(), Failure> {
        log(self.log_format, global);
        raise_file_limit();
        let settings = self.settings()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::Other, format!("can't start: {error}")))?;
        runtime.block_on(self.serve(settings))
    }

    async fn serve(&self, settings: Settings) -> Result<(), Failure> {
        let stop = stop_signal();
        let data = self.data_dir()?;
        let database = self.database.as_deref().map(database).transpose()?.unwrap_or_else(|| data.join("ots.db"));
        let store = SqliteStore::open(&database, settings.max_size)?;
        let store = Arc::new(Store::Sqlite(store));
        let vault = self.vault(&store, &data).await?;
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            let message = format!("can't listen on {}: {}; choose another with --listen", self.listen, error.kind());
            Failure::new(Exit::Other, message).because(error)
        })?;
        let address = listener.local_addr().unwrap_or(self.listen);
        tracing::info!("listening on http://{address}");
        tracing::info!("keeping secrets in {}", database.display());

        let sweeping = tokio::spawn(sweeper::run(Arc::clone(&store), self.cleanup_interval));
        let served = server::run(listener, vault, settings, stop).await;
        sweeping.abort();
        store.close().await.map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
        tracing::info!("stopped");
        served.map_err(|error| Failure::new(Exit::Other, error.to_string()))
    }
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
