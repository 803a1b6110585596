//! A full disk, however it says so: at the write or only at the sync, with the word of a disk or of a quota. What was acknowledged can be
//! read, claimed and burned all the same, also after a crash or a stop; creates are told that the disk is full, until it isn't.

use reqwest::Client;

use super::{
    check,
    plan::{client, recovers, stop},
    secrets::{Api, Call, Secret, content},
    shim::{Disk, EDQUOT, ENOSPC},
};
use crate::common::heavy;

/// Reads, claims or burns each of these, and does `after` after each call.
async fn use_up(api: &Api, secrets: &mut [Secret], after: impl Fn()) -> Result<(), String> {
    for (number, secret) in secrets.iter_mut().enumerate() {
        let calls: &[Call] = match number % 3 {
            0 => &[Call::Read],
            1 => &[Call::Claim, Call::Acknowledge],
            _ => &[Call::Burn],
        };
        for call in calls {
            let answer = api.ask(*call, secret).await?;
            if answer.failed() {
                return Err(format!(
                    "{number}: {call:?} answered {}: {}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body)
                ));
            }
            after();
        }
    }
    Ok(())
}

async fn fill(client: &Client, error: u64, late: bool) -> Result<(), String> {
    let disk = Disk::new();
    let mut server = disk.serve(&[], false)?;
    let mut api = Api::new(client, &server.url);
    let mut secrets = Vec::new();
    for number in 0..18 {
        secrets.push(
            api.create(&content(number, if number % 2 == 0 { 200_000 } else { 800 }), false, 600).await.1.unwrap(),
        );
    }
    disk.fill(300_000, error, late);
    let refused = loop {
        let (answer, created) = api.create(&content(secrets.len() as u64, 50_000), false, 600).await;
        let Some(created) = created else { break answer };
        secrets.push(created);
        assert!(secrets.len() < 100, "the disk never filled up");
    };
    if refused.status != 503 || !String::from_utf8_lossy(&refused.body).contains("storage_full") {
        return Err(format!("a create answered {}: {}", refused.status, String::from_utf8_lossy(&refused.body)));
    }
    disk.fill(0, error, late);
    let told = |what: &str, error: String, log: String| {
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains(" DEBUG ")).collect();
        format!("{what}: {error}\n{}", lines[lines.len().saturating_sub(4)..].join("\n"))
    };
    let third = secrets.len() / 3;
    // Whatever comes free is taken by somebody else.
    let taken = || disk.fill(0, error, late);
    let used = use_up(&api, &mut secrets[..third], taken).await;
    used.map_err(|error| told("full", error, server.log()))?;
    server.kill();
    taken();
    server = disk.serve(&[], false).map_err(|log| format!("no start after a crash: {log}"))?;
    api = Api::new(client, &server.url);
    let used = use_up(&api, &mut secrets[third..2 * third], taken).await;
    used.map_err(|error| told("full, after a crash", error, server.log()))?;
    stop(server).await;
    taken();
    server = disk.serve(&[], false).map_err(|log| format!("no start after a stop: {log}"))?;
    api = Api::new(client, &server.url);
    // The start may have needed what was kept back, so that nobody takes it here.
    let used = use_up(&api, &mut secrets[2 * third..], || ()).await;
    used.map_err(|error| told("full, after a stop", error, server.log()))?;
    disk.empty();
    recovers(&api, &mut secrets).await?;
    stop(server).await;
    check::database(&disk.data.join("ots.db"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_however_it_says_so() {
    let _alone = heavy();
    let client = client();
    let mut found = Vec::new();
    for (error, late) in [(ENOSPC, false), (EDQUOT, false), (ENOSPC, true), (EDQUOT, true)] {
        let outcome = fill(&client, error, late).await;
        found.extend(outcome.err().map(|finding| format!("error {error}, late: {late}: {finding}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}
