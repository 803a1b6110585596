//! Space kept back on the disk, so that a secret can still be read, and its removal written down, when the disk is full.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
};

use crate::store::files::itself;

/// Bytes written at a time.
const BLOCK: usize = 64 * 1024;

/// A file beside the database, given up when removals find no space and made again later. Its bytes are random: a file system that
/// compresses would hold nothing back for zeros.
pub(super) struct Reserve {
    path: PathBuf,
    size: u64,
    held: u64,
    /// Whether it was whole, or begun, on this disk before: what is left of it is held then. A disk that never had room for it
    /// isn't filled up by it.
    was_had: bool,
}

impl Reserve {
    /// The reserve as it lies there, from the run before.
    pub(super) fn new(path: PathBuf, size: usize) -> Self {
        let held = fs::metadata(&path).map_or(0, |found| found.len());
        Self { path, size: u64::try_from(size).unwrap_or(u64::MAX), held, was_had: held > 0 }
    }

    /// Whether all of it is held.
    pub(super) fn is_whole(&self) -> bool {
        self.held >= self.size
    }

    /// Gives the space back to the file system. Whether there was any to give.
    pub(super) fn give_up(&mut self) -> bool {
        let held = std::mem::take(&mut self.held);
        match fs::remove_file(&self.path) {
            Ok(()) => held > 0,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => {
                tracing::warn!(%error, "the reserved disk space can't be freed");
                false
            }
        }
    }

    /// Takes the space again; on a disk that has had it, as much as there is: what is left is better held than lost to somebody else.
    pub(super) fn restore(&mut self) {
        if self.is_whole() {
            return;
        }
        let outcome = self.fill();
        self.held = fs::metadata(&self.path).map_or(0, |found| found.len());
        self.was_had |= self.is_whole();
        if let Err(error) = outcome {
            tracing::debug!(%error, held = self.held, "not all of the reserved disk space can be had");
            if !self.was_had {
                self.give_up();
            }
        }
    }

    /// Whether the file system takes no more: a full disk and a used-up quota look alike to SQLite's caller.
    pub(super) fn disk_is_full(&self) -> bool {
        let path = self.path.with_extension("probe");
        let _ = fs::remove_file(&path); // of a run that was killed
        let outcome = File::create_new(&path).and_then(|mut file| {
            file.write_all(&vec![1; BLOCK])?;
            file.sync_all()
        });
        let _ = fs::remove_file(&path);
        outcome.is_err_and(|error| lacks_space(&error))
    }

    fn fill(&self) -> io::Result<()> {
        let mut file = itself(OpenOptions::new().create(true).append(true)).open(&self.path)?;
        let mut left = self.size.saturating_sub(file.metadata()?.len());
        let mut block = vec![0; BLOCK];
        while left > 0 {
            getrandom::fill(&mut block).map_err(io::Error::other)?;
            let part = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
            file.write_all(block.get(..part).unwrap_or(&block))?;
            left -= u64::try_from(part).unwrap_or(left);
        }
        file.sync_all()
    }
}

/// Whether an error of the file system says that no space is left, or none of what this user may take.
pub(super) fn lacks_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is held takes the space that it says on any file system: it doesn't compress.
    #[test]
    fn the_reserve_is_taken_given_up_and_taken_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t-reserve");
        let mut reserve = Reserve::new(path.clone(), 200_000);
        assert!(!reserve.is_whole() && !reserve.give_up());
        reserve.restore();
        assert!(reserve.is_whole());
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 200_000);
        let mut counts = [0_usize; 256];
        for byte in &bytes {
            counts[usize::from(*byte)] += 1;
        }
        assert!(counts.iter().all(|count| (500..1_100).contains(count)), "each byte as often as any other");
        let pieces: std::collections::HashSet<&[u8]> = bytes.chunks(16).collect();
        assert_eq!(pieces.len(), 200_000 / 16, "and no part twice");
        // A part of it, from a start that found no more, is completed.
        OpenOptions::new().write(true).open(&path).unwrap().set_len(70_000).unwrap();
        let mut reserve = Reserve::new(path.clone(), 200_000);
        assert!(!reserve.is_whole());
        reserve.restore();
        assert!(reserve.is_whole() && fs::metadata(&path).unwrap().len() == 200_000);
        assert!(reserve.give_up() && !path.exists() && !reserve.is_whole());
        assert!(!reserve.disk_is_full());
    }
}
