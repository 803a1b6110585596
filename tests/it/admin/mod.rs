//! `ots admin stats`, `sweep` and `keys`: the truth, from the server that runs or from the database itself, whatever lies where the
//! server's socket should.

mod requests;
mod socket;

use std::{path::Path, process::Output, time::Duration};

use serde_json::{Value, json};

use crate::common::{CLAIM, SECRET_KEY, Server, database::assert_sound, directory, on_disk, ots, run, text, until};

/// `ots admin` on the server's host, with its keys.
pub fn admin(data: &Path, arguments: &[&str]) -> Output {
    admin_with(data, arguments, &[("SECRET_KEY", SECRET_KEY)])
}

fn admin_with(data: &Path, arguments: &[&str], keys: &[(&str, &str)]) -> Output {
    let mut command = ots();
    command.arg("admin").args(arguments).arg("--data-dir").arg(data).envs(keys.iter().copied());
    run(command, b"")
}

pub fn object(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the server says, and what its files say, beside it and once it has gone.
#[tokio::test]
async fn stats_tell_what_there_is() {
    let data = directory();
    let quotas = ["--quota-secrets", "50", "--quota-bytes-each", "2MiB", "--trusted-proxy", "127.0.0.1"];
    let server = Server::start(data.path(), &quotas);
    for (address, count) in [("192.0.2.1", 3), ("192.0.2.2", 1)] {
        for _ in 0..count {
            let create = server.request(reqwest::Method::POST, "/api/v1/secrets").header("x-forwarded-for", address);
            assert_eq!(create.json(&json!({"content": "hunter2"})).send().await.unwrap().status(), 201);
        }
    }
    let token = server.create("claimed").await;
    assert_eq!(server.reveal(&token, Some(CLAIM), None).await.status(), 200);
    let told = object(&admin(data.path(), &["stats", "--json"]));
    let counts = |told: &Value| ["secrets", "bytes", "claimed", "expired", "owners"].map(|name| told[name].clone());
    assert_eq!(counts(&told), [5, 5 * 47, 1, 0, 2].map(Value::from));
    assert_eq!(told["largest_owner"], json!({"secrets": 3, "bytes": 141}));
    assert_eq!(told["quotas"]["all"], json!({"secrets": 50, "bytes": null}));
    assert_eq!(told["quotas"]["each"], json!({"secrets": null, "bytes": 2 << 20}));
    assert!(told["oldest"].as_str().unwrap() < told["next_expiry"].as_str().unwrap());
    let shown = text(&admin(data.path(), &["stats"]).stdout);
    assert!(shown.contains("secrets                   5, 235 bytes\nbeing read                1\n"), "{shown}");
    assert!(shown.contains("quota in all              50 secrets\nquota of each             2.0 MiB\n"), "{shown}");
    server.kill();
    let alone = object(&admin(data.path(), &["stats", "--json"]));
    assert_eq!((counts(&alone), alone.get("quotas")), (counts(&told), None));
    let shown = admin(data.path(), &["stats"]);
    assert!(text(&shown.stdout).contains("no server runs that could tell") && shown.stderr.is_empty(), "{shown:?}");
}

/// With the server killed, what has expired is removed by hand, and leaves nothing; a server that runs has nothing left to do.
#[tokio::test]
async fn a_sweep_removes_what_has_expired_and_says_how_many() {
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let output = object(&admin(data.path(), &["sweep", "--json"]));
    assert_eq!(output, json!({"removed": 0, "clean": true}));
    for number in 0..3 {
        server.create_with(json!({"content": format!("hunter{number}"), "ttl_seconds": 1})).await;
    }
    let lasting = server.create("lasting").await;
    server.kill();
    let sealed: Vec<u8> = {
        let (database, _copy) = crate::common::database::copy_of(data.path());
        database.query_row("SELECT bytes FROM payload ORDER BY chunk LIMIT 1", [], |row| row.get(0)).unwrap()
    };
    assert!(on_disk(data.path(), &sealed));
    tokio::time::sleep(Duration::from_millis(1100)).await; // until the last has expired: nobody runs that could be asked
    let swept = admin(data.path(), &["sweep"]);
    assert_eq!(text(&swept.stdout), "removed 3 expired secret(s); nothing of it is left in the files\n", "{swept:?}");
    assert!(!on_disk(data.path(), &sealed));
    assert_eq!(assert_sound(data.path()), 1);
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.get(&lasting).await.status(), 200);
    assert_eq!(text(&admin(data.path(), &["sweep"]).stdout), "nothing had expired\n");
}

/// Sweeps that are asked for and the server's own, side by side: whichever removes a secret, the audit stream tells it once.
#[tokio::test]
async fn what_a_sweep_removes_is_told_once_in_the_audit_stream() {
    let data = directory();
    let audit = data.path().join("audit.jsonl");
    let server = Server::start(data.path(), &["--audit", audit.to_str().unwrap()]);
    for number in 0..20 {
        server.create_with(json!({"content": format!("hunter{number}"), "ttl_seconds": 1})).await;
    }
    let path = data.path().join("ots.db-admin.sock");
    let told = || std::fs::read_to_string(&audit).unwrap().matches("\"event\":\"expired\"").count();
    let swept_and_told = || async {
        let answer = socket::ask(&path, "sweep\n");
        assert!(answer.starts_with("{\"swept\":{\"removed\":"), "{answer}");
        told() >= 20
    };
    until("all is told", Duration::from_secs(20), swept_and_told).await;
    assert!(server.stop().success());
    assert_eq!(told(), 20);
}

/// An old key is needed until the last secret that it sealed has gone.
#[tokio::test]
async fn keys_tell_when_an_old_one_can_go() {
    const NEW: &str = "a new key of sixteen bytes or more";
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let token = server.create("under the first key").await;
    assert!(server.stop().success());
    let start = || {
        let mut command = ots();
        command.env("SECRET_KEY", NEW).env("SECRET_KEYS_OLD", SECRET_KEY);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        Server::spawn(command).unwrap()
    };
    let server = start();
    server.create("under the second").await;
    // The server's keys count, not those that whoever asks has.
    let keys = object(&admin_with(data.path(), &["keys", "--json"], &[]));
    let told = |keys: &Value| -> Vec<(String, u64)> {
        let keys = keys.as_array().unwrap().iter();
        keys.map(|key| (key["role"].as_str().unwrap().to_owned(), key["secrets"].as_u64().unwrap())).collect()
    };
    assert_eq!(told(&keys), [("current".to_owned(), 1), ("old".to_owned(), 1)]);
    let shown = text(&admin(data.path(), &["keys"]).stdout);
    assert!(shown.lines().nth(1).unwrap().contains("  old 1      1 secret(s) from 2"), "{shown}");
    assert_eq!(server.get(&token).await.status(), 200);
    let shown = text(&admin(data.path(), &["keys"]).stdout);
    assert!(shown.lines().nth(1).unwrap().ends_with("  old 1      no secret needs it: it can go"), "{shown}");
    assert!(server.stop().success());
    let keys = object(&admin_with(data.path(), &["keys", "--json"], &[("SECRET_KEY", "neither of them but long")]));
    assert_eq!(told(&keys), [("current".to_owned(), 0), ("not_given".to_owned(), 1)]);
    let keys = object(&admin_with(data.path(), &["keys", "--json"], &[("SECRET_KEY", NEW)]));
    assert_eq!(told(&keys), [("current".to_owned(), 1)]);
}

#[test]
fn what_is_not_there_is_named() {
    let data = directory();
    for command in ["stats", "sweep", "keys"] {
        let output = admin(data.path(), &[command]);
        crate::common::assert_fails(&output, 8, "there is no database at");
        std::fs::write(data.path().join("ots.db"), [b'x'; 5000]).unwrap();
        crate::common::assert_fails(&admin(data.path(), &[command]), 6, "is not an ots database");
        for file in crate::common::files(data.path()) {
            std::fs::remove_file(file).unwrap();
        }
    }
}

/// A command that root gives must not follow what the server's user put there, to any file of root's.
#[cfg(unix)]
#[tokio::test]
async fn no_link_in_the_directory_leads_a_command_elsewhere() {
    let (data, elsewhere) = (directory(), directory());
    let server = Server::start(data.path(), &[]);
    server.create("x").await;
    assert!(server.stop().success());
    let precious = elsewhere.path().join("precious");
    for name in ["ots.db-reserve", "ots.db-lock", "ots.probe", "ots.db.probe"] {
        for target in [precious.clone(), elsewhere.path().join("missing")] {
            std::fs::write(&precious, "precious").unwrap();
            let link = data.path().join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(&target, &link).unwrap();
            admin(data.path(), &["sweep"]);
            assert_eq!(std::fs::read(&precious).unwrap(), b"precious", "{name}");
            assert!(!elsewhere.path().join("missing").exists(), "{name}");
            let _ = std::fs::remove_file(&link);
        }
    }
    assert_eq!(assert_sound(data.path()), 1);
}
