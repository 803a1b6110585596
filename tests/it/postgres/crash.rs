//! A database that dies, freezes, refuses, or is cut off: nothing that was acknowledged is lost, nothing is given out twice, what wasn't
//! given out isn't gone, and the servers recover by themselves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{records, replicas, serve};
use crate::common::{Server, postgres::Cluster, until};

/// Reads until the server says what became of the secret: true if it gave it out, false if it says that it is gone.
async fn read(servers: &[Server], at: usize, token: &str) -> bool {
    let end = Instant::now() + Duration::from_secs(90);
    for turn in at.. {
        let answer = servers[turn % servers.len()].get(token).await;
        match answer.status().as_u16() {
            200 => return answer.text().await.unwrap().contains(&format!("secret {at}.")),
            404 => return false,
            503 => assert!(answer.headers().contains_key("retry-after")),
            status => panic!("{status}"),
        }
        assert!(Instant::now() < end, "the database doesn't come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    unreachable!()
}

/// Creates until it is told to stop: the tokens of what was acknowledged.
async fn create(servers: &[Server], first: usize, stop: &AtomicBool) -> Vec<(usize, String)> {
    let mut kept = Vec::new();
    let mut at = first;
    while !stop.load(Ordering::Relaxed) {
        let answer = servers[at % servers.len()].post_json(&format!(r#"{{"content":"secret {at}."}}"#)).await;
        match answer.status().as_u16() {
            201 => {
                let created: serde_json::Value = answer.json().await.unwrap();
                kept.push((at, created["token"].as_str().unwrap().to_owned()));
            }
            503 => tokio::time::sleep(Duration::from_millis(50)).await,
            status => panic!("{status}"),
        }
        at += 1000;
    }
    kept
}

/// `kill -9` of the database while secrets are made and read: each that was acknowledged is read, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_database_loses_nothing_and_is_found_again() {
    let Some(mut cluster) = Cluster::start() else { return };
    let _heavy = crate::common::heavy();
    let database = cluster.new_database();
    let servers = Arc::new(replicas(&cluster.url(&database)));
    for episode in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        let work: Vec<_> = (0..12)
            .map(|first| {
                let (servers, stop) = (Arc::clone(&servers), Arc::clone(&stop));
                tokio::spawn(async move {
                    let (mut kept, mut given) = (0, 0);
                    // One after the other, so that reads are under way when it dies.
                    while !stop.load(Ordering::Relaxed) {
                        if let Some(token) = one(&servers, first).await {
                            kept += 1;
                            given += usize::from(read(&servers, first, &token).await);
                        }
                    }
                    (kept, given)
                })
            })
            .collect();
        let stored = Arc::new(AtomicBool::new(false));
        let storing = {
            let (servers, stored) = (Arc::clone(&servers), Arc::clone(&stored));
            tokio::spawn(async move { create(&servers, 500, &stored).await })
        };
        tokio::time::sleep(Duration::from_millis(1500)).await;
        cluster.kill();
        let killed = Instant::now();
        until("it is told", Duration::from_secs(2), async || !servers[0].healthy().await).await;
        assert!(killed.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.run();
        let back = Instant::now();
        for server in servers.iter() {
            until("it works again", Duration::from_secs(5), async || server.healthy().await).await;
        }
        assert!(back.elapsed() < Duration::from_secs(4), "episode {episode}: {:?}", back.elapsed());
        stop.store(true, Ordering::Relaxed);
        stored.store(true, Ordering::Relaxed);
        for (kept, given) in join_all(work).await.into_iter().map(Result::unwrap) {
            assert!(kept > 0 && kept == given, "episode {episode}: {given} of {kept} were given out");
        }
        let kept = storing.await.unwrap();
        let given = join_all(kept.iter().map(|(at, token)| read(&servers, *at, token))).await;
        assert!(given.iter().all(|given| *given), "episode {episode}: something that was acknowledged is gone");
        let again = join_all(kept.iter().map(|(at, token)| read(&servers, at + 1, token))).await;
        assert!(!again.iter().any(|given| *given), "episode {episode}: something was given out twice");
    }
    // What was made and never acknowledged is all that may be left.
    assert!(records(&cluster, &database) < 200);
}

/// Makes one secret, if the server can.
async fn one(servers: &[Server], at: usize) -> Option<String> {
    let answer = servers[at % servers.len()].post_json(&format!(r#"{{"content":"secret {at}."}}"#)).await;
    if answer.status() != 201 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        return None;
    }
    let created: serde_json::Value = answer.json().await.unwrap();
    Some(created["token"].as_str().unwrap().to_owned())
}

/// A way to the database that is cut every so many answers, before the last of them has come through: its outcome is nobody's to know.
/// None is, before `every` is set.
async fn cutting(port: u16, every: Arc<AtomicUsize>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let by = listener.local_addr().unwrap().port();
    let cuts = Arc::new(AtomicUsize::new(0));
    let answers = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&cuts);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (answers, cuts, every) = (Arc::clone(&answers), Arc::clone(&counted), Arc::clone(&every));
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let forward = tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                });
                let mut part = [0; 16 * 1024];
                while let Ok(length @ 1..) = from_server.read(&mut part).await {
                    let every = every.load(Ordering::Relaxed);
                    if every > 0 && answers.fetch_add(1, Ordering::Relaxed) % every == every - 1 {
                        cuts.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    if to_client.write_all(&part[..length]).await.is_err() {
                        break;
                    }
                }
                forward.abort();
            });
        }
    });
    (by, cuts)
}

/// Whatever is cut off, a reader that asks again gets the secret, and only one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_knows_the_outcome_of_is_neither_lost_nor_given_twice() {
    let Some(cluster) = Cluster::shared() else { return };
    let _heavy = crate::common::heavy();
    let database = cluster.new_database();
    let every = Arc::new(AtomicUsize::new(0));
    let (port, cuts) = cutting(cluster.port, Arc::clone(&every)).await;
    let servers = [serve(&Cluster::url_by(port, &database), &[]), serve(&Cluster::url_by(port, &database), &[])];
    let direct = serve(&cluster.url(&database), &[]);
    let mut tokens = Vec::new();
    for at in 0..200 {
        tokens.push((at, direct.create(&format!("secret {at}.")).await));
    }
    // A connection takes some five answers to be made, reads that go together some four over connections that have their statements.
    every.store(17, Ordering::Relaxed);
    for part in tokens.chunks(5) {
        let given = join_all(part.iter().map(|(at, token)| read(&servers, *at, token))).await;
        assert!(given.iter().all(|given| *given), "{given:?}, after {} cuts", cuts.load(Ordering::Relaxed));
    }
    every.store(0, Ordering::Relaxed);
    assert!(cuts.load(Ordering::Relaxed) > 20, "{} cuts", cuts.load(Ordering::Relaxed));
    for (_, token) in &tokens {
        assert_eq!(direct.get(token).await.status(), 404);
    }
    until("claims of their own are released", Duration::from_secs(20), async || records(cluster, &database) == 0).await;
}

/// Sessions that an administrator ends at random are made anew.
#[tokio::test]
async fn ended_sessions_lose_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let servers = [serve(&cluster.url(&database), &["--database-connections", "3"])];
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = '{database}' AND application_name = 'ots' AND random() < 0.7"
    );
    for round in 0..15 {
        let tokens = join_all((0..6).map(|_| one(&servers, round))).await;
        let reads = join_all(tokens.iter().flatten().map(|token| read(&servers, round, token)));
        let (given, ()) = tokio::join!(reads, async { drop(cluster.psql("postgres", &end)) });
        assert!(given.iter().all(|given| *given), "round {round}: {given:?}");
    }
    let most =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND application_name = 'ots'");
    assert!(cluster.psql("postgres", &most).parse::<u32>().unwrap() <= 3, "the bound on connections holds");
}

/// While the database can't be written to, is full of connections, or is frozen, servers say so within two seconds, and go on when it is
/// over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_refuses_or_freezes_is_told_and_found_again() {
    let Some(cluster) = Cluster::start() else { return };
    let _heavy = crate::common::heavy();
    let database = cluster.new_database();
    let server = serve(&cluster.url(&database), &[]);
    let token = server.create("secret 0.").await;
    let unhealthy = async |why: &str| {
        let began = Instant::now();
        until(why, Duration::from_secs(4), async || !server.healthy().await).await;
        let answer = server.request(reqwest::Method::GET, "/health").send().await.unwrap();
        assert!(answer.headers().contains_key("retry-after") && answer.status() == 503);
        began.elapsed()
    };
    let works = async || {
        until("it works again", Duration::from_secs(5), async || server.healthy().await).await;
        let token = server.create("secret 1.").await;
        assert_eq!(server.get(&token).await.status(), 200);
    };
    for (refuse, allow) in [
        ("ALTER SYSTEM SET default_transaction_read_only = on", "ALTER SYSTEM RESET default_transaction_read_only"),
        ("ALTER DATABASE {} ALLOW_CONNECTIONS false", "ALTER DATABASE {} ALLOW_CONNECTIONS true"),
        ("ALTER ROLE ots CONNECTION LIMIT 0", "ALTER ROLE ots CONNECTION LIMIT -1"),
    ] {
        cluster.psql("postgres", &refuse.replace("{}", &database));
        cluster.reload();
        // Connections that there are stay as they are; what is there anew is refused.
        cluster
            .psql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ots'");
        unhealthy(refuse).await;
        let answer = server.get(&token).await;
        assert!(answer.status() == 503 && answer.headers().contains_key("retry-after"), "{refuse}");
        cluster.psql("postgres", &allow.replace("{}", &database));
        cluster.reload();
        works().await;
    }
    cluster.signal("-STOP");
    let told = unhealthy("it is frozen").await;
    cluster.signal("-CONT");
    assert!(told < Duration::from_millis(2500), "{told:?}");
    works().await;
    assert_eq!(server.get(&token).await.status(), 200, "none of it took the secret");
}
