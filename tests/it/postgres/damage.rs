//! A record that was altered where it lies.

use std::time::Duration;

use serde_json::Value;

use super::serve;
use crate::common::{postgres::Cluster, until};

/// One whose length can't be is damaged, also the second time; the rest is served, and the sweep passes.
#[tokio::test]
async fn a_length_that_can_not_be_is_damage() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let server = serve(&cluster.url(&database), &["--cleanup-interval", "1s"]);
    for length in ["-1", "0", "sealed_len + 1", "100000000", "9223372036854775807", "-9223372036854775808"] {
        let token = server.create("x").await;
        cluster.psql(
            &database,
            &format!("UPDATE ots.record SET sealed_len = {length} WHERE id = (SELECT id FROM ots.record ORDER BY created_at DESC LIMIT 1)"),
        );
        for _ in 0..2 {
            let answer = server.get(&token).await;
            assert_eq!(answer.status(), 500, "{length}");
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "damaged", "{length}");
        }
    }
    let whole = server.create("y").await;
    assert_eq!(server.get(&whole).await.status(), 200);
    assert!(server.log().contains("the database is damaged there"));
    cluster.psql(&database, "UPDATE ots.record SET deadline = 1");
    until("they are swept", Duration::from_secs(10), async || {
        cluster.psql(&database, "SELECT count(*) FROM ots.record") == "0"
    })
    .await;
    assert!(ots::store::Store::check(&cluster.url(&database).parse().unwrap()).unwrap().findings.is_empty());
}
