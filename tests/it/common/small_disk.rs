//! A disk that can be filled, for tests and for `benches/endure`.

use std::{path::PathBuf, process::Command};

/// A small file system of our own: a tmpfs, where we may mount one (root, or a CI container).
pub struct SmallDisk {
    pub path: PathBuf,
    _directory: tempfile::TempDir,
}

impl SmallDisk {
    /// None for whoever may not mount one. CI may.
    pub fn new(megabytes: u32) -> Option<Self> {
        if !Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n") {
            assert!(std::env::var_os("CI").is_none(), "CI has to run this as root");
            eprintln!("skipped: mounting a small file system needs root; CI runs it");
            return None;
        }
        let directory = tempfile::Builder::new().prefix("ots-test-").tempdir().unwrap();
        let path = directory.path().to_owned();
        let size = format!("size={megabytes}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).status();
        assert!(mounted.is_ok_and(|status| status.success()), "this test mounts a tmpfs, and so runs as root");
        Some(Self { path, _directory: directory })
    }

    /// Fills it to the last byte, as somebody else might.
    pub fn fill(&self) {
        let mut filler = std::fs::OpenOptions::new().create(true).append(true).open(self.filler()).unwrap();
        for block in [1 << 20, 4096] {
            while std::io::Write::write_all(&mut filler, &vec![1; block]).is_ok() {}
        }
    }

    pub fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
