//! Where the receipts of what is stored go: a new file, a line each, or stderr; of several copies with a link that shows them together.

use std::{
    cell::{Cell, RefCell},
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use url::Url;
use zeroize::Zeroizing;

use super::PutError;
use crate::{
    cli::{error::FileError, new_file, terminal},
    secret::{Receipt, ReceiptLink},
};

/// Receipts that one page shows.
const SHOWN_TOGETHER: usize = 100;

/// Made before anything is sent: a receipt that can't be kept costs nobody a secret. A file in which no printed link has its line is
/// removed again.
pub(super) struct Receipts<'a> {
    place: Place<'a>,
    copies: usize,
    all: RefCell<Vec<Receipt>>,
    /// Not said yet, since the secret's link isn't printed.
    unsaid: RefCell<Vec<Zeroizing<String>>>,
}

enum Place<'a> {
    None,
    Stderr,
    File { file: File, path: &'a Path, kept: Cell<bool> },
}

impl<'a> Receipts<'a> {
    pub(super) fn open(path: Option<&'a PathBuf>, copies: usize) -> Result<Self, PutError> {
        let place = Place::open(path)?;
        Ok(Self { place, copies, all: RefCell::default(), unsaid: RefCell::default() })
    }

    /// Whether there are any.
    pub(super) fn are_wanted(&self) -> bool {
        !matches!(self.place, Place::None)
    }

    /// Keeps a receipt's link, on the disk before the secret's link is printed, and gives it. Behind the last of several stands what
    /// shows them together.
    pub(super) fn keep(&self, root: &Url, receipt: Receipt) -> Result<Zeroizing<String>, PutError> {
        let link = ReceiptLink::to_text(root, &receipt);
        let mut all = self.all.borrow_mut();
        all.push(receipt);
        let is_last = self.copies > 1 && all.len() == self.copies;
        let shown = if is_last { all.as_slice() } else { &[] };
        let together = shown.chunks(SHOWN_TOGETHER).map(|some| ReceiptLink::to_text_of_several(root, some));
        let together: Vec<_> = together.collect();
        if let Place::File { file, path, .. } = &self.place {
            let mut file = file;
            let mut lines = [&link].into_iter().chain(&together);
            let written =
                lines.try_for_each(|line| file.write_all(Zeroizing::new(format!("{}\n", line.as_str())).as_bytes()));
            written.and_then(|()| file.sync_all()).map_err(FileError::new("write", path))?;
            new_file::sync_name(path);
        } else {
            let named = |name: &str, link: &str| Zeroizing::new(format!("{name}: {link}"));
            let said = together.iter().map(|together| named("receipts", together));
            self.unsaid.replace([named("receipt", &link)].into_iter().chain(said).collect());
        }
        Ok(link)
    }

    /// The link of the secret has been printed, too.
    pub(super) fn printed(&self) {
        for line in self.unsaid.take() {
            terminal::say(&line);
        }
        if let Place::File { kept, .. } = &self.place {
            kept.set(true);
        }
    }
}

impl<'a> Place<'a> {
    fn open(path: Option<&'a PathBuf>) -> Result<Self, PutError> {
        let Some(path) = path else { return Ok(Self::None) };
        if path == Path::new("-") {
            return Ok(Self::Stderr);
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Self::File { file, path, kept: Cell::new(false) }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(PutError::ReceiptFileExists(path.clone()))
            }
            Err(error) => Err(FileError::new("write", path)(error).into()),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Self::File { path, kept, .. } = self
            && !kept.get()
        {
            let _ = std::fs::remove_file(path);
        }
    }
}
