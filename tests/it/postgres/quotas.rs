//! Quotas are exact over all servers: what is counted is counted where it is kept.

use futures_util::future::join_all;

use super::{command, records, serve};
use crate::common::{Server, postgres::Cluster};

/// No race goes beyond what may be kept in all; what is read makes room.
#[tokio::test]
async fn no_race_goes_beyond_a_quota() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let url = cluster.url(&database);
    let servers: Vec<Server> = (0..3).map(|_| serve(&url, &["--quota-secrets", "20"])).collect();
    let create = async |at: usize| {
        let answer = servers[at % 3].post_json(r#"{"content":"x"}"#).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let answers = join_all((0..60).map(create)).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 20, "{answers:?}");
    assert!(answers.iter().all(|(status, _)| [201, 507].contains(status)), "{answers:?}");
    assert_eq!(records(cluster, &database), 20);
    let (_, kept) = answers.iter().find(|(status, _)| *status == 201).unwrap();
    let kept: serde_json::Value = serde_json::from_str(kept).unwrap();
    assert_eq!(servers[1].get(kept["token"].as_str().unwrap()).await.status(), 200);
    let answers = join_all((0..9).map(create)).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1, "{answers:?}");
}

/// The same for what one owner has.
#[tokio::test]
async fn no_race_goes_beyond_an_owners_quota() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let url = cluster.url(&database);
    let servers: Vec<Server> = (0..3)
        .map(|_| {
            let quotas = ["--quota-secrets-each", "7", "--quota-bytes-each", "2MiB", "--trusted-proxy", "127.0.0.1"];
            Server::spawn(command(&url, &quotas)).unwrap()
        })
        .collect();
    let create = async |at: usize| {
        let request = servers[at % 3].request(reqwest::Method::POST, "/api/v1/secrets");
        let request = request.header("x-forwarded-for", "192.0.2.1").json(&serde_json::json!({ "content": "x" }));
        request.send().await.unwrap().status().as_u16()
    };
    let answers = join_all((0..40).map(create)).await;
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 7, "{answers:?}");
    assert_eq!(records(cluster, &database), 7);
    assert_eq!(cluster.psql(&database, "SELECT records FROM ots.owner"), "7");
}
