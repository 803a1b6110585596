//! `ots admin` on a database that servers share: it asks that, whoever runs on it.

use std::process::Command;

use super::{records, serve};
use crate::common::{SECRET_KEY, assert_fails, ots, postgres::Cluster, run, text};

pub fn admin(url: &str, arguments: &[&str]) -> Command {
    let mut command = ots();
    command.env("OTS_DATABASE_URL", url).env("SECRET_KEY", SECRET_KEY).arg("admin").args(arguments);
    command
}

#[tokio::test]
async fn stats_keys_check_and_sweep_work_beside_the_servers() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let url = cluster.url(&database);
    let before = run(admin(&url, &["stats"]), b"");
    assert_fails(&before, 1, "start the server once");
    let server = serve(&url, &[]);
    for _ in 0..3 {
        server.create("x").await;
    }
    let said = |arguments: &[&str]| {
        let output = run(admin(&url, arguments), b"");
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    let stats = said(&["stats"]);
    assert!(
        stats.contains("secrets                   3, ") && stats.contains("tables ") && !stats.contains("WAL"),
        "{stats}"
    );
    assert!(said(&["keys"]).contains("current    3 secret(s) from "));
    let checked = said(&["check"]);
    assert!(
        checked.starts_with(&format!("PostgreSQL ({database} at 127.0.0.1:")) && checked.ends_with("whole\n"),
        "{checked}"
    );
    cluster.psql(
        &database,
        "UPDATE ots.record SET deadline = 1 WHERE id = (SELECT id FROM ots.record ORDER BY id LIMIT 1)",
    );
    let swept = said(&["sweep"]);
    assert!(
        swept.contains("removed 1 expired secret(s); PostgreSQL overwrites") || swept.contains("nothing had expired")
    );
    assert_eq!(records(cluster, &database), 2);
    cluster.psql(
        &database,
        "UPDATE ots.record SET sealed = 'x' WHERE id = (SELECT id FROM ots.record ORDER BY id LIMIT 1)",
    );
    let damaged = run(admin(&url, &["check"]), b"");
    assert_eq!(damaged.status.code(), Some(6));
    assert!(text(&damaged.stdout).contains("isn't as it was written"));
    cluster.psql(&database, "DELETE FROM ots.record; DELETE FROM ots.held; DROP INDEX ots.record_by_deadline");
    cluster.psql(&database, "ALTER TABLE ots.held DROP CONSTRAINT held_pkey");
    let unindexed = run(admin(&url, &["check"]), b"");
    assert_eq!(unindexed.status.code(), Some(6));
    let (found, wanted) = (
        text(&unindexed.stdout),
        [
            "by deadline isn't there, or isn't valid: make it with CREATE INDEX CONCURRENTLY ON ots.record (deadline)",
            "make it with CREATE UNIQUE INDEX CONCURRENTLY ON ots.held (key_id, part)",
        ],
    );
    assert!(wanted.iter().all(|wanted| found.contains(wanted)) && found.matches("damaged: ").count() == 2, "{found}");
    cluster.psql(&database, "CREATE INDEX CONCURRENTLY ON ots.record (deadline)");
    cluster.psql(&database, "CREATE UNIQUE INDEX CONCURRENTLY ON ots.held (key_id, part)");
    assert!(said(&["check"]).ends_with("whole\n"));
}
