//! Those who make, read and burn secrets, whatever breaks: each asks until it is told what came of it, and writes down all of it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::{Client, Method};

use super::ledger::{Operation, Outcome, Story, What};

/// How long somebody asks again.
const PATIENCE: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(60);
/// What a requester shows: the server checks no more of it than that it is the same again.
const PROOF: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Workers side by side.
const WORKERS: usize = 8;
/// Who looks at the end of a story.
const LAST: u8 = 9;

/// Everybody who is at work.
pub struct Load {
    shared: Arc<Shared>,
    workers: Vec<tokio::task::JoinHandle<()>>,
}

struct Shared {
    client: Client,
    url: String,
    stop: AtomicBool,
    numbers: AtomicUsize,
    stories: Mutex<Vec<Story>>,
    /// Secrets that lie until the end, with their tokens.
    resting: Mutex<Vec<(Story, String)>>,
    /// The tokens of those whose story has been told.
    told: Mutex<Vec<(usize, String)>>,
}

/// A client whose requests are a connection each: none is sent again by itself.
pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().no_proxy().tls_certs_only([]).pool_max_idle_per_host(0);
    builder.timeout(Duration::from_secs(30)).build().unwrap()
}

impl Load {
    pub fn begin(url: &str) -> Self {
        let shared = Arc::new(Shared {
            client: client(),
            url: url.to_owned(),
            stop: AtomicBool::new(false),
            numbers: AtomicUsize::new(0),
            stories: Mutex::default(),
            resting: Mutex::default(),
            told: Mutex::default(),
        });
        let workers = (0..WORKERS).map(|_| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                while !shared.stop.load(Ordering::Relaxed) {
                    let number = shared.numbers.fetch_add(1, Ordering::Relaxed);
                    tell(&shared, number).await;
                    tokio::time::sleep(Duration::from_millis(40)).await;
                }
            })
        });
        Self { workers: workers.collect(), shared }
    }

    /// Stops, reads what has lain until now, and looks at every secret once more: all stories.
    pub async fn end(self) -> Vec<Story> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.await.unwrap();
        }
        let shared = &self.shared;
        let resting = std::mem::take(&mut *shared.resting.lock().unwrap());
        let each = resting.into_iter().map(|(mut story, token)| async move {
            claim_and_acknowledge(shared, &mut story, &token, 1).await;
            shared.done(story, token);
        });
        in_parts(each.collect()).await;
        let told = std::mem::take(&mut *shared.told.lock().unwrap());
        let looks = told.into_iter().map(|(number, token)| async move {
            let mut story = Story::new(number);
            // One that a killed server had in hand may be nobody's for minutes: that is seen to elsewhere.
            let what = if is_request(number) { What::Claim(LAST) } else { What::Read(LAST) };
            look(shared, &mut story, &token, what, Duration::from_secs(2)).await;
            story
        });
        let looks = in_parts(looks.collect()).await;
        let mut stories = std::mem::take(&mut *shared.stories.lock().unwrap());
        stories.sort_by_key(|story| story.number);
        for look in looks {
            let at = stories.binary_search_by_key(&look.number, |story| story.number).unwrap();
            stories[at].operations.extend(look.operations);
        }
        let receipts = stories.into_iter().map(|mut story| async move {
            if let Some(receipt) = &story.receipt {
                story.state = state(shared, receipt).await;
            }
            story
        });
        in_parts(receipts.collect()).await
    }
}

async fn in_parts<T>(all: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut rest = all.into_iter();
    let mut done = Vec::new();
    loop {
        let part: Vec<_> = rest.by_ref().take(24).collect();
        if part.is_empty() {
            return done;
        }
        done.extend(join_all(part).await);
    }
}

impl Shared {
    fn done(&self, story: Story, token: String) {
        self.told.lock().unwrap().push((story.number, token));
        self.stories.lock().unwrap().push(story);
    }
}

/// A secret's story, which one depends on its number.
async fn tell(shared: &Shared, number: usize) {
    let mut story = Story::new(number);
    let made = if is_request(number) { request(shared, &mut story).await } else { create(shared, &mut story).await };
    let Some(token) = made else {
        shared.stories.lock().unwrap().push(story);
        tokio::time::sleep(PAUSE).await;
        return;
    };
    if is_request(number) {
        claim_and_acknowledge(shared, &mut story, &token, 1).await;
        return shared.done(story, token);
    }
    match number % 8 {
        0 | 1 => claim_and_acknowledge(shared, &mut story, &token, 1).await,
        2 | 3 => look(shared, &mut story, &token, What::Read(1), PATIENCE).await,
        4 => {
            let mut other = Story::new(number);
            tokio::join!(
                look(shared, &mut story, &token, What::Read(1), PATIENCE),
                look(shared, &mut other, &token, What::Read(2), PATIENCE)
            );
            story.operations.append(&mut other.operations);
        }
        5 => {
            let mut other = Story::new(number);
            tokio::join!(
                claim_and_acknowledge(shared, &mut story, &token, 1),
                look(shared, &mut other, &token, What::Read(2), PATIENCE)
            );
            story.operations.append(&mut other.operations);
        }
        6 => look(shared, &mut story, &token, What::Burn, PATIENCE).await,
        _ => return shared.resting.lock().unwrap().push((story, token)),
    }
    shared.done(story, token);
}

/// Whether it is one that is asked for, and answered.
fn is_request(number: usize) -> bool {
    number % 9 == 8
}

/// Asks, and has two answer at once, until each is told what came of it: the token to collect with, once one of them was told that it is
/// kept. Then that is made.
async fn request(shared: &Shared, story: &mut Story) -> Option<String> {
    let begin = Instant::now();
    let made = |outcome| Operation { what: What::Create, begin, end: Instant::now(), outcome };
    let post =
        |path: String| shared.client.post(format!("{}/api/v1/requests{path}", shared.url)).header("host", "ots.test");
    let mut invitation = vec![0; ots::crypto::sealed_box::INVITATION_BYTES];
    invitation[..4].copy_from_slice(b"OTSR");
    let invitation = data_encoding::BASE64.encode(&invitation);
    let opens = post(String::new()).json(&serde_json::json!({ "invitation": invitation, "proof": PROOF }));
    let opened = match answered(opens).await {
        Some((201, text)) => serde_json::from_str::<serde_json::Value>(&text).unwrap(),
        Some((503, _)) => {
            story.operations.push(made(Outcome::Refused));
            return None;
        }
        Some((status, text)) => panic!("{status} {text}"),
        None => {
            story.operations.push(made(Outcome::Broken));
            return None;
        }
    };
    let word = |name: &str| opened[name].as_str().unwrap().to_owned();
    let (token, number) = (word("token"), story.number);
    let answer = async |who: u8| {
        let (until, mut tries) = (Instant::now() + PATIENCE, Vec::new());
        loop {
            let mut body = format!("OTSArequest {number}, answer {who}.").into_bytes();
            body.resize(1200, 0xff); // no text, so that it comes as base64
            let sent = post(format!("/{token}/answer")).header("content-type", "application/octet-stream").body(body);
            let outcome = match answered(sent).await {
                Some((201, _)) => Outcome::Done,
                Some((404, _)) => Outcome::Gone,
                Some((503, _)) => Outcome::Refused,
                Some((status, text)) => panic!("{status} {text}"),
                None => Outcome::Broken,
            };
            tries.push((who, outcome));
            if matches!(outcome, Outcome::Done | Outcome::Gone) || Instant::now() > until {
                return tries;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let (one, other) = tokio::join!(answer(1), answer(2));
    story.answers = [one, other].concat();
    let done = story.answers.iter().any(|one| one.1 == Outcome::Done);
    let outcome = if done { Outcome::Done } else { Outcome::Refused };
    story.operations.push(made(outcome));
    story.receipt = done.then(|| word("receipt"));
    done.then(|| word("collecting_token"))
}

/// The status of an answer, and its text; none when it broke off.
async fn answered(request: reqwest::RequestBuilder) -> Option<(u16, String)> {
    let answer = request.send().await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Whether a reader has got what was made, by whoever was told so where that is known; or its answer broke off before that.
fn is_content(number: usize, by: Option<u8>, text: &str) -> bool {
    if text.is_empty() || !is_request(number) {
        return text.is_empty() || text.contains(&format!("secret {number}."));
    }
    let revealed: serde_json::Value = serde_json::from_str(text).unwrap();
    let content = data_encoding::BASE64.decode(revealed["content"].as_str().unwrap().as_bytes()).unwrap();
    let is = |who: u8| content.starts_with(format!("OTSArequest {number}, answer {who}.").as_bytes());
    content.len() == 1200 && by.map_or(is(1) || is(2), is)
}

async fn create(shared: &Shared, story: &mut Story) -> Option<String> {
    let begin = Instant::now();
    let request = shared.client.post(format!("{}/api/v1/secrets", shared.url)).header("host", "ots.test");
    let request = request.header("content-type", "application/json");
    let body = format!(r#"{{"content":"secret {}.","receipt":true}}"#, story.number);
    let made: Result<_, reqwest::Error> = async {
        let answer = request.body(body).send().await?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await?))
    }
    .await;
    let (outcome, token) = match made {
        Ok((201, text)) => {
            let created: serde_json::Value = serde_json::from_str(&text).unwrap();
            story.receipt = Some(created["receipt"].as_str().unwrap().to_owned());
            (Outcome::Done, Some(created["token"].as_str().unwrap().to_owned()))
        }
        Ok((503, _)) => (Outcome::Refused, None),
        Ok((status, text)) => panic!("{status} {text}"),
        Err(_) => (Outcome::Broken, None),
    };
    story.operations.push(Operation { what: What::Create, begin, end: Instant::now(), outcome });
    token
}

/// Reads it under a claim, once more as if the answer hadn't come, and says that it has it.
async fn claim_and_acknowledge(shared: &Shared, story: &mut Story, token: &str, reader: u8) {
    for what in [What::Claim(reader), What::Claim(reader), What::Acknowledge(reader)] {
        look(shared, story, token, what, PATIENCE).await;
        if story.operations.last().is_none_or(|last| last.outcome != Outcome::Done) {
            return;
        }
    }
}

/// Asks until it is told what came of it.
async fn look(shared: &Shared, story: &mut Story, token: &str, what: What, patience: Duration) {
    let until = Instant::now() + patience;
    let by = story.answers.iter().find(|one| one.1 == Outcome::Done).map(|one| one.0);
    loop {
        let begin = Instant::now();
        let outcome = ask(shared, story.number, by, token, what).await;
        story.operations.push(Operation { what, begin, end: Instant::now(), outcome });
        if matches!(outcome, Outcome::Done | Outcome::Gone) || Instant::now() > until {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What a receipt tells; none while nobody can say, as of one that a killed server had in hand.
async fn state(shared: &Shared, receipt: &str) -> Option<String> {
    let request = shared.client.get(format!("{}/api/v1/receipts/{receipt}", shared.url)).header("host", "ots.test");
    let answer = request.send().await.ok()?;
    match answer.status().as_u16() {
        200 => {}
        404 => return Some("lost".to_owned()),
        503 => return None,
        status => panic!("{status}"),
    }
    let told: serde_json::Value = answer.json().await.ok()?;
    Some(told["state"].as_str()?.to_owned())
}

async fn ask(shared: &Shared, number: usize, by: Option<u8>, token: &str, what: What) -> Outcome {
    let (method, end, claim) = match what {
        What::Create => unreachable!("a creation is asked for once"),
        What::Read(_) => (Method::GET, "", None),
        What::Claim(reader) => (Method::POST, "/reveal", Some(reader)),
        What::Acknowledge(reader) => (Method::DELETE, "", Some(reader)),
        What::Burn => (Method::DELETE, "", None),
    };
    let request = shared.client.request(method, format!("{}/api/v1/secrets/{token}{end}", shared.url));
    let request = request.header("host", "ots.test");
    let proves = is_request(number) && matches!(what, What::Claim(_));
    let request = if proves { request.json(&serde_json::json!({ "passphrase": PROOF })) } else { request };
    let claim = claim.map(|reader| format!("claim-of-reader-{reader}-{token}"));
    let request = claim.into_iter().fold(request, |request, claim| request.header("idempotency-key", claim));
    let answer: Result<_, reqwest::Error> = async {
        let answer = request.send().await?;
        let waits = answer.headers().contains_key("retry-after");
        Ok((answer.status().as_u16(), waits, answer.text().await?))
    }
    .await;
    match answer {
        Ok((200, _, text)) => {
            assert!(is_content(number, by, &text), "{text}");
            Outcome::Done
        }
        Ok((204, ..)) => Outcome::Done,
        Ok((404, ..)) => Outcome::Gone,
        Ok((503, true, _)) => Outcome::Refused,
        Ok((status, _, text)) => panic!("{status} {text}"),
        Err(_) => Outcome::Broken,
    }
}
