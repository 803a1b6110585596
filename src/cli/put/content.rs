//! Reads what `put` is to store: a file, standard input, or what a person types or pastes.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

use super::{Put, PutError};
use crate::{
    cli::{Global, error::FileError, interrupt::blocking, terminal, values::counted},
    client::LARGEST,
    memory,
};

impl Put {
    /// What is to be stored: at least one byte.
    pub(super) async fn content(&self, global: &Global) -> Result<Zeroizing<Vec<u8>>, PutError> {
        if let Some(content) = self.content_within(global, LARGEST).await? {
            return Ok(content);
        }
        let error = io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 GiB");
        Err(match self.file.as_deref().filter(|path| *path != Path::new("-")) {
            Some(path) => FileError::new("read", path)(error).into(),
            None => PutError::Stdin(error),
        })
    }

    /// The same; none where it is larger than `most` bytes, of which the rest isn't read.
    pub(super) async fn content_within(
        &self,
        global: &Global,
        most: u64,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, PutError> {
        let file = self.file.as_deref().filter(|path| *path != Path::new("-"));
        let mut content = match file {
            Some(path) => {
                let path = path.to_owned();
                blocking(move || {
                    let file = File::open(&path).map_err(|error| unopened(&path, error))?;
                    Ok::<_, PutError>(read_whole(file, most).map_err(FileError::new("read", &path))?)
                })
                .await?
            }
            None if self.file.is_none() && terminal::stdin_is_terminal() => {
                let text = terminal::ask_text(global, "Secret").await?;
                if global.chatty() && !text.is_empty() {
                    terminal::say(&took(&text));
                }
                text
            }
            None => blocking(move || read_whole(io::stdin().lock(), most)).await.map_err(PutError::Stdin)?,
        };
        if u64::try_from(content.len()).is_ok_and(|length| length > most) {
            return Ok(None);
        }
        if self.trim_newline && content.last() == Some(&b'\n') {
            let without = content.len() - if content.ends_with(b"\r\n") { 2 } else { 1 };
            content.truncate(without);
        }
        if content.is_empty() { Err(PutError::Empty) } else { Ok(Some(content)) }
    }
}

/// How much was taken, of what nobody has seen.
fn took(text: &[u8]) -> String {
    let ends = memchr::memchr_iter(b'\n', text).count();
    let lines = if text.ends_with(b"\n") { ends } else { ends + 1 };
    format!("took {}, {}", counted(lines, "line"), counted(text.len(), "byte"))
}

/// Reads everything, or more than `most` bytes of it; a buffer that becomes too small is wiped.
fn read_whole(mut input: impl Read, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let mut part = Zeroizing::new(vec![0; 64 * 1024]);
    loop {
        let length = match input.read(&mut part) {
            Ok(0) => return Ok(content),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        memory::append(&mut content, part.get(..length).unwrap_or_default(), None)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        if u64::try_from(content.len()).is_ok_and(|length| length > most) {
            return Ok(content);
        }
    }
}

/// A name is told only if something has it: else it may be no name but the secret itself, typed where a file's name goes.
fn unopened(path: &Path, error: io::Error) -> PutError {
    if path.symlink_metadata().is_ok() { FileError::new("read", path)(error).into() } else { PutError::NoFile(error) }
}
