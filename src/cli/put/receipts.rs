//! Where the receipts of what is stored go: a new file, a line each, or stderr; of several copies with a link that shows them together.

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::{self, Write as _},
    path::Path,
};

use url::Url;
use zeroize::Zeroizing;

use super::PutError;
use crate::{
    cli::{error::FileError, new_file::NewFile},
    secret::{Receipt, ReceiptLink},
};

/// Receipts that one page shows.
const SHOWN_TOGETHER: usize = 100;

/// Made before anything is sent: a receipt that can't be kept costs nobody a secret. The file has its name once there is a receipt in it; one
/// in which no printed link has its line is removed again.
pub(super) struct Receipts<'a> {
    place: Place<'a>,
    copies: usize,
    all: RefCell<Vec<Receipt>>,
}

enum Place<'a> {
    None,
    Stderr,
    File {
        file: File,
        /// As long as it has no name.
        nameless: RefCell<Option<NewFile>>,
        path: &'a Path,
        kept: Cell<bool>,
    },
}

impl<'a> Receipts<'a> {
    pub(super) fn open(path: Option<&'a Path>, copies: usize) -> Result<Self, PutError> {
        let place = Place::open(path)?;
        Ok(Self { place, copies, all: RefCell::default() })
    }

    /// Whether there are any.
    pub(super) fn are_wanted(&self) -> bool {
        !matches!(self.place, Place::None)
    }

    /// Keeps a receipt's link, on the disk or on stderr before the secret's link is printed, and gives it. Behind the last of several stands
    /// what shows them together.
    pub(super) fn keep(&self, root: &Url, receipt: Receipt) -> Result<Zeroizing<String>, PutError> {
        let link = ReceiptLink::to_text(root, &receipt);
        let mut all = self.all.borrow_mut();
        all.push(receipt);
        let is_last = self.copies > 1 && all.len() == self.copies;
        let shown = if is_last { all.as_slice() } else { &[] };
        let together = shown.chunks(SHOWN_TOGETHER).map(|some| ReceiptLink::to_text_of_several(root, some));
        let together: Vec<_> = together.collect();
        let lines = |names: [&str; 2]| {
            let one = Zeroizing::new(format!("{}{}\n", names[0], link.as_str()));
            together.iter().fold(one, |lines, several| {
                Zeroizing::new(format!("{}{}{}\n", lines.as_str(), names[1], several.as_str()))
            })
        };
        match &self.place {
            Place::None => {}
            Place::Stderr => {
                let written = io::stderr().lock().write_all(lines(["receipt: ", "receipts: "]).as_bytes());
                written.map_err(FileError::new("write", Path::new("standard error")))?;
            }
            Place::File { file, nameless, path, .. } => {
                let mut file = file;
                let written = file.write_all(lines([""; 2]).as_bytes()).and_then(|()| file.sync_all());
                written.map_err(FileError::new("write", path))?;
                if let Some(nameless) = nameless.take() {
                    nameless.place(path, false).map_err(|(error, _)| error)?;
                }
            }
        }
        Ok(link)
    }

    /// The link of the secret has been printed, too.
    pub(super) fn printed(&self) {
        if let Place::File { kept, .. } = &self.place {
            kept.set(true);
        }
    }
}

impl<'a> Place<'a> {
    fn open(path: Option<&'a Path>) -> Result<Self, PutError> {
        let Some(path) = path else { return Ok(Self::None) };
        if path == Path::new("-") {
            return Ok(Self::Stderr);
        }
        if path.symlink_metadata().is_ok() {
            return Err(PutError::ReceiptFileExists(path.to_owned()));
        }
        let nameless = NewFile::create(path)?;
        let file = nameless.handle()?;
        Ok(Self::File { file, nameless: RefCell::new(Some(nameless)), path, kept: Cell::new(false) })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Self::File { file, nameless, path, kept } = self
            && nameless.get_mut().is_none()
            && !kept.get()
            && is_there(file, path)
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Whether the name is still this file's: another's is left alone.
#[cfg(unix)]
fn is_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let name = |metadata: &std::fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), path.symlink_metadata()), (Ok(ours), Ok(there)) if name(&ours) == name(&there))
}

#[cfg(not(unix))]
fn is_there(_: &File, _: &Path) -> bool {
    true
}
