//! The server under load, where its data lies, and what time it has.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use super::{process, small_disk::SmallDisk};

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// Where the server's data lies, and what time it has.
pub(super) struct Place {
    directory: tempfile::TempDir,
    /// None where nobody may mount one.
    pub(super) small: Option<SmallDisk>,
    pub(super) clock: Option<PathBuf>,
}

impl Place {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let small = SmallDisk::new(192);
        let clock = Path::new(FAKETIME)
            .exists()
            .then(|| std::env::temp_dir().join(format!("ots-clock-{}", std::process::id())));
        let place = Self { directory, small, clock };
        place.move_clock(0);
        for (is_so, what) in [
            (place.small.is_some(), "no full disk: mounting one needs root"),
            (place.clock.is_some(), "no clock is moved: that needs faketime"),
        ] {
            if !is_so {
                println!("{what}");
            }
        }
        place
    }

    /// So many seconds before the true time.
    pub(super) fn move_clock(&self, seconds: u64) {
        if let Some(path) = &self.clock {
            fs::write(path, format!("+{seconds}\n")).unwrap();
        }
    }

    fn data(&self) -> PathBuf {
        self.small.as_ref().map_or(self.directory.path(), |disk| &disk.path).join("data")
    }

    pub(super) fn megabytes(&self) -> f64 {
        let files = fs::read_dir(self.data()).unwrap();
        let sizes = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
        sizes.sum::<u64>() as f64 / f64::from(1 << 20)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(path) = &self.clock {
            let _ = fs::remove_file(path);
        }
    }
}

/// The server. Killed when dropped.
pub(super) struct Server(Child);

impl Server {
    pub(super) fn start(place: &Place, address: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ots"));
        command.env("SECRET_KEY", "a key for the benchmark only").args([
            "-q",
            "serve",
            "--listen",
            address,
            "--data-dir",
        ]);
        if let Some(clock) = &place.clock {
            command.env("LD_PRELOAD", FAKETIME).env("FAKETIME_TIMESTAMP_FILE", clock);
            command
                .env("FAKETIME_NO_CACHE", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        let server = Self(command.arg(place.data()).spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "the server doesn't start");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(super) fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    pub(super) fn end(&mut self, signal: &str) {
        self.signal(signal);
        self.0.wait().unwrap();
    }

    pub(super) fn resident(&self) -> f64 {
        process::resident(self.0.id())
    }

    pub(super) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0.id())).unwrap().count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
