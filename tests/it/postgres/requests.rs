//! Requests in a PostgreSQL: moved there from a host, answered by one of several servers, and collected from another.

use serde_json::json;

use super::{records, replicas, serve};
use crate::common::{
    Server,
    asked::{ask, invited, withdraw},
    client, directory, ots,
    postgres::Cluster,
    run,
};

/// Open ones, answered ones and what is left of others are moved as they are; the requester's file collects over there.
#[tokio::test]
async fn requests_and_answers_are_moved_as_they_are() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, database) = (directory(), cluster.new_database());
    let url = cluster.url(&database);
    let here = Server::start(data.path(), &["--claim-lease", "10m"]);
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(ask(&here, json!({"max_size": 5000})).await);
    }
    let [open, answered, claimed, withdrawn, collected] = &asked[..] else { unreachable!() };
    for (asked, content) in [(answered, &b"answered"[..]), (claimed, b"claimed"), (collected, b"collected")] {
        assert_eq!(asked.answer(&here, content).await, 201);
    }
    assert_eq!(claimed.claim(&here).await.unwrap(), b"claimed");
    assert_eq!(withdraw(&here, &withdrawn.token, Some(&withdrawn.collecting)).await, 204);
    assert_eq!(collected.collect(&here).await.unwrap(), b"collected");
    let before = invited(&here, &open.token).await.text().await.unwrap();
    assert!(here.stop().success());

    let mut command = ots();
    command.env("OTS_DATABASE_URL", &url).args(["admin", "migrate"]);
    command.arg(format!("sqlite:{}", data.path().join("ots.db").display()));
    let moved = run(command, b"");
    assert!(moved.status.success() && moved.stdout.starts_with(b"moved 3 secret(s)"), "{moved:?}");
    assert_eq!(records(cluster, &database), 3);

    let there = serve(&url, &["--claim-lease", "10m"]);
    for (asked, state) in
        [(open, "open"), (answered, "unread"), (claimed, "claimed"), (withdrawn, "withdrawn"), (collected, "delivered")]
    {
        assert_eq!(asked.state(&there).await, state);
        assert_eq!(invited(&there, &asked.token).await.status(), if state == "open" { 200 } else { 404 });
    }
    assert_eq!(invited(&there, &open.token).await.text().await.unwrap(), before, "to the millisecond");
    assert_eq!(open.answer(&there, &[7; 4000]).await, 413, "its bound, too");
    assert_eq!(open.answer(&there, b"over there").await, 201);
    assert_eq!(open.answer(&there, b"again").await, 404);
    let stats = run(super::admin::admin(&url, &["stats", "--json"]), b"");
    let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!(["secrets", "requests", "receipts"].map(|name| stats[name].as_u64().unwrap()), [3, 0, 2]);
    let file = data.path().join("kept.ots");
    for (asked, content) in [(open, &b"over there"[..]), (answered, b"answered")] {
        std::fs::write(&file, asked.file(&there)).unwrap();
        assert_eq!(client(&there, &["get", file.to_str().unwrap()]).stdout, content);
        assert_eq!(asked.state(&there).await, "delivered");
    }
    assert_eq!(claimed.collect(&there).await.unwrap(), b"claimed", "by whoever has claimed it there");
    let here = Server::start(data.path(), &[]);
    for asked in &asked {
        assert_eq!(invited(&here, &asked.token).await.status(), 404);
        assert!(asked.claim(&here).await.is_none(), "nothing is left here");
    }
}

/// Asked on one, answered on all at once, and collected on another.
#[tokio::test(flavor = "multi_thread")]
async fn of_answers_that_race_on_several_servers_one_is_taken() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let servers = replicas(&cluster.url(&database));
    for round in 0..10_usize {
        let asked = ask(&servers[round % 3], json!({})).await;
        let answers = (0..9_u8).map(|number| {
            let (asked, server) = (&asked, &servers[usize::from(number) % 3]);
            async move { asked.answer(server, &[number; 9]).await }
        });
        let statuses = futures_util::future::join_all(answers).await;
        let winner = statuses.iter().position(|status| *status == 201).unwrap();
        assert_eq!(statuses.iter().filter(|status| **status == 404).count(), 8, "{statuses:?}");
        let content = asked.collect(&servers[(round + 1) % 3]).await.unwrap();
        assert_eq!(content, [u8::try_from(winner).unwrap(); 9], "the one that was told so");
        assert_eq!(asked.state(&servers[(round + 2) % 3]).await, "delivered");
    }
    assert_eq!(records(cluster, &database), 0);
}
