//! What outlives the loss of a machine: what `/health`, the metrics and the log say of it, and `--require-synchronous`, which takes nothing
//! that doesn't.
#![allow(clippy::float_cmp, reason = "they are counts, and whole")]

use std::{path::Path, time::Duration};

use serde_json::Value;

use super::{command, serve};
use crate::{
    common::{CLAIM, SECRET_KEY, Server, assert_fails, assert_refuses, directory, ots, postgres::Cluster, run, until},
    watch::Watched,
};

/// Looks come with the sweeps.
const OFTEN: [&str; 4] = ["--cleanup-interval", "1s", "--metrics-listen", "127.0.0.1:0"];

async fn health(server: &Server) -> Value {
    server.request(reqwest::Method::GET, "/health").send().await.unwrap().json().await.unwrap()
}

async fn is(server: &Server, durability: &str) -> bool {
    health(server).await["durability"] == durability
}

/// What is wrong, by its codes.
async fn problems(server: &Server) -> Vec<String> {
    let health = health(server).await;
    let problems = health["problems"].as_array().cloned().unwrap_or_default();
    problems.iter().map(|problem| problem["code"].as_str().unwrap().to_owned()).collect()
}

fn set(cluster: &Cluster, setting: &str, value: &str) {
    cluster.psql("postgres", &format!("ALTER SYSTEM SET {setting} = '{value}'"));
    cluster.reload();
}

/// A PostgreSQL that waits for its own disk.
fn durable() -> Option<Cluster> {
    let cluster = Cluster::start()?;
    set(&cluster, "fsync", "on");
    Some(cluster)
}

fn refused(url: &str) -> std::process::Output {
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).env("OTS_DATABASE_URL", url).env("OTS_REQUIRE_SYNCHRONOUS", "true");
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    run(command, b"")
}

/// Each of the three, as the database changes beneath a server that runs: in `/health`, in the metrics and in the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_durability_is_told_and_each_change_of_it() {
    let Some(cluster) = durable() else { return };
    let database = cluster.new_database();
    let watched = Watched::of(serve(&cluster.url(&database), &OFTEN));
    let server = &watched.server;
    let soon = Duration::from_secs(10);
    until("there is one node", soon, async || is(server, "one node").await).await;
    assert_eq!(server.log().matches("durability of the database: one node: there is no standby").count(), 1);
    let standby = cluster.standby("one");
    until("there is one that nobody waits for", soon, async || is(server, "asynchronous").await).await;
    assert!(problems(server).await.is_empty(), "nobody has required more");
    set(&cluster, "synchronous_standby_names", "ANY 1 (one, two)");
    until("it is waited for", soon, async || is(server, "synchronous").await).await;
    let numbers = watched.numbers().await;
    for (name, value) in [
        ("ots_durability{durability=\"synchronous\"}", 1.0),
        ("ots_durability{durability=\"one node\"}", 0.0),
        ("ots_durability{durability=\"asynchronous\"}", 0.0),
        ("ots_durability_required", 0.0),
        ("ots_database_standbys{state=\"hidden\"}", 1.0),
        ("ots_database_standbys{state=\"synchronous\"}", 0.0),
        ("ots_database_connections_limit", 16.0),
        ("ots_database_connections_waiting", 0.0),
    ] {
        assert_eq!(numbers.get(name), Some(&value), "{name}: {numbers:#?}");
    }
    assert!((1.0..=16.0).contains(&numbers["ots_database_connections"]), "{numbers:#?}");
    assert!(numbers["ots_database_connections_in_use"] <= numbers["ots_database_connections"], "{numbers:#?}");
    // What the documents say to grant shows which they are.
    cluster.psql("postgres", "GRANT pg_read_all_stats TO ots");
    let seen = "ots_database_standbys{state=\"synchronous\"}";
    until("it is seen which it is", soon, async || watched.numbers().await[seen] == 1.0).await;
    set(&cluster, "fsync", "off");
    until("the disk isn't waited for", soon, async || is(server, "asynchronous").await).await;
    set(&cluster, "fsync", "on");
    until("it is again", soon, async || is(server, "synchronous").await).await;
    let log = server.log();
    for said in [
        "durability of the database is now asynchronous: commits don't wait for the standbys: set synchronous_standby_names",
        "durability of the database is now synchronous",
        "durability of the database is now asynchronous: fsync or full_page_writes is off",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    drop(standby);
}

/// A file is one node, also for those who ask.
#[tokio::test]
async fn an_embedded_database_is_one_node() {
    let data = directory();
    let watched = Watched::start(data.path(), &[]);
    assert!(is(&watched.server, "one node").await);
    let numbers = watched.numbers().await;
    assert_eq!(numbers["ots_durability{durability=\"one node\"}"], 1.0);
    assert!(!numbers.keys().any(|name| name.starts_with("ots_database_")), "{numbers:#?}");
}

/// `--require-synchronous` starts on nothing less, and says what to set.
#[test]
fn what_is_not_synchronous_is_refused_at_the_start() {
    let data = directory();
    let file = |data: &Path| {
        let mut command = ots();
        command.args(["serve", "--require-synchronous", "--data-dir"]).arg(data);
        run(command, b"")
    };
    assert_fails(&file(&data.path().join("new")), 2, "--require-synchronous is for a PostgreSQL with standbys");
    assert!(!data.path().join("new").exists(), "nothing was made");
    let Some(cluster) = durable() else { return };
    let url = cluster.url(&cluster.new_database());
    until_refused(
        &url,
        "durability is one node: there is no standby: add two, and set synchronous_standby_names = 'ANY 1 (*)'",
    );
    let _standby = cluster.standby("one");
    until_refused(
        &url,
        "durability is asynchronous: commits don't wait for the standbys: set synchronous_standby_names = 'ANY 1 (*)'",
    );
    set(&cluster, "synchronous_standby_names", "one");
    let less = format!("{url}?options=-csynchronous_commit%3Dremote_write");
    until_refused(&less, "synchronous_commit is remote_write, which doesn't wait for the standbys' disks");
    let mut command = command(&url, &["--require-synchronous"]);
    command.env_remove("OTS_REQUIRE_SYNCHRONOUS");
    assert!(Server::spawn(command).unwrap().stop().success(), "it is enough");
}

/// The configuration is read a moment after it is asked for.
fn until_refused(url: &str, says: &str) {
    for _ in 0..100 {
        let output = refused(url);
        if String::from_utf8_lossy(&output.stderr).contains(says) {
            return assert_refuses(&output, 1, says);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{says}: {:?}", refused(url));
}

/// While it isn't so any more, nothing is taken; what is there is read, burned, and acknowledged; and it goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_that_one_machine_could_lose() {
    let Some(cluster) = durable() else { return };
    let _standby = cluster.standby("one");
    set(&cluster, "synchronous_standby_names", "ANY 1 (one)");
    let url = cluster.url(&cluster.new_database());
    until("it is synchronous", Duration::from_secs(10), async || {
        Server::spawn(command(&url, &["--require-synchronous"])).is_ok_and(|server| server.stop().success())
    })
    .await;
    let watched = Watched::of(serve(&url, &[&OFTEN[..], &["--require-synchronous"]].concat()));
    let server = &watched.server;
    let tokens = [server.create("a").await, server.create("b").await, server.create("c").await];
    assert_eq!(watched.numbers().await["ots_durability_required"], 1.0);

    set(&cluster, "synchronous_standby_names", "");
    until("it is told", Duration::from_secs(10), async || problems(server).await == ["not_durable"]).await;
    let answer = server.post_json(r#"{"content":"d"}"#).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "not_durable");
    assert_eq!(health(server).await["status"], "degraded");
    let ready = server.request(reqwest::Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(ready.status(), 200, "readers are sent here");
    assert_eq!(server.get(&tokens[0]).await.status(), 200);
    assert_eq!(server.reveal(&tokens[1], Some(CLAIM), None).await.status(), 200);
    assert_eq!(server.delete(&tokens[1], Some(CLAIM)).await.status(), 204);
    assert_eq!(server.delete(&tokens[2], None).await.status(), 204);

    set(&cluster, "synchronous_standby_names", "ANY 1 (one)");
    until("it goes on", Duration::from_secs(2), async || server.post_json(r#"{"content":"d"}"#).await.status() == 201)
        .await;
    assert!(problems(server).await.is_empty());
}

/// Another primary, which nobody follows, is known before anything is acknowledged that was stored there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_primary_is_asked_before_it_is_relied_on() {
    let Some(mut cluster) = durable() else { return };
    let standby = cluster.standby("one");
    set(&cluster, "synchronous_standby_names", "ANY 1 (one)");
    let database = cluster.new_database();
    let url = cluster.url(&database).replace(
        &format!("127.0.0.1:{}", cluster.port),
        &format!("127.0.0.1:{},127.0.0.1:{}", cluster.port, standby.port),
    );
    // No sweep looks within this test: a create is what finds it.
    let arguments = ["--cleanup-interval", "30s", "--require-synchronous"];
    let started = || Server::spawn(command(&url, &arguments)).ok();
    until("it is synchronous", Duration::from_secs(10), async || started().is_some()).await;
    let server = started().unwrap();
    let token = server.create("kept").await;
    cluster.kill();
    standby.psql("postgres", "SELECT pg_promote()");
    until("the new primary is found", Duration::from_secs(20), async || {
        let answer = server.post_json(r#"{"content":"d"}"#).await;
        assert_eq!(answer.status(), 503, "nobody follows it");
        answer.json::<Value>().await.unwrap()["code"] == "not_durable"
    })
    .await;
    assert_eq!(server.get(&token).await.status(), 200, "what was acknowledged is there, and read");
}

/// Without its standby a commit waits: nothing is acknowledged then, it is said why, and all of it goes on when the standby is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_standby_is_waited_for_and_what_waited_is_not_acknowledged() {
    let Some(cluster) = durable() else { return };
    let _heavy = crate::common::heavy();
    let mut standby = cluster.standby("one");
    set(&cluster, "synchronous_standby_names", "ANY 1 (one)");
    let url = cluster.url(&cluster.new_database());
    let server = serve(&url, &[&OFTEN[..], &["--database-connections", "4"]].concat());
    until("it is synchronous", Duration::from_secs(10), async || is(&server, "synchronous").await).await;
    let token = server.create("kept").await;
    let claimed = server.create("claimed").await;
    standby.kill();
    until("it is told", Duration::from_secs(20), async || problems(&server).await == ["no_standby"]).await;
    let answer = server.post_json(r#"{"content":"nobody knows"}"#).await;
    assert_eq!(answer.status(), 503, "its outcome isn't known");
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(server.get(&token).await.status(), 503, "nothing is given out whose removal could be lost");
    assert_eq!(server.reveal(&claimed, Some(CLAIM), None).await.status(), 503, "nor under a claim");
    for path in ["/readyz", "/health"] {
        let answer = server.request(reqwest::Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 503, "{path}: it can't do its work");
    }
    let told: Value = server.get(&token).await.json().await.unwrap();
    assert!(told["code"] == "unavailable" && told["detail"].as_str().unwrap().contains("waits for another machine"));
    // PostgreSQL's sessions wait on when their calls are given up: there come no more of them.
    for _ in 0..3 {
        futures_util::future::join_all((0..8).map(|_| server.post_json(r#"{"content":"x"}"#))).await;
    }
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ots'";
    let sessions: u32 = cluster.psql("postgres", sessions).parse().unwrap();
    assert!(sessions <= 2 * 4, "{sessions} sessions");
    standby.run();
    until("it goes on", Duration::from_secs(20), async || server.post_json(r#"{"content":"d"}"#).await.status() == 201)
        .await;
    until("all is well", Duration::from_secs(10), async || problems(&server).await.is_empty()).await;
    until("the secret can be read", Duration::from_secs(20), async || server.get(&token).await.status() == 200).await;
    assert_eq!(server.get(&token).await.status(), 404);
    // The claim that nobody was told of has come to nothing: somebody else may have it.
    until("the claimed one can be read", Duration::from_secs(20), async || server.get(&claimed).await.status() == 200)
        .await;
    assert_eq!(server.reveal(&claimed, Some(CLAIM), None).await.status(), 404);
}

/// One that is there and says nothing is as good as none: commits that wait show it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_says_nothing_is_told_as_well() {
    let Some(cluster) = durable() else { return };
    let _heavy = crate::common::heavy();
    let standby = cluster.standby("one");
    set(&cluster, "synchronous_standby_names", "ANY 1 (one)");
    let server = serve(&cluster.url(&cluster.new_database()), &OFTEN);
    until("it is synchronous", Duration::from_secs(10), async || is(&server, "synchronous").await).await;
    let token = server.create("kept").await;
    standby.signal("-STOP");
    assert_eq!(server.get(&token).await.status(), 503);
    until("it is told", Duration::from_secs(20), async || problems(&server).await == ["no_standby"]).await;
    standby.signal("-CONT");
    until("all is well", Duration::from_secs(20), async || server.healthy().await).await;
    until("it can be read", Duration::from_secs(20), async || server.get(&token).await.status() == 200).await;
    let log = server.log();
    assert!(log.contains("WARN") && log.contains("no standby answers that commits wait for"), "{log}");
    let again = log.lines().find(|line| line.contains("commits have a standby again")).unwrap();
    assert!(again.contains("INFO"), "good news is no warning: {again}");
}

/// A commit that an administrator ends the wait of is done on one machine only, and PostgreSQL calls it done all the same: it isn't acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_that_is_cut_short_is_no_acknowledgement() {
    let Some(cluster) = durable() else { return };
    let database = cluster.new_database();
    let server = serve(&cluster.url(&database), &OFTEN);
    server.create("kept").await;
    set(&cluster, "synchronous_standby_names", "nobody");
    let cut = async {
        let waiting = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        until("it waits", Duration::from_secs(5), async || cluster.psql("postgres", waiting) != "0").await;
    };
    let (answer, ()) = tokio::join!(server.post_json(r#"{"content":"on one machine"}"#), cut);
    assert_eq!(answer.status(), 503);
    assert!(server.log().contains("not to wait for a standby"), "{}", server.log());
    set(&cluster, "synchronous_standby_names", "");
    until("it works again", Duration::from_secs(10), async || server.healthy().await).await;
    let token = server.create("x").await;
    assert_eq!(server.get(&token).await.status(), 200);
}

/// Where a server is to take only what outlives a machine, a commit that was let go of, because nobody is to be waited for any more, isn't
/// acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_that_is_called_off_is_no_acknowledgement_either() {
    let Some(cluster) = durable() else { return };
    let _heavy = crate::common::heavy();
    let mut standby = cluster.standby("one");
    set(&cluster, "synchronous_standby_names", "ANY 1 (one)");
    let url = cluster.url(&cluster.new_database());
    let start = || Server::spawn(command(&url, &["--require-synchronous"]));
    until("it is synchronous", Duration::from_secs(10), async || start().is_ok_and(|server| server.stop().success()))
        .await;
    let server = start().unwrap();
    server.create("kept").await;
    standby.kill();
    let call_off = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'ots'";
        until("it waits", Duration::from_secs(5), async || cluster.psql("postgres", waiting) != "0").await;
        set(&cluster, "synchronous_standby_names", "");
    };
    let (answer, ()) = tokio::join!(server.post_json(r#"{"content":"on one machine"}"#), call_off);
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "not_durable");
    let answer = server.post_json(r#"{"content":"on one machine"}"#).await;
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], "not_durable", "nor what comes next");
}
