//! Arguments in, text out: one file a command, declared beside the code that runs it.
//!
//! stdout carries only what was asked for; everything else goes to stderr.

mod admin;
mod arguments;
mod burn;
mod clipboard;
mod completions;
mod config;
mod create_keys;
mod data;
mod error;
mod filename;
mod generate;
mod get;
mod health;
mod help;
mod interrupt;
mod keygen;
mod link;
mod listen;
mod man;
mod new_file;
mod panics;
mod passphrase;
mod put;
mod qr;
mod request;
mod said;
mod serve;
mod status;
mod terminal;
mod usage;
mod values;
mod waiting;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{ColorChoice, CommandFactory as _, Parser, Subcommand, builder::BoolishValueParser};
use url::Url;

use crate::{
    client::{Client, Options, Way},
    secret::Link,
    server::WEB_BUNDLED,
};
pub use config::ConfigError;
use error::{CallError, FileError, StartError, report};
pub use error::{CommandError, Exit};

/// What `--version` says: the version, and what this build was made with. `-V` says the version alone.
const LONG_VERSION: &str = if WEB_BUNDLED {
    concat!(
        env!("CARGO_PKG_VERSION"),
        "\npages: with the npm bundle (ciphers for every browser, passphrases, QR codes)"
    )
} else {
    concat!(
        env!("CARGO_PKG_VERSION"),
        "\npages: without the npm bundle (end to end only in browsers that have ChaCha20-Poly1305, without passphrases; no QR codes)"
    )
};

/// Share a secret exactly once.
///
/// `ots put` stores a secret and prints its link; `ots get LINK` prints the secret and destroys it. Whoever has no ots
/// opens the link in a browser. `ots serve` runs the server.
#[derive(Debug, Parser)]
#[command(name = "ots", version, long_version = LONG_VERSION, propagate_version = true, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten, next_help_heading = "Global options")]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that a person can set")]
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The server; a full link brings its own
    #[arg(short, long, global = true, value_name = "URL", env = "OTS_SERVER", value_parser = values::server)]
    #[arg(default_value = "http://127.0.0.1:8000", hide_env_values = true, value_hint = clap::ValueHint::Url)]
    server: Url,
    /// Read this configuration file instead of the usual one
    #[arg(long, global = true, value_name = "FILE", env = "OTS_CONFIG", value_hint = clap::ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// How long to wait for the server
    #[arg(long, global = true, value_name = "DUR", env = "OTS_TIMEOUT", value_parser = values::duration)]
    #[arg(default_value = "30s")]
    timeout: Duration,
    /// Trust the certificates in this PEM file as well
    #[arg(long, global = true, value_name = "FILE", env = "OTS_CA_CERT", value_hint = clap::ValueHint::FilePath)]
    ca_cert: Option<PathBuf>,
    /// Allow plain http to a host that isn't this machine
    #[arg(long, global = true, env = "OTS_ALLOW_HTTP", value_parser = BoolishValueParser::new())]
    allow_http: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, env = "OTS_QUIET", value_parser = BoolishValueParser::new())]
    quiet: bool,
    /// Say more: the causes of errors; for the server, a line a request
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to colour what goes to stderr
    #[arg(long, global = true, value_name = "WHEN", env = "OTS_COLOR", default_value = "auto")]
    color: ColorChoice,
    /// Answer in JSON, errors too
    #[arg(long, global = true, env = "OTS_JSON", value_parser = BoolishValueParser::new())]
    json: bool,
    /// Never ask: fail where a question would be needed
    #[arg(long, global = true, env = "OTS_NO_INPUT", value_parser = BoolishValueParser::new())]
    no_input: bool,
    /// Whether somebody said which server, and not only the default did.
    #[arg(skip)]
    server_is_given: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Put(put::Put),
    Get(get::Get),
    Status(status::Status),
    Burn(burn::Burn),
    Request(request::Request),
    Generate(generate::Generate),
    Serve(Box<serve::Serve>),
    Health(health::Health),
    Keygen(keygen::Keygen),
    Admin(admin::Admin),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    harden();
    panics::caught(run_command)
}

fn run_command() -> ExitCode {
    let cli = match arguments::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let outcome: Result<(), Box<dyn CommandError>> = match &cli.command {
        Command::Put(put) => run(put.run(&cli.global)),
        Command::Get(get) => run(get.run(&cli.global)),
        Command::Status(status) => run(status.run(&cli.global)),
        Command::Burn(burn) => run(burn.run(&cli.global)),
        Command::Request(request) => run(request.run(&cli.global)),
        Command::Health(health) => run(health.run(&cli.global)),
        Command::Keygen(keygen) => keygen.run(&cli.global).map_err(Box::from),
        Command::Generate(generate) => generate.run(&cli.global).map_err(Box::from),
        Command::Serve(serve) => serve.run(&cli.global).map_err(Box::from),
        Command::Admin(admin) => admin.run(&cli.global),
        Command::Completions(completions) => completions.run().map_err(Box::from),
        Command::Man(man) => man.run().map_err(Box::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&*error, cli.global.json, cli.global.verbose),
    }
}

/// The whole tree, as help shows it.
#[must_use]
pub fn command() -> clap::Command {
    help::laid_out(tree())
}

/// The tree as it is declared; man pages and completions are made from it.
fn tree() -> clap::Command {
    help::with_one_help(Cli::command().bin_name("ots"))
}

/// The whole tree, with the values of a configuration file as defaults.
///
/// # Errors
/// [`ConfigError`], which names the file and what is wrong in it.
pub fn command_with(path: &Path, configuration: &str) -> Result<clap::Command, ConfigError> {
    config::apply(path, configuration, tree()).map(help::laid_out)
}

/// Runs a client's command to its end.
fn run<E: CommandError + 'static>(command: impl Future<Output = Result<(), E>>) -> Result<(), Box<dyn CommandError>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError)?;
    let outcome = runtime.block_on(async {
        interrupt::outlive_the_limit_of_a_file();
        command.await
    });
    runtime.shutdown_background(); // the look-up of a host's name may still be waiting
    outcome.map_err(Box::from)
}

/// Keeps secrets out of core dumps, and files private.
fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit, umask};
        umask(rustix::fs::Mode::from_raw_mode(0o077));
        // A sandbox may forbid these; that is no reason to stop.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }
}

impl Global {
    /// The client for a link's server, or the configured one.
    fn client(&self, link: Option<&Link>) -> Result<Client, CallError> {
        self.client_for(link.and_then(|link| link.server.clone()))
    }

    /// The client for that server, or the configured one.
    fn client_for(&self, server: Option<Url>) -> Result<Client, CallError> {
        self.client_by(server, Way::default())
    }

    /// The same, by another way than usual.
    fn client_by(&self, server: Option<Url>, way: Way) -> Result<Client, CallError> {
        let server = server.unwrap_or_else(|| self.server.clone());
        let ca_certificates = self.ca_certificates()?;
        let options = Options { timeout: self.timeout, ca_certificates, allow_http: self.allow_http, way };
        Ok(Client::new(server, &options)?)
    }

    /// Certificates to trust besides the system's, in PEM.
    fn ca_certificates(&self) -> Result<Option<Vec<u8>>, FileError> {
        let read = |path: &PathBuf| std::fs::read(path).map_err(FileError::new("read", path));
        self.ca_cert.as_ref().map(read).transpose()
    }

    /// Whether stderr is coloured.
    fn coloured(&self) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                terminal::stderr_is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }

    /// Whether people are told things besides what they asked for: a person looks at stderr.
    fn chatty(&self) -> bool {
        !self.quiet && !self.json && terminal::stderr_is_terminal()
    }
}
