//! The WAL beside the database: what SQLite has moved out of it lies there until it is written over. Blocks that go back to the file
//! system would keep it, so it is overwritten before (promise 4 on the raw device).
//!
//! SQLite reads no frame behind the last one that it counts, neither here nor in a recovery: what lies behind that one is nobody's,
//! and the only writer may overwrite it at any time. It locks the database and the `-shm` file, never the WAL (wal.c), so that a
//! descriptor of our own does no harm.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::PathBuf,
};

use super::schema::PAGE_SIZE;

/// Bytes before the first frame, and before the page in each (<https://sqlite.org/fileformat2.html#walformat>).
const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// The file.
pub(super) struct Wal(pub(super) PathBuf);

impl Wal {
    /// Overwrites what lies behind the first `frames` frames, and syncs it.
    ///
    /// # Errors
    /// The file system's. Some of it may still be there then.
    pub(super) fn wipe_behind(&self, frames: u64) -> io::Result<()> {
        let mut file = match OpenOptions::new().write(true).open(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let page = u64::try_from(PAGE_SIZE).unwrap_or(u64::MAX);
        wipe_behind(&mut file, HEADER.saturating_add(frames.saturating_mul(FRAME_HEADER.saturating_add(page))))
    }
}

/// Overwrites what lies in a file behind its first bytes, and syncs it.
///
/// # Errors
/// The file system's.
pub(super) fn wipe_behind(file: &mut File, used: u64) -> io::Result<()> {
    let length = file.metadata()?.len();
    if used < length {
        file.seek(SeekFrom::Start(used))?;
        write_zeros(file, length - used)?;
        file.sync_data()?;
    }
    Ok(())
}

fn write_zeros(file: &mut File, length: u64) -> io::Result<()> {
    let zeros = vec![0; 64 * 1024];
    let mut left = length;
    while left > 0 {
        let part = usize::try_from(left).map_or(zeros.len(), |left| left.min(zeros.len()));
        file.write_all(zeros.get(..part).unwrap_or(&zeros))?;
        left -= u64::try_from(part).unwrap_or(left);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_the_last_frame_is_overwritten_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t-wal");
        let frame = PAGE_SIZE + 24;
        for (frames, length) in [(0, 100_000), (1, 100_000), (3, 32 + 3 * frame + 1), (3, 32 + 3 * frame), (3, 10)] {
            std::fs::write(&path, vec![7; length]).unwrap();
            Wal(path.clone()).wipe_behind(frames).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let used = (32 + usize::try_from(frames).unwrap() * frame).min(length);
            assert_eq!(bytes.len(), length, "it is as long as it was");
            assert!(bytes[..used].iter().all(|byte| *byte == 7) && bytes[used..].iter().all(|byte| *byte == 0));
        }
        Wal(directory.path().join("none")).wipe_behind(0).unwrap();
    }
}
