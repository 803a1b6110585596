//! Space kept back on the disk, so that a secret can still be read, and its removal written down, when the disk is full.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

/// A file of zeros beside the database, given up when removals find no space and made again later.
pub(super) struct Reserve {
    path: PathBuf,
    size: usize,
    held: bool,
}

impl Reserve {
    /// Makes the reserve if there is space for it.
    pub(super) fn new(path: PathBuf, size: usize) -> Self {
        let mut reserve = Self { path, size, held: false };
        reserve.restore();
        reserve
    }

    /// Gives the space back to the file system. Whether there was any to give.
    pub(super) fn give_up(&mut self) -> bool {
        let held = std::mem::take(&mut self.held);
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the reserved disk space can't be freed");
        }
        held
    }

    /// Takes the space again, if it isn't held and the disk has it.
    pub(super) fn restore(&mut self) {
        if self.held {
            return;
        }
        self.held = self.write().is_ok();
        if !self.held {
            self.give_up();
        }
    }

    fn write(&self) -> io::Result<()> {
        if fs::metadata(&self.path).is_ok_and(|found| usize::try_from(found.len()) == Ok(self.size)) {
            return Ok(());
        }
        let mut file = File::create(&self.path)?;
        let block = vec![0; 64 * 1024];
        let mut left = self.size;
        while left > 0 {
            let part = block.get(..left.min(block.len())).unwrap_or(&block);
            file.write_all(part)?;
            left -= part.len();
        }
        file.sync_all()
    }
}
