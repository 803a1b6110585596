//! Damage stays where it is: a stopped server's database is damaged in every kind of page and every column, and a server is started on it.
//! It starts or says why it doesn't; what lies elsewhere is served whole; no read gives wrong bytes, or removes what it can't give;
//! and what has expired goes.

mod columns;
mod pages;

use std::{
    collections::HashSet,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use reqwest::Client;
use serde_json::{Value, json};

use crate::common::{CLAIM, Server, directory, files, http, noise};

/// Servers that run at once.
const AT_ONCE: usize = 6;
/// How long an expired secret may stay on the disk.
const SWEPT: Duration = Duration::from_secs(10);

/// What damage may cost.
#[derive(Debug, Clone, Copy)]
struct Touched {
    /// Secrets that may not be given, or not be swept.
    secrets: usize,
    /// Of these, secrets whose bytes the damage itself may have overwritten.
    erased: usize,
}

/// A piece of a secret's ciphertext.
type Piece = [u8; 32];

struct Secret {
    token: String,
    piece: Piece,
    content: String,
    guarded: bool,
}

/// A directory that a server has left, with secrets that are live and secrets that have expired since.
struct Left {
    data: tempfile::TempDir,
    live: Vec<Secret>,
    /// Those that have expired.
    expired: HashSet<Piece>,
}

impl Left {
    /// With `count` secrets; the third of each three has expired.
    async fn new(count: usize) -> Self {
        let data = directory();
        let server = Server::start(data.path(), &[]);
        let client = http();
        let mut live = Vec::new();
        for number in 0..count {
            let length = [200, 1500, 3000, 20_000, 300_000][if number == 7 { 4 } else { number % 4 }];
            let content = data_encoding::HEXLOWER.encode(&noise(number as u64, length / 2));
            let guarded = number % 4 == 1;
            let mut body = json!({ "content": content });
            if guarded {
                body["passphrase"] = json!("right");
            }
            let token = create(&client, &server, &body).await;
            if number % 3 != 2 {
                live.push((number, Secret { token, piece: [0; 32], content, guarded }));
            }
        }
        assert!(server.stop().success());
        let database = rusqlite::Connection::open(data.path().join("ots.db")).unwrap();
        database
            .execute_batch(
                "UPDATE record SET deadline = 5 WHERE seq % 3 = 0;
                 UPDATE record SET receipt = randomblob(32) WHERE seq % 4 > 0;
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 800)
                 INSERT INTO receipt SELECT randomblob(32), 1, i, i, i, i, i FROM n;
                 DELETE FROM receipt WHERE ended_at > 100; -- so that there are free pages",
            )
            .unwrap();
        let pieces = "SELECT substr(bytes, 100, 32) FROM payload WHERE chunk % 1024 = 0 ORDER BY chunk";
        let mut statement = database.prepare(pieces).unwrap();
        let pieces: Vec<Piece> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(pieces.len(), count);
        drop(statement);
        let expired = pieces.iter().skip(2).step_by(3).copied().collect();
        let live = live.into_iter().map(|(number, secret): (usize, Secret)| Secret { piece: pieces[number], ..secret });
        Self { data, live: live.collect(), expired }
    }

    /// A copy of the database, below a directory of its own.
    fn copy(&self) -> tempfile::TempDir {
        let copy = directory();
        std::fs::copy(self.data.path().join("ots.db"), copy.path().join("ots.db")).unwrap();
        copy
    }

    /// Runs a server on what is damaged; what is wrong with it, beyond what was touched.
    async fn serve(&self, data: &Path, touched: Touched) -> Vec<String> {
        let path = data.to_owned();
        let start = move || Server::try_start(&path, &["--allow-unreadable", "--cleanup-interval", "1s"]);
        let started = tokio::time::timeout(Duration::from_secs(20), tokio::task::spawn_blocking(start)).await;
        let Ok(started) = started else { return vec!["the server hangs at its start".to_owned()] };
        let server = match started.unwrap() {
            Ok(server) => server,
            Err(log) if log.contains("panicked") || !log.contains("ots: ") => return vec![log],
            Err(_) => return Vec::new(), // it refuses, and says why
        };
        let client = http();
        let answers = self.live.iter().map(async |secret| (secret.piece, read(&client, &server, secret).await));
        let answers: Vec<(Piece, Answer)> = stream::iter(answers).buffered(8).collect().await;
        let mut wrong = Vec::new();
        let mut not_given: Vec<(Piece, String)> = Vec::new();
        for (piece, answer) in answers {
            match answer {
                Answer::Whole => {}
                Answer::NotGiven(why) => not_given.push((piece, why)),
                Answer::Wrong(why) => wrong.push(why),
            }
        }
        let created = client.post(format!("{}/api/v1/secrets", server.url)).json(&json!({"content": "new"}));
        if let Err(error) = created.send().await {
            wrong.push(format!("it is gone: {error}"));
        }
        let end = Instant::now() + SWEPT;
        while self.not_swept(data) > touched.secrets && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let left = self.not_swept(data);
        if left > touched.secrets {
            wrong.push(format!("{left} of {} that have expired are still there", self.expired.len()));
        }
        if not_given.len() > touched.secrets {
            let why: HashSet<&String> = not_given.iter().map(|(_, why)| why).collect();
            wrong.push(format!("{} weren't given: {why:?}", not_given.len()));
        }
        // What it met, it tells; a secret under another key is no damage.
        let met = not_given.iter().any(|(_, why)| why.starts_with('5') && !why.contains("unreadable"));
        if met && let Some(status) = not_degraded(&client, &server).await {
            wrong.push(format!("it met damage, and is {status}"));
        }
        let there = on_disk(data, &not_given.iter().map(|(piece, _)| *piece).collect());
        if there + touched.erased < not_given.len() {
            wrong.push(format!("{} weren't given, and {there} of them are there", not_given.len()));
        }
        wrong.extend(server.log().lines().filter(|line| line.contains("panicked")).map(str::to_owned));
        wrong
    }

    fn not_swept(&self, data: &Path) -> usize {
        on_disk(data, &self.expired)
    }
}

/// What `/health` says in place of `degraded`, or `unhealthy`.
async fn not_degraded(client: &Client, server: &Server) -> Option<Value> {
    let Ok(response) = client.get(format!("{}/health", server.url)).send().await else { return Some(Value::Null) };
    let (status, health) = (response.status(), response.json::<Value>().await.unwrap_or_default());
    let says = match health["status"].as_str() {
        Some("degraded") => status == 200,
        // The way to all the others is damaged.
        Some("unhealthy") => status == 503,
        _ => false,
    };
    (!says).then_some(health)
}

/// How many of these are in the files.
fn on_disk(data: &Path, pieces: &HashSet<Piece>) -> usize {
    let mut found = HashSet::new();
    for path in files(data).iter().filter(|path| !path.ends_with("ots.db-reserve")) {
        let bytes = std::fs::read(path).unwrap_or_default();
        found.extend(bytes.windows(32).filter_map(|window| pieces.get(window)).copied());
    }
    found.len()
}

/// What a reader got.
enum Answer {
    Whole,
    /// An answer that gave nothing.
    NotGiven(String),
    Wrong(String),
}

async fn create(client: &Client, server: &Server, body: &Value) -> String {
    let response = client.post(format!("{}/api/v1/secrets", server.url)).json(body).send().await.unwrap();
    response.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned()
}

/// Reads a secret, twice if it isn't given at once: then it may be given later, but it isn't gone.
async fn read(client: &Client, server: &Server, secret: &Secret) -> Answer {
    let url = format!("{}/api/v1/secrets/{}", server.url, secret.token);
    let mut first = None;
    for _ in 0..2 {
        let request = match (secret.guarded, secret.content.len()) {
            (true, _) => client.post(format!("{url}/reveal")).json(&json!({"passphrase": "right"})),
            (false, 3000) => client.post(format!("{url}/reveal")).header("idempotency-key", CLAIM),
            (false, _) => client.get(&url),
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Answer::Wrong(format!("no answer: {error}")),
        };
        let status = response.status().as_u16();
        let Ok(answer) = response.json::<Value>().await else { return Answer::Wrong(format!("{status}, cut off")) };
        match (status, first) {
            (200, _) if answer["content"] == secret.content => return Answer::Whole,
            (200, _) => return Answer::Wrong("wrong bytes".to_owned()),
            // SQLite can lose an entry of an index by balancing a damaged page: that it wasn't removed is seen on the disk.
            (_, Some(_)) => return Answer::NotGiven(format!("{status}, {}", answer["code"])),
            (_, None) => first = Some(status),
        }
    }
    Answer::Wrong("never answered".to_owned())
}

/// Damages copies as each case says, and runs a server on each; fails with what is wrong in any.
async fn run<C>(left: &Left, cases: Vec<C>, damage: impl Fn(&C, &Path) -> Touched, name: impl Fn(&C) -> String) {
    let run = cases.iter().map(async |case| {
        let data = left.copy();
        let touched = damage(case, data.path());
        let wrong = left.serve(data.path(), touched).await;
        wrong.into_iter().map(|wrong| format!("{}: {wrong}", name(case))).collect::<Vec<_>>()
    });
    let wrong: Vec<Vec<String>> = stream::iter(run).buffered(AT_ONCE).collect().await;
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
