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
            look(shared, &mut story, &token, What::Read(LAST), Duration::from_secs(2)).await;
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
    let Some(token) = create(shared, &mut story).await else {
        shared.stories.lock().unwrap().push(story);
        tokio::time::sleep(PAUSE).await;
        return;
    };
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
    loop {
        let begin = Instant::now();
        let outcome = ask(shared, story.number, token, what).await;
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

async fn ask(shared: &Shared, number: usize, token: &str, what: What) -> Outcome {
    let (method, end, claim) = match what {
        What::Create => unreachable!("a creation is asked for once"),
        What::Read(_) => (Method::GET, "", None),
        What::Claim(reader) => (Method::POST, "/reveal", Some(reader)),
        What::Acknowledge(reader) => (Method::DELETE, "", Some(reader)),
        What::Burn => (Method::DELETE, "", None),
    };
    let request = shared.client.request(method, format!("{}/api/v1/secrets/{token}{end}", shared.url));
    let request = request.header("host", "ots.test");
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
            assert!(text.contains(&format!("secret {number}.")) || text.is_empty(), "{text}");
            Outcome::Done
        }
        Ok((204, ..)) => Outcome::Done,
        Ok((404, ..)) => Outcome::Gone,
        Ok((503, true, _)) => Outcome::Refused,
        Ok((status, _, text)) => panic!("{status} {text}"),
        Err(_) => Outcome::Broken,
    }
}
