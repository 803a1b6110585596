//! Callers of a real server: their connections break, or find no place, and the server is killed and started again in the middle.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{Call, Dice, Histories, Outcome, Rules, Told};
use crate::common::{Server, directory, heavy, http};

const CALLERS: u64 = 8;
const SECRETS: u64 = 8;
const CALLS: u64 = 5 * SECRETS; // of each caller
const ROUNDS: u64 = 6;
const LEASE: i64 = 1000;
const RULES: Rules = Rules { lease: LEASE, tries: 10 };
/// Places on the server: enough for the callers, unless others take them.
const PLACES: &str = "12";
/// How far the server's clock and ours are apart at most, in milliseconds: they are one, cut to whole ones.
const SLACK: i64 = 2;

struct Secret {
    token: String,
    receipt: String,
    content: String,
    passphrase: Option<&'static str>,
}

/// What the callers share.
struct World {
    server: Mutex<Option<Server>>,
    secrets: Vec<Secret>,
    histories: Histories,
    refused: AtomicUsize,
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn start(data: &Path) -> Server {
    Server::start(data, &["--claim-lease", "1s", "--cleanup-interval", "1s", "--max-connections", PLACES])
}

impl World {
    /// Makes the secrets; some expire soon.
    async fn new(data: &Path, seed: u64) -> Self {
        let server = start(data);
        let histories = Histories::new(usize::try_from(SECRETS).unwrap());
        let mut secrets = Vec::new();
        for number in 0..SECRETS {
            let content = format!("{seed}-{number}-").repeat(20 + 500 * usize::try_from(number).unwrap());
            let passphrase = (number % 3 == 0).then_some("right");
            let ttl = if number % 2 == 0 { 1 } else { 60 };
            let mut body = json!({"content": content, "ttl_seconds": ttl, "receipt": true});
            body.as_object_mut().unwrap().extend(passphrase.map(|words| ("passphrase".to_owned(), json!(words))));
            let (made, before) = (histories.now(), now());
            let created: Value = server.post_json(&body.to_string()).await.json().await.unwrap();
            let expires = created["expires_at"].as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond();
            let call = Call::Create { expires: (expires, expires) };
            histories.note(secrets.len(), call, Some(Outcome::Done), made, (before - SLACK, now() + SLACK));
            let word = |name: &str| created[name].as_str().unwrap().to_owned();
            secrets.push(Secret { token: word("token"), receipt: word("receipt"), content, passphrase });
        }
        Self { server: Mutex::new(Some(server)), secrets, histories, refused: AtomicUsize::new(0) }
    }

    fn url(&self) -> Option<String> {
        self.server.lock().unwrap().as_ref().map(|server| server.url.clone())
    }
}

/// How a request ended.
enum Ended {
    As(Outcome),
    /// Nothing was done.
    Refused,
    Unknown,
}

/// One call; `by` stands for a caller's claim. Contents are compared here.
async fn ask(client: &Client, url: &str, secret: &Secret, call: Call) -> Result<Ended, reqwest::Error> {
    let receipt = format!("{url}/api/v1/receipts/{}", secret.receipt);
    let url = format!("{url}/api/v1/secrets/{}", secret.token);
    let reveal = || client.post(format!("{url}/reveal"));
    let with = |passphrase: Option<&str>| json!({ "passphrase": passphrase });
    let request = match (call, secret.passphrase) {
        (Call::Take, None) => client.get(&url),
        (Call::Take | Call::Claim(_), Some(right)) => reveal().json(&with(Some(right))),
        (Call::Claim(_), None) => reveal(),
        (Call::Release(_) | Call::Burn, _) => client.request(Method::DELETE, &url),
        (Call::Peek(_), _) => client.get(format!("{url}/status")),
        (Call::Fail(_), _) => reveal().json(&with(Some("wrong"))),
        (Call::Trace, _) => client.get(receipt),
        (Call::Create { .. }, _) => panic!("they are there"),
    };
    let claim = match call {
        Call::Claim(by) | Call::Release(by) | Call::Peek(Some(by)) | Call::Fail(Some(by)) => Some(by),
        _ => None,
    };
    let claim = claim.map(|by| format!("claim-of-caller-number-{by}"));
    let request = claim.into_iter().fold(request, |request, claim| request.header("idempotency-key", claim));
    let response = request.send().await?;
    let status = response.status().as_u16();
    let answer = response.bytes().await?;
    let member = |name: &str| serde_json::from_slice::<Value>(&answer).unwrap()[name].clone();
    Ok(match (status, call) {
        (200, Call::Take | Call::Claim(_)) => {
            assert!(member("content") == secret.content, "a content is whole and the right one");
            Ended::As(Outcome::Done)
        }
        (200, Call::Peek(_)) | (204, Call::Release(_) | Call::Burn) => Ended::As(Outcome::Done),
        (200, Call::Trace) => Ended::As(Outcome::Tells(match member("state").as_str().unwrap() {
            "unread" => Told::Unread,
            "claimed" => Told::Claimed,
            "delivered" => Told::Delivered,
            "unconfirmed" => Told::Unconfirmed,
            "burned" => Told::Burned,
            "expired" => Told::Expired,
            other => panic!("{other}"),
        })),
        (403, Call::Fail(_)) => {
            let left = u32::try_from(member("attempts_left").as_u64().unwrap()).unwrap();
            Ended::As(Outcome::Wrong { left })
        }
        (404, _) => Ended::As(Outcome::Gone),
        (503, _) => Ended::Refused,
        _ => panic!("{status} to {call:?}: {}", String::from_utf8_lossy(&answer)),
    })
}

/// What a caller may ask for next.
fn any_call(dice: &mut Dice, caller: u8, guarded: bool) -> Call {
    let by = if dice.below(4) == 0 { (caller + 1) % 8 } else { caller };
    let some = (dice.below(2) == 0).then_some(by);
    match dice.below(16) {
        0 => Call::Take,
        1..5 => Call::Claim(by),
        5 | 6 => Call::Release(by),
        7 => Call::Burn,
        8..11 => Call::Peek(some),
        11..13 => Call::Trace,
        _ if guarded => Call::Fail(some),
        _ => Call::Claim(by),
    }
}

/// Gives others so many turns; without a number it never ends.
async fn leaves_after(turns: Option<u64>) {
    let Some(turns) = turns else { return std::future::pending().await };
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

async fn caller(world: Arc<World>, number: u64, seed: u64) {
    let mut dice = Dice(seed * 1_000_000 + number * 10_000);
    let client = http();
    for turn in 0..CALLS {
        tokio::time::sleep(Duration::from_millis(dice.below(70))).await;
        let index = usize::try_from((turn + number) % SECRETS).unwrap();
        let secret = &world.secrets[index];
        let call = any_call(&mut dice, u8::try_from(number).unwrap(), secret.passphrase.is_some());
        let Some(url) = world.url() else { continue }; // killed, and not there yet
        let (made, before) = (world.histories.now(), now() - SLACK);
        // One in three leaves somewhere on the way.
        let turns = (dice.below(3) == 0).then(|| dice.below(150));
        let ended = tokio::select! {
            biased;
            ended = ask(&client, &url, secret, call) => match ended {
                Ok(ended) => ended,
                Err(error) if error.is_connect() => Ended::Refused,
                Err(_) => Ended::Unknown,
            },
            () = leaves_after(turns) => Ended::Unknown,
        };
        match ended {
            Ended::As(outcome) => {
                world.histories.note(index, call, Some(outcome), made, (before, now() + SLACK));
            }
            Ended::Refused => _ = world.refused.fetch_add(1, Ordering::SeqCst),
            Ended::Unknown => world.histories.note(index, call, None, made, (before, i64::MAX)),
        }
    }
}

/// Ends the server wherever it is, some time after the callers have begun, and starts it again.
async fn crash(world: &World, data: &Path, seed: u64) {
    tokio::time::sleep(Duration::from_millis(200 + Dice(seed).below(1500))).await;
    let server = world.server.lock().unwrap().take().unwrap();
    server.kill();
    let over = now() + SLACK;
    // Those who were waiting have noticed.
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.histories.all_is_over(over);
    *world.server.lock().unwrap() = Some(start(data));
}

/// Takes the places of others for a moment, again and again.
async fn crowd(world: &World) {
    loop {
        if let Some(url) = world.url() {
            let address = url.trim_start_matches("http://").to_owned();
            let silent = join_all((0..12).map(|_| tokio::net::TcpStream::connect(address.clone()))).await;
            tokio::time::sleep(Duration::from_millis(30)).await;
            drop(silent);
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// Eight callers on eight secrets, with short lives and leases, in rounds with a crash in each.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_of_a_server_that_crashes_see_one_order() {
    let _alone = heavy();
    let (mut calls, mut unknown, mut refused) = (0, 0, 0);
    for seed in 0..ROUNDS {
        let data = directory();
        let world = Arc::new(World::new(data.path(), seed).await);
        let callers = (0..CALLERS).map(|number| tokio::spawn(caller(Arc::clone(&world), number, seed)));
        let callers = async { join_all(callers).await.into_iter().for_each(Result::unwrap) };
        let story = async { tokio::join!(callers, crash(&world, data.path(), seed)) };
        tokio::select! {
            _ = story => {}
            () = crowd(&world) => {}
        }
        let (more, open) = world.histories.check(RULES);
        calls += more;
        unknown += open;
        refused += world.refused.load(Ordering::SeqCst);
    }
    eprintln!("{calls} calls, of which {unknown} without an answer; {refused} others were refused");
    assert!(calls > 1000 && unknown > 50, "{calls}, {unknown}");
}
