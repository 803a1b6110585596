//! What a server says that can't start on a database: what to do, and never a password.

use std::{path::Path, process::Command};

use super::{command, refused, serve};
use crate::common::{
    SECRET_KEY, Server, assert_fails, assert_refuses, directory, ots,
    postgres::{Cluster, PASSWORD},
    run, text,
};

#[test]
fn a_url_that_can_not_be_is_wrong_usage() {
    for (url, says) in [
        ("postgres:hunter2", "write it as postgres://USER@HOST/DATABASE"),
        ("postgres://ots@host/ots?sslmod=hunter2", "the option sslmod behind its ? can't be used: it can have sslmode"),
        ("postgres://ots:x?hunter2=y@host/ots", "an option behind its ? can't be used"),
        ("postgres://ots@host/ots?sslmode=hunter2", "sslmode has to be disable or verify-full"),
        ("mysql://hunter2@host", "sqlite:FILE or postgres://USER@HOST/DATABASE"),
    ] {
        assert_fails(&refused(url, &[]), 2, says);
    }
    let mut command = ots();
    command.env("OTS_DATABASE_URL", "postgres://ots@127.0.0.1:1/ots").args(["serve", "--listen", "127.0.0.1:0"]);
    let data = directory();
    command.arg("--data-dir").arg(data.path());
    assert_fails(&run(command, b""), 2, "servers that share a database need the same key");
    assert!(std::fs::read_dir(data.path()).unwrap().next().is_none(), "no key was made");
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).args(["serve", "--database", "postgres://ots:hunter2@127.0.0.1:1/ots"]);
    let said = text(&run(command, b"").stderr);
    assert!(said.contains("is among the arguments") && !said.contains("hunter2"), "{said}");
}

#[test]
fn what_keeps_a_server_from_its_database_is_told() {
    let unreachable = refused("postgres://ots:hunter2@127.0.0.1:1/ots", &[]);
    assert_refuses(&unreachable, 1, "can't reach PostgreSQL (ots at 127.0.0.1:1): ");
    let Some(cluster) = Cluster::shared() else { return };
    let port = cluster.port;
    let database = cluster.new_database();
    let bare = format!("postgres://ots@127.0.0.1:{port}/{database}");
    for (url, says) in [
        (format!("postgres://ots:hunter2@127.0.0.1:{port}/{database}"), "doesn't take the password of the user ots"),
        (bare.clone(), "wants a password for the user ots, and none was given"),
        (cluster.url("nowhere"), "make it with: CREATE DATABASE nowhere OWNER ots"),
        (cluster.url("postgres"), "CREATE SCHEMA ots AUTHORIZATION ots"),
        (format!("{}?sslmode=verify-full", cluster.url(&database)), "doesn't speak TLS: turn ssl on there"),
        (format!("{}?options=-csynchronous_commit%3Doff", cluster.url(&database)), "synchronous_commit is off"),
        (
            format!("{}?sslmode=verify-full&sslrootcert=/nonexistent", cluster.url(&database)),
            "sslrootcert: /nonexistent",
        ),
    ] {
        assert_refuses(&refused(&url, &[]), 1, says);
    }
    cluster.psql("postgres", &format!("REVOKE CONNECT ON DATABASE {database} FROM PUBLIC, ots"));
    let says = format!("allow it there with: GRANT CONNECT ON DATABASE {database} TO ots");
    assert_refuses(&refused(&cluster.url(&database), &[]), 1, &says);
    cluster.psql("postgres", &format!("GRANT CONNECT ON DATABASE {database} TO ots"));
    cluster.psql("postgres", &format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
    assert_refuses(&refused(&cluster.url(&database), &[]), 1, "no PostgreSQL there can be written to");
    cluster.psql("postgres", &format!("ALTER DATABASE {database} RESET default_transaction_read_only"));
}

/// What only a PostgreSQL has is told where there is none.
#[tokio::test]
async fn connections_of_a_file_are_told() {
    let data = directory();
    let server = Server::start(data.path(), &["--database-connections", "4"]);
    assert!(server.log().contains("--database-connections is for a PostgreSQL"), "{}", server.log());
    let data = directory();
    assert!(!Server::start(data.path(), &[]).log().contains("--database-connections"));
}

/// From a file that is named, from the variables that libpq has, and from the file that it looks for.
#[tokio::test]
async fn the_password_comes_from_wherever_it_is() {
    use std::os::unix::fs::PermissionsExt as _;

    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let bare = format!("postgres://ots@127.0.0.1:{}/{database}", cluster.port);
    let files = directory();
    let write = |name: &str, text: String| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let line = format!("127.0.0.1:*:{database}:ots:{}\n", PASSWORD.replace(':', "\\:"));
    let (named, passfile) = (write("named", format!("{PASSWORD}\n")), write("passfile", line.clone()));
    write(".pgpass", line);
    let home = files.path().to_str().unwrap();
    for (name, value) in
        [("OTS_DATABASE_PASSWORD_FILE", &*named), ("PGPASSWORD", PASSWORD), ("PGPASSFILE", &*passfile), ("HOME", home)]
    {
        let mut command = command(&bare, &[]);
        command.env(name, value);
        let server = Server::spawn(command).unwrap_or_else(|log| panic!("{name}: {log}"));
        let log = std::sync::Arc::clone(&server.log);
        assert!(server.stop().success());
        let said = || log.lock().unwrap().clone();
        let place = format!("keeping secrets in PostgreSQL ({database} at 127.0.0.1:");
        crate::common::until("it says where", std::time::Duration::from_secs(5), async || said().contains(&place))
            .await;
        assert!(!said().contains(PASSWORD), "{name}");
    }
    std::fs::set_permissions(&passfile, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = refused(&bare, &[("PGPASSFILE", &passfile)]);
    assert!(text(&output.stderr).contains("chmod 600") && text(&output.stderr).contains("none was given"));
}

/// An older server works beside a newer one's tables, until those say that it can't.
#[test]
fn newer_tables_are_worked_with_until_they_forbid_it() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    let url = cluster.url(&database);
    assert!(serve(&url, &[]).stop().success());
    cluster.psql(&database, "INSERT INTO ots.migration (number, works_from) VALUES (98, 1)");
    assert!(serve(&url, &[]).stop().success());
    cluster.psql(&database, "INSERT INTO ots.migration (number, works_from) VALUES (99, 99)");
    assert_refuses(&refused(&url, &[]), 1, "are of a newer ots (schema 99, this one knows 4)");
}

/// A role that may read and write the tables, and make none, is enough once they are there.
#[test]
fn rights_on_the_tables_are_enough() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.new_database();
    assert!(serve(&cluster.url(&database), &[]).stop().success());
    let small = format!("small_{database}");
    cluster.psql("postgres", &format!("CREATE ROLE {small} LOGIN PASSWORD 'hunter2'"));
    cluster.psql(&database, &format!("GRANT USAGE ON SCHEMA ots TO {small}"));
    let url = format!("postgres://{small}:hunter2@127.0.0.1:{}/{database}", cluster.port);
    cluster.psql(&database, &format!("GRANT SELECT ON ALL TABLES IN SCHEMA ots TO {small}"));
    assert_refuses(&refused(&url, &[]), 1, "SELECT, INSERT, UPDATE or DELETE on the tables");
    cluster.psql(&database, &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ots TO {small}"));
    assert!(serve(&url, &[]).stop().success());
}

/// A certificate for `name`, in PEM; signed by itself.
pub(super) fn certificate(name: &str) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// Who may come, and by which certificate.
#[tokio::test]
async fn tls_and_pg_hba_are_told_apart() {
    let Some(cluster) = Cluster::start() else { return };
    let database = cluster.new_database();
    let files = directory();
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).unwrap();
        let _ = Command::new("chown").arg("nobody:nogroup").arg(path).output();
        assert!(Command::new("chmod").arg("600").arg(path).status().unwrap().success());
    };
    let roots = files.path().join("roots.pem");
    let serve_as = |name: &str| {
        let (certificate, key) = certificate(name);
        write(&cluster.directory.join("data/server.crt"), &certificate);
        write(&cluster.directory.join("data/server.key"), &key);
        std::fs::write(&roots, certificate).unwrap();
    };
    serve_as("db.example");
    cluster.set("ssl = on\n");
    let hba = format!("local all all trust\nhostssl {database} ots 127.0.0.1/32 scram-sha-256\n");
    write(&cluster.directory.join("data/pg_hba.conf"), &hba);
    cluster.reload();
    let url = cluster.url(&database);
    crate::common::until("it has read its files again", std::time::Duration::from_secs(10), async || {
        text(&refused(&url, &[]).stderr).contains("hostssl")
    })
    .await;
    assert_refuses(&refused(&url, &[]), 1, "lets nobody in as ots from here");
    let verified = format!("{url}?sslmode=verify-full");
    assert_refuses(&refused(&verified, &[]), 1, "can't be trusted");
    let rooted = format!("{verified}&sslrootcert={}", roots.display());
    assert_refuses(&refused(&rooted, &[]), 1, "is for another name");
    let other = format!("{rooted}&host=localhost");
    assert!(!text(&refused(&other, &[]).stderr).contains("listening"));

    serve_as("127.0.0.1");
    cluster.reload();
    let server = async || Server::spawn(command(&rooted, &[])).ok();
    crate::common::until("it has the right certificate", std::time::Duration::from_secs(10), async || {
        server().await.is_some()
    })
    .await;
    let server = server().await.unwrap();
    let token = server.create("hunter2").await;
    assert_eq!(server.get(&token).await.status(), 200);
    let in_tls =
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = 'ots'";
    assert!(cluster.psql("postgres", in_tls).parse::<u32>().unwrap() > 0);
}
