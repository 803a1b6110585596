//! What end-to-end encryption costs: sealing and opening an envelope beside the bare cipher over the same bytes, and `ots put`
//! and `ots get` as whole processes with and without `--encrypt`, all in one run.
//!
//! ```sh
//! cargo bench --bench envelope
//! ```
//!
//! Every figure is the median of its repetitions. The server is a process of its own on the same cores, its data in the
//! system's temporary directory.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss
)]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use orion::hazardous::aead::chacha20poly1305::{ChaCha20Poly1305, Nonce, SecretKey};
use ots::{
    crypto::envelope::{Keys, Label, seal},
    secret::Passphrase,
};

const OTS: &str = env!("CARGO_BIN_EXE_ots");
const SIZES: [(usize, usize); 3] = [(1 << 10, 2000), (1 << 20, 50), (64 << 20, 5)];

fn main() {
    in_process();
    println!();
    as_processes();
}

fn in_process() {
    println!("size          cipher          seal            open            seal/cipher  open/cipher");
    for (size, repetitions) in SIZES {
        let content = vec![7; size];
        let key = SecretKey::try_from(&[1; 32][..]).unwrap();
        let mut buffer = content.clone();
        let cipher = median(repetitions, || {
            ChaCha20Poly1305::seal_inplace(&key, &Nonce::from([0; 12]), None, &mut buffer).unwrap();
        });
        let sealing = median(repetitions, || {
            seal(&content, &Label::default(), None).unwrap();
        });
        let sealed = seal(&content, &Label::default(), None).unwrap();
        let mut envelopes = vec![sealed.envelope.clone(); repetitions];
        let opening = median(repetitions, || {
            // As a reader does: the keys are derived, too.
            let keys = Keys::derive(&sealed.key, None).unwrap();
            keys.open(envelopes.pop().unwrap().into()).unwrap();
        });
        println!(
            "{:<13} {:<15} {:<15} {:<15} {:<12.2} {:.2}",
            name(size),
            speed(size, cipher),
            speed(size, sealing),
            speed(size, opening),
            sealing.as_secs_f64() / cipher.as_secs_f64(),
            opening.as_secs_f64() / cipher.as_secs_f64(),
        );
    }
    let passphrase = Passphrase::new("open sesame".to_owned().into()).unwrap();
    let guarded = median(20, || {
        seal(&[7; 1024], &Label::default(), Some(&passphrase)).unwrap();
    });
    println!("1 KiB with a passphrase: {:.1} ms to seal", guarded.as_secs_f64() * 1000.0);
}

fn as_processes() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let nothing = median(50, || {
        run(Command::new(OTS).arg("--version"), &[]);
    });
    println!("`ots --version`: {:.1} ms", nothing.as_secs_f64() * 1000.0);
    println!("size          put             put -e          get             get of -e       put -e/put   get -e/get");
    for (size, repetitions) in [(1 << 10, 100), (1 << 20, 50), (64 << 20, 9)] {
        let content = vec![7; size];
        let get = |link: &str| {
            let mut command = server.client();
            run(command.args(["get", "-", "-o"]).arg(data.path().join("got")).arg("-f"), link.as_bytes());
        };
        // In turn, so that what the server does behind one's back is everybody's.
        let mut took: [Vec<Duration>; 4] = Default::default();
        for _ in 0..repetitions {
            let (mut plain, mut encrypted) = (String::new(), String::new());
            took[0].push(time(|| plain = run(server.client().arg("put"), &content)));
            took[1].push(time(|| encrypted = run(server.client().args(["put", "-e"]), &content)));
            took[2].push(time(|| get(&plain)));
            took[3].push(time(|| get(&encrypted)));
        }
        let [plain, encrypted, plain_get, encrypted_get] = took.map(middle);
        let milliseconds = |duration: Duration| format!("{:.1} ms", duration.as_secs_f64() * 1000.0);
        println!(
            "{:<13} {:<15} {:<15} {:<15} {:<15} {:<12.2} {:.2}",
            name(size),
            milliseconds(plain),
            milliseconds(encrypted),
            milliseconds(plain_get),
            milliseconds(encrypted_get),
            encrypted.as_secs_f64() / plain.as_secs_f64(),
            encrypted_get.as_secs_f64() / plain_get.as_secs_f64(),
        );
    }
}

struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut command = Command::new(OTS);
        command.env("SECRET_KEY", "a key for the benchmark only");
        command.args(["serve", "--listen", "127.0.0.1:0", "--max-size", "100MiB", "--data-dir"]).arg(data);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| line.unwrap().split("listening on ").nth(1).map(str::to_owned)).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: line.trim().to_owned() }
    }

    fn client(&self) -> Command {
        let mut command = Command::new(OTS);
        command.env("OTS_SERVER", &self.url).env("OTS_CONFIG", "/dev/null");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command, input: &[u8]) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn median(repetitions: usize, mut what: impl FnMut()) -> Duration {
    middle((0..repetitions).map(|_| time(&mut what)).collect())
}

fn time(what: impl FnOnce()) -> Duration {
    let start = Instant::now();
    what();
    start.elapsed()
}

fn middle(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() / 2]
}

fn name(size: usize) -> String {
    if size < 1 << 20 { format!("{} KiB", size >> 10) } else { format!("{} MiB", size >> 20) }
}

fn speed(size: usize, took: Duration) -> String {
    format!("{:.0} MB/s", size as f64 / took.as_secs_f64() / 1e6)
}
