//! Sessions that an administrator ends at random, under everything that can be done with a secret.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Response;

use super::{
    faults::{MEMORY, token},
    serve,
};
use crate::common::{Server, postgres::Cluster};

/// While sessions are ended at random, everything that can be done with a secret is done: none is lost, none had twice, and a passphrase has
/// its tries and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_end_at_random_change_nothing() {
    let Some(cluster) = Cluster::shared() else { return };
    let _heavy = crate::common::heavy();
    let database = cluster.new_database();
    let servers: Arc<Vec<Server>> =
        Arc::new((0..2).map(|_| serve(&cluster.url(&database), &["--database-connections", "6"])).collect());
    let at_rest = servers[0].memory("VmRSS");
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let (servers, stop) = (Arc::clone(&servers), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut told = 0;
                while !stop.load(Ordering::Relaxed) {
                    let at = worker + told;
                    match worker {
                        0..3 => claimed(&servers, at).await,
                        3 | 4 => plain(&servers, at).await,
                        5 | 6 => burned(&servers, at).await,
                        _ => tried(&servers, at).await,
                    }
                    told += 1;
                }
                told
            })
        })
        .collect();
    let end = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = '{database}' AND application_name = 'ots' AND random() < 0.4"
    );
    let (until, mut ended) = (Instant::now() + MIX, 0);
    while Instant::now() < until {
        ended += cluster.psql("postgres", &end).parse::<u32>().unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let told: Vec<usize> = join_all(workers).await.into_iter().map(Result::unwrap).collect();
    eprintln!("{ended} sessions ended, stories told by each worker: {told:?}");
    assert!(ended > 50 && told.iter().all(|told| *told > 0), "{ended}, {told:?}");
    assert!(servers[0].memory("VmRSS") < at_rest + MEMORY);
    assert!(servers[0].healthy().await);
    assert!(ots::store::Store::check(&cluster.url(&database).parse().unwrap()).unwrap().findings.is_empty());
}

/// How long that goes on.
const MIX: Duration = Duration::from_secs(60);

/// One that was acknowledged.
async fn made(servers: &[Server], at: usize, body: &str) -> String {
    loop {
        let answer = servers[at % servers.len()].post_json(body).await;
        match answer.status().as_u16() {
            201 => return token(answer).await,
            503 => tokio::time::sleep(Duration::from_millis(20)).await,
            status => panic!("{status}"),
        }
    }
}

/// Asks one server after the other until one says what is: its status, and how often nobody knew.
async fn told<A: Future<Output = Response>>(servers: &[Server], at: usize, ask: impl Fn(usize) -> A) -> (u16, usize) {
    let end = Instant::now() + Duration::from_secs(40);
    for turn in 0.. {
        let answer = ask((at + turn) % servers.len()).await;
        if answer.status() != 503 {
            return (answer.status().as_u16(), turn);
        }
        assert!(answer.headers().contains_key("retry-after") && Instant::now() < end);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!()
}

const PLAIN: &str = r#"{"content":"x"}"#;

async fn claimed(servers: &[Server], at: usize) {
    let token = made(servers, at, PLAIN).await;
    let claim = format!("claim-0123456789-{at}");
    let reveal = async |server: usize| servers[server].reveal(&token, Some(&claim), None).await;
    assert_eq!(told(servers, at, reveal).await.0, 200);
    assert_eq!(told(servers, at, async |server| servers[server].get(&token).await).await.0, 404, "it is somebody's");
    assert_eq!(told(servers, at, reveal).await.0, 200, "the same reader has it again");
    let (status, before) = told(servers, at, async |server| servers[server].delete(&token, Some(&claim)).await).await;
    assert!(status == 204 || status == 404 && before > 0, "{status} after {before}");
    assert_eq!(told(servers, at, reveal).await.0, 404);
}

async fn plain(servers: &[Server], at: usize) {
    let token = made(servers, at, PLAIN).await;
    let get = async |server: usize| servers[server].get(&token).await;
    let (one, other) = tokio::join!(told(servers, at, get), told(servers, at + 1, get));
    let mut both = [one.0, other.0];
    both.sort_unstable();
    assert_eq!(both, [200, 404]);
}

async fn burned(servers: &[Server], at: usize) {
    let token = made(servers, at, PLAIN).await;
    let (status, before) = told(servers, at, async |server| servers[server].delete(&token, None).await).await;
    assert!(status == 204 || status == 404 && before > 0, "{status} after {before}");
    assert_eq!(told(servers, at, async |server| servers[server].get(&token).await).await.0, 404);
}

/// A try whose outcome isn't known may have been counted, and never gives more than there are.
async fn tried(servers: &[Server], at: usize) {
    let token = made(servers, at, r#"{"content":"x","passphrase":"right"}"#).await;
    let mut wrong = 0;
    let reveal = async |server: usize, word: &str| servers[server].reveal(&token, None, Some(word)).await;
    loop {
        match told(servers, at, async |server| reveal(server, "wrong").await).await.0 {
            404 => break,
            _ => wrong += 1,
        }
        assert!(wrong <= 10, "more tries than there are");
        if at.is_multiple_of(2) && wrong == 3 {
            assert_eq!(told(servers, at, async |server| reveal(server, "right").await).await.0, 200);
            return;
        }
    }
    assert_eq!(told(servers, at, async |server| reveal(server, "right").await).await.0, 404);
}
