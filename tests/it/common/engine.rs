//! Which engine keeps the secrets of the tests' servers: the embedded one; or, where `TEST_STORE=postgres` stands in the tests'
//! environment, PostgreSQL, with a database for each data directory, which is there again when a server is started again. What is about
//! the embedded one's files stays with it, and says so: [`EMBEDDED`] has it with the reason.

use std::{path::Path, process::Command};

#[cfg(all(unix, feature = "postgres"))]
use std::{
    collections::HashMap,
    ffi::OsStr,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

#[cfg(all(unix, feature = "postgres"))]
use super::postgres::Cluster;

/// The beginnings of the names of tests that keep the embedded store, and why.
#[cfg(all(unix, feature = "postgres"))]
const EMBEDDED: &[(&str, &str)] = &[
    ("admin::", FILES),
    ("cli::serve::the_key_comes_from", KEY),
    ("creation::start::a_file_that_others", LINES),
    ("damage::", FILES),
    ("disk::", FILES),
    ("docs::the_operators_commands_run", FILES),
    ("faults::a_damaged_page", FILES),
    ("faults::a_directory_that_can_not_be_written", FILES),
    ("faults::a_file_that_is_not_ours", FILES),
    ("faults::a_newer_schema", FILES),
    ("faults::a_restored_copy", FILES),
    ("faults::a_second_server_on_the_same_data", "servers share a database there"),
    ("faults::damaged_rows", FILES),
    ("house::a_short_key_and_a_missing_credential", KEY),
    ("leak::", FILES),
    ("openapi::running::every_example", FILES),
    ("postgres::durability::an_embedded", FILES),
    ("postgres::migrate::", FILES),
    ("quotas::migration", FILES),
    ("quotas::server::each_address", FILES),
    ("space::", FILES),
    ("transcripts_operator::", FILES),
    ("watch::truth", "what a crash leaves in a server's hand stays there for five minutes in PostgreSQL"),
    ("wire::sockets::a_service_managers_sockets", LINES),
    ("wire::sockets::only_a_dead_servers_socket", LINES),
];
#[cfg(all(unix, feature = "postgres"))]
const FILES: &str = "it is about its files, or the socket beside them";
#[cfg(all(unix, feature = "postgres"))]
const KEY: &str = "its server makes its key, which those that share a database don't";
#[cfg(all(unix, feature = "postgres"))]
const LINES: &str = "it counts what a start says, which is more where fsync is off";

/// Whether the tests are run over PostgreSQL.
pub fn is_shared() -> bool {
    cfg!(all(unix, feature = "postgres")) && std::env::var_os("TEST_STORE").is_some_and(|store| store == "postgres")
}

/// Points a command at its data directory's database, if it has a data directory, and the tests are run over PostgreSQL. A server that
/// has no key keeps the embedded store: it makes one, which those that share a database don't.
#[cfg(all(unix, feature = "postgres"))]
pub fn choose(command: &mut Command) {
    if !is_shared() || command.get_program() != super::OTS {
        return;
    }
    let Some(data) = directory_of(command) else { return };
    let names = |name: &str| command.get_envs().any(|(set, value)| set == name && value.is_some());
    let says = |word: &str| command.get_args().any(|argument| argument == word);
    if names("OTS_DATABASE_URL") || says("--database") || says("--dev") {
        return;
    }
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    if let Some((_, why)) = EMBEDDED.iter().find(|(beginning, _)| test.starts_with(beginning)) {
        return eprintln!("{test}, over the embedded store: {why}");
    }
    let keys = ["SECRET_KEY", "OTS_SECRET_KEY_FILE", "CREDENTIALS_DIRECTORY"];
    if says("serve") && !says("--secret-key-file") && !keys.into_iter().any(names) {
        return eprintln!("{test}, over the embedded store: {KEY}");
    }
    if let Some(url) = url(&data) {
        command.env("OTS_DATABASE_URL", url);
    }
}

/// There is no other.
#[cfg(not(all(unix, feature = "postgres")))]
pub fn choose(_: &mut Command) {}

#[cfg(all(unix, feature = "postgres"))]
fn directory_of(command: &Command) -> Option<PathBuf> {
    let mut arguments = command.get_args().skip_while(|argument| *argument != "--data-dir");
    let said = arguments.nth(1);
    let set = || command.get_envs().find(|(name, _)| *name == "OTS_DATA_DIR").and_then(|(_, value)| value);
    said.or_else(set).map(|data: &OsStr| PathBuf::from(data))
}

/// The database of each directory.
#[cfg(all(unix, feature = "postgres"))]
static DATABASES: Mutex<Option<HashMap<PathBuf, String>>> = Mutex::new(None);

/// The URL of a directory's database, which is made if there is none.
#[cfg(all(unix, feature = "postgres"))]
fn url(data: &Path) -> Option<String> {
    let cluster = Cluster::shared()?;
    let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
    let databases = databases.get_or_insert_default();
    let name = databases.entry(data.to_owned()).or_insert_with(|| cluster.new_database()).clone();
    // Those of tests that have ended are in nobody's way, but for the room that they take.
    databases.retain(|data, name| {
        let is_used = data.ancestors().take(2).any(|part| part != std::env::temp_dir() && part.exists());
        if !is_used {
            cluster.psql("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
        is_used
    });
    Some(cluster.url(&name))
}

/// Where a directory's secrets are, if its servers keep them in PostgreSQL.
#[cfg(all(unix, feature = "postgres"))]
pub fn shared_by(data: &Path) -> Option<ots::store::Location> {
    let databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
    let name = databases.as_ref()?.get(data)?;
    Some(Cluster::shared()?.url(name).parse().unwrap())
}

/// Runs SQL on that database, where there is one, and gives what it says.
#[cfg(all(unix, feature = "postgres"))]
pub fn psql(data: &Path, sql: &str) -> Option<String> {
    let name = DATABASES.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(data)?.clone();
    Some(Cluster::shared()?.psql(&name, &format!("SET search_path = ots; {sql}")))
}

/// Nothing.
#[cfg(not(all(unix, feature = "postgres")))]
pub fn psql(_: &Path, _: &str) -> Option<String> {
    None
}

/// None.
#[cfg(not(all(unix, feature = "postgres")))]
pub fn shared_by(_: &Path) -> Option<ots::store::Location> {
    None
}

/// An empty store of each engine: a file in a directory, and a database of a PostgreSQL, where there is one.
pub fn each(directory: &Path) -> Vec<ots::store::Location> {
    let embedded = ots::store::Location::Sqlite(directory.join("ots.db"));
    #[cfg(all(unix, feature = "postgres"))]
    let shared = Cluster::shared().map(|cluster| cluster.url(&cluster.new_database()).parse().unwrap());
    #[cfg(not(all(unix, feature = "postgres")))]
    let shared = None;
    [Some(embedded), shared].into_iter().flatten().collect()
}
