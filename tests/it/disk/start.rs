//! Faults at start, by plan as in plan.rs: the server says what is wrong and ends, or starts and serves; either way what was kept before is
//! there once the disk works again. After a clean stop, and after a crash that left a WAL to be recovered.

use std::path::Path;

use reqwest::Client;

use super::{
    check,
    plan::{ARGUMENTS, all_is_well, client, gets_over, part, plans, prepare, read_all, run_all, stop},
    secrets::{Api, Secret},
    shim::{Disk, Kind, Plan},
};
use crate::common::{Server, heavy};

/// A data directory as a server left it, and what is kept there.
struct Left {
    disk: Disk,
    secrets: Vec<Secret>,
}

impl Left {
    async fn behind(client: &Client, crashed: bool) -> Self {
        let disk = Disk::new();
        let server = Server::start(&disk.data, &ARGUMENTS);
        let secrets = prepare(&Api::new(client, &server.url)).await;
        if crashed {
            server.kill();
        } else {
            stop(server).await;
        }
        Self { disk, secrets }
    }

    /// Starts a server over a copy, with faults, and looks after them. Gives the calls that there were of each kind.
    async fn start(&self, client: &Client, plan: Plan) -> Result<Vec<(Kind, u64)>, String> {
        let (disk, mut secrets) = (Disk::new(), self.secrets.clone());
        copy(&self.disk.data, &disk.data);
        disk.arm(plan);
        let started = disk.serve(&ARGUMENTS, false);
        disk.disarm();
        let calls = Kind::ALL.map(|kind| (kind, disk.calls(kind))).to_vec();
        match started {
            Ok(server) if plan.crash => server.kill(),
            Ok(mut server) => {
                // Out of memory in its first sweep it ends itself, listening already.
                let served = gets_over(&Api::new(client, &server.url), &mut secrets, &mut server).await;
                served.map_err(|error| format!("it started, but: {error}\n{}", server.log()))?;
                server.kill();
            }
            Err(log) => {
                let said = log.lines().any(|line| line.starts_with("ots: ")) && !log.contains("panicked");
                // Somebody who does as it says would lose what is there.
                if !said || log.contains("move it away") {
                    return Err(format!("it ended, and said: {log}"));
                }
            }
        }
        let server = Server::try_start(&disk.data, &ARGUMENTS).map_err(|log| format!("no second start: {log}"))?;
        let api = Api::new(client, &server.url);
        let kept = async {
            all_is_well(&api, &mut secrets).await?;
            read_all(&api, &mut secrets).await
        };
        kept.await.map_err(|error| format!("after the second start: {error}\n{}", server.log()))?;
        stop(server).await;
        check::database(&disk.data.join("ots.db"))?;
        Ok(calls)
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_type().unwrap().is_file() {
            continue; // the socket of a server that was killed
        }
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

async fn faults(stride: usize) {
    let client = &client();
    let mut found = Vec::new();
    for crashed in [false, true] {
        let left = &Left::behind(client, crashed).await;
        let calls = left.start(client, Plan::NONE).await.unwrap();
        eprintln!("a start makes {calls:?}");
        let plans = plans(&calls, stride);
        let plans = if stride == 1 { part(plans) } else { plans };
        found.extend(run_all(plans, |plan| async move { left.start(client, plan).await.map(drop) }).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

/// Some of every kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_failing_disk_loses_nothing() {
    let _alone = heavy();
    faults(47).await;
}

/// Every call that a start makes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: CI runs it"]
async fn a_start_on_a_disk_that_fails_anywhere_loses_nothing() {
    let _alone = heavy();
    faults(1).await;
}
