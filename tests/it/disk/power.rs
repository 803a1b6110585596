//! Power cuts: a load is run while all that its server writes is logged; then, at hundreds of points of the log, the directories are built
//! that a power cut there may leave (image.rs), and opened. Nothing acknowledged is lost, nothing read comes back, what was under way is whole
//! or gone, and the database is whole.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use jiff::Timestamp;
use ots::{
    crypto::at_rest::{Context, MasterKey},
    secret::{ClaimKey, Kind, Token},
    store::{Access, Location, Store, Stored},
};

use super::{
    check,
    image::{Dice, Event, Fate, Image, Log},
    plan::{client, stop},
    secrets::{Api, Call, content},
    shim::Disk,
};
use crate::common::{CLAIM, SECRET_KEY, heavy, until};

const CLIENTS: u64 = 8;
/// Secrets that each makes between two pauses.
const SECRETS: u64 = 5;

/// What may have become of a secret: a set of these.
const UNREAD: u8 = 1;
const CLAIMED: u8 = 2;
const GONE: u8 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Call(Call),
}

/// What the clients asked for and were answered, in the order in which the log has a mark for each.
struct History {
    log: File,
    /// The secret's number, the step, and whether this is its answer.
    events: Vec<(usize, Step, bool)>,
    secrets: Vec<(Option<Token>, Vec<u8>)>,
    /// What was answered otherwise than by doing it.
    refused: Vec<String>,
}

impl History {
    fn note(&mut self, secret: usize, step: Step, answered: bool) {
        self.log.write_all(&Log::mark(self.events.len())).unwrap();
        self.events.push((secret, step, answered));
    }
}

/// One client: makes secrets, and reads, claims or burns them, or those that it left before.
async fn load(api: &Api, history: &Mutex<History>, round: u64, number: u64) {
    let mut left = None;
    for count in 0..SECRETS {
        // Some of what is burned is large, so that pages come free in numbers and are given back when all rest.
        let sizes = [10, 300, 1500, 2100, 5000, 40_000];
        let length = match (number, (number + count) % 5) {
            (0..3, 4) if round == 0 || round == 2 => 750_000,
            (0, 3) => 300_000,
            _ => sizes[usize::try_from(number + count).unwrap() % sizes.len()],
        };
        let content = content(round << 16 | number << 8 | count, length);
        let secret = {
            let mut history = history.lock().unwrap();
            history.secrets.push((None, content.clone()));
            let secret = history.secrets.len() - 1;
            history.note(secret, Step::Create, false);
            secret
        };
        let made = api.create(&content, false, 3000).await.1.unwrap();
        {
            let mut history = history.lock().unwrap();
            history.secrets[secret].0 = Some(made.token.parse().unwrap());
            history.note(secret, Step::Create, true);
        }
        let (secret, made, calls) = match (number + count) % 5 {
            0 => match left.replace((secret, made)) {
                Some((secret, made)) => (secret, made, vec![Call::Read]),
                None => continue,
            },
            1 => (secret, made, vec![Call::Read]),
            2 => (secret, made, vec![Call::Claim, Call::Acknowledge]),
            3 => (secret, made, vec![Call::Claim]),
            _ => (secret, made, vec![Call::Burn]),
        };
        for call in calls {
            history.lock().unwrap().note(secret, Step::Call(call), false);
            let answer = api.call(call, &made).await;
            let mut history = history.lock().unwrap();
            if !(200..300).contains(&answer.status) {
                history.refused.push(format!("{call:?}: {}", answer.status));
                break;
            }
            history.note(secret, Step::Call(call), true);
        }
    }
}

/// Runs the load on servers that are stopped, or killed, one after the other; with the WAL emptied in between.
async fn loaded(disk: &Disk) -> History {
    let log = OpenOptions::new().append(true).open(&disk.log).unwrap();
    let history = Mutex::new(History { log, events: Vec::new(), secrets: Vec::new(), refused: Vec::new() });
    let client = client();
    disk.delay_syncs(1500);
    for round in 0..4 {
        let server = disk.serve(&["--claim-lease", "10m"], true).unwrap();
        let api = Api::new(&client, &server.url);
        join_all((0..CLIENTS).map(|number| load(&api, &history, round, number))).await;
        if round % 2 == 0 {
            let wal = disk.data.join("ots.db-wal");
            until("the WAL is empty", Duration::from_secs(10), || async { wal.metadata().unwrap().len() == 0 }).await;
            join_all((0..CLIENTS).map(|number| load(&api, &history, 10 + round, number))).await;
        }
        if round == 1 { server.kill() } else { stop(server).await }
    }
    history.into_inner().unwrap()
}

/// What may have become of each secret, by the marks up to a point.
struct Known(Vec<u8>);

impl Known {
    fn learn(&mut self, (secret, step, answered): (usize, Step, bool)) {
        let (from, to) = match step {
            Step::Create => (GONE, UNREAD),
            Step::Call(Call::Claim) => (UNREAD, CLAIMED),
            Step::Call(Call::Acknowledge) => (CLAIMED, GONE),
            Step::Call(_) => (UNREAD, GONE),
        };
        self.0[secret] = if answered { to } else { from | to };
    }
}

/// Opens what is found, and remembers what it has opened already.
struct Opener {
    key: MasterKey,
    opened: HashMap<usize, Vec<u8>>,
}

impl Opener {
    fn is_whole(&mut self, secret: usize, token: &Token, content: &[u8], stored: Stored) -> bool {
        if let Some(sealed) = self.opened.get(&secret) {
            return sealed == stored.sealed.as_ref();
        }
        let sealed = stored.sealed.as_ref().to_vec();
        let context = Context {
            id: token.id(),
            expires_at: stored.head.expires_at,
            kind: Kind::from_byte(stored.head.kind).unwrap(),
        };
        let whole = self
            .key
            .record_key(token, None)
            .unwrap()
            .open(context, stored.sealed)
            .is_ok_and(|opened| opened.as_ref() == content);
        if whole {
            self.opened.insert(secret, sealed);
        }
        whole
    }
}

/// Checks a directory as a power cut left it.
async fn examine(directory: &Path, history: &History, known: &Known, opener: &mut Opener) -> Result<(), String> {
    let path = directory.join("ots.db");
    let store = Store::open(&Location::Sqlite(path.clone()), 1 << 20).map_err(|error| format!("no start: {error}"))?;
    let claim: ClaimKey = CLAIM.parse().unwrap();
    let now = Timestamp::now();
    for (secret, (token, content)) in history.secrets.iter().enumerate() {
        let token = token.as_ref().unwrap();
        let memory = ots::memory::Budget::new(64 << 20);
        let load = |claim| store.load(token.id(), claim, Access::Verified, now, &memory);
        let mine = load(Some(claim.hash())).await.map_err(|error| format!("secret {secret}: {error}"))?;
        let anybodys = load(None).await.map_err(|error| format!("secret {secret}: {error}"))?;
        let found = match (&mine, &anybodys) {
            (Some(_), Some(_)) => UNREAD,
            (Some(_), None) => CLAIMED,
            _ => GONE,
        };
        if known.0[secret] & found == 0 {
            let word = |state: u8| ["unread", "claimed", "gone"][state.trailing_zeros() as usize];
            let may_be: Vec<&str> =
                [UNREAD, CLAIMED, GONE].into_iter().filter(|state| known.0[secret] & state != 0).map(word).collect();
            return Err(format!("secret {secret} is {}, and has to be {}", word(found), may_be.join(" or ")));
        }
        if let Some(stored) = mine
            && !opener.is_whole(secret, token, content, stored)
        {
            return Err(format!("secret {secret} isn't what was stored"));
        }
    }
    store.close().await.map_err(|error| error.to_string())?;
    check::database(&path)
}

/// Points to cut at, in order, each with the number by which it was drawn: anywhere, and, every other, right around a sync or a
/// truncation.
fn cuts(log: &Log, dice: &mut Dice, count: usize) -> Vec<(usize, usize)> {
    let turns: Vec<usize> = (0..log.records.len())
        .filter(|index| matches!(log.records[*index].event, Event::Synced | Event::Truncated | Event::Unlinked))
        .collect();
    let mut cuts: Vec<(usize, usize)> = (1..=count)
        .map(|number| {
            let anywhere = dice.below(log.records.len() + 1);
            let near = (turns[dice.below(turns.len())] + dice.below(4)).saturating_sub(1);
            (if number % 2 == 0 { anywhere } else { near.min(log.records.len()) }, number)
        })
        .collect();
    cuts.sort_unstable();
    cuts
}

/// Memory, if there is any to be had as a file system.
fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("ots-test-").tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Runs a load, and cuts the power so many times.
async fn cut_power(count: usize) {
    let disk = Disk::new();
    let began = Instant::now();
    let history = loaded(&disk).await;
    let log = Log::read(&disk.log);
    let reserve = disk.data.join("ots.db-reserve").metadata().map_or(0, |reserve| reserve.len());
    eprintln!(
        "{} secrets, {} records of {} bytes: {:?}",
        history.secrets.len(),
        log.records.len(),
        log.length(),
        began.elapsed()
    );

    let seed = u64::from(std::process::id());
    let mut dice = Dice::new(seed);
    let (mut image, mut known) = (Image::new(&log), Known(vec![GONE; history.secrets.len()]));
    let mut opener = Opener { key: MasterKey::derive(SECRET_KEY.as_bytes()).unwrap(), opened: HashMap::new() };
    let mut replayed = 0;
    let mut found = Vec::new();
    for (cut, number) in cuts(&log, &mut dice, count) {
        for record in &log.records[replayed..cut] {
            image.apply(record);
            if record.event == Event::Mark {
                known.learn(history.events[usize::try_from(record.offset).unwrap()]);
            }
        }
        replayed = cut;
        let drawn = [(); 2].map(|()| Fate::Drawn(dice.below(usize::MAX) as u64));
        let fates = [Fate::Lost, drawn[0], drawn[1], Fate::Kept];
        // That all is kept is what a crash of the process leaves: it is seen to elsewhere too.
        for fate in &fates[..if number % 4 == 0 { 4 } else { 3 }] {
            let directory = scratch();
            image.cut(*fate, reserve, directory.path());
            if let Err(error) = examine(directory.path(), &history, &known, &mut opener).await {
                let at = format!("cut {number}, at record {cut} of {}, {fate:?}", log.records.len());
                found.push((number, format!("{at}: {error}")));
            }
        }
    }
    eprintln!("{count} cuts: {:?}", began.elapsed());
    found.sort_by_key(|(number, _)| *number);
    let told: Vec<&str> = found.iter().take(20).map(|(_, error)| error.as_str()).collect();
    assert!(found.is_empty(), "seed {seed}, {} directories are wrong:\n{}", found.len(), told.join("\n"));
    assert!(history.refused.is_empty(), "while the power was on: {:?}", history.refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_loses_nothing_and_brings_nothing_back() {
    let _alone = heavy();
    cut_power(200).await;
}

/// Ten times as many, each time of another load.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: for by hand"]
async fn no_power_cut_loses_anything() {
    let _alone = heavy();
    for _ in 0..4 {
        cut_power(500).await;
    }
}
