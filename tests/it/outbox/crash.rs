//! `kill -9` of a process that has things happen to records: of all that it was told to be done there is the message, in its order, and of
//! what wasn't done there is none.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use ots::{
    secret::{ClaimHash, HookId, KeyId, SecretId, Verifier},
    store::{Access, By, Charge, Head, Location, REQUEST, Record, Store, Told},
};

use super::{CLAIM, EVERY, LEASE, OWN};
use crate::common::{directory, heavy, noise};

/// Where the store of the process is that is killed, and which round it is.
const VICTIM: &str = "TEST_OUTBOX_VICTIM";
const WORKERS: u8 = 6;

/// What happens to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Open,
    Answer,
    Claim,
    Acknowledge,
    Take,
    Burn,
    Wrong,
}

impl Step {
    const ALL: [Self; 8] =
        [Self::Create, Self::Open, Self::Answer, Self::Claim, Self::Acknowledge, Self::Take, Self::Burn, Self::Wrong];

    /// What becomes of the record of that number.
    fn steps(number: u8) -> &'static [Self] {
        match number % 6 {
            0 => &[Self::Create, Self::Claim, Self::Acknowledge],
            1 => &[Self::Create, Self::Wrong, Self::Take],
            2 => &[Self::Create, Self::Burn],
            3 => &[Self::Open, Self::Answer],
            4 => &[Self::Create, Self::Claim],
            _ => &[Self::Open, Self::Burn],
        }
    }
}

/// A record, and how it is said: its round, worker and number.
type Name = [u8; 3];

fn id([round, worker, number]: Name, is_answer: bool) -> SecretId {
    let mut id = [7; 32];
    id[..4].copy_from_slice(&[round, worker, number, u8::from(is_answer)]);
    SecretId(id)
}

/// Every second one names a webhook.
fn record(name: Name, kind: u8, is_answer: bool) -> Record {
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    let (expires_at, verifier) = (now + Duration::from_secs(3600), (kind != REQUEST).then_some(Verifier([5; 32])));
    Record {
        id: id(name, is_answer),
        head: Head { created_at: now, expires_at, kind, size: 7, key_id: KeyId([9; 8]), verifier },
        sealed: [1; 60][..].into(),
        charge: Charge::default(),
        receipt: None,
        notify: (name[2] % 2 == 1).then_some(OWN),
        by: None,
    }
}

async fn take(store: &Store, name: Name, step: Step) {
    let (id, now) = (id(name, false), Timestamp::now());
    let done = match step {
        Step::Create => store.insert(record(name, 0, false)).await.map(|()| true),
        Step::Open => store.insert(record(name, REQUEST, false)).await.map(|()| true),
        Step::Answer => store.answer(id, record(name, 0, true), now).await,
        Step::Claim => store.claim(id, Access::Verified, CLAIM, LEASE, now).await.map(|claimed| claimed.is_some()),
        Step::Acknowledge => store.release(id, CLAIM, now).await,
        Step::Take => store.take(id, Access::Verified, now).await,
        Step::Burn => store.burn(id, now).await,
        Step::Wrong => store.fail_attempt(id, None, 10, now).await.map(|left| left.is_some()),
    };
    assert_eq!(done, Ok(true), "{name:?} {step:?}");
}

/// The process that is killed. It says of each step that it begins, and that it is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let Ok(said) = std::env::var(VICTIM) else { return };
    let (round, place) = said.split_once(' ').unwrap();
    let (round, place): (u8, Location) = (round.parse().unwrap(), place.parse().unwrap());
    let mut store = Store::open(&place, 1 << 20).unwrap();
    store.tell(vec![EVERY]);
    let store = Arc::new(store);
    let say = |said: &str, [_, worker, number]: Name, step: Step| {
        writeln!(std::io::stdout(), "\n{said} {worker} {number} {step:?}").unwrap();
    };
    let work = (0..WORKERS).map(|worker| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0..=u8::MAX {
                for step in Step::steps(number) {
                    say("begun", [round, worker, number], *step);
                    take(&store, [round, worker, number], *step).await;
                    say("done", [round, worker, number], *step);
                }
            }
        })
    });
    join_all(work).await.into_iter().for_each(Result::unwrap);
}

/// What was begun with a record, and how much of that is known to be done.
#[derive(Debug, Default)]
struct Known {
    begun: Vec<Step>,
    done: usize,
}

/// Runs the process for a moment, of so many milliseconds at most after it works, and kills it.
fn killed(place: &str, round: u8, longest: u64) -> BTreeMap<Name, Known> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "outbox::crash::victim", "--nocapture"]).env(VICTIM, format!("{round} {place}"));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut known = BTreeMap::<Name, Known>::new();
    let mut note = |line: std::io::Result<String>| {
        let line = line.unwrap();
        let Ok([said, worker, number, step]) = <[&str; 4]>::try_from(line.split(' ').collect::<Vec<_>>()) else {
            return false;
        };
        let Some(step) = Step::ALL.into_iter().find(|one| format!("{one:?}") == step) else { return false };
        let known = known.entry([round, worker.parse().unwrap(), number.parse().unwrap()]).or_default();
        match said {
            "begun" => known.begun.push(step),
            _ => known.done += 1,
        }
        said == "done"
    };
    while !note(lines.next().expect("it works")) {}
    let reading = std::thread::scope(|scope| {
        let rest = scope.spawn(move || lines.collect::<Vec<_>>());
        std::thread::sleep(Duration::from_millis(20 + u64::from(noise(u64::from(round) + 1, 1)[0]) * longest / 256));
        child.kill().unwrap();
        child.wait().unwrap();
        rest.join().unwrap()
    });
    for line in reading {
        note(line);
    }
    known
}

/// Everything that a webhook is to be told, as whoever sends it gets it.
async fn drained(store: &Store, hook: HookId) -> BTreeMap<SecretId, Vec<Told>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    loop {
        let due = store.messages(hook, Timestamp::now() + Duration::from_secs(60), 50).await.unwrap();
        if due.is_empty() {
            return all;
        }
        store.delivered(due.iter().map(|message| message.number).collect()).await.unwrap();
        for message in due {
            all.entry(message.id).or_default().push(message.told);
        }
    }
}

/// What is told of a step: about the record, and about its answer.
fn is_of(step: Step, told: &Told, is_request: bool) -> bool {
    match step {
        Step::Create => matches!(told, Told::Created { size: 7, .. }),
        Step::Open => matches!(told, Told::Requested { .. }),
        Step::Answer => matches!(told, Told::Answered { .. }),
        Step::Claim => *told == Told::Claimed,
        Step::Acknowledge => *told == Told::Acknowledged,
        Step::Take => *told == Told::Delivered,
        Step::Burn if is_request => *told == Told::Withdrawn,
        Step::Burn => *told == Told::Burned(By::Link),
        Step::Wrong => *told == Told::WrongPassphrase { left: 9 },
    }
}

/// Whether a step that isn't known to be done was; none where that can't be seen.
async fn was_done(store: &Store, name: Name, step: Step, is_shared: bool) -> Option<bool> {
    let there = async |id, claim: Option<ClaimHash>| store.peek(id, claim, Timestamp::now()).await.unwrap().is_some();
    let id = id(name, false);
    match step {
        Step::Create | Step::Open => Some(there(id, None).await),
        Step::Acknowledge => Some(!there(id, Some(CLAIM)).await),
        Step::Answer => Some(there(self::id(name, true), None).await),
        // It may be in the hand of the one that died over it.
        Step::Take if is_shared => None,
        Step::Claim | Step::Burn | Step::Take => Some(!there(id, None).await),
        Step::Wrong => None,
    }
}

/// Rounds on a store, each with a process that is killed; how much was done, and how much wasn't known to be.
async fn rounds(place: &str, count: u8, longest: u64, settled: impl Fn()) -> (usize, usize) {
    let location: Location = place.parse().unwrap();
    let is_shared = !matches!(location, Location::Sqlite(_));
    let (mut done, mut unsure) = (0, 0);
    for round in 0..count {
        let known = killed(place, round, longest);
        settled();
        let store = Store::open(&location, 1 << 20).unwrap();
        let (mut every, mut own) = (drained(&store, EVERY).await, drained(&store, OWN).await);
        for (name, Known { begun, done: sure }) in known {
            done += sure;
            let (told, is_request) = (every.remove(&id(name, false)).unwrap_or_default(), begun[0] == Step::Open);
            let context = format!("round {round}, {name:?}: {begun:?}, {sure} done, told {told:?}");
            assert!((sure..=begun.len()).contains(&told.len()), "{context}");
            assert!(begun.iter().zip(&told).all(|(step, told)| is_of(*step, told, is_request)), "{context}");
            if let Some(step) = begun.get(sure) {
                unsure += 1;
                let was_done = was_done(&store, name, *step, is_shared).await;
                assert!(was_done.is_none_or(|done| done == (told.len() > sure)), "{context}: it was {was_done:?}");
            }
            let answered = every.remove(&id(name, true)).unwrap_or_default();
            assert_eq!(
                answered.len(),
                usize::from(told.iter().any(|told| matches!(told, Told::Answered { .. }))),
                "{context}"
            );
            let [mine, of_answer] = [false, true].map(|is_answer| own.remove(&id(name, is_answer)).unwrap_or_default());
            let names_it = name[2] % 2 == 1;
            assert_eq!((mine, of_answer), if names_it { (told, answered) } else { Default::default() }, "{context}");
        }
        assert!(every.is_empty() && own.is_empty(), "round {round}: of what nobody did {every:?} {own:?}");
        store.close().await.unwrap();
    }
    (done, unsure)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_of_what_was_committed() {
    let _alone = heavy();
    let data = directory();
    let place = format!("sqlite:{}", data.path().join("ots.db").display());
    let (done, unsure) = rounds(&place, 25, 130, || ()).await;
    assert!(done > 500 && unsure > 50, "{done} done, {unsure} under way");
    assert_eq!(Store::check(&place.parse().unwrap()).unwrap().findings, [""; 0]);
}

#[cfg(all(unix, feature = "postgres"))]
#[tokio::test(flavor = "multi_thread")]
async fn messages_are_of_what_was_committed_by_servers_that_share_a_store() {
    use crate::common::postgres::Cluster;
    let Some(cluster) = Cluster::shared() else { return };
    let _alone = heavy();
    let database = cluster.new_database();
    // What was under way goes on for a moment after whoever asked has died.
    let settled = || {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                      AND backend_type = 'client backend'";
        let end = std::time::Instant::now() + Duration::from_secs(30);
        while cluster.psql(&database, others).trim() != "0" {
            assert!(std::time::Instant::now() < end, "its connections end");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let place = cluster.url(&database);
    let (done, unsure) = rounds(&place, 10, 250, settled).await;
    assert!(done > 60 && unsure > 10, "{done} done, {unsure} under way");
    assert_eq!(Store::check(&place.parse().unwrap()).unwrap().findings, [""; 0]);
}
