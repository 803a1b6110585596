//! Promise 4 on the device: file systems in images of our own, which are searched as a whole, with what the files don't show any more. Needs
//! root, to mount them, and the file systems' tools; CI has both.

use std::{
    collections::HashMap,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use ots::secret::Token;
use reqwest::Client;

use super::{
    plan::{client, stop},
    secrets::{Api, Call, Secret, content},
};
use crate::common::{Server, directory, text, until};

/// From any read to bytes gone at most, with the defaults.
const GONE_WITHIN: Duration = Duration::from_secs(60);
/// Bytes that tell a ciphertext.
const RUN: usize = 32;

/// A file system in a file.
struct Volume {
    image: PathBuf,
    mount: PathBuf,
    _directory: tempfile::TempDir,
}

impl Volume {
    /// None where that can't be made.
    fn new(kind: &str) -> Option<Self> {
        let directory = directory();
        let (image, mount) = (directory.path().join("image"), directory.path().join("mount"));
        std::fs::create_dir(&mount).unwrap();
        // The least that mkfs.xfs takes, and a bit.
        std::fs::File::create(&image).unwrap().set_len(320 << 20).unwrap();
        let volume = Self { image, mount, _directory: directory };
        let made = run(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&volume.image));
        let mounted = made.and_then(|()| run(volume.command("mount", &["-o", "loop"]).arg(&volume.mount)));
        match mounted {
            Ok(()) => Some(volume),
            Err(error) => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "CI has to run this as root, with the tools for {kind}: {error}"
                );
                eprintln!("{kind} is skipped: it needs root and its tools; CI has both ({error})");
                None
            }
        }
    }

    fn command(&self, program: &str, options: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(options).arg(&self.image);
        command
    }

    fn sync(&self) {
        run(Command::new("sync").arg("-f").arg(&self.mount)).unwrap();
    }

    fn unmount(&self) {
        run(Command::new("umount").arg(&self.mount)).unwrap();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mount).output();
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}: {}", text(&output.stderr))) }
}

/// Runs of the ciphertexts, each with the secret that it is of.
#[derive(Default)]
struct Runs {
    of: HashMap<[u8; RUN], usize>,
    /// Whether a run begins with these two bytes.
    begins: Vec<bool>,
}

impl Runs {
    /// Every run of the secrets' ciphertexts, one after the other.
    fn collect(database: &Path, secrets: &[Secret]) -> Self {
        let connection = rusqlite::Connection::open(database).unwrap();
        let query = "SELECT bytes FROM payload JOIN record ON record.seq = payload.chunk / 1024 WHERE record.id = ?1";
        let mut statement = connection.prepare(query).unwrap();
        let mut runs = Self { of: HashMap::new(), begins: vec![false; 1 << 16] };
        for (number, secret) in secrets.iter().enumerate() {
            let token: Token = secret.token.parse().unwrap();
            let chunks = statement.query_map([token.id().0], |row| row.get::<_, Vec<u8>>(0)).unwrap();
            for chunk in chunks.map(Result::unwrap) {
                for run in chunk.chunks_exact(RUN) {
                    runs.begins[usize::from(run[0]) << 8 | usize::from(run[1])] = true;
                    runs.of.insert(run.try_into().unwrap(), number);
                }
            }
        }
        runs
    }

    /// How many of each secret's runs the image holds, at any offset.
    fn search(&self, image: &Path, secrets: usize) -> Vec<usize> {
        const STEP: usize = 1 << 20;
        let mut file = std::fs::File::open(image).unwrap();
        let (mut found, zeros) = (vec![0; secrets], vec![0; STEP + RUN]);
        // The end of the part before, so that none is missed between two.
        let mut part: Vec<u8> = Vec::new();
        loop {
            let kept = part.len().min(RUN - 1);
            part.drain(..part.len() - kept);
            if Read::by_ref(&mut file).take(STEP as u64).read_to_end(&mut part).unwrap() == 0 {
                return found;
            }
            if part == zeros[..part.len()] {
                continue; // most of it, and quick to see
            }
            for window in part.windows(RUN) {
                if self.begins[usize::from(window[0]) << 8 | usize::from(window[1])]
                    && let Some(secret) = self.of.get(window)
                {
                    found[*secret] += 1;
                }
            }
        }
    }
}

/// What becomes of a secret.
const FATES: [&str; 5] = ["read", "claimed, never acknowledged", "burned", "expired", "kept"];
const SIZES: [usize; 4] = [20, 1500, 5000, 300_000];

/// Runs a server with its defaults on a file system of this kind; gives what is left where nothing should be.
async fn survey(client: &Client, kind: &str) -> Vec<String> {
    let Some(volume) = Volume::new(kind) else { return Vec::new() };
    let data = volume.mount.join("data");
    let server = Server::start(&data, &[]);
    let api = Api::new(client, &server.url);
    let mut fillers = Vec::new();
    for number in 0..8 {
        fillers.push(api.create(&content(100 + number, 1_000_000), false, 3600).await.1.unwrap());
    }
    let mut secrets = Vec::new();
    for number in 0..FATES.len() * SIZES.len() {
        let (fate, size) = (FATES[number / SIZES.len()], SIZES[number % SIZES.len()]);
        let seconds = if fate == "expired" { 20 } else { 3600 };
        secrets.push(api.create(&content(number as u64, size), false, seconds).await.1.unwrap());
    }
    let database = data.join("ots.db");
    let runs = Runs::collect(&database, &secrets);
    // The database gets smaller under them, so that they are moved, and the blocks where they were are the file system's again.
    let (first, rest) = fillers.split_first().unwrap();
    assert_eq!(api.call(Call::Burn, first).await.status, 204);
    let in_database = || async { runs.search(&database, secrets.len()).iter().all(|found| *found > 0) };
    until("they are in the database", Duration::from_secs(15), in_database).await;
    for filler in rest {
        assert_eq!(api.call(Call::Burn, filler).await.status, 204);
    }
    let is_small = || async { database.metadata().unwrap().len() < 5_000_000 };
    until("the database is small again", Duration::from_secs(25), is_small).await;
    let search = || async {
        volume.sync();
        let found = tokio::task::block_in_place(|| runs.search(&volume.image, secrets.len()));
        let gone = secrets.len() - SIZES.len();
        assert!(found[gone..].iter().all(|found| *found > 0), "{kind}: what is kept is found: {found:?}");
        let name = |number: usize| format!("{} bytes, {}", SIZES[number % SIZES.len()], FATES[number / SIZES.len()]);
        let left: Vec<String> = (0..gone)
            .filter(|number| found[*number] > 0)
            .map(|number| format!("{}: {} runs", name(number), found[number]))
            .collect();
        left
    };
    assert_eq!(search().await.len(), secrets.len() - SIZES.len(), "{kind}: they are on the disk");

    for (number, secret) in secrets.iter().enumerate() {
        let calls: &[Call] = match FATES[number / SIZES.len()] {
            "read" => &[Call::Read],
            "burned" => &[Call::Burn],
            "claimed, never acknowledged" => &[Call::Claim],
            _ => &[],
        };
        for call in calls {
            let answer = api.call(*call, secret).await;
            assert!((200..300).contains(&answer.status), "{call:?}: {}", answer.status);
        }
    }
    let read = Instant::now();
    let mut left = vec![String::from("not looked at yet")];
    while !left.is_empty() && read.elapsed() < GONE_WITHIN {
        tokio::time::sleep(Duration::from_secs(10).min(GONE_WITHIN.saturating_sub(read.elapsed()))).await;
        left = search().await;
        eprintln!("{kind}: after {:?}: {left:?}", read.elapsed());
    }
    let mut findings: Vec<String> = left.into_iter().map(|left| format!("{kind}, after a minute: {left}")).collect();
    stop(server).await;
    volume.sync();
    volume.unmount();
    let found = tokio::task::block_in_place(|| runs.search(&volume.image, secrets.len()));
    let left = found.iter().take(secrets.len() - SIZES.len()).filter(|found| **found > 0).count();
    if left > 0 {
        findings.push(format!("{kind}, unmounted: of {left} secrets that are gone: {found:?}"));
    }
    findings
}

/// A minute after secrets were read, claimed, burned or have expired, no 32 bytes of any are on the device: neither in files nor in what
/// the file system has got back.
#[tokio::test(flavor = "multi_thread")]
async fn the_device_holds_nothing_that_is_gone() {
    let client = client();
    let (one, other) = tokio::join!(survey(&client, "ext4"), survey(&client, "xfs"));
    let left = [one, other].concat();
    assert!(left.is_empty(), "{}", left.join("\n"));
}
