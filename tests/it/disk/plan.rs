//! Faults by plan: a short script of calls is run against a server whose disk fails at the N-th write, sync, truncation, lock or
//! allocation, once or for good. Each answer is checked against what may be (secrets.rs); so is all of it again once the disk works, and
//! again after `kill -9` and a restart; and the database has to be whole.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use reqwest::Client;

use super::{
    check,
    secrets::{Api, Call, Secret, content},
    shim::{Disk, EDQUOT, EIO, ENOLCK, ENOMEM, ENOSPC, FOR_GOOD, Kind, Plan, SHORT},
};
use crate::common::{Server, heavy, http, wait_for_exit};

/// Swept often, so that the script reaches it; claims last until they are checked.
pub const ARGUMENTS: [&str; 4] = ["--cleanup-interval", "1s", "--claim-lease", "10m"];
/// Servers at once: most of a run is waiting.
const AT_ONCE: usize = 16;

/// What can go wrong with each kind of call.
fn errors(kind: Kind) -> &'static [u64] {
    match kind {
        Kind::Write => &[EIO, ENOSPC, EDQUOT, SHORT],
        Kind::Sync => &[EIO, ENOSPC, EDQUOT],
        Kind::Truncate | Kind::Unlink | Kind::Read => &[EIO],
        Kind::Open => &[EIO, ENOSPC],
        Kind::Lock => &[EIO, ENOLCK],
        Kind::Map | Kind::Allocate => &[ENOMEM],
    }
}

/// Makes what the script works on, before anything fails.
pub async fn prepare(api: &Api) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for number in 0..16 {
        let length = [300, 3000, 20, 9000][number % 4];
        let (guarded, seconds) = (number == 1 || number == 8, if number == 6 { 1 } else { 600 });
        let length = if number == 7 { 300_000 } else { length };
        secrets.push(api.create(&content(number as u64, length), guarded, seconds).await.1.unwrap());
    }
    api.ask(Call::Claim, &mut secrets[3]).await.unwrap();
    secrets
}

/// The calls, while the disk fails; what is made is added to the secrets. When the server is to crash, they end with the first that
/// failed, so that nothing is written after that.
async fn script(api: &Api, disk: &Disk, secrets: &mut Vec<Secret>, crash: bool) -> Result<(), String> {
    for (number, call) in [
        (2, Call::Claim),
        (2, Call::Acknowledge),
        (3, Call::Acknowledge),
        (4, Call::Read),
        (5, Call::Burn),
        (1, Call::Guess),
        (8, Call::Read),
        (7, Call::Read),
        (9, Call::Claim),
        (0, Call::Status),
    ] {
        let asked = api.ask(call, &mut secrets[number]).await;
        let answer = asked.map_err(|error| format!("in the script, {number}: {error}"))?;
        if crash && answer.failed() {
            return Ok(());
        }
    }
    for (number, length, guarded) in [(20, 700, false), (21, 700, true), (22, 300_000, false)] {
        let (answer, created) = api.create(&content(number, length), guarded, 600).await;
        secrets.extend(created);
        if crash && answer.failed() {
            return Ok(());
        }
    }
    // Together, so that they share a transaction.
    let calls = [(10, Call::Read), (11, Call::Burn), (12, Call::Claim), (13, Call::Read)];
    let answers = join_all(calls.map(|(number, call)| api.call(call, &secrets[number])));
    let new = content(23, 5000);
    let (answers, (answer, created)) = tokio::join!(answers, api.create(&new, false, 600));
    let mut failed = answer.failed();
    for ((number, call), answer) in calls.into_iter().zip(answers) {
        secrets[number].learn(call, &answer).map_err(|error| format!("at once, {number}: {error}"))?;
        failed |= answer.failed();
    }
    secrets.extend(created);
    if crash && failed {
        return Ok(());
    }
    // One expires and is swept, and the WAL is emptied; if the disk lets it.
    let wal = disk.data.join("ots.db-wal");
    let end = Instant::now() + Duration::from_millis(2500);
    while Instant::now() < end {
        let gone = api.ask(Call::Status, &mut secrets[6]).await.is_ok_and(|answer| answer.status == 404);
        if gone && wal.metadata().is_ok_and(|wal| wal.len() == 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    secrets.extend(api.create(&content(24, 100), false, 600).await.1);
    api.ask(Call::Read, &mut secrets[14]).await.map(drop).map_err(|error| format!("at the end, 14: {error}"))
}

/// Nothing fails any more: every secret is what it may be, and no call is refused.
pub async fn all_is_well(api: &Api, secrets: &mut [Secret]) -> Result<(), String> {
    for (number, secret) in secrets.iter_mut().enumerate() {
        let call = if secret.reading() == Some(Call::Claim) { Call::Claim } else { Call::Status };
        let answer = api.ask(call, secret).await.map_err(|error| format!("{number}: {error}"))?;
        if answer.failed() {
            return Err(format!("{number}: {call:?} answered {}", answer.status));
        }
    }
    Ok(())
}

/// Reads every secret: once, and not again.
pub async fn read_all(api: &Api, secrets: &mut [Secret]) -> Result<(), String> {
    for (number, secret) in secrets.iter_mut().enumerate() {
        for call in [secret.reading().unwrap_or(Call::Read), Call::Acknowledge, Call::Read, Call::Claim] {
            let answer = api.ask(call, secret).await.map_err(|error| format!("{number}: {error}"))?;
            if answer.failed() {
                return Err(format!("{number}: {call:?} answered {}", answer.status));
            }
        }
        if !secret.may_be_gone() {
            return Err(format!("{number} was read, and is still there"));
        }
    }
    Ok(())
}

/// Whether a server that isn't there any more ended itself, and said why.
fn ended_itself(server: &mut Server) -> Result<bool, String> {
    let Some(status) = server.child.try_wait().unwrap() else { return Ok(false) };
    let log = server.log();
    let said = log.lines().any(|line| line.starts_with("ots: "));
    if said && status.code().is_some_and(|code| code != 0 && code != 101) && !log.contains("panicked") {
        return Ok(true);
    }
    Err(format!("the server ended with {status}: {log}"))
}

/// Creates until one is kept: the server has got over it.
pub async fn recovers(api: &Api, secrets: &mut Vec<Secret>) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let (answer, created) = api.create(&content(40, 500), false, 600).await;
        if let Some(created) = created {
            secrets.push(created);
            return Ok(());
        }
        // One that doesn't answer at all has ended, or is about to.
        if began.elapsed() > Duration::from_secs(if answer.status == 0 { 2 } else { 15 }) {
            return Err(format!("it doesn't recover: creates are answered {}", answer.status));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The disk works again: the server serves all that it may, or has ended itself and said why.
pub async fn gets_over(api: &Api, secrets: &mut Vec<Secret>, server: &mut Server) -> Result<(), String> {
    let served = async {
        recovers(api, secrets).await?;
        all_is_well(api, secrets).await
    };
    match served.await {
        Err(error) if !ended_itself(server)? => Err(error),
        _ => Ok(()),
    }
}

/// One run; gives the calls that there were of each kind.
async fn run(client: &Client, plan: Plan) -> Result<Vec<(Kind, u64)>, String> {
    let disk = Disk::new();
    let mut server = disk.serve(&ARGUMENTS, false)?;
    let api = Api::new(client, &server.url);
    let mut secrets = prepare(&api).await;
    disk.arm(plan);
    let outcome = script(&api, &disk, &mut secrets, plan.crash).await;
    disk.disarm();
    let calls = Kind::ALL.map(|kind| (kind, disk.calls(kind))).to_vec();
    let told = |error: String, server: &Server| format!("{error}\n{}", tail(&server.log()));
    outcome.map_err(|error| told(error, &server))?;
    let mut api = api;
    let ended = ended_itself(&mut server)?;
    if !plan.crash && !ended {
        let lifted = gets_over(&api, &mut secrets, &mut server).await;
        lifted.map_err(|error| told(format!("with the disk working again: {error}"), &server))?;
    }
    server.kill();
    let server = Server::try_start(&disk.data, &ARGUMENTS).map_err(|log| format!("no restart: {log}"))?;
    api = Api::new(client, &server.url);
    let restarted = async {
        all_is_well(&api, &mut secrets).await?;
        read_all(&api, &mut secrets).await
    };
    restarted.await.map_err(|error| told(format!("after kill -9: {error}"), &server))?;
    stop(server).await;
    check::database(&disk.data.join("ots.db"))?;
    Ok(calls)
}

pub async fn stop(mut server: Server) {
    server.signal("-TERM");
    tokio::task::spawn_blocking(move || wait_for_exit(&mut server.child, Duration::from_secs(40))).await.unwrap();
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("INFO")).collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}

/// A client for servers that come and go.
pub fn client() -> Client {
    drop(http()); // chooses the provider of TLS, which a client wants to have
    let builder = Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(20));
    builder.pool_max_idle_per_host(0).build().unwrap()
}

/// Runs every plan, several at once; gives what was found, by plan.
pub async fn run_all<F: Future<Output = Result<(), String>>>(plans: Vec<Plan>, run: impl Fn(Plan) -> F) -> Vec<String> {
    let count = plans.len();
    let began = Instant::now();
    let found: Vec<String> = stream::iter(plans)
        .map(|plan| {
            let running = run(plan);
            async move { running.await.err().map(|error| format!("{plan:?}: {error}")) }
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|found| async { found })
        .collect()
        .await;
    eprintln!("{count} plans in {:?}, {} of them found something", began.elapsed(), found.len());
    found
}

/// What can be varied of a plan that fails a call of this kind.
fn variants(kind: Kind) -> Vec<Plan> {
    // A lock that isn't had is waited for, so one that is never had would only take long.
    let for_good = if kind == Kind::Lock { 25 } else { FOR_GOOD };
    let mut variants = Vec::new();
    for error in errors(kind) {
        for (times, crash) in [(1, false), (1, true), (for_good, false), (for_good, true)] {
            variants.push(Plan { kind, nth: 0, times, error: *error, crash });
        }
    }
    variants
}

/// Plans for so many calls of each kind: every variant of every call where there are few calls; else each call in one of the variants. Of
/// these every `stride`th.
pub fn plans(calls: &[(Kind, u64)], stride: usize) -> Vec<Plan> {
    const FEW: u64 = 100;
    let mut plans = Vec::new();
    for (kind, calls) in calls {
        let variants = variants(*kind);
        for nth in 1..=*calls + 1 {
            // Never in step with what repeats in the script.
            let one = usize::try_from(nth.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).unwrap() % variants.len();
            let some = if *calls > FEW { &variants[one..=one] } else { &variants[..] };
            plans.extend(some.iter().map(|variant| Plan { nth, ..*variant }));
        }
    }
    // Syncs decide most while it runs, and what is opened when it starts: more of them are looked at.
    let mut weight = 0;
    plans.retain(|plan| {
        let before = weight / stride;
        weight += if matches!(plan.kind, Kind::Sync | Kind::Open) { 4 } else { 1 };
        weight / stride > before
    });
    plans
}

/// Of all plans the part that `OTS_DISK_PLANS` names, as `2/3`: the third of three. All of them without it.
pub fn part(plans: Vec<Plan>) -> Vec<Plan> {
    let Ok(named) = std::env::var("OTS_DISK_PLANS") else { return plans };
    let (nth, parts) = named.split_once('/').expect("OTS_DISK_PLANS is a part, as 2/3");
    let (nth, parts): (usize, usize) = (nth.parse().unwrap(), parts.parse().unwrap());
    assert!(nth < parts, "OTS_DISK_PLANS counts from 0");
    // A call's variants stand beside each other: each part has some of every call.
    plans.into_iter().skip(nth).step_by(parts).collect()
}

async fn faults(stride: usize) {
    let client = client();
    let calls = run(&client, Plan::NONE).await.unwrap();
    eprintln!("the script makes {calls:?}");
    let reached = |kind| calls.iter().any(|(found, calls)| *found == kind && *calls > 0);
    assert!(
        [Kind::Write, Kind::Sync, Kind::Truncate, Kind::Lock, Kind::Read, Kind::Allocate].map(reached) == [true; 6]
    );
    let plans = plans(&calls, stride);
    let (client, plans) = (&client, if stride == 1 { part(plans) } else { plans });
    let (count, reached) = (plans.len(), &AtomicUsize::new(0));
    let found = run_all(plans, |plan| async move {
        let calls = run(client, plan).await?;
        let is_reached = calls.iter().any(|(kind, calls)| *kind == plan.kind && *calls >= plan.nth);
        reached.fetch_add(usize::from(is_reached), Ordering::Relaxed);
        Ok(())
    });
    let found = found.await;
    assert!(found.is_empty(), "{}", found.join("\n\n"));
    let reached = reached.load(Ordering::Relaxed);
    assert!(reached * 10 > count * 8, "of {count} plans {reached} were reached");
}

/// Some of every kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_loses_nothing() {
    let _alone = heavy();
    faults(53).await;
}

/// Every call that the script reaches.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: CI runs it"]
async fn a_disk_that_fails_anywhere_loses_nothing() {
    let _alone = heavy();
    faults(1).await;
}
