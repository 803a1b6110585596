//! `ots admin migrate`: what a host keeps is moved into a PostgreSQL, and each secret is read once, by one side, wherever it is cut off.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{records, serve};
use crate::common::{CLAIM, Server, assert_fails, assert_refuses, directory, ots, postgres::Cluster, run, text};

fn migrate(data: &Path, url: &str, arguments: &[&str]) -> Command {
    let mut command = ots();
    command.env("OTS_DATABASE_URL", url).args(["admin", "migrate"]).args(arguments);
    command.arg(format!("sqlite:{}", data.join("ots.db").display()));
    command
}

fn migrated(data: &Path, url: &str) -> String {
    let output = run(migrate(data, url, &[]), b"");
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

async fn created(server: &Server, count: usize) -> Vec<String> {
    let mut tokens = Vec::new();
    for from in (0..count).step_by(50) {
        tokens.extend(
            join_all(
                (from..count.min(from + 50))
                    .map(|at| server.create_with(json!({ "content": format!("secret {at}.") }))),
            )
            .await,
        );
    }
    tokens
}

/// What a server says of each: how many it gives out.
async fn read(server: &Server, tokens: &[String]) -> usize {
    let mut given = 0;
    for part in tokens.chunks(32) {
        for answer in join_all(part.iter().map(|token| server.get(token))).await {
            assert!([200, 404].contains(&answer.status().as_u16()), "{}", answer.status());
            given += usize::from(answer.status() == 200);
        }
    }
    given
}

/// Stores it for somebody who has a quota.
async fn stored(server: &Server, content: &str) -> u16 {
    let request = server.request(reqwest::Method::POST, "/api/v1/secrets").header("x-forwarded-for", "192.0.2.1");
    request.json(&json!({ "content": content })).send().await.unwrap().status().as_u16()
}

/// Each sort of secret is there as it was: its claim, its tries, its time, its owner; and here is nothing of it any more.
#[tokio::test]
async fn all_sorts_of_secrets_are_moved_as_they_are() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, database) = (directory(), cluster.new_database());
    let url = cluster.url(&database);
    let here = Server::start(
        data.path(),
        &["--quota-secrets-each", "10", "--claim-lease", "10m", "--trusted-proxy", "127.0.0.1"],
    );
    let large = "x".repeat(1024 * 1024);
    let (plain, long) = (here.create("plain").await, here.create(&large).await);
    assert_eq!(stored(&here, "somebody's").await, 201);
    let guarded = here.create_with(json!({ "content": "guarded", "passphrase": "right" })).await;
    for _ in 0..3 {
        assert_eq!(here.reveal(&guarded, None, Some("wrong")).await.status(), 403);
    }
    let claimed = here.create("claimed").await;
    assert_eq!(here.reveal(&claimed, Some(CLAIM), None).await.status(), 200);
    let before: Value = here.status(&plain).await.json().await.unwrap();
    let dying = here.create_with(json!({ "content": "dying", "ttl_seconds": 2 })).await;
    assert!(here.stop().success());
    tokio::time::sleep(Duration::from_millis(2100)).await;

    let said = migrated(data.path(), &url);
    assert!(said.starts_with("moved 5 secret(s), 1048"), "{said}");
    for part in ["6 secret(s), ", " before; 1 and ", "1 had expired, and stayed", "the same SECRET_KEY"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(records(cluster, &database), 5, "and they are counted");
    let there = serve(&url, &["--quota-secrets-each", "2", "--trusted-proxy", "127.0.0.1"]);
    assert_eq!((stored(&there, "one more").await, stored(&there, "too many").await), (201, 507), "its owner has one");
    let after: Value = there.status(&plain).await.json().await.unwrap();
    assert_eq!(after, before);
    assert!(there.get(&plain).await.text().await.unwrap().contains("plain"));
    let long: Value = there.get(&long).await.json().await.unwrap();
    assert!(long["content"] == large.as_str());
    let wrong: Value = there.reveal(&guarded, None, Some("wrong")).await.json().await.unwrap();
    assert_eq!(wrong["attempts_left"], 6, "three were used there, and one here");
    assert_eq!(there.reveal(&guarded, None, Some("right")).await.status(), 200);
    assert_eq!(there.get(&claimed).await.status(), 404, "somebody has it");
    assert_eq!(there.reveal(&claimed, Some(&format!("{CLAIM}-other")), None).await.status(), 404);
    assert_eq!(there.reveal(&claimed, Some(CLAIM), None).await.status(), 200, "who has claimed it asks again");
    assert_eq!(there.delete(&claimed, Some(CLAIM)).await.status(), 204);
    assert_eq!(there.get(&dying).await.status(), 404);

    let again = run(migrate(data.path(), &url, &["--json"]), b"");
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["moved"], &again["expired"], &again["finished"]), (&json!(0), &json!(1), &json!(true)));
    let here = Server::start(data.path(), &[]);
    assert_eq!(
        read(&here, &[plain, guarded, claimed, dying]).await,
        0,
        "a server starts on what is left, and has none of them"
    );
}

/// A key that the old server made for itself goes along, and the file that is left says where all went: to whoever moves again, and to whoever
/// starts the old server.
#[tokio::test]
async fn what_is_left_says_where_it_went_and_which_key_has_to_follow() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, database) = (directory(), cluster.new_database());
    let url = cluster.url(&database);
    let old = || {
        let mut command = ots();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        Server::spawn(command).unwrap()
    };
    let here = old();
    assert!(!here.log().contains("were moved"));
    let token = here.create("x").await;
    assert!(here.stop().success());
    let key = data.path().join("secret.key");
    for moved in ["moved 1 secret(s)", "nothing was left to be moved"] {
        let output = run(migrate(data.path(), &url, &[]), b"");
        let said = text(&output.stdout);
        assert!(output.status.success() && said.starts_with(moved), "{output:?}");
        let last = said.lines().last().unwrap();
        assert!(
            last.contains(&format!("{}: copy it to each and name it with --secret-key-file", key.display())),
            "{said}"
        );
        assert!(!text(&output.stderr).contains("other keys"), "there are no others: {output:?}");
    }
    let here = old();
    let place = format!("were moved to PostgreSQL ({database} at 127.0.0.1:{})", cluster.port);
    assert!(here.log().contains(&place), "{}", here.log());
    assert_eq!(here.get(&token).await.status(), 404);
    drop(here);
    let mut there = super::command(&url, &["--secret-key-file"]);
    there.arg(&key).env_remove("SECRET_KEY");
    assert_eq!(Server::spawn(there).unwrap().get(&token).await.status(), 200);
}

/// `kill -9` at many moments, while servers over there run and are read from: each secret is given out once, by one side.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_is_killed_anywhere_goes_on_and_gives_each_secret_out_once() {
    let Some(cluster) = Cluster::shared() else { return };
    let _heavy = crate::common::heavy();
    let (data, database) = (directory(), cluster.new_database());
    let url = cluster.url(&database);
    let here = Server::start(data.path(), &[]);
    let tokens = created(&here, 1200).await;
    assert!(here.stop().success());
    let there = serve(&url, &[]);
    // However fast the machine is, it takes some seconds.
    cluster.psql(
        &database,
        "CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.003); RETURN NULL; END $$;
         CREATE TRIGGER rest AFTER INSERT ON ots.record FOR EACH STATEMENT EXECUTE FUNCTION rest()",
    );
    let (mut given, mut half, mut runs) = (0, 0, 0);
    loop {
        // It takes a moment to connect; then a batch takes some milliseconds.
        let patience = Duration::from_millis(120 + 37 * runs % 200);
        let mut command = migrate(data.path(), &url, &[]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = std::time::Instant::now();
        let mut is_over = false;
        while !is_over && (runs > 40 || began.elapsed() < patience) {
            // Some are read as soon as they are there.
            let at = usize::try_from(runs).unwrap() * 29 % 1150;
            given += read(&there, &tokens[at..at + 20]).await;
            is_over = child.try_wait().unwrap().is_some();
        }
        if !is_over {
            child.kill().unwrap();
        }
        let ended = child.wait().unwrap();
        runs += 1;
        if ended.success() {
            break;
        }
        match Server::try_start(data.path(), &[]) {
            Err(log) if log.contains("is being moved into another database, where a part of it is") => half += 1,
            Err(log) => panic!("{log}"),
            Ok(server) => {
                assert!(
                    half == 0 || read(&server, &tokens).await == 0,
                    "it was before its first step, or after its last"
                );
                assert!(server.stop().success());
            }
        }
    }
    assert!(half > 3 && runs > 15, "{half} of {runs} runs were killed on their way");
    given += read(&there, &tokens).await;
    let here = Server::start(data.path(), &[]);
    assert_eq!((given, read(&here, &tokens).await), (tokens.len(), 0), "after {runs} runs");
    assert_eq!(records(cluster, &database), 0);
    assert_eq!(
        ots::store::Store::check(&format!("sqlite:{}", data.path().join("ots.db").display()).parse().unwrap())
            .unwrap()
            .findings,
        [""; 0]
    );
}

/// What can't be is refused before anything is changed.
#[tokio::test]
async fn what_can_not_be_moved_is_refused_and_left_as_it_was() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, url) = (directory(), cluster.url(&cluster.new_database()));
    let here = Server::start(data.path(), &[]);
    let token = here.create("x").await;
    let refused = |url: &str| -> Output { run(migrate(data.path(), url, &[]), b"") };
    assert_fails(&refused(&url), 1, "a server runs on ");
    assert!(here.stop().success());
    assert_refuses(&refused("postgres://ots@127.0.0.1:1/ots"), 1, "can't reach PostgreSQL");
    assert_fails(&refused("sqlite:other.db"), 2, "and not another way");
    let mut back = ots();
    back.args(["admin", "migrate", "postgres://ots@127.0.0.1:1/ots", "sqlite:other.db"]);
    assert_fails(&run(back, b""), 2, "and not another way");
    assert_fails(&run(migrate(&data.path().join("nowhere"), &url, &[]), b""), 8, "there is no database at");
    let here = Server::start(data.path(), &[]);
    assert_eq!(here.get(&token).await.status(), 200);
}

/// A part of it is there already: the rest goes nowhere else, and what is in another copy of it isn't moved a second time.
#[tokio::test]
async fn the_rest_goes_nowhere_else_and_a_copy_nowhere() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, url) = (directory(), cluster.url(&cluster.new_database()));
    let here = Server::start(data.path(), &[]);
    let token = here.create("x").await;
    assert!(here.stop().success());
    let copy = directory();
    std::fs::copy(data.path().join("ots.db"), copy.path().join("ots.db")).unwrap();
    assert!(migrated(data.path(), &url).starts_with("moved 1 secret(s)"));
    assert_refuses_with_answer(&run(migrate(copy.path(), &url, &[]), b""), "some secrets are there already");
    let elsewhere = run(migrate(copy.path(), &cluster.url(&cluster.new_database()), &[]), b"");
    assert_fails(&elsewhere, 1, "begun to be moved into another database");
    let refused = Server::try_start(copy.path(), &[]).err().unwrap();
    assert!(refused.contains("is being moved into another database"), "{refused}");
    let there = serve(&url, &[]);
    assert_eq!(there.get(&token).await.status(), 200);
}

fn assert_refuses_with_answer(output: &Output, says: &str) {
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains(says), "{output:?}");
}

/// A destination that dies in the middle is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_dies_midway_is_waited_for() {
    let Some(mut cluster) = Cluster::start() else { return };
    let (data, database) = (directory(), cluster.new_database());
    let url = cluster.url(&database);
    let here = Server::start(data.path(), &[]);
    let tokens = created(&here, 800).await;
    assert!(here.stop().success());
    let there = serve(&url, &[]);
    let mut command = migrate(data.path(), &url, &[]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    crate::common::until("some are there", Duration::from_secs(20), async || {
        cluster.psql(&database, "SELECT count(*) FROM ots.record") != "0"
    })
    .await;
    cluster.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.run();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    crate::common::until("the server is back", Duration::from_secs(10), async || there.healthy().await).await;
    assert_eq!(read(&there, &tokens).await, tokens.len());
}

/// What is damaged is told and stays, and the rest is moved.
#[tokio::test]
async fn what_is_damaged_stays_and_keeps_nothing_else_back() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, url) = (directory(), cluster.url(&cluster.new_database()));
    let here = Server::start(data.path(), &[]);
    let tokens = created(&here, 3).await;
    assert!(here.stop().success());
    let database = rusqlite::Connection::open(data.path().join("ots.db")).unwrap();
    assert_eq!(database.execute("DELETE FROM payload WHERE chunk BETWEEN 1024 AND 2047", []).unwrap(), 1);
    drop(database);
    let output = run(migrate(data.path(), &url, &[]), b"");
    let (told, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(told.contains("moved 2 secret(s)") && told.contains("damaged: the record "), "{told}");
    assert!(said.contains("some records are damaged, and stayed"), "{said}");
    let there = serve(&url, &[]);
    assert_eq!(read(&there, &tokens).await, 2);
}

/// Ctrl-C ends it after what is under way, and says what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_migration_ends_between_two_batches_and_goes_on() {
    let Some(cluster) = Cluster::shared() else { return };
    let (data, database) = (directory(), cluster.new_database());
    let url = cluster.url(&database);
    let here = Server::start(data.path(), &[]);
    let tokens = created(&here, 1200).await;
    assert!(here.stop().success());
    let mut command = migrate(data.path(), &url, &[]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    crate::common::until("some are there", Duration::from_secs(20), async || {
        cluster.psql(&database, "SELECT to_regclass('ots.record') IS NOT NULL") == "t"
            && cluster.psql(&database, "SELECT count(*) FROM ots.record") != "0"
    })
    .await;
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(text(&output.stderr).contains("interrupted: what was moved is moved; run it again"), "{output:?}");
    let some = records(cluster, &database);
    assert!(some > 0 && some < 1200, "{some} were moved");
    let staged = "SELECT count(*) FROM ots.record WHERE claim IS NOT NULL";
    assert_eq!(cluster.psql(&database, staged), "0", "none is left half way");
    migrated(data.path(), &url);
    let there = serve(&url, &[]);
    assert_eq!(read(&there, &tokens).await, tokens.len());
}

/// Cut off between any two of its steps: what is staged or marked can be read nowhere, what is published there alone; and what was read there
/// isn't put there again.
#[tokio::test]
async fn between_two_steps_a_secret_is_read_on_one_side_at_most() {
    let Some(cluster) = Cluster::shared() else { return };
    let stop = "BEGIN SELECT RAISE(ABORT, 'stop'); END";
    for (step, readable) in [("marked", 0), ("published", 0), ("removed", 5)] {
        let (data, database) = (directory(), cluster.new_database());
        let url = cluster.url(&database);
        let here = Server::start(data.path(), &[]);
        let tokens = created(&here, 5).await;
        assert!(here.stop().success());
        let there = serve(&url, &[]);
        let here =
            |sql: &str| rusqlite::Connection::open(data.path().join("ots.db")).unwrap().execute_batch(sql).unwrap();
        here("CREATE TABLE moved (seq INTEGER PRIMARY KEY) STRICT;");
        match step {
            "marked" => here(&format!("CREATE TRIGGER stop BEFORE INSERT ON moved {stop}")),
            "removed" => here(&format!("CREATE TRIGGER stop BEFORE DELETE ON record {stop}")),
            _ => drop(cluster.psql(
                &database,
                "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'stop'; END $$;
                 CREATE TRIGGER stop BEFORE UPDATE ON ots.record FOR EACH ROW EXECUTE FUNCTION stop()",
            )),
        }
        let output = run(migrate(data.path(), &url, &[]), b"");
        assert_refuses(&output, 1, "what was moved is moved: run this again");
        assert_eq!(read(&there, &tokens).await, readable, "before they are {step}");
        assert!(Server::try_start(data.path(), &[]).err().unwrap().contains("is being moved"), "{step}");
        if step == "published" {
            cluster.psql(&database, "DROP TRIGGER stop ON ots.record");
        } else {
            here("DROP TRIGGER stop");
        }
        migrated(data.path(), &url);
        assert_eq!(read(&there, &tokens).await, 5 - readable, "after they were not {step}");
    }
}
