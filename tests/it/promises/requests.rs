//! `kill -9` under requests: one that was acknowledged is open, or has its one answer, whole; and receipts say which.

use std::{
    collections::HashMap,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use data_encoding::BASE64;
use futures_util::future::join_all;
use ots::{
    crypto::{
        envelope::Label,
        sealed_box::{Invitation, Keys},
    },
    secret::{CollectingKey, RequestKey},
};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::crash::told;
use crate::common::{Server, asked::invited, client, database::assert_sound, directory, heavy, http, noise};

/// One pair for all of them: to make one takes longer than to ask.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Longer than it takes until it is checked: what is claimed stays its reader's.
const LEASE: [&str; 2] = ["--claim-lease", "10m"];

/// A request that was acknowledged.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Asked {
    token: String,
    collecting: String,
    receipt: String,
}

/// What is known to be so of a request.
#[derive(Debug)]
enum State {
    Open,
    /// This was acknowledged.
    Answered(Vec<u8>),
    /// Of these one may have been kept; one must have been, where another was told that it is too late.
    MayBeAnswered {
        with: Vec<Vec<u8>>,
        surely: bool,
    },
    Withdrawn,
    MayBeWithdrawn,
    /// Asked for under a claim, and no answer came to that, or to its acknowledgement.
    MayBeClaimed(Vec<u8>),
    MayBeDelivered(Vec<u8>),
    Delivered,
}

/// What the workers share.
struct World {
    client: Client,
    url: String,
    keys: Keys,
    invitation: Vec<u8>,
    known: Mutex<HashMap<Asked, State>>,
    stop: AtomicBool,
}

impl World {
    fn new(server: &Server, invitation: &[u8]) -> Self {
        Self {
            client: http(),
            url: server.url.clone(),
            keys: keys(),
            invitation: invitation.to_vec(),
            known: Mutex::default(),
            stop: AtomicBool::default(),
        }
    }

    fn knows(&self, asked: &Asked, state: State) {
        self.known.lock().unwrap().insert(asked.clone(), state);
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/api/v1/{path}", self.url))
    }

    async fn open(&self) -> Option<Asked> {
        let body = json!({"invitation": BASE64.encode(&self.invitation), "proof": self.keys.proof().expose()});
        let response = self.request(Method::POST, "requests").json(&body).send().await.ok()?;
        assert_eq!(response.status(), 201);
        let opened: Value = response.json().await.ok()?;
        let word = |name: &str| opened[name].as_str().unwrap().to_owned();
        Some(Asked { token: word("token"), collecting: word("collecting_token"), receipt: word("receipt") })
    }

    /// Whether it was taken; none where no answer came.
    async fn answer(&self, asked: &Asked, content: &[u8]) -> Option<bool> {
        let invitation = Invitation::open(&self.invitation, self.keys.fingerprint()).unwrap();
        let request = self.request(Method::POST, &format!("requests/{}/answer", asked.token));
        let request = request.header("content-type", "application/octet-stream");
        let response = request.body(invitation.answer(content, &Label::default()).unwrap()).send().await.ok()?;
        let status = response.status().as_u16();
        assert!([201, 404].contains(&status), "{status}");
        Some(status == 201)
    }

    /// Claims the answer, if it is there, and acknowledges it.
    async fn collect(&self, asked: &Asked, content: &[u8]) -> Option<()> {
        let secret = format!("secrets/{}", asked.collecting);
        let claim = format!("claim-of-{}", asked.collecting);
        let reveal = self.request(Method::POST, &format!("{secret}/reveal")).header("idempotency-key", &claim);
        self.knows(asked, State::MayBeClaimed(content.to_vec()));
        let response = reveal.json(&json!({"passphrase": self.keys.proof().expose()})).send().await.ok()?;
        assert_eq!(response.status(), 200);
        let revealed: Value = response.json().await.ok()?;
        assert!(opened(&self.keys, &revealed) == content, "whole, and the one that was told so");
        self.knows(asked, State::MayBeDelivered(content.to_vec()));
        let acknowledged = self.request(Method::DELETE, &secret).header("idempotency-key", &claim).send().await.ok()?;
        assert_eq!(acknowledged.status(), 204);
        self.knows(asked, State::Delivered);
        Some(())
    }

    /// One request's story, as far as the server lives. Under way it is what it may be: the answer decides.
    async fn tell(&self, number: usize, mark: &str) -> Option<()> {
        let asked = self.open().await?;
        self.knows(&asked, State::Open);
        let content = |who: &str| format!("{mark}-{number}-{who}-{}", "x".repeat(number % 5 * 900)).into_bytes();
        let (first, second) = (content("first"), content("second"));
        match number % 6 {
            0 => {}
            1 => {
                self.knows(&asked, State::MayBeWithdrawn);
                let request = self.request(Method::DELETE, &format!("requests/{}", asked.token));
                let request = request.header("ots-collecting-token", &asked.collecting);
                assert_eq!(request.send().await.ok()?.status(), 204);
                self.knows(&asked, State::Withdrawn);
            }
            2 | 3 => {
                self.knows(&asked, State::MayBeAnswered { with: vec![first.clone(), second.clone()], surely: false });
                let both = tokio::join!(self.answer(&asked, &first), self.answer(&asked, &second));
                self.knows(
                    &asked,
                    match both {
                        (Some(true), Some(true)) => panic!("two answers were taken"),
                        (Some(false), Some(false)) => panic!("none was taken"),
                        (Some(true), _) => State::Answered(first),
                        (_, Some(true)) => State::Answered(second),
                        (Some(false), None) => State::MayBeAnswered { with: vec![second], surely: true },
                        (None, Some(false)) => State::MayBeAnswered { with: vec![first], surely: true },
                        (None, None) => State::MayBeAnswered { with: vec![first, second], surely: false },
                    },
                );
            }
            _ => {
                self.knows(&asked, State::MayBeAnswered { with: vec![first.clone()], surely: false });
                assert!(self.answer(&asked, &first).await?);
                self.knows(&asked, State::Answered(first.clone()));
                if number % 6 == 5 {
                    self.collect(&asked, &first).await?;
                }
            }
        }
        Some(())
    }
}

fn opened(keys: &Keys, revealed: &Value) -> Vec<u8> {
    let answer = BASE64.decode(revealed["content"].as_str().unwrap().as_bytes()).unwrap();
    keys.open(answer.into()).unwrap().content().to_vec()
}

/// Collects an answer by the file that `ots request` would have written.
fn by_file(server: &Server, keys: &Keys, asked: &Asked) -> Vec<u8> {
    let place = directory();
    let file = place.path().join("kept.ots");
    let link = format!("{}/r/{}#{}", server.url, asked.token, keys.fingerprint().expose().as_str());
    let collecting = CollectingKey {
        link: link.parse().unwrap(),
        token: asked.collecting.parse().unwrap(),
        key: KEY.parse().unwrap(),
        passphrase: false,
        label: None,
    };
    fs::write(&file, collecting.to_file().as_bytes()).unwrap();
    let output = client(server, &["get", file.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// What it must be after a crash; and what it is, it is to everybody.
async fn check(server: &Server, here: &World, asked: &Asked, state: &State) {
    let is = told(server, &asked.receipt).await;
    let may: &[&str] = match state {
        State::Open => &["open"],
        State::Answered(_) | State::MayBeAnswered { surely: true, .. } => &["unread"],
        State::MayBeAnswered { .. } => &["open", "unread"],
        State::Withdrawn => &["withdrawn"],
        State::MayBeWithdrawn => &["open", "withdrawn"],
        State::MayBeClaimed(_) => &["unread", "claimed"],
        State::MayBeDelivered(_) => &["claimed", "delivered"],
        State::Delivered => &["delivered"],
    };
    assert!(may.contains(&is.as_str()), "{is} of {state:?}");
    let invited = invited(server, &asked.token).await.status();
    assert_eq!(invited, if is == "open" { 200 } else { 404 }, "{is}: {state:?}");
    let contents = match state {
        State::Answered(content) | State::MayBeClaimed(content) | State::MayBeDelivered(content) => {
            vec![content.clone()]
        }
        State::MayBeAnswered { with, .. } => with.clone(),
        _ => vec![],
    };
    if is == "open" {
        assert_eq!(server.status(&asked.collecting).await.status(), 404);
        assert_eq!(here.answer(asked, b"at last").await, Some(true));
        assert_eq!(here.collect(asked, b"at last").await, Some(()));
    } else {
        assert_eq!(here.answer(asked, b"too late").await, Some(false));
    }
    match is.as_str() {
        "unread" if state.is_by_file() => assert!(contents.contains(&by_file(server, &here.keys, asked))),
        "unread" | "claimed" => {
            let (claim, proof) = (format!("claim-of-{}", asked.collecting), here.keys.proof().expose());
            let revealed = server.reveal(&asked.collecting, Some(&claim), Some(proof)).await;
            assert_eq!(revealed.status(), 200, "{is}: {state:?}");
            assert!(contents.contains(&opened(&here.keys, &revealed.json().await.unwrap())), "{is}: {state:?}");
            let other = server.reveal(&asked.collecting, Some("another-0123456789abcdef"), Some(proof)).await;
            assert_eq!(other.status(), 404, "it is claimed");
            assert_eq!(server.delete(&asked.collecting, Some(&claim)).await.status(), 204);
        }
        _ => {}
    }
    if is != "withdrawn" {
        assert_eq!(told(server, &asked.receipt).await, "delivered");
    }
    assert_eq!(server.status(&asked.collecting).await.status(), 404);
}

impl State {
    /// Whether its requester comes with the file: to start `ots` for each would take long.
    fn is_by_file(&self) -> bool {
        matches!(self, Self::Answered(content) if content.ends_with(b"x"))
    }
}

fn keys() -> Keys {
    Keys::derive(&KEY.parse::<RequestKey>().unwrap(), None).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_acknowledged_is_open_or_has_its_one_answer() {
    const ROUNDS: u64 = 60;
    const WORKERS: usize = 6;
    let _alone = heavy();
    let data = directory();
    let (invitation, mut all) = (keys().invite(None).unwrap(), HashMap::new());
    let (mut requests, mut unsure) = (0, 0);
    for round in 0..ROUNDS {
        let server = Server::start(data.path(), &LEASE);
        let world = Arc::new(World::new(&server, &invitation));
        let workers: Vec<_> =
            (0..WORKERS).map(|worker| tokio::spawn(work(Arc::clone(&world), round, worker))).collect();
        let moment = 30 + u64::from(noise(round + 1, 1)[0]) % 150;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        server.kill();
        world.stop.store(true, Ordering::SeqCst);
        join_all(workers).await.into_iter().for_each(Result::unwrap);
        assert_sound(data.path());
        all.extend(std::mem::take(&mut *world.known.lock().unwrap()));
        // Every tenth round, and at the end, all of it is checked.
        if round % 10 == 9 {
            let server = Server::start(data.path(), &LEASE);
            let here = World::new(&server, &invitation);
            for (asked, state) in all.drain() {
                check(&server, &here, &asked, &state).await;
                requests += 1;
                unsure += usize::from(!matches!(
                    state,
                    State::Open | State::Answered(_) | State::Withdrawn | State::Delivered
                ));
            }
            server.kill();
        }
    }
    eprintln!("{requests} requests, of which {unsure} were under way");
    let most = if crate::common::engine::is_shared() { (100, 20) } else { (300, 50) };
    assert!(requests > most.0 && unsure > most.1, "there was load: {requests} requests, {unsure} under way");
}

/// Asks and answers until the server is gone.
async fn work(world: Arc<World>, round: u64, worker: usize) {
    for number in worker.. {
        let told = world.tell(number, &format!("{round}-{worker}")).await;
        if told.is_none() || world.stop.load(Ordering::SeqCst) {
            return;
        }
    }
}
