//! Failover, under load: a primary with two standbys of which one has to agree with each commit, three servers that know all three hosts,
//! and a load balancer before them. Whatever breaks, nothing that was acknowledged is lost, nothing is given out twice, and nothing is
//! gone that nobody was given; and all servers work again as soon as there is a primary.
//!
//! [`network`](crate::common::network): cables to pull; [`node`]: a database; [`trio`]: all that is broken; [`entrance`]: the load balancer;
//! [`load`]: who asks; [`ledger`]: what came of it, and the judge.

mod entrance;
mod ledger;
mod load;
mod node;
mod trio;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use self::{
    ledger::{Finding, Kill, Verdict},
    load::Load,
    trio::{Servers, Trio},
};
use crate::common::{SECRET_KEY, ots, run, text, until};

/// Somebody else's commits have to be agreed to by one of the others.
const ANY: &str = "ANY 1 (n1, n2, n3)";

/// What is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Episode {
    /// The primary is killed.
    KilledPrimary,
    /// It is cut off from everybody, and is back when there is another: both run.
    CutPrimary,
    /// It is frozen, and goes on when there is another: both run.
    FrozenPrimary,
    /// Both standbys are cut off, for longer than anybody waits: nobody agrees with any commit.
    CutStandbys,
    /// A server is cut off from the databases.
    CutServer,
    /// A server is killed.
    KilledServer(usize),
}

use Episode::{CutPrimary, CutServer, CutStandbys, FrozenPrimary, KilledPrimary, KilledServer};

/// Three times eight, and one more.
const ROUND: [Episode; 8] = [
    KilledPrimary,
    KilledServer(0),
    FrozenPrimary,
    KilledServer(1),
    CutPrimary,
    CutServer,
    KilledServer(2),
    FrozenPrimary,
];
const ROUNDS: usize = 3;

/// How long servers may take to work, once there is a primary. They take a tenth of that; other tests run beside this one.
const BOUND: Duration = Duration::from_secs(5);
/// After how long it isn't known any more what became of a statement.
const UNKNOWN: Duration = Duration::from_secs(10);
/// How long two primaries run side by side.
const BOTH: Duration = Duration::from_millis(1500);

impl Episode {
    /// How long each server took to work, once it could.
    async fn run(self, trio: &mut Trio, servers: &mut Servers, kills: &mut Vec<Kill>) -> Vec<Duration> {
        tokio::time::sleep(Duration::from_millis(600)).await;
        match self {
            KilledPrimary => {
                let primary = trio.primary;
                trio.nodes[primary].kill();
                let (since, old) = trio.fail_over();
                let took = servers.healthy(since).await;
                trio.bring_back(old);
                took
            }
            CutPrimary => {
                trio.switch.cut(&trio.primary().place);
                let (since, old) = trio.fail_over();
                let took = servers.healthy(since).await;
                trio.switch.mend(&trio.nodes[old].place);
                both(trio, servers, old).await;
                took
            }
            FrozenPrimary => {
                trio.primary().signal("-STOP");
                let (since, old) = trio.fail_over();
                let took = servers.healthy(since).await;
                trio.nodes[old].signal("-CONT");
                both(trio, servers, old).await;
                took
            }
            CutStandbys => {
                for at in trio.standbys() {
                    trio.switch.cut(&trio.nodes[at].place);
                }
                tokio::time::sleep(UNKNOWN).await;
                for at in trio.standbys() {
                    trio.switch.mend(&trio.nodes[at].place);
                }
                trio.primary().wait_for_standbys(1);
                servers.healthy(Instant::now()).await
            }
            CutServer => {
                trio.switch.cut(&servers.place);
                until("it is told", Duration::from_secs(4), async || !servers.is_healthy(2).await).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
                trio.switch.mend(&servers.place);
                servers.healthy(Instant::now()).await
            }
            KilledServer(at) => {
                kills.push(Instant::now());
                servers.restart(at).await;
                servers.healthy(Instant::now()).await
            }
        }
    }
}

/// The old primary runs beside the new one, until it is fenced; servers work all the while.
async fn both(trio: &mut Trio, servers: &mut Servers, old: usize) {
    let (began, mut worst) = (Instant::now(), Duration::ZERO);
    while began.elapsed() < BOTH {
        worst = worst.max(servers.healthy(Instant::now()).await.into_iter().max().unwrap());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    eprintln!("with two primaries, a look, a creation and a read took {worst:?} at most");
    assert!(worst < BOUND);
    trio.bring_back(old);
}

/// 25 episodes: 0 acknowledged secrets lost, 0 delivered twice, 0 gone unread after an unknown outcome, no receipt that tells what wasn't so; every server works within seconds of
/// there being a primary.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failovers_lose_nothing_and_give_nothing_twice() {
    let _heavy = crate::common::heavy();
    let Some(mut trio) = Trio::begin(ANY) else { return };
    let mut servers = Servers::begin(&trio).await;
    let load = Load::begin(&servers.entrance.url);
    let (mut kills, mut times) = (Vec::new(), BTreeMap::<Episode, Vec<Duration>>::new());
    for episode in (0..ROUNDS).flat_map(|_| ROUND).chain([CutStandbys]) {
        let began = Instant::now();
        let mut took = episode.run(&mut trio, &mut servers, &mut kills).await;
        eprintln!("{episode:?}: {took:?}, {:?} in all", began.elapsed());
        times.entry(episode).or_default().append(&mut took);
    }
    let verdict = Verdict::of(&load.end().await, &kills);
    eprintln!("{verdict}");
    let mut all: Vec<Duration> = times.values().flatten().copied().collect();
    for (episode, times) in &mut times {
        times.sort_unstable();
        eprintln!(
            "{episode:?}: {} times, median {:?}, worst {:?}",
            times.len(),
            times[times.len() / 2],
            times[times.len() - 1]
        );
    }
    assert_eq!(verdict.findings, [], "{verdict}");
    assert!(verdict.receipts * 10 > verdict.secrets * 9, "almost each tells something: {verdict}");
    all.sort_unstable();
    assert!(all[all.len() - 1] < BOUND, "{all:?}");
    accounted_for(&trio, &verdict, servers.probes).await;
}

/// What is left was never acknowledged, or a killed server had it in hand; and the database is in order.
async fn accounted_for(trio: &Trio, verdict: &Verdict, probes: usize) {
    let count = |which: &str| {
        let counted = trio.primary().psql_in("ots", &format!("SELECT count(*) FROM ots.record WHERE {which}"));
        counted.parse::<usize>().unwrap()
    };
    until("claims of their own are settled", Duration::from_secs(10), async || count("own") <= verdict.at_most_once)
        .await;
    let left = count("NOT own");
    eprintln!("{left} records are left, {} of killed servers", count("own"));
    assert!(left <= verdict.unknown_creations + probes, "{left} are left: {verdict}, {probes} probes");
    let mut check = ots();
    check.env("SECRET_KEY", SECRET_KEY).env("OTS_DATABASE_URL", trio.url()).args(["admin", "check"]);
    let checked = run(check, b"");
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
}

/// Standbys that nobody waits for are behind: with them, the same failover loses what was acknowledged, and the judge says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asynchronous_standby_loses_what_was_acknowledged() {
    let _heavy = crate::common::heavy();
    let Some(mut trio) = Trio::begin("") else { return };
    let mut servers = Servers::begin(&trio).await;
    let load = Load::begin(&servers.entrance.url);
    tokio::time::sleep(Duration::from_secs(1)).await;
    for at in trio.standbys() {
        trio.switch.cut(&trio.nodes[at].place);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let primary = trio.primary;
    trio.nodes[primary].kill();
    for at in trio.standbys() {
        trio.switch.mend(&trio.nodes[at].place);
    }
    let (since, _) = trio.fail_over();
    servers.healthy(since).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let verdict = Verdict::of(&load.end().await, &[]);
    eprintln!("asynchronous: {verdict}");
    assert!(verdict.count(Finding::Lost) > 0, "{verdict}");
}
