//! Servers with shim.c preloaded, and the test's side of what it shares with them.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::common::{OTS, SECRET_KEY, Server, directory, ots, text};

pub const EIO: u64 = 5;
pub const ENOMEM: u64 = 12;
pub const ENOSPC: u64 = 28;
pub const ENOLCK: u64 = 37;
pub const EDQUOT: u64 = 122;
/// Not an error: the first call that is to fail writes half of what it was given.
pub const SHORT: u64 = 0;

/// What can fail, as in shim.c.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Write,
    Sync,
    Truncate,
    Unlink,
    Open,
    Lock,
    Map,
    Read,
    Allocate,
}

impl Kind {
    pub const ALL: [Self; 9] = [
        Self::Write,
        Self::Sync,
        Self::Truncate,
        Self::Unlink,
        Self::Open,
        Self::Lock,
        Self::Map,
        Self::Read,
        Self::Allocate,
    ];
}

/// Which calls fail: `times` of a kind, from the `nth` on.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub kind: Kind,
    pub nth: u64,
    pub times: u64,
    pub error: u64,
    /// Whether the server is killed as soon as an answer says that something failed; else the disk works again first.
    pub crash: bool,
}

/// Where the counts of calls begin in what is shared.
const CALLS: usize = 9;

/// How often.
pub const FOR_GOOD: u64 = u64::MAX;

impl Plan {
    /// Fails nothing.
    pub const NONE: Self = Self { kind: Kind::Write, nth: FOR_GOOD, times: 0, error: EIO, crash: false };
}

/// A data directory whose servers run with the shim.
pub struct Disk {
    pub data: PathBuf,
    pub log: PathBuf,
    control: File,
    directory: tempfile::TempDir,
}

impl Disk {
    pub fn new() -> Self {
        let directory = directory();
        let root = directory.path().canonicalize().unwrap();
        let (data, log) = (root.join("data"), root.join("log"));
        std::fs::create_dir(&data).unwrap();
        File::create(&log).unwrap();
        let control = OpenOptions::new().create_new(true).read(true).write(true).open(root.join("control")).unwrap();
        control.set_len(4096).unwrap();
        Self { data, log, control, directory }
    }

    /// A server over it, with the shim; its log is kept if that is asked for.
    pub fn serve(&self, arguments: &[&str], logged: bool) -> Result<Server, String> {
        let mut command = ots();
        command.env("SECRET_KEY", SECRET_KEY).env("LD_PRELOAD", library());
        command.env("OTS_SHIM_DIR", &self.data).env("OTS_SHIM_CONTROL", self.directory.path().join("control"));
        command.env("OTS_SHIM_ALLOCATORS", allocators());
        if logged {
            command.env("OTS_SHIM_LOG", &self.log);
        }
        command.args(["-v", "serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&self.data).args(arguments);
        Server::spawn(command)
    }

    /// From now on calls are counted, and fail as planned.
    pub fn arm(&self, plan: Plan) {
        self.disarm();
        for kind in 0..Kind::ALL.len() {
            self.set(CALLS + kind, 0);
        }
        for (word, value) in [(1, plan.kind as u64), (2, plan.nth), (3, plan.times), (4, plan.error), (0, 1)] {
            self.set(word, value);
        }
    }

    /// From now on none fails, and none is counted.
    pub fn disarm(&self) {
        self.set(0, 0);
    }

    /// How many calls of a kind there were while it was armed.
    pub fn calls(&self, kind: Kind) -> u64 {
        let mut value = [0; 8];
        self.control.read_exact_at(&mut value, 8 * (CALLS as u64 + kind as u64)).unwrap();
        u64::from_ne_bytes(value)
    }

    /// Has each sync take so long, so that calls gather while one lasts.
    pub fn delay_syncs(&self, microseconds: u64) {
        self.set(5, microseconds);
    }

    /// Fills the disk: from now on its files may have no byte more than they have and these. `late`: only a sync finds that out.
    pub fn fill(&self, but: u64, error: u64, late: bool) {
        let used: u64 =
            std::fs::read_dir(&self.data).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        for (word, value) in [(7, error), (8, u64::from(late)), (6, used + but)] {
            self.set(word, value);
        }
    }

    /// There is space again.
    pub fn empty(&self) {
        self.set(6, 0);
    }

    fn set(&self, word: usize, value: u64) {
        self.control.write_all_at(&value.to_ne_bytes(), 8 * word as u64).unwrap();
    }
}

/// The library, built once a run.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/disk/shim.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (new, built) = (folder.join(format!("shim-{}.so", std::process::id())), folder.join("shim.so"));
        let mut compiler = Command::new("cc");
        compiler.args(["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]);
        let output = compiler.arg(&new).arg(source).args(["-ldl", "-lpthread"]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        std::fs::rename(new, &built).unwrap(); // another run may have it open
        built
    })
}

/// Where SQLite's allocators lie in the program, for the shim.
fn allocators() -> &'static str {
    static RANGES: OnceLock<String> = OnceLock::new();
    RANGES.get_or_init(|| {
        let listed = symbols(&["-S"]);
        let ranges: Vec<String> = listed
            .lines()
            .filter(|line| line.ends_with(" sqlite3MemMalloc") || line.ends_with(" sqlite3MemRealloc"))
            .map(|line| {
                let mut numbers = line.split(' ').map(|number| u64::from_str_radix(number, 16).unwrap());
                let (from, size) = (numbers.next().unwrap(), numbers.next().unwrap());
                format!("{from:x}-{:x}", from + size)
            })
            .collect();
        assert_eq!(ranges.len(), 2, "SQLite's allocators have these names");
        ranges.join(" ")
    })
}

fn symbols(options: &[&str]) -> String {
    let output = Command::new("nm").args(options).arg(OTS).output().expect("nm (binutils)");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The program changes files by no call that the shim lets pass.
#[test]
fn the_shim_knows_every_call() {
    let unknown = [
        "creat",
        "openat",
        "pwritev",
        "pwritev2",
        "fallocate",
        "posix_fallocate",
        "truncate",
        "unlinkat",
        "renameat",
        "renameat2",
        "copy_file_range",
        "sendfile",
        "splice",
        "sync_file_range",
        "syncfs",
        "io_uring_setup",
    ];
    let used = symbols(&["-D", "--undefined-only"]);
    for name in used.lines().filter_map(|line| line.split_whitespace().last()) {
        let name = name.split('@').next().unwrap_or(name).trim_end_matches("64");
        assert!(!unknown.contains(&name), "shim.c has to learn {name}");
    }
}
