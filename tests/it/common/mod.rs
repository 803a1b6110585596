//! What the tests share: the real binary on a free port with a directory of its own, and clients for it.

pub mod asked;
pub mod database;
pub mod day;
pub mod engine;
pub mod lying;
#[cfg(all(target_os = "linux", feature = "postgres"))]
pub mod network;
#[cfg(all(unix, feature = "postgres"))]
pub mod postgres;
pub mod proxy;
pub mod small_disk;

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub const OTS: &str = env!("CARGO_BIN_EXE_ots");
pub const SECRET_KEY: &str = "the tests' own key 0123456789abcdef";
pub const CLAIM: &str = "claim-0123456789abcdef";

/// `ots` without any of our environment but what is needed to start a program.
pub fn ots() -> Command {
    let mut command = Command::new(OTS);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", "/nonexistent").env("RUST_BACKTRACE", "1");
    command
}

/// A directory for a server's data.
pub fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("ots-test-").tempdir().unwrap()
}

/// Held by a test that loads the machine, or that measures: the tests run side by side, and two of these would make each
/// other's times and bounds mean nothing.
#[must_use]
pub struct Heavy(#[expect(dead_code, reason = "it is held, not used")] MutexGuard<'static, ()>);

/// Waits until no other test of this kind runs.
pub fn heavy() -> Heavy {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // One that failed stands in nobody's way.
    Heavy(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A running server. Killed when dropped.
pub struct Server {
    pub child: Child,
    pub url: String,
    pub log: Arc<Mutex<String>>,
    /// Where the log comes from.
    stderr: Pipe,
}

impl Server {
    /// Starts a server on a free port over `data`, and waits until it listens.
    pub fn start(data: &Path, arguments: &[&str]) -> Self {
        Self::try_start(data, arguments).unwrap_or_else(|log| panic!("the server didn't start: {log}"))
    }

    pub fn try_start(data: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut command = ots();
        // What the tests that write their own heads call it.
        command.env("SECRET_KEY", SECRET_KEY).env("OTS_ALLOWED_HOST", "x,right,ots.test");
        command.args(["-v", "serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data).args(arguments);
        Self::spawn(command)
    }

    /// Starts a prepared command, and waits until it listens.
    pub fn spawn(command: Command) -> Result<Self, String> {
        Self::spawn_with(command, Stdio::null())
    }

    /// The same, with its standard output somewhere.
    pub fn spawn_with(mut command: Command, stdout: Stdio) -> Result<Self, String> {
        engine::choose(&mut command);
        let mut child = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().unwrap();
        let pipe = pipe(&stderr);
        let mut lines = BufReader::new(stderr);
        let mut url = None;
        let mut line = String::new();
        while url.is_none() && lines.read_line(&mut line).unwrap() > 0 {
            url = line.split("listening on ").nth(1).map(|rest| rest.split('"').next().unwrap().trim().to_owned());
            log.lock().unwrap().push_str(&line);
            line.clear();
        }
        let Some(url) = url else {
            let _ = child.wait();
            return Err(log.lock().unwrap().clone());
        };
        let shared = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
                shared.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Ok(Self { child, url, log, stderr: pipe })
    }

    pub fn address(&self) -> String {
        self.url.split("://").nth(1).unwrap().to_owned()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        http().request(method, format!("{}{path}", self.url))
    }

    pub async fn post_json(&self, body: &str) -> Response {
        let request = self.request(Method::POST, "/api/v1/secrets").header("content-type", "application/json");
        request.body(body.to_owned()).send().await.unwrap()
    }

    /// Stores a text and gives its token.
    pub async fn create(&self, content: &str) -> String {
        self.create_with(json!({ "content": content })).await
    }

    pub async fn create_with(&self, body: Value) -> String {
        let response = self.post_json(&body.to_string()).await;
        assert_eq!(response.status(), 201);
        let created: Value = response.json().await.unwrap();
        created["token"].as_str().unwrap().to_owned()
    }

    pub async fn get(&self, token: &str) -> Response {
        self.request(Method::GET, &format!("/api/v1/secrets/{token}")).send().await.unwrap()
    }

    pub async fn status(&self, token: &str) -> Response {
        self.request(Method::GET, &format!("/api/v1/secrets/{token}/status")).send().await.unwrap()
    }

    pub async fn delete(&self, token: &str, claim: Option<&str>) -> Response {
        let request = self.request(Method::DELETE, &format!("/api/v1/secrets/{token}"));
        claim.into_iter().fold(request, |request, claim| request.header("idempotency-key", claim)).send().await.unwrap()
    }

    pub async fn reveal(&self, token: &str, claim: Option<&str>, passphrase: Option<&str>) -> Response {
        let mut request = self.request(Method::POST, &format!("/api/v1/secrets/{token}/reveal"));
        if let Some(claim) = claim {
            request = request.header("idempotency-key", claim);
        }
        if let Some(passphrase) = passphrase {
            request = request.json(&json!({ "passphrase": passphrase }));
        }
        request.send().await.unwrap()
    }

    pub async fn healthy(&self) -> bool {
        self.request(Method::GET, "/health").send().await.is_ok_and(|response| response.status() == 200)
    }

    /// `ots` as a client of this server.
    pub fn client(&self, arguments: &[&str]) -> Command {
        let mut command = ots();
        command.env("OTS_SERVER", &self.url).args(arguments);
        command
    }

    /// Stores bytes with `ots put` and gives the link.
    pub fn put(&self, content: &[u8]) -> String {
        let output = run(self.client(&["put"]), content);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Asks the server to stop, and waits until it has.
    pub fn stop(mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        wait_for_exit(&mut self.child, Duration::from_secs(40))
    }

    /// Ends the process at once, wherever it is. What it had written is still the kernel's: this is no power cut.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A line of `/proc/PID/status`, in KiB.
    pub fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// What it has logged until now: what it wrote before it answered is in there.
    pub fn log(&self) -> String {
        let end = Instant::now() + Duration::from_secs(5);
        loop {
            let before = self.log.lock().unwrap().len();
            std::thread::sleep(Duration::from_millis(2));
            let log = self.log.lock().unwrap();
            if (is_read(&self.stderr) && log.len() == before) || Instant::now() > end {
                return log.clone();
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
type Pipe = std::os::fd::OwnedFd;
#[cfg(not(unix))]
type Pipe = ();

#[cfg(unix)]
fn pipe(stderr: &ChildStderr) -> Pipe {
    std::os::fd::AsFd::as_fd(stderr).try_clone_to_owned().unwrap()
}

#[cfg(not(unix))]
fn pipe(_: &ChildStderr) -> Pipe {}

/// Whether everything that a program wrote has been taken out.
#[cfg(unix)]
fn is_read(pipe: &Pipe) -> bool {
    rustix::io::ioctl_fionread(pipe).unwrap() == 0
}

#[cfg(not(unix))]
fn is_read((): &Pipe) -> bool {
    true
}

pub fn http() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(60)).build().unwrap()
}

/// Runs a command with `input` on its stdin.
pub fn run(mut command: Command, input: &[u8]) -> Output {
    engine::choose(&mut command);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// What a program wrote, to be read.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `ots` against the server with nothing on stdin.
pub fn client(server: &Server, arguments: &[&str]) -> Output {
    run(server.client(arguments), b"")
}

/// Holds a failure to its code, its words and an empty stdout.
pub fn assert_refuses(output: &Output, code: i32, says: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "{said}");
    assert!(output.stdout.is_empty(), "stdout is for what was asked for: {}", text(&output.stdout));
}

/// As [`assert_refuses`], and in one line of ours.
pub fn assert_fails(output: &Output, code: i32, says: &str) {
    assert_refuses(output, code, says);
    let said = text(&output.stderr);
    assert!(said.starts_with("ots: ") && said.trim_end().lines().count() == 1, "one line: {said}");
}

pub fn wait_for_exit(child: &mut Child, at_most: Duration) -> std::process::ExitStatus {
    let end = Instant::now() + at_most;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < end, "the process is still running");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a condition, with a bound.
pub async fn until<F: Future<Output = bool>>(what: &str, at_most: Duration, condition: impl Fn() -> F) {
    let end = Instant::now() + at_most;
    while !condition().await {
        assert!(Instant::now() < end, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every file below a directory.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.metadata() {
            Ok(kind) if kind.is_dir() => found.extend(files(&path)),
            Ok(kind) if kind.is_file() => found.push(path),
            // A socket, or what has just gone.
            _ => {}
        }
    }
    found
}

/// Whether any file below a directory holds `needle`.
pub fn on_disk(directory: &Path, needle: &[u8]) -> bool {
    files(directory).iter().any(|path| std::fs::read(path).is_ok_and(|bytes| contains(&bytes, needle)))
}

pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// An answer whose body is one JSON object, from a connection that is to stay open.
pub fn json_answer(from: &mut impl Read) -> Vec<u8> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut part = [0; 4096];
        let length = from.read(&mut part).unwrap();
        assert!(length > 0, "the connection stays");
        answer.extend_from_slice(&part[..length]);
    }
    answer
}

/// Bytes that look random and can be made again from their seed (xorshift64*).
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
