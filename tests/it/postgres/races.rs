//! Promise 1 over three servers: of 64 readers, who read, claim or burn, one gets a secret; none, where its end comes first.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::{records, replicas};
use crate::common::{CLAIM, Server, postgres::Cluster, until};

const READERS: usize = 64;
const ROUNDS: usize = 136;
/// Rounds in which the secret expires, so many at once.
const EXPIRING: usize = 4;
const TIMES: usize = 16;

/// What one of the readers is told, of reading, revealing with a claim and without, and of burning, which is to win, too.
async fn ask(server: &Server, token: &str, at: usize) -> u16 {
    match at % 4 {
        0 => server.get(token).await.status().as_u16(),
        1 => server.reveal(token, None, None).await.status().as_u16(),
        2 => server.reveal(token, Some(&format!("{CLAIM}-{at}")), None).await.status().as_u16(),
        _ => match server.delete(token, None).await.status().as_u16() {
            204 => 200,
            status => status,
        },
    }
}

/// How many of all readers have won; the others were told that it is gone.
async fn race(servers: &[Server], token: &str, first: usize) -> usize {
    let answers = join_all((0..READERS).map(|at| ask(&servers[(at + first) % 3], token, at + first))).await;
    let count = |wanted: u16| answers.iter().filter(|status| **status == wanted).count();
    assert_eq!(count(200) + count(404), READERS, "{answers:?}");
    count(200)
}

/// Two hundred rounds, of which in some the secret expires in the middle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_reader_wins_a_race_over_three_servers_or_none_if_it_expires() {
    let Some(cluster) = Cluster::shared() else { return };
    let _heavy = crate::common::heavy();
    let database = cluster.new_database();
    let servers = replicas(&cluster.url(&database));
    for round in 0..ROUNDS {
        let token = servers[round % 3].create("hunter2").await;
        assert_eq!(race(&servers, &token, round).await, 1, "round {round}");
    }
    let mut won = 0;
    for _ in 0..TIMES {
        let body = || json!({ "content": "hunter2", "ttl_seconds": 1 });
        let tokens = join_all((0..EXPIRING).map(|at| servers[at % 3].create_with(body()))).await;
        // From well before their end to just after it.
        let first = Instant::now() + Duration::from_millis(550);
        let begins = |at: usize| first + Duration::from_millis(150) * u32::try_from(at).unwrap();
        let races = tokens.iter().enumerate().map(async |(at, token)| {
            tokio::time::sleep_until(begins(at).into()).await;
            race(&servers, token, at).await
        });
        let winners = join_all(races).await;
        assert!(winners.iter().all(|winners| *winners <= 1), "{winners:?}");
        won += winners.iter().sum::<usize>();
    }
    eprintln!("{won} of {} that expired were read before", TIMES * EXPIRING);
    assert!(0 < won && won < TIMES * EXPIRING, "they end in the middle: {won}");
    // What is left is claimed by somebody who won.
    until("what has expired is removed", Duration::from_secs(40), async || {
        let alive = "SELECT count(*) FROM ots.record WHERE claim IS NULL OR own";
        cluster.psql(&database, alive) == "0"
    })
    .await;
    assert!(records(cluster, &database) > 0);
}
