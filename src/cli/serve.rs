//! `ots serve`: runs the server.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::{ValueEnum, builder::BoolishValueParser};
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};
use url::Url;
use zeroize::Zeroizing;

use super::{Exit, Failure, Global, terminal, values};
use crate::{
    crypto::at_rest::{Keyring, MasterKey},
    server::{self, Options, Settings},
    store::{self, Location, Store, sweeper},
    vault::Vault,
};

/// The key of `--dev`: known to everybody, so it serves this machine only.
const DEVELOPMENT_KEY: &str = "development_secret_key";
/// Where a container keeps its data.
const CONTAINER_DATA: &str = "/app/storage/db";
/// Where `--dev` does.
const DEVELOPMENT_DATA: &str = "storage/db";

/// Run the server
///
/// Without any option it listens on this machine only, keeps its database in the platform's data directory and makes
/// a key of its own there. `SECRET_KEY` (or --secret-key-file) brings the key, `SECRET_KEYS_OLD` those it replaced.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The address and port to listen on
    #[arg(short, long, value_name = "ADDR", env = "OTS_LISTEN", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Where to keep the database and the key [default: the platform's data directory]
    #[arg(long, value_name = "DIR", env = "OTS_DATA_DIR", value_hint = clap::ValueHint::DirPath)]
    data_dir: Option<PathBuf>,
    /// The database: sqlite:FILE [default: sqlite:ots.db in the data directory]
    #[arg(long, value_name = "URL", env = "OTS_DATABASE_URL", hide_env_values = true)]
    database: Option<String>,
    /// Read the secret key from a file
    #[arg(long, value_name = "FILE", env = "OTS_SECRET_KEY_FILE", value_hint = clap::ValueHint::FilePath)]
    secret_key_file: Option<PathBuf>,
    /// The root that links start with, as people reach it
    #[arg(long, value_name = "URL", env = "OTS_PUBLIC_URL", value_parser = values::server)]
    public_url: Option<Url>,
    /// The largest secret, up to 100MiB
    #[arg(long, value_name = "SIZE", env = "OTS_MAX_SIZE", default_value = "1MiB", value_parser = values::size)]
    max_size: usize,
    /// How long a secret is kept when nobody says
    #[arg(long, value_name = "DURATION", env = "OTS_DEFAULT_TTL", default_value = "24h", value_parser = values::duration)]
    default_ttl: Duration,
    /// How long a secret can be kept
    #[arg(long, value_name = "DURATION", env = "OTS_MAX_TTL", default_value = "30d", value_parser = values::duration)]
    max_ttl: Duration,
    /// Have no page to share from: links still open in a browser
    #[arg(long, env = "OTS_NO_CREATE_PAGE", value_parser = BoolishValueParser::new())]
    no_create_page: bool,
    /// How long a reader may ask again for what it is reading
    #[arg(long, value_name = "DURATION", env = "OTS_CLAIM_LEASE", default_value = "60s", value_parser = values::duration)]
    claim_lease: Duration,
    /// How often expired secrets are removed, at most 30s
    #[arg(long, value_name = "DURATION", env = "OTS_CLEANUP_INTERVAL", default_value = "10s", value_parser = values::duration)]
    cleanup_interval: Duration,
    /// How long a client may be silent before it is cut off
    #[arg(long, value_name = "DURATION", env = "OTS_CLIENT_TIMEOUT", default_value = "30s", value_parser = values::duration)]
    client_timeout: Duration,
    /// Connections at once
    #[arg(long, value_name = "N", env = "OTS_MAX_CONNECTIONS", default_value_t = 1024)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// How to write the log
    #[arg(long, value_name = "FORMAT", env = "OTS_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Start though there are secrets that none of the keys opens; they stay as they are
    #[arg(long, env = "OTS_ALLOW_UNREADABLE", value_parser = BoolishValueParser::new())]
    allow_unreadable: bool,
    /// For development: a fixed key, data in ./storage/db, this machine only
    #[arg(long, env = "OTS_DEV", value_parser = BoolishValueParser::new())]
    dev: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

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
        let database = self.location(&data)?;
        let store = Arc::new(Store::open(&database, self.max_size)?);
        let vault = self.vault(&store, &data).await?;
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            let message = format!("can't listen on {}: {}; choose another with --listen", self.listen, error.kind());
            Failure::new(Exit::Other, message).because(error)
        })?;
        let address = listener.local_addr().unwrap_or(self.listen);
        tracing::info!("listening on http://{address}");
        let Location::Sqlite(path) = &database;
        tracing::info!("keeping secrets in {}", path.display());

        let sweeping = tokio::spawn(sweeper::run(Arc::clone(&store), self.cleanup_interval));
        let served = server::run(listener, vault, settings, stop).await;
        sweeping.abort();
        store.close().await.map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
        tracing::info!("stopped");
        served.map_err(|error| Failure::new(Exit::Other, error.to_string()))
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let usage = |message: String| Failure::new(Exit::Usage, message);
        if self.dev && !self.listen.ip().is_loopback() {
            return Err(usage(
                "--dev uses a key that everybody knows, so --listen has to be a loopback address".to_owned(),
            ));
        }
        if self.cleanup_interval > Duration::from_secs(30) {
            return Err(usage(
                "--cleanup-interval can be at most 30s: expired secrets are gone within a minute".to_owned(),
            ));
        }
        let options = Options {
            max_size: self.max_size,
            default_ttl: self.default_ttl,
            max_ttl: self.max_ttl,
            public_url: self.public_url.clone(),
            create_page: !self.no_create_page,
            client_timeout: self.client_timeout,
            max_connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
            shutdown_timeout: Duration::from_secs(30),
        };
        Settings::new(options).map_err(|error| usage(error.to_string()))
    }

    /// The store that was named. Errors don't repeat it: it may hold a password.
    fn location(&self, data: &Path) -> Result<Location, Failure> {
        let Some(url) = &self.database else { return Ok(Location::Sqlite(data.join("ots.db"))) };
        url.parse().map_err(|error| Failure::new(Exit::Usage, format!("--database: {error}")))
    }

    async fn vault(&self, store: &Arc<Store>, data: &Path) -> Result<Vault, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Other, error.to_string());
        let current = MasterKey::derive(&self.secret_key(data)?).map_err(|error| failed(&error))?;
        let old = std::env::var("SECRET_KEYS_OLD").map(Zeroizing::new).unwrap_or_default();
        let old = old
            .split(',')
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(|key| MasterKey::derive(key.as_bytes()))
            .collect::<Result<_, _>>()
            .map_err(|error| failed(&error))?;
        let vault = Vault::new(Arc::clone(store), Keyring::new(current, old), self.claim_lease);
        match vault.unreadable().await.map_err(|error| failed(&error))? {
            0 => {}
            count if self.allow_unreadable => {
                tracing::warn!(count, "there are secrets that none of the keys opens; they stay as they are");
            }
            count => {
                return Err(Failure::new(
                    Exit::Other,
                    format!(
                        "{count} stored secret(s) are sealed under another SECRET_KEY: give that one, add it to \
                         SECRET_KEYS_OLD, or start with --allow-unreadable; nothing was changed"
                    ),
                ));
            }
        }
        Ok(vault)
    }

    /// The variable; a file; a service manager's credential; with `--dev` the fixed key; on a host a key of our own.
    fn secret_key(&self, data: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if let Some(key) = std::env::var_os("SECRET_KEY").filter(|key| !key.is_empty()) {
            let key = Zeroizing::new(key.into_encoded_bytes());
            if !self.dev && key.as_slice() == DEVELOPMENT_KEY.as_bytes() {
                tracing::warn!(
                    "SECRET_KEY is the development key, which everybody knows: make one with: openssl rand -hex 32"
                );
            }
            return Ok(key);
        }
        if let Some(path) = &self.secret_key_file {
            return read_key(path);
        }
        if let Some(path) = std::env::var_os("CREDENTIALS_DIRECTORY").map(|dir| Path::new(&dir).join("secret_key"))
            && path.exists()
        {
            return read_key(&path);
        }
        if self.dev {
            return Ok(Zeroizing::new(DEVELOPMENT_KEY.as_bytes().to_vec()));
        }
        if in_container() {
            let message = "a container needs SECRET_KEY or --secret-key-file: a key made inside it would be lost with it. \
                           Make one with: openssl rand -hex 32";
            return Err(Failure::new(Exit::Other, message));
        }
        own_key(&data.join("secret.key"))
    }

    fn data_dir(&self) -> Result<PathBuf, Failure> {
        let directory = if let Some(given) = &self.data_dir {
            given.clone()
        } else if let Some(state) = std::env::var_os("STATE_DIRECTORY").filter(|state| !state.is_empty()) {
            state.into()
        } else if in_container() {
            CONTAINER_DATA.into()
        } else if self.dev {
            DEVELOPMENT_DATA.into()
        } else {
            directories::ProjectDirs::from("", "", "ots")
                .map(|dirs| dirs.data_dir().to_owned())
                .ok_or_else(|| Failure::new(Exit::Other, "there is no home directory: choose one with --data-dir"))?
        };
        store::create_private_directory(&directory)?;
        Ok(directory)
    }
}

/// Whether a container's rules hold: data on its volume, and a key from outside. Run by cargo it's a developer's
/// machine, whatever that is made of: there `cargo run -- serve` needs nothing.
fn in_container() -> bool {
    if std::env::var_os("CARGO_MANIFEST_DIR").is_some() {
        return false;
    }
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
        || ["container", "KUBERNETES_SERVICE_HOST"].iter().any(|name| std::env::var_os(name).is_some())
}

/// A key from a file; one newline at its end doesn't belong to it.
fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut key = Zeroizing::new(std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?);
    while key.last().is_some_and(u8::is_ascii_whitespace) {
        key.pop();
    }
    if key.is_empty() {
        let message = format!("{} is empty: make a key with: openssl rand -hex 32", path.display());
        return Err(Failure::new(Exit::File, message));
    }
    Ok(key)
}

/// The key that this host made for itself, made now if there is none. It appears whole or not at all.
fn own_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if path.exists() {
        return read_key(path);
    }
    let key: Zeroizing<[u8; 32]> =
        Zeroizing::new(crate::secret::random().map_err(|error| Failure::new(Exit::Other, error.to_string()))?);
    let text = Zeroizing::new(data_encoding::HEXLOWER.encode(key.as_ref()));
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".secret-").tempfile_in(directory).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match file.persist_noclobber(path) {
        Ok(_) => {
            let _ = std::fs::File::open(directory).and_then(|directory| directory.sync_all());
            tracing::info!("made a secret key in {}", path.display());
            Ok(Zeroizing::new(text.as_bytes().to_vec()))
        }
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => read_key(path),
        Err(error) => Err(failed(error.error)),
    }
}

/// Logs to stderr, from this crate only: what others log of a request could hold a token.
fn log(format: LogFormat, global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::WARN,
        (false, true) => LevelFilter::DEBUG,
        (false, false) => LevelFilter::INFO,
    };
    let registry = tracing_subscriber::registry().with(Targets::new().with_target("ots", level));
    let colour = match global.color {
        clap::ColorChoice::Always => true,
        clap::ColorChoice::Never => false,
        clap::ColorChoice::Auto => {
            terminal::stderr_is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour).with_target(false);
    let set = match format {
        LogFormat::Text => registry.with(layer).try_init(),
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
    };
    if let Err(error) = set {
        terminal::say(&format!("ots: no log: {error}"));
    }
}

/// Done at SIGTERM or SIGINT. A second one ends the process at once.
fn stop_signal() -> impl Future<Output = ()> {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let watch = async move {
        let Ok(()) = wait_for_signal().await else { return };
        let _ = stop.send(());
        let _ = wait_for_signal().await;
        tracing::warn!("stopped at once");
        std::process::exit(i32::from(Exit::Interrupted as u8));
    };
    tokio::spawn(watch);
    async move {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn wait_for_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
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
