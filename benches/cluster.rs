//! Drives one, two and three servers that share a PostgreSQL, and in the same run `pgbench` that makes and removes the same rows with two
//! statements a pair: what everything but those statements costs.
//!
//! ```sh
//! cargo bench --bench cluster                    # 64 connections, 10 s a row, three rounds
//! cargo bench --bench cluster -- 5 16            # 5 s, 16 connections
//! cargo bench --bench cluster -- 5 64 10000000   # beside so many live secrets, too, and while a million expires within a minute
//! ```
//!
//! A pair is a `POST` that creates a secret of 1 KiB and a `GET` that reads it; for `pgbench`, an `INSERT` and a `DELETE … RETURNING` of a row of
//! the same table and size, each a commit. The database is one of the bench's own, from Debian's programs, with their defaults but for more
//! connections. All share the machine's cores: servers, database and load.
#![allow(missing_docs)]
#![allow(unreachable_pub, dead_code, reason = "what benches and tests share is public to them")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[path = "shared/load.rs"]
mod load;
#[path = "../tests/it/common/postgres.rs"]
mod postgres;
#[path = "shared/process.rs"]
mod process;
#[path = "shared/server.rs"]
mod server;

use std::{
    fmt,
    process::Command,
    time::{Duration, Instant},
};

use load::{Kind, drive};
use postgres::Cluster;
use server::Server;

/// The same two statements, without what `ots` counts in them.
const PAIR: &str = r"
\set number random(1, 9000000000000000000)
INSERT INTO ots.record (id, created_at, expires_at, ends_at, deadline, kind, size, key_id, sealed_len, sealed)
SELECT int4send(extract(epoch FROM now())::integer) || substring(sha256(int8send(:number)) FROM 1 FOR 28), :now::bigint, :now::bigint + 86400000,
       :now::bigint + 86400000, :now::bigint + 86400000, 0, 1024, '\x0102030405060708', 1088, convert_to(repeat('s', 1088), 'UTF8')
ON CONFLICT (id) DO NOTHING RETURNING id \gset
DELETE FROM ots.record WHERE id = :id::bytea AND deadline > :now::bigint RETURNING sealed;
";

/// Live secrets to be beside, made at once.
const FILL: &str = "
INSERT INTO ots.record (id, created_at, expires_at, ends_at, deadline, kind, size, key_id, sealed_len, sealed)
SELECT int4send((extract(epoch FROM now()) - 3600 + number / 3000)::integer) || substring(sha256(int8send(number)) FROM 1 FOR 28),
       {now}, {end}, {end}, {end} + number % {spread}, 0, 300, '\\x0102030405060708', 340, convert_to(repeat('s', 340), 'UTF8')
FROM generate_series({from}::bigint, {to}::bigint) AS number";

fn main() {
    let arguments = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let numbers: Vec<u64> = arguments.collect();
    let number = |at: usize, otherwise| numbers.get(at).copied().unwrap_or(otherwise);
    let (duration, connections) = (Duration::from_secs(number(0, 10)), number(1, 64));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let Some(bench) = Bench::new(duration, connections) else { return println!("PostgreSQL isn't installed") };
    runtime.block_on(bench.compare());
    if number(2, 0) > 0 {
        runtime.block_on(bench.beside(number(2, 0)));
    }
}

struct Bench {
    cluster: Cluster,
    database: String,
    duration: Duration,
    connections: u64,
}

impl Bench {
    fn new(duration: Duration, connections: u64) -> Option<Self> {
        let cluster = Cluster::start()?;
        cluster.set("fsync = on\n");
        cluster.reload();
        let database = cluster.new_database();
        Some(Self { cluster, database, duration, connections })
    }

    fn serve(&self) -> Server {
        let mut ots = Command::new(env!("CARGO_BIN_EXE_ots"));
        ots.env("SECRET_KEY", "a key for the benchmark only").env("OTS_DATABASE_URL", self.cluster.url(&self.database));
        Server::start("ots", ots.args(["serve", "--listen", "127.0.0.1:0"]))
    }

    async fn compare(&self) {
        drop(self.serve()); // makes the tables
        println!(
            "servers  connections   pairs/s  of pgbench  p50 ms  p99 ms  CPU µs/pair: servers, database  its connections, MiB"
        );
        for _ in 0..3 {
            let before = self.cpu(&[])[1];
            let theirs = self.pgbench();
            let cpu =
                (self.cpu(&[])[1].saturating_sub(before)).as_secs_f64() * 1e6 / (theirs * self.duration.as_secs_f64());
            println!("pgbench  {:11}  {theirs:8.0}  {cpu:55.0}", self.connections);
            for count in 1..=3 {
                let servers: Vec<Server> = (0..count).map(|_| self.serve()).collect();
                let pairs = self.run(&servers, self.duration).await;
                println!(
                    "{count:7}  {:11}  {:8.0}  {:10.2}  {pairs}",
                    self.connections,
                    pairs.rate,
                    pairs.rate / theirs
                );
            }
        }
    }

    /// Beside many live secrets, and while a million expires.
    async fn beside(&self, secrets: u64) {
        let servers = [self.serve()];
        let empty = self.run(&servers, self.duration).await;
        println!("beside nothing                {:8.0} pairs/s  {empty}", empty.rate);
        self.fill(0..secrets, 86_400_000, 1000);
        self.sql("VACUUM ANALYZE ots.record");
        self.sql("CHECKPOINT");
        let full = self.run(&servers, self.duration).await;
        println!(
            "beside {secrets:10} secrets     {:8.0} pairs/s, {:.2} of that  {full}",
            full.rate,
            full.rate / empty.rate
        );
        let began = Instant::now();
        self.fill(secrets..secrets + 1_000_000, 60_000, 60_000);
        tokio::time::sleep(Duration::from_secs(60).saturating_sub(began.elapsed())).await;
        let expiring = self.run(&servers, Duration::from_secs(60)).await;
        let of = expiring.rate / full.rate;
        println!("while a million of them expires {:6.0} pairs/s, {of:.2} of that  {expiring}", expiring.rate);
        let dead = "SELECT count(*) FROM ots.record WHERE deadline <= extract(epoch FROM now()) * 1000";
        println!("expired and not yet removed: {}", self.cluster.psql(&self.database, dead));
    }

    /// Makes live secrets of which the first expires after so many milliseconds, the others in that many.
    fn fill(&self, numbers: std::ops::Range<u64>, after: i64, spread: u64) {
        let now = jiff::Timestamp::now().as_millisecond();
        for from in numbers.clone().step_by(500_000) {
            let to = (from + 500_000).min(numbers.end) - 1;
            let fill = FILL.replace("{now}", &now.to_string()).replace("{end}", &(now + after).to_string());
            let fill = fill.replace("{spread}", &spread.to_string());
            self.sql(&fill.replace("{from}", &from.to_string()).replace("{to}", &to.to_string()));
        }
    }

    /// Drives servers for a while, each with its part of the connections.
    async fn run(&self, servers: &[Server], duration: Duration) -> Pairs {
        let (start, before) = (Instant::now(), self.cpu(servers));
        let workers: Vec<_> = (0..self.connections)
            .map(|worker| {
                let address = servers[worker as usize % servers.len()].address.clone();
                let end = start + duration;
                tokio::spawn(async move { drive(&address, Kind::Ots, end).await })
            })
            .collect();
        let mut latencies = Vec::new();
        for worker in workers {
            latencies.extend(worker.await.unwrap());
        }
        let (elapsed, after) = (start.elapsed().as_secs_f64(), self.cpu(servers));
        latencies.sort_unstable();
        let pairs = latencies.len() as f64 / 2.0;
        let at = |share: f64| latencies[(latencies.len() as f64 * share) as usize].as_secs_f64() * 1e3;
        let cpu = [0, 1].map(|at| after[at].saturating_sub(before[at]).as_secs_f64() * 1e6 / pairs);
        let (connections, memory) = self.database();
        Pairs { rate: pairs / elapsed, median: at(0.5), late: at(0.99), cpu, connections, memory }
    }

    /// What servers and database have used.
    fn cpu(&self, servers: &[Server]) -> [Duration; 2] {
        let ids = self.cluster.processes().into_iter().map(|id| id.parse().unwrap());
        [servers.iter().map(Server::cpu).sum(), ids.map(server::cpu).sum()]
    }

    /// Its connections from servers, and the memory of all its processes, what they share counted once.
    fn database(&self) -> (String, f64) {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ots'";
        let kibibytes = |id: String| {
            let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
            let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap_or("Pss: 0 kB").to_owned();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
        };
        let memory: f64 = self.cluster.processes().into_iter().map(kibibytes).sum();
        (self.cluster.psql("postgres", count), memory / 1024.0)
    }

    /// Pairs a second of `pgbench`.
    fn pgbench(&self) -> f64 {
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), PAIR).unwrap();
        let mut pgbench = Command::new(self.cluster.programs.join("pgbench"));
        pgbench.args(["-n", "-M", "prepared", "-j", "2", "-c", &self.connections.to_string()]);
        pgbench.args(["-T", &self.duration.as_secs().to_string(), "-D"]);
        pgbench.arg(format!("now={}", jiff::Timestamp::now().as_millisecond())).arg("-f").arg(script.path());
        pgbench.arg("-h").arg(&self.cluster.directory).args(["-p", &self.cluster.port.to_string(), "-U", "postgres"]);
        let output = pgbench.arg(&self.database).current_dir("/").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")).unwrap();
        rate.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn sql(&self, sql: &str) {
        self.cluster.psql(&self.database, sql);
    }
}

/// What a run found.
struct Pairs {
    rate: f64,
    /// Milliseconds that a request takes: half of them, all but a hundredth.
    median: f64,
    late: f64,
    /// Microseconds a pair, of servers and database.
    cpu: [f64; 2],
    /// The database's, and its memory in MiB.
    connections: String,
    memory: f64,
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [servers, database] = self.cpu;
        write!(f, "{:6.2}  {:6.2}  {servers:20.0}, {database:8.0}  ", self.median, self.late)?;
        write!(f, "{:>15}, {:4.0}", self.connections, self.memory)
    }
}
