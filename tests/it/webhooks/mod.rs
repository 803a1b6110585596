//! Webhooks: what they are told, in which order, signed by what, and what becomes of it when a receiver or a server fails.

mod crash;
#[cfg(feature = "postgres")]
mod shared;
mod start;
mod told;
mod troubles;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use crate::common::{OTS, SECRET_KEY, Server, ots, run, until};

/// The path of the receivers' URLs: as chat services have it, a secret.
pub const PATH: &str = "/services/T0CANARY/B0CANARY";

/// What a receiver was sent.
#[derive(Debug, Clone)]
pub struct Received {
    pub first: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Received {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    pub fn secret(&self) -> String {
        self.json()["data"]["secret"].as_str().unwrap().to_owned()
    }
}

/// How a receiver answers.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub after: Duration,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self { status, headers: String::new(), after: Duration::ZERO }
    }

    pub fn with(status: u16, header: &str) -> Self {
        Self { headers: format!("{header}\r\n"), ..Self::status(status) }
    }
}

type Answers = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;

/// A receiver of webhooks on this machine: it notes what it takes, and what it doesn't.
pub struct Receiver {
    address: String,
    pub all: Arc<Mutex<Vec<(Received, u16)>>>,
    answers: Arc<Mutex<Answers>>,
    is_up: Arc<Mutex<bool>>,
}

impl Receiver {
    /// One that takes all there is.
    pub fn new() -> Self {
        Self::answering(|_| Answer::status(204))
    }

    pub fn answering(answers: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        // Nobody else binds there, so that the port is free when it comes back.
        let listener = TcpListener::bind("127.3.5.7:0").unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap().to_string(),
            all: Arc::default(),
            answers: Arc::new(Mutex::new(Arc::new(answers))),
            is_up: Arc::new(Mutex::new(true)),
        };
        receiver.listen(listener);
        receiver
    }

    fn listen(&self, listener: TcpListener) {
        let (all, answers, is_up) = (Arc::clone(&self.all), Arc::clone(&self.answers), Arc::clone(&self.is_up));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if !*is_up.lock().unwrap() {
                    return;
                }
                let (all, answers) = (Arc::clone(&all), Arc::clone(&answers));
                // A server that is killed breaks off.
                std::thread::spawn(move || serve(stream.unwrap(), &all, &answers).ok());
            }
        });
    }

    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    pub fn host(&self) -> &str {
        &self.address
    }

    /// From now on it answers so.
    pub fn answer(&self, answers: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        *self.answers.lock().unwrap() = Arc::new(answers);
    }

    /// Nobody listens there any more.
    pub fn goes_down(&self) {
        *self.is_up.lock().unwrap() = false;
        let _ = TcpStream::connect(&self.address);
        while TcpStream::connect(&self.address).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn comes_back(&self) {
        *self.is_up.lock().unwrap() = true;
        self.listen(TcpListener::bind(&self.address).unwrap());
    }

    /// All that it took, in the order in which it came.
    pub fn taken(&self) -> Vec<Received> {
        let all = self.all.lock().unwrap();
        all.iter().filter(|(_, status)| (200..300).contains(status)).map(|(received, _)| received.clone()).collect()
    }

    /// All that it was sent.
    pub fn tries(&self) -> Vec<Received> {
        self.all.lock().unwrap().iter().map(|(received, _)| received.clone()).collect()
    }

    pub async fn until_taken(&self, count: usize) -> Vec<Received> {
        let enough = || async { self.taken().len() >= count };
        until("the receiver has taken its messages", Duration::from_secs(60), enough).await;
        self.taken()
    }
}

fn serve(stream: TcpStream, all: &Mutex<Vec<(Received, u16)>>, answers: &Mutex<Answers>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let received = Received { first: first.trim_end().to_owned(), headers, body: String::from_utf8(body).unwrap() };
        let answer = Arc::clone(&answers.lock().unwrap());
        let Answer { status, headers, after } = answer(&received);
        all.lock().unwrap().push((received, status));
        std::thread::sleep(after);
        write!(reader.get_mut(), "HTTP/1.1 {status} x\r\n{headers}content-length: 2\r\n\r\nok")?;
    }
}

/// The types of what each secret was told of, each message once, in the order in which they came first.
pub fn histories(received: &[Received]) -> BTreeMap<String, Vec<String>> {
    let mut seen = std::collections::HashSet::new();
    let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for received in received.iter().filter(|received| seen.insert(received.id().to_owned())) {
        of.entry(received.secret()).or_default().push(received.kind());
    }
    of
}

/// A server with these webhooks (`OTS_WEBHOOK`), which may be on this machine.
pub fn server(data: &Path, webhooks: &str, arguments: &[&str]) -> Server {
    Server::spawn(command(data, webhooks, arguments)).unwrap_or_else(|log| panic!("{log}"))
}

pub fn command(data: &Path, webhooks: &str, arguments: &[&str]) -> Command {
    let mut command = ots();
    command.env("SECRET_KEY", SECRET_KEY).env("OTS_WEBHOOK", webhooks).env("OTS_WEBHOOK_ALLOW", "127.3.0.0/16");
    command.args(["-v", "serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data).args(arguments);
    command
}

/// The webhooks as `ots admin webhooks --json` tells them.
pub fn shown(data: &Path, webhooks: &str, keys: &[(&str, &str)]) -> Vec<Value> {
    let mut command = ots();
    command.args(["admin", "webhooks", "--json", "--data-dir"]).arg(data);
    if !webhooks.is_empty() {
        command.env("OTS_WEBHOOK", webhooks);
    }
    command.env("SECRET_KEY", SECRET_KEY).envs(keys.iter().copied());
    let output = run(command, b"");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice::<Vec<Value>>(&output.stdout).unwrap()
}

/// Has `standardwebhooks` verify each message, and refuse it where it was changed.
const PROGRAM: &str = "
import json, sys
from standardwebhooks import Webhook
asked = json.load(sys.stdin)
for message in asked['messages']:
    Webhook(asked['secret']).verify(message['body'], message['headers'])
    try:
        Webhook(asked['secret']).verify(message['body'] + ' ', message['headers'])
    except Exception:
        continue
    sys.exit('a changed message was taken')
";

/// Has another implementation check what was received against a signing secret: `standardwebhooks` from `PyPI`
/// (`target/standardwebhooks`, as `.ci/run` installs it). Without it a test says so and passes; with `CI` set it fails.
pub fn verify(secret: &str, received: &[Received]) {
    let python = Path::new(OTS).ancestors().nth(2).unwrap().join("standardwebhooks/bin/python");
    if !python.exists() {
        assert!(std::env::var_os("CI").is_none(), "this test needs standardwebhooks");
        return eprintln!("the signatures aren't checked: this test needs standardwebhooks");
    }
    let messages: Vec<Value> =
        received.iter().map(|received| json!({"body": received.body, "headers": received.headers})).collect();
    let mut child = Command::new(python).args(["-c", PROGRAM]).stdin(Stdio::piped()).spawn().unwrap();
    let asked = json!({"secret": secret, "messages": messages}).to_string();
    child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{received:?}");
}
