//! Tables, and rows, that somebody else has locked.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

use super::{refused, serve};
use crate::{
    common::{Server, assert_refuses, postgres::Cluster, until},
    watch::Watched,
};

const SOON: Duration = Duration::from_secs(10);

/// A session of somebody who works on the database, and its process.
async fn somebody(url: &str) -> (Client, i32) {
    let (client, connection) =
        tokio_postgres::connect(&format!("{url}?application_name=a%20person"), NoTls).await.unwrap();
    tokio::spawn(connection);
    let process = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    (client, process)
}

async fn status(server: &Server, path: &str) -> (u16, Value) {
    let answer = server.request(Method::GET, path).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Who asks is told that it is locked, not that much is to be done; the log says once by whom; and no balancer sends requests here until it is
/// over.
#[expect(clippy::float_cmp, reason = "it is whole")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_tables_are_told_once_until_they_are_free() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let url = cluster.url(&database);
    let watched = Watched::of(serve(&url, &["--cleanup-interval", "30s", "--metrics-listen", "127.0.0.1:0"]));
    let (server, numbers) = (&watched.server, async || watched.numbers().await["ots_store_locked"]);
    assert_eq!(numbers().await, 0.0);
    let token = server.create("x").await;
    let (somebody, process) = somebody(&url).await;
    for (mode, turn) in [("SHARE", 1), ("ACCESS EXCLUSIVE", 2)] {
        somebody.batch_execute(&format!("BEGIN; LOCK TABLE ots.record IN {mode} MODE")).await.unwrap();
        for _ in 0..2 {
            let answer = server.post_json(r#"{"content":"x"}"#).await;
            assert!(answer.status() == 503 && answer.headers().contains_key("retry-after"), "{mode}");
            let problem: Value = answer.json().await.unwrap();
            assert!(problem["code"] == "unavailable" && problem["detail"].as_str().unwrap().contains("has locked it"));
        }
        let (code, health) = status(server, "/health").await;
        assert_eq!((code, &health["problems"][0]["code"]), (503, &"locked".into()), "{mode}: {health}");
        assert_eq!(status(server, "/readyz").await.0, 503, "{mode}");
        let said = format!("tables are locked by process {process} (user ots, a person)");
        let count = |said: &str| server.log().matches(said).count();
        until("it is told", SOON, async || count(&said) >= turn).await;
        assert_eq!(count(&said), turn, "{mode}: {}", server.log());
        assert_eq!(numbers().await, 1.0, "{mode}");
        somebody.batch_execute("ROLLBACK").await.unwrap();
        until("it is over", SOON, async || numbers().await == 0.0).await;
        assert_eq!(status(server, "/readyz").await.0, 200);
        until("that is told", SOON, async || count("tables aren't locked any more") == turn).await;
        server.create("x").await;
    }
    // What removals leave for receipts is needed as well.
    let burned = server.create("x").await;
    somebody.batch_execute("BEGIN; LOCK TABLE ots.receipt IN SHARE MODE").await.unwrap();
    assert_eq!(server.delete(&burned, None).await.status(), 503);
    assert_eq!(status(server, "/readyz").await.0, 503);
    somebody.batch_execute("ROLLBACK").await.unwrap();
    until("it is over", SOON, async || status(server, "/readyz").await.0 == 200).await;
    // A lock on one record is no other's affair.
    somebody.batch_execute("BEGIN; SELECT FROM ots.record ORDER BY id LIMIT 1 FOR UPDATE").await.unwrap();
    assert_eq!(server.get(&token).await.status(), 503);
    assert!(server.healthy().await);
    let other = server.create("y").await;
    assert_eq!(server.get(&other).await.status(), 200);
    somebody.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(server.get(&token).await.status(), 200);
}

/// A server that starts meanwhile says what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_on_locked_tables_says_what_to_do() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.url(&cluster.new_database());
    assert!(serve(&url, &[]).stop().success());
    let (somebody, _) = somebody(&url).await;
    somebody.batch_execute("BEGIN; LOCK TABLE ots.state IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let output = tokio::task::spawn_blocking(move || refused(&url, &[])).await.unwrap();
    assert_refuses(&output, 1, "somebody has locked the tables in PostgreSQL");
}
