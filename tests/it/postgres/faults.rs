//! A database that is full, slow, or comes back as somebody else: servers say so, lose nothing, keep their memory,
//! and go on when it is over.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::{Method, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{serve, start::certificate};
use crate::common::{Server, directory, noise, postgres::Cluster, small_disk::SmallDisk, until};

/// What a server may hold beyond what it holds at rest, in KiB.
pub(super) const MEMORY: u64 = 200 * 1024;

fn give(path: &Path) {
    assert!(Command::new("chown").arg("-hR").arg("nobody:nogroup").arg(path).status().unwrap().success());
}

async fn store(server: &Server, content: &[u8]) -> Response {
    let request = server.request(Method::POST, "/api/v1/secrets").header("content-type", "application/octet-stream");
    request.body(content.to_vec()).send().await.unwrap()
}

pub(super) async fn token(stored: Response) -> String {
    let created: serde_json::Value = stored.json().await.unwrap();
    created["token"].as_str().unwrap().to_owned()
}

/// Reads until the server says what became of it.
async fn read(server: &Server, token: &str) -> (u16, Vec<u8>) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let request = server.request(Method::GET, &format!("/api/v1/secrets/{token}"));
        let answer = request.header("accept", "application/octet-stream").send().await.unwrap();
        let status = answer.status().as_u16();
        if status != 503 {
            return (status, answer.bytes().await.unwrap().to_vec());
        }
        assert!(answer.headers().contains_key("retry-after") && Instant::now() < end, "{}", server.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The file system of the tables is full: what is new is refused in words that say why, what is there is there, and all goes on when there is
/// room again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_tables_refuse_what_is_new_and_lose_nothing() {
    let Some(disk) = SmallDisk::new(40) else { return };
    // Its own: no database can be made elsewhere in one whose checkpoints fail.
    let Some(cluster) = Cluster::start() else { return };
    let _heavy = crate::common::heavy();
    give(&disk.path);
    cluster.psql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", disk.path.display()));
    cluster.psql("postgres", "CREATE DATABASE full_one OWNER ots TABLESPACE small");
    let server = serve(&cluster.url("full_one"), &[]);
    let at_rest = server.memory("VmRSS");
    let mut kept = Vec::new();
    let full = loop {
        let content = noise(kept.len() as u64, 300_000);
        let stored = store(&server, &content).await;
        if stored.status() != 201 {
            break stored;
        }
        kept.push((token(stored).await, content));
        assert!(kept.len() < 200, "the disk never filled up");
    };
    assert!(full.status() == 503 && full.headers().contains_key("retry-after"));
    assert_eq!(full.json::<serde_json::Value>().await.unwrap()["code"], "storage_full");
    let says = "the database's disk is full: make room there";
    until("it is told", Duration::from_secs(5), async || server.log().contains(says)).await;
    let health: serde_json::Value = server.request(Method::GET, "/health").send().await.unwrap().json().await.unwrap();
    assert_eq!((&health["status"], &health["problems"][0]["code"]), (&"degraded".into(), &"storage_full".into()));
    disk.fill();
    // Floods of what can't be kept are only refused.
    let refused = join_all((0..40).map(|_| store(&server, &kept[0].1))).await;
    assert!(refused.iter().all(|refused| refused.status() == 503));
    assert!(server.memory("VmRSS") < at_rest + MEMORY);
    // What may need a page that isn't there is told to come again, and never that it is gone.
    let half = kept.len() / 2;
    let mut given = 0;
    for (token, content) in &kept[..half] {
        let answer = server.get(token).await;
        match answer.status().as_u16() {
            200 => given += 1,
            503 => {
                std::fs::remove_file(disk.filler()).unwrap();
                assert!(read(&server, token).await == (200, content.clone()));
                disk.fill();
            }
            status => panic!("{status}"),
        }
    }
    eprintln!("{given} of {half} were read on the full disk, the others when there was room");
    std::fs::remove_file(disk.filler()).unwrap();
    for (token, content) in &kept[half..] {
        assert!(read(&server, token).await == (200, content.clone()));
    }
    for (token, _) in &kept {
        assert_eq!(read(&server, token).await.0, 404);
    }
    until("it keeps secrets again", Duration::from_secs(10), async || store(&server, b"x").await.status() == 201).await;
    drop(server);
    cluster.psql("postgres", "DROP DATABASE full_one WITH (FORCE)");
    cluster.psql("postgres", "DROP TABLESPACE small");
}

/// The file system of its log is full: PostgreSQL ends itself. Nothing that was acknowledged is lost, and when there is room, and somebody
/// has started it again, all goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_log_ends_the_database_and_loses_nothing() {
    let Some(disk) = SmallDisk::new(100) else { return };
    let Some(mut cluster) = Cluster::start() else { return };
    let _heavy = crate::common::heavy();
    let database = cluster.new_database();
    cluster.set("min_wal_size = 32MB\nmax_wal_size = 64MB\nwal_recycle = off\nwal_init_zero = on\n");
    cluster.kill();
    let (data, moved) = (cluster.directory.join("data/pg_wal"), disk.path.join("pg_wal"));
    assert!(Command::new("cp").arg("-a").arg(&data).arg(&moved).status().unwrap().success());
    std::fs::remove_dir_all(&data).unwrap();
    std::os::unix::fs::symlink(&moved, &data).unwrap();
    give(&disk.path);
    give(&data);
    cluster.run();
    let server = serve(&cluster.url(&database), &[]);
    let at_rest = server.memory("VmRSS");
    let mut kept = Vec::new();
    for number in 0..20 {
        let content = noise(number, 50_000);
        kept.push((token(store(&server, &content).await).await, content));
    }
    disk.fill();
    let refused = loop {
        let content = noise(kept.len() as u64, 200_000);
        let stored = store(&server, &content).await;
        if stored.status() != 201 {
            break stored;
        }
        kept.push((token(stored).await, content));
        assert!(kept.len() < 400, "the disk never filled up");
    };
    assert!(refused.status() == 503 && refused.headers().contains_key("retry-after"));
    until("it is told", Duration::from_secs(5), async || !server.healthy().await).await;
    let refused = join_all((0..40).map(|_| store(&server, &kept[0].1))).await;
    assert!(refused.iter().all(|refused| refused.status() == 503));
    assert!(server.memory("VmRSS") < at_rest + MEMORY);
    assert!(cluster.log().contains("No space left on device"), "{}", cluster.log());

    std::fs::remove_file(disk.filler()).unwrap();
    cluster.kill();
    cluster.run();
    until("it works again", Duration::from_secs(5), async || server.healthy().await).await;
    for (token, content) in &kept {
        assert!(read(&server, token).await == (200, content.clone()), "{}", server.log());
    }
    for (token, _) in &kept {
        assert_eq!(read(&server, token).await.0, 404);
    }
}

/// A way to the database on which everything takes as long as `delay` says, in milliseconds, in each direction, and half as long again at times.
async fn slow(port: u16, delay: Arc<AtomicUsize>) -> u16 {
    async fn pass(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, delay: Arc<AtomicUsize>) {
        let mut part = vec![0; 64 * 1024];
        let mut turn = 0;
        while let Ok(length @ 1..) = from.read(&mut part).await {
            turn += 1;
            let delay = delay.load(Ordering::Relaxed);
            let delay = u64::try_from(if turn % 5 == 0 { delay * 3 / 2 } else { delay }).unwrap();
            tokio::time::sleep(Duration::from_millis(delay)).await;
            if to.write_all(&part[..length]).await.is_err() {
                break;
            }
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let by = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let delay = Arc::clone(&delay);
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                let there = tokio::spawn(pass(from_client, to_server, Arc::clone(&delay)));
                pass(from_server, to_client, delay).await;
                there.abort();
            });
        }
    });
    by
}

/// Where everything takes long, everything works, only later; of too much at once some is refused, and none of it stays in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_database_is_waited_for() {
    let Some(cluster) = Cluster::shared() else { return };
    let _heavy = crate::common::heavy();
    let database = cluster.new_database();
    let delay = Arc::new(AtomicUsize::new(0));
    let port = slow(cluster.port, Arc::clone(&delay)).await;
    let server = serve(&Cluster::url_by(port, &database), &["--database-connections", "4"]);
    let at_rest = server.memory("VmRSS");
    for (milliseconds, content) in [(50, 100), (200, 100), (100, 400_000)] {
        delay.store(milliseconds, Ordering::Relaxed);
        let content = noise(7, content);
        for _ in 0..3 {
            let stored = store(&server, &content).await;
            assert_eq!(stored.status(), 201, "{milliseconds} ms: {}", server.log());
            let token = token(stored).await;
            assert!(read(&server, &token).await == (200, content.clone()), "{milliseconds} ms");
            assert_eq!(read(&server, &token).await.0, 404);
        }
        // A look on a connection that hasn't looked yet may take too long, and is there for the next.
        until("it is healthy", Duration::from_secs(10), async || server.healthy().await).await;
    }
    // Also one that nobody asks for anything: connecting alone takes longer than health has.
    delay.store(150, Ordering::Relaxed);
    let idle = serve(&Cluster::url_by(port, &database), &["--cleanup-interval", "30s"]);
    until("it is healthy", Duration::from_secs(10), async || idle.healthy().await).await;
    drop(idle);
    // Small ones go together, however many; of large ones each takes a connection for a second or more, and there are 4.
    delay.store(200, Ordering::Relaxed);
    for (bytes, is_too_much) in [(20_000, false), (300_000, true)] {
        let content = noise(8, bytes);
        let many = join_all((0..200).map(|_| store(&server, &content))).await;
        let kept = many.iter().filter(|stored| stored.status() == 201).count();
        let comes_again = |stored: &&Response| stored.status() == 503 && stored.headers().contains_key("retry-after");
        let refused = many.iter().filter(comes_again).count();
        eprintln!(
            "{bytes} B: {kept} kept, {refused} refused, memory {at_rest} KiB, then {} KiB",
            server.memory("VmRSS")
        );
        assert!(kept > 0 && kept + refused == 200, "{kept} kept, {refused} refused");
        assert!(!is_too_much || refused > 20, "{refused} refused");
    }
    assert!(server.memory("VmRSS") < at_rest + MEMORY);
    delay.store(0, Ordering::Relaxed);
    until("it is fast again", Duration::from_secs(5), async || {
        let asked = Instant::now();
        store(&server, b"x").await.status() == 201 && asked.elapsed() < Duration::from_millis(200)
    })
    .await;
}

/// A running server whose database comes back with a certificate for another name gives it nothing, says why, and goes on when the right one is
/// there again.
#[tokio::test]
async fn another_certificate_is_not_talked_to() {
    let Some(cluster) = Cluster::start() else { return };
    let database = cluster.new_database();
    let files = directory();
    let roots = files.path().join("roots.pem");
    let (right, other) = (certificate("127.0.0.1"), certificate("db.example"));
    std::fs::write(&roots, format!("{}{}", right.0, other.0)).unwrap();
    let show = |(certificate, key): &(String, String)| {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = cluster.directory.join("data").join(name);
            std::fs::write(&path, text).unwrap();
            assert!(Command::new("chmod").arg("600").arg(&path).status().unwrap().success());
            let _ = Command::new("chown").arg("nobody:nogroup").arg(&path).output();
        }
        cluster.reload();
        cluster
            .psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ots'");
    };
    show(&right);
    cluster.set("ssl = on\n");
    cluster.reload();
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", cluster.url(&database), roots.display());
    let is_on = "SELECT current_setting('ssl')";
    until("it speaks TLS", Duration::from_secs(10), async || cluster.psql("postgres", is_on) == "on").await;
    let server = serve(&url, &[]);
    let kept = server.create("x").await;
    show(&other);
    until("it is told", Duration::from_secs(10), async || !server.healthy().await).await;
    let answer = server.get(&kept).await;
    assert!(answer.status() == 503 && answer.headers().contains_key("retry-after"));
    until("the log says why", Duration::from_secs(10), async || {
        server.get(&kept).await;
        server.log().contains("not valid for name")
    })
    .await;
    show(&right);
    until("it works again", Duration::from_secs(10), async || server.healthy().await).await;
    assert_eq!(server.get(&kept).await.status(), 200);
}
