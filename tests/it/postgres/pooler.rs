//! PgBouncer between the servers and the database: with a connection for each session all is as without it; with one for each transaction
//! a server says that it can't work there.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{command, records, serve};
use crate::common::{
    CLAIM, Server, assert_refuses,
    postgres::{Cluster, PASSWORD, is_root},
    run, text, until,
};

/// A running PgBouncer. Ends with its test.
struct Pooler {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Pooler {
    /// One in front of a cluster, with these lines in its configuration. None where PgBouncer isn't installed, and CI isn't either.
    async fn start(cluster: &Cluster, lines: &str) -> Option<Self> {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| std::fs::exists(path).unwrap());
        let Some(program) = program else {
            assert!(std::env::var_os("CI").is_none(), "CI needs PgBouncer");
            eprintln!("skipped: PgBouncer isn't installed (apt-get install pgbouncer)");
            return None;
        };
        let directory = crate::common::directory();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let users = directory.path().join("users");
        std::fs::write(&users, format!("\"ots\" \"{PASSWORD}\"\n")).unwrap();
        let configuration = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\nmax_client_conn = 200\n{lines}\n",
            cluster.port,
            users.display()
        );
        std::fs::write(&configuration, text).unwrap();
        // Not as root, which it refuses; and no longer than this thread, which is the test's.
        let mut started = Command::new("setpriv");
        started.args(["--pdeathsig", "KILL"]);
        if is_root() {
            assert!(
                Command::new("chown").args(["-R", "nobody:nogroup"]).arg(directory.path()).status().unwrap().success()
            );
            started.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
        }
        started.arg(program).arg(&configuration).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = started.spawn().unwrap();
        until("the pooler listens", Duration::from_secs(10), async || TcpStream::connect(("127.0.0.1", port)).is_ok())
            .await;
        Some(Self { process, port, _directory: directory })
    }

    fn url(&self, database: &str) -> String {
        Cluster::url_by(self.port, database)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two servers, all the ways of a secret, and the settings that every session is to have.
#[tokio::test]
async fn a_connection_for_each_session_is_as_good_as_none_between() {
    let Some(cluster) = Cluster::shared() else { return };
    let Some(pooler) = Pooler::start(cluster, "pool_mode = session\nignore_startup_parameters = options").await else {
        return;
    };
    let database = cluster.new_database();
    let servers = [serve(&pooler.url(&database), &[]), serve(&pooler.url(&database), &[])];
    for round in 0..20 {
        let (one, other) = (&servers[round % 2], &servers[(round + 1) % 2]);
        let token = one.create("hunter2").await;
        assert_eq!(other.reveal(&token, Some(CLAIM), None).await.status(), 200);
        assert_eq!(one.get(&token).await.status(), 404);
        assert_eq!(other.delete(&token, Some(CLAIM)).await.status(), 204);
        let token = other.create("hunter2").await;
        assert_eq!(one.get(&token).await.status(), 200);
        assert_eq!(other.get(&token).await.status(), 404);
    }
    assert_eq!(records(cluster, &database), 0);
    // Sessions are given on, and set anew: who waits for a lock waits as long as is set, and no longer.
    let server = Server::spawn(command(&pooler.url(&database), &["--database-connections", "1"])).unwrap();
    let token = server.create("locked").await;
    let hold = "BEGIN; SELECT 1 FROM ots.record FOR UPDATE; SELECT pg_sleep(7); COMMIT";
    let (status, ()) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(500)).await; // so that the row is locked
            server.get(&token).await.status()
        },
        async {
            let (port, directory) = (cluster.port.to_string(), cluster.directory.clone());
            let mut psql = Command::new("psql");
            psql.arg("-h")
                .arg(directory)
                .args(["-p", &port, "-U", "postgres", "-d", &database, "-X", "-q", "-c", hold]);
            let mut holding = psql.stdout(Stdio::null()).spawn().unwrap();
            tokio::task::spawn_blocking(move || holding.wait()).await.unwrap().unwrap();
        }
    );
    assert_eq!(status, 503, "the lock's own bound came first");
    assert_eq!(server.get(&token).await.status(), 200);
}

/// It is told at the start, also by commands, whatever the pooler does with what a session starts with.
#[tokio::test]
async fn a_connection_for_each_transaction_is_refused_in_words() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    assert!(serve(&cluster.url(&database), &[]).stop().success());
    for (lines, why) in [
        ("pool_mode = transaction\nignore_startup_parameters = options", "a session doesn't keep its connection"),
        ("pool_mode = transaction\nignore_startup_parameters = options\nserver_round_robin = 1", "keep its connection"),
        ("pool_mode = statement\nignore_startup_parameters = options", "pooling mode"),
        ("pool_mode = session", "unsupported startup parameter: options"),
    ] {
        let Some(pooler) = Pooler::start(cluster, lines).await else { return };
        for command in [command(&pooler.url(&database), &[]), super::admin::admin(&pooler.url(&database), &["check"])] {
            let output = run(command, b"");
            assert_refuses(&output, 1, "is a pooler that can't be used");
            assert!(text(&output.stderr).contains(why), "{lines}: {}", text(&output.stderr));
            assert!(text(&output.stderr).contains("pool_mode = session, ignore_startup_parameters = options"));
        }
    }
}
