//! Servers of one database that weren't given the same keys.

use std::{process::Command, time::Duration};

use serde_json::Value;

use super::{command, serve};
use crate::{
    common::{Server, directory, ots, postgres::Cluster, run, until},
    watch::Watched,
};

const OFTEN: [&str; 2] = ["--cleanup-interval", "1s"];
const SOON: Duration = Duration::from_secs(10);

async fn problems(server: &Server) -> Vec<String> {
    let health: Value = server.request(reqwest::Method::GET, "/health").send().await.unwrap().json().await.unwrap();
    let problems = health["problems"].as_array().cloned().unwrap_or_default();
    problems.iter().map(|problem| problem["code"].as_str().unwrap().to_owned()).collect()
}

fn with_key(mut command: Command, key: &str) -> Server {
    Server::spawn({
        command.env("SECRET_KEY", key);
        command
    })
    .unwrap()
}

/// Two that started on an empty database, and one whose database another host's secrets are moved into: each says so once, and serves what it
/// can.
#[expect(clippy::float_cmp, reason = "it is whole")]
#[tokio::test]
async fn secrets_under_a_key_that_a_server_lacks_are_told_while_it_runs() {
    let Some(cluster) = Cluster::shared() else { return };
    let url = cluster.url(&cluster.new_database());
    let one = serve(&url, &OFTEN);
    let watched = [&OFTEN[..], &["--metrics-listen", "127.0.0.1:0"]].concat();
    let watched = Watched::of(with_key(command(&url, &watched), "the key of another server 0123456789"));
    let (other, numbers) = (&watched.server, async || watched.numbers().await["ots_secrets_unreadable"]);
    assert!(problems(&one).await.is_empty() && problems(other).await.is_empty());
    let token = one.create("x").await;
    let told = "1 stored secret(s) are sealed under a SECRET_KEY that this server wasn't given";
    until("it is told", SOON, async || problems(other).await == ["unreadable"] && other.log().contains(told)).await;
    assert!(problems(&one).await.is_empty(), "it has the key");
    assert_eq!(numbers().await, 1.0);
    assert!(other.healthy().await, "it serves its own");
    assert_eq!(other.get(&token).await.status(), 500);
    assert_eq!(one.get(&token).await.status(), 200);
    let over = "no stored secret is sealed under a SECRET_KEY any more";
    until("it is over", SOON, async || problems(other).await.is_empty() && other.log().contains(over)).await;
    assert_eq!(other.log().matches("stored secret(s) are sealed").count(), 1);
    assert_eq!(numbers().await, 0.0);
    drop(watched);

    let data = directory();
    let mut here = ots();
    here.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
    let here = Server::spawn(here).unwrap();
    here.create("x").await;
    assert!(here.stop().success());
    let mut moved = ots();
    moved.env("OTS_DATABASE_URL", &url).args(["admin", "migrate"]);
    moved.arg(format!("sqlite:{}", data.path().join("ots.db").display()));
    assert!(run(moved, b"").status.success());
    until("it is told", SOON, async || problems(&one).await == ["unreadable"] && one.log().contains(told)).await;

    // Who has said at the start that it is known isn't told again.
    let known =
        with_key(command(&url, &[&OFTEN[..], &["--allow-unreadable"]].concat()), "a third key 0123456789abcdef");
    assert!(problems(&known).await.is_empty());
}
