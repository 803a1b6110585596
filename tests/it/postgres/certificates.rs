//! Servers that show a certificate for themselves, to a database that lets nobody in without.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use super::{refused, serve};
use crate::{
    common::{assert_refuses, postgres::Cluster, text, until},
    wire::Authority,
};

/// A file that PostgreSQL reads.
fn give(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    let _ = Command::new("chown").arg("nobody:nogroup").arg(path).output();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The right certificate is enough, without a password; whatever else is shown, or nothing, is told with what to do.
#[tokio::test]
async fn a_user_is_let_in_by_a_certificate() {
    let Some(cluster) = Cluster::start() else { return };
    let database = cluster.new_database();
    let (trusted, other) = (Authority::new(), Authority::new());
    let (data, here) = (cluster.directory.join("data"), trusted.issue_here());
    give(&data.join("server.crt"), &here.certificate);
    give(&data.join("server.key"), &here.key);
    give(&data.join("ca.crt"), &std::fs::read_to_string(trusted.directory.path().join("ca.pem")).unwrap());
    give(&data.join("pg_hba.conf"), &format!("local all all trust\nhostssl {database} ots 127.0.0.1/32 cert\n"));
    cluster.set("ssl = on\nssl_ca_file = 'ca.crt'\n");
    cluster.reload();

    let keep = |name: &str, text: &str, mode: u32| {
        let path = trusted.keep(name, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ots, somebody, stranger) = (trusted.issue_to("ots"), trusted.issue_to("somebody"), other.issue_to("ots"));
    let (certificate, key) = (keep("ots.crt", &ots.certificate, 0o644), keep("ots.key", &ots.key, 0o600));
    let url = format!(
        "postgres://ots@127.0.0.1:{}/{database}?sslrootcert={}",
        cluster.port,
        trusted.directory.path().join("ca.pem").display()
    );
    let with = |certificate: &str, key: &str| format!("{url}&sslcert={certificate}&sslkey={key}");
    until("it has read its files again", Duration::from_secs(10), async || {
        text(&refused(&format!("{url}&sslmode=verify-full"), &[]).stderr).contains("certificate")
    })
    .await;
    for (url, says) in [
        (format!("{url}&sslmode=verify-full"), "wants a certificate of the user ots"),
        (
            with(&keep("a.crt", &somebody.certificate, 0o644), &keep("a.key", &somebody.key, 0o600)),
            "takes none or another than it was shown (certificate authentication failed",
        ),
        (
            with(&keep("b.crt", &stranger.certificate, 0o644), &keep("b.key", &stranger.key, 0o600)),
            "takes none or another than it was shown (received fatal alert",
        ),
        (
            with(&certificate, &keep("open.key", &ots.key, 0o644)),
            "open.key can't be used: others can read it: chmod 600",
        ),
        (with(&certificate, &keep("a.key", &somebody.key, 0o600)), "a.key can't be used"),
        (with("/nonexistent", &key), "sslcert: /nonexistent can't be used"),
        (with(&key, &key), "it has no certificate"),
    ] {
        assert_refuses(&refused(&url, &[]), 1, says);
    }
    let server = serve(&with(&certificate, &key), &[]);
    let token = server.create("hunter2").await;
    assert_eq!(server.get(&token).await.status(), 200);
    let shown = "SELECT count(*) FROM pg_stat_ssl WHERE client_dn = '/CN=ots'";
    assert!(cluster.psql("postgres", shown).parse::<u32>().unwrap() > 0);
}
