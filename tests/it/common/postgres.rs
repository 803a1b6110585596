//! A PostgreSQL of the tests' own: Debian's programs, a temporary directory, a free port. It ends with the process that started it,
//! however that ends.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// The password of the role that servers connect as.
pub const PASSWORD: &str = "correct-horse:battery";

/// The server ends when nobody holds the other end of its standard input any more, and takes its directory with it.
pub const KEEPER: &str = r#"trap '' HUP INT TERM
directory=$1; shift
"$@" >>"$directory/log" 2>&1 &
pid=$!
read -r word
kill -QUIT $pid 2>/dev/null
wait $pid
[ "$word" = keep ] || rm -rf "$directory""#;

/// A running server.
pub struct Cluster {
    pub directory: PathBuf,
    pub port: u16,
    pub programs: PathBuf,
    keeper: Option<Child>,
    databases: AtomicUsize,
}

/// Where the PostgreSQL's programs are that `TEST_POSTGRESQL_BIN` names; else the newest that is installed. CI has one.
pub fn programs() -> Option<PathBuf> {
    std::env::var_os("TEST_POSTGRESQL_BIN").map(PathBuf::from).or_else(installed)
}

fn installed() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.map(|version| version.unwrap().path().join("bin")).collect())
        .unwrap_or_default();
    found.retain(|programs| programs.join("initdb").exists());
    found.sort_by_key(|programs| programs.parent().unwrap().file_name().unwrap().to_str().unwrap().parse::<u32>().ok());
    if found.is_empty() {
        assert!(std::env::var_os("CI").is_none(), "CI needs PostgreSQL");
        eprintln!("skipped: PostgreSQL isn't installed (apt-get install postgresql)");
    }
    found.pop()
}

/// Whether this runs as root, whom some programs refuse to serve.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// A directory for one, which has to be its own.
fn new_directory() -> PathBuf {
    let directory = tempfile::Builder::new().prefix("ots-test-pg-").tempdir().unwrap().keep();
    if is_root() {
        let owned = Command::new("chown").arg("nobody:nogroup").arg(&directory).status().unwrap();
        assert!(owned.success());
    }
    directory
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A client of it: an installed one, where the directory has none.
fn client(programs: &Path, name: &str) -> PathBuf {
    let own = programs.join(name);
    if own.exists() { own } else { installed().unwrap().join(name) }
}

/// A program of PostgreSQL's, as somebody who isn't root: it refuses to run as root.
pub fn as_nobody(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command
}

impl Cluster {
    /// One that several tests use, each with a database of its own.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// A new one. None where PostgreSQL isn't there, and CI isn't either.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let directory = new_directory();
        let data = directory.join("data");
        let mut made = as_nobody(&programs.join("initdb"));
        made.args(["--no-sync", "--locale=C", "--encoding=UTF8", "--username=postgres", "--auth-local=trust"]);
        made.args(["--auth-host=scram-sha-256", "-D"]).arg(&data).current_dir("/");
        let made = made.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let mut cluster = Self { directory, port, programs, keeper: None, databases: AtomicUsize::new(0) };
        cluster.set("listen_addresses = '127.0.0.1'\nfsync = off\nmax_connections = 200\nlog_connections = on\n");
        cluster.set(&format!("port = {port}\nunix_socket_directories = '{}'\n", cluster.directory.display()));
        cluster.run();
        cluster.psql("postgres", &format!("CREATE ROLE ots LOGIN PASSWORD '{PASSWORD}'"));
        Some(cluster)
    }

    /// A standby that follows it by streaming, over its socket, and is called `name` there. Servers' databases are on it, too.
    pub fn standby(&self, name: &str) -> Self {
        let directory = new_directory();
        let mut copied = as_nobody(&client(&self.programs, "pg_basebackup"));
        let from =
            format!("host={} port={} user=postgres application_name={name}", self.directory.display(), self.port);
        copied.args(["--no-sync", "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "-d", &from]);
        copied.arg("-D").arg(directory.join("data")).current_dir("/");
        let copied = copied.output().unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let (port, programs) = (free_port(), self.programs.clone());
        let mut standby = Self { directory, port, programs, keeper: None, databases: AtomicUsize::new(1000) };
        standby.set(&format!("port = {port}\nunix_socket_directories = '{}'\n", standby.directory.display()));
        standby.run();
        standby
    }

    /// Adds lines to its configuration; they count from the next start or [`Cluster::reload`] on.
    pub fn set(&self, lines: &str) {
        self.append("postgresql.conf", lines);
    }

    /// Adds lines to a file of its data directory.
    pub fn append(&self, file: &str, lines: &str) {
        use std::io::Write as _;
        let path = self.directory.join("data").join(file);
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    pub fn reload(&self) {
        self.psql("postgres", "SELECT pg_reload_conf()");
    }

    /// Starts it, and waits until it takes connections.
    pub fn run(&mut self) {
        let server = as_nobody(&self.programs.join("postgres"));
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&self.directory).arg(server.get_program()).args(server.get_args());
        keeper.arg("-D").arg(self.directory.join("data")).current_dir("/");
        self.keeper = Some(keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(30);
        while !self.is_ready() {
            assert!(Instant::now() < end, "it doesn't start: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn is_ready(&self) -> bool {
        let mut asked = Command::new(client(&self.programs, "pg_isready"));
        asked.arg("-h").arg(&self.directory).args(["-p", &self.port.to_string(), "-q"]);
        asked.status().unwrap().success()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// The server's own process.
    pub fn id(&self) -> String {
        let file = std::fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().to_owned()
    }

    /// The server's process and those that it has started. None, if it has ended by itself.
    pub fn processes(&self) -> Vec<String> {
        if !self.directory.join("data/postmaster.pid").exists() {
            return Vec::new();
        }
        let mut ids = vec![self.id()];
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &ids[0]]).output().unwrap();
        ids.extend(String::from_utf8(children.stdout).unwrap().split_whitespace().map(str::to_owned));
        ids
    }

    /// Ends all of it at once, wherever it is.
    pub fn kill(&mut self) {
        self.signal("-KILL");
        self.end("keep\n");
    }

    /// Sends a signal to all of its processes.
    pub fn signal(&self, signal: &str) {
        // Those that end meanwhile are what was wanted.
        let _ = Command::new("kill").arg(signal).args(self.processes()).stderr(Stdio::null()).status();
    }

    fn end(&mut self, word: &str) {
        use std::io::Write as _;
        let Some(mut keeper) = self.keeper.take() else { return };
        let _ = keeper.stdin.take().unwrap().write_all(word.as_bytes());
        keeper.wait().unwrap();
    }

    /// Runs SQL as the superuser, and gives what it says, bare.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let mut command = Command::new(client(&self.programs, "psql"));
        command.arg("-h").arg(&self.directory).args(["-p", &self.port.to_string(), "-U", "postgres", "-d", database]);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]).current_dir("/");
        // What a test forbids everybody, it can allow again.
        command.env("PGOPTIONS", "-c default_transaction_read_only=off");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// An empty database of the servers' role.
    pub fn new_database(&self) -> String {
        let name = format!("ots{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name} OWNER ots"));
        name
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        Self::url_by(self.port, database)
    }

    /// The same, through something that listens elsewhere.
    pub fn url_by(port: u16, database: &str) -> String {
        format!("postgres://ots:{}@127.0.0.1:{port}/{database}", PASSWORD.replace(':', "%3A"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.signal("-CONT");
        if self.keeper.is_none() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
        self.end("\n");
    }
}
