//! The promises over three servers on one database: who asks which of them makes no difference.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{records, replicas, serve};
use crate::common::{
    CLAIM,
    postgres::{Cluster, PASSWORD},
    until,
};

/// The whole way of a secret, each step over another server.
#[tokio::test]
async fn each_step_may_go_to_another_server() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let servers = replicas(&cluster.url(&database));
    let [first, second, third] = &servers[..] else { unreachable!() };

    let token = first.create("hunter2").await;
    let status: Value = second.status(&token).await.json().await.unwrap();
    assert_eq!((status["size"].as_u64(), status["passphrase_required"].as_bool()), (Some(7), Some(false)));
    let read: Value = third.get(&token).await.json().await.unwrap();
    assert_eq!(read["content"], "hunter2");
    for server in &servers {
        assert_eq!(server.get(&token).await.status(), 404);
        assert_eq!(server.status(&token).await.status(), 404);
    }

    let token = second.create("claimed").await;
    for server in [third, first, second] {
        assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200, "the same reader asks again");
    }
    assert_eq!(first.get(&token).await.status(), 404);
    assert_eq!(third.delete(&token, None).await.status(), 404, "somebody is reading it");
    assert_eq!(third.delete(&token, Some(CLAIM)).await.status(), 204);
    assert_eq!(second.reveal(&token, Some(CLAIM), None).await.status(), 404);

    let token = third.create("burned").await;
    assert_eq!(first.delete(&token, None).await.status(), 204);
    assert_eq!(second.get(&token).await.status(), 404);

    let large = "x".repeat(900_000);
    let token = first.create(&large).await;
    let read: Value = second.get(&token).await.json().await.unwrap();
    assert!(read["content"] == large.as_str());
    assert_eq!(records(cluster, &database), 0, "nothing is left of any of them");
    for server in servers {
        assert!(server.stop().success());
    }
}

/// Ten tries in all, not ten for each server; the right passphrase in between destroys nothing.
#[tokio::test]
async fn tries_are_counted_over_all_servers() {
    let Some(cluster) = Cluster::shared() else { return };
    let servers = replicas(&cluster.url(&cluster.new_database()));
    let guarded = || servers[0].create_with(json!({ "content": "guarded", "passphrase": "right" }));
    let token = guarded().await;
    let wrong: Vec<_> = (0..40).map(|at| servers[at % 3].reveal(&token, None, Some("wrong"))).collect();
    let answers: Vec<u16> = join_all(wrong).await.iter().map(|answer| answer.status().as_u16()).collect();
    let counted = answers.iter().filter(|status| **status == 403).count();
    assert_eq!(counted, 10, "{answers:?}");
    assert!(answers.iter().all(|status| [403, 404].contains(status)), "{answers:?}");
    assert_eq!(servers[1].reveal(&token, None, Some("right")).await.status(), 404, "it is burned");

    let token = guarded().await;
    for at in 0..9 {
        assert_eq!(servers[at % 3].reveal(&token, None, Some("wrong")).await.status(), 403);
    }
    assert_eq!(servers[0].reveal(&token, None, Some("right")).await.status(), 200);
}

/// What has expired is gone to all of them at once, and removed by one of them.
#[tokio::test]
async fn what_expires_is_removed_by_one_of_them() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let servers = replicas(&cluster.url(&database));
    let tokens =
        join_all((0..30).map(|at| servers[at % 3].create_with(json!({ "content": "x", "ttl_seconds": 60 })))).await;
    // As if a minute had passed: nobody waits for it in a test.
    cluster.psql(&database, "UPDATE ots.record SET deadline = deadline - 59500, ends_at = ends_at - 59500");
    tokio::time::sleep(Duration::from_millis(600)).await;
    for (at, token) in tokens.iter().enumerate() {
        assert_eq!(servers[at % 3].get(token).await.status(), 404);
    }
    until("the sweeper came by", Duration::from_secs(40), async || records(cluster, &database) == 0).await;
}

/// Of several hosts the one is used that can be written to; when another is, servers that run find it by themselves.
#[tokio::test]
async fn the_host_that_can_be_written_to_is_found() {
    let (Some(first), Some(second)) = (Cluster::start(), Cluster::start()) else { return };
    let allow = |cluster: &Cluster, writes: bool| {
        cluster.psql("postgres", &format!("ALTER SYSTEM SET default_transaction_read_only = {}", !writes));
        cluster.reload();
    };
    let database = first.new_database();
    assert_eq!(second.new_database(), database);
    for cluster in [&first, &second] {
        assert!(serve(&cluster.url(&database), &[]).stop().success(), "the tables are made");
    }
    let user = format!("ots:{}", PASSWORD.replace(':', "%3A"));
    let (one, two) = (first.port, second.port);
    allow(&first, false);
    let server = serve(&format!("postgres://{user}@127.0.0.1:1,127.0.0.1:{one},127.0.0.1:{two}/{database}"), &[]);
    server.create("x").await;
    assert_eq!((records(&second, &database), server.healthy().await), (1, true));
    allow(&second, false);
    until("no host can be written to", Duration::from_secs(5), async || !server.healthy().await).await;
    allow(&first, true);
    until("the other one is found", Duration::from_secs(5), async || server.healthy().await).await;
    let token = server.create("y").await;
    assert_eq!(records(&first, &database), 1);
    assert_eq!(server.get(&token).await.status(), 200);
}
