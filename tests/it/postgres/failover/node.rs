//! A PostgreSQL that is one of several: a primary, or a standby that follows it by streaming replication. It is at a place of its own
//! in the network; what is asked of it by the harness comes over a socket in the file system, which no cut reaches.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::common::{
    network::{Place, Switch},
    postgres::{KEEPER, PASSWORD, as_nobody, programs},
};

const PORT: u16 = 5432;
/// What is so of all of them. What differs is on their command lines: `pg_rewind` brings the other's files.
const SETTINGS: &str = "
listen_addresses = '*'
fsync = off
max_connections = 120
wal_level = replica
wal_log_hints = on
wal_keep_size = 256MB
max_wal_size = 128MB
hot_standby = on
wal_retrieve_retry_interval = 100ms
wal_receiver_status_interval = 1s
wal_sender_timeout = 5s
wal_receiver_timeout = 5s
";
const WHO: &str = "
host all ots 198.18.0.0/15 scram-sha-256
host all,replication postgres 198.18.0.0/15 trust
";

pub struct Node {
    pub name: String,
    pub place: Place,
    directory: PathBuf,
    programs: PathBuf,
    keeper: Option<Child>,
}

impl Node {
    /// A primary, with the servers' role and an empty database of its. Its commits wait for whom `synchronous` names.
    pub fn primary(switch: &Switch, synchronous: &str) -> Option<Self> {
        let mut node = Self::empty(switch, "n1")?;
        let mut made = as_nobody(&node.programs.join("initdb"));
        made.args(["--no-sync", "--locale=C", "--encoding=UTF8", "--username=postgres", "--auth-local=trust", "-D"]);
        run(made.arg(node.data()).current_dir("/"));
        node.append("postgresql.conf", &format!("{SETTINGS}\nsynchronous_standby_names = '{synchronous}'\n"));
        node.append("pg_hba.conf", WHO);
        node.start();
        node.psql(&format!("CREATE ROLE ots LOGIN PASSWORD '{PASSWORD}'"));
        node.psql("CREATE DATABASE ots OWNER ots");
        Some(node)
    }

    /// A standby of that.
    pub fn standby(switch: &Switch, name: &str, of: &Self) -> Self {
        let mut node = Self::empty(switch, name).unwrap();
        node.copy(of);
        node
    }

    fn empty(switch: &Switch, name: &str) -> Option<Self> {
        let programs = programs()?;
        let directory = tempfile::Builder::new().prefix("ots-test-pg-").tempdir().unwrap().keep();
        run(Command::new("chown").arg("nobody:nogroup").arg(&directory));
        Some(Self { name: name.to_owned(), place: switch.place(), directory, programs, keeper: None })
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    fn append(&self, file: &str, lines: &str) {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().append(true).open(self.data().join(file)).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    fn program(&self, name: &str) -> Command {
        let mut command = as_nobody(&self.programs.join(name));
        command.current_dir("/");
        command
    }

    fn copy(&mut self, of: &Self) {
        let mut copied = self.program("pg_basebackup");
        copied.args(["-h", &of.place.address, "-U", "postgres", "-c", "fast", "--no-sync", "-D"]);
        run(copied.arg(self.data()));
        self.begin_as_standby(of);
    }

    fn begin_as_standby(&mut self, of: &Self) {
        let lines = format!("primary_conninfo = '{}'\n", of.conninfo());
        std::fs::write(self.data().join("postgresql.auto.conf"), lines).unwrap();
        std::fs::write(self.data().join("standby.signal"), "").unwrap();
        self.start();
    }

    fn conninfo(&self) -> String {
        format!("host={} user=postgres connect_timeout=2", self.place.address)
    }

    /// Starts it, and waits until it takes connections.
    pub fn start(&mut self) {
        let server = self.program("postgres");
        let mut keeper = self.place.command("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&self.directory).arg(server.get_program()).args(server.get_args());
        keeper.arg("-D").arg(self.data()).arg(format!("-cunix_socket_directories={}", self.directory.display()));
        keeper.arg(format!("-ccluster_name={}", self.name)).current_dir("/").stdin(Stdio::piped());
        self.keeper = Some(keeper.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let mut ready = self.program("pg_isready");
        ready.arg("-h").arg(&self.directory).args(["-p", &PORT.to_string(), "-q"]);
        let end = Instant::now() + Duration::from_secs(30);
        while !ready.status().unwrap().success() {
            assert!(Instant::now() < end, "{} doesn't start: {}", self.name, self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Runs SQL as the superuser, and gives what it says, bare. Its own commits wait for nobody.
    pub fn psql(&self, sql: &str) -> String {
        self.psql_in("postgres", sql)
    }

    pub fn psql_in(&self, database: &str, sql: &str) -> String {
        let mut command = self.program("psql");
        command.arg("-h").arg(&self.directory).args(["-p", &PORT.to_string(), "-U", "postgres", "-d", database]);
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        command.env("PGOPTIONS", "-c synchronous_commit=local");
        run(&mut command)
    }

    /// Follows that one, or nobody: then what the old one commits has no use for this one's consent.
    pub fn follow(&self, other: Option<&Self>) {
        let of = other.map(Self::conninfo).unwrap_or_default();
        self.psql(&format!("ALTER SYSTEM SET primary_conninfo = '{of}'"));
        self.psql("SELECT pg_reload_conf()");
        if other.is_none() {
            self.wait_for("NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'walreceiver')");
        }
    }

    /// How far it has received what the primary wrote.
    pub fn received(&self) -> u64 {
        let sql = "SELECT pg_wal_lsn_diff(coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')";
        self.psql(sql).parse().unwrap()
    }

    /// Makes it the primary.
    pub fn promote(&self) {
        assert_eq!(self.psql("SELECT pg_promote(true, 20)"), "t", "{}", self.log());
    }

    /// Waits until so many standbys follow it, and a commit that has to wait for one needn't for long.
    pub fn wait_for_standbys(&self, count: usize) {
        self.wait_for(&format!("{count} <= (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming')"));
    }

    fn wait_for(&self, so: &str) {
        self.psql(&format!(
            "SET statement_timeout = '20s';
             DO $$ BEGIN WHILE NOT ({so}) LOOP PERFORM pg_sleep(0.02); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$"
        ));
    }

    /// The server's process and those that it has started.
    fn processes(&self) -> Vec<String> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut ids: Vec<String> = file.lines().take(1).map(str::to_owned).collect();
        let Some(id) = ids.first() else { return ids };
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", id]).output().unwrap();
        ids.extend(String::from_utf8(children.stdout).unwrap().split_whitespace().map(str::to_owned));
        ids
    }

    /// Sends a signal to all of its processes.
    pub fn signal(&self, signal: &str) {
        let ids = self.processes();
        if !ids.is_empty() {
            // Those that end meanwhile are what was wanted.
            let _ = Command::new("kill").arg(signal).args(ids).stderr(Stdio::null()).status();
        }
    }

    /// Ends all of it at once, wherever it is.
    pub fn kill(&mut self) {
        let ids = self.processes();
        self.signal("-KILL");
        self.end("keep\n");
        let end = Instant::now() + Duration::from_secs(10);
        while ids.iter().any(|id| Path::new("/proc").join(id).exists()) {
            assert!(Instant::now() < end, "{} doesn't end", self.name);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(&mut self, word: &str) {
        use std::io::Write as _;
        let Some(mut keeper) = self.keeper.take() else { return };
        let _ = keeper.stdin.take().unwrap().write_all(word.as_bytes());
        keeper.wait().unwrap();
    }

    /// Comes back as a standby of the new primary: what it alone has is taken back, or all is copied anew.
    pub fn come_back(&mut self, primary: &Self) {
        // Without one the new primary's files don't say that its history is another.
        primary.psql("CHECKPOINT");
        let mut rewound = self.program("pg_rewind");
        let source = format!("host={} user=postgres dbname=postgres", primary.directory.display());
        rewound.arg("--no-sync").arg("--target-pgdata").arg(self.data()).args(["--source-server", &source]);
        let output = rewound.output().unwrap();
        if output.status.success() {
            self.begin_as_standby(primary);
        } else {
            eprintln!("{} is copied anew: {}", self.name, String::from_utf8_lossy(&output.stderr).trim_end());
            std::fs::remove_dir_all(self.data()).unwrap();
            self.copy(primary);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.signal("-CONT");
        if self.keeper.is_none() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
        self.end("\n");
    }
}

/// Runs a program to its end; what it wrote.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
