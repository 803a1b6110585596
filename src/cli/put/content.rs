//! Reads what `put` is to store: a file, standard input, or what a person types.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use zeroize::Zeroizing;

use super::Put;
use crate::{
    cli::{Exit, Failure, Global, terminal},
    memory,
};

/// More than this is never read into memory, in bytes.
const LARGEST: u64 = 1 << 30;

impl Put {
    pub(super) fn content(&self, global: &Global) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let file = self.file.as_deref().filter(|path| *path != Path::new("-"));
        let mut content = match file {
            Some(path) => {
                // The argument isn't repeated: somebody may have typed the secret itself.
                let open = File::open(path).map_err(|error| {
                    let hint = "put reads a file or standard input; to send text: printf %s \"$TEXT\" | ots put";
                    Failure::new(Exit::File, format!("can't open that file ({}); {hint}", error.kind())).because(error)
                })?;
                read_whole(open).map_err(|error| Failure::file("read", path, &error))?
            }
            None if self.file.is_none() && terminal::stdin_is_terminal() => {
                let mut text = terminal::ask_hidden(global, "Secret", None)?;
                Zeroizing::new(std::mem::take(&mut *text).into_bytes())
            }
            None => read_whole(io::stdin().lock()).map_err(|error| {
                Failure::new(Exit::File, format!("can't read standard input: {}", error.kind())).because(error)
            })?,
        };
        if self.trim_newline && content.last() == Some(&b'\n') {
            let without = content.len() - if content.ends_with(b"\r\n") { 2 } else { 1 };
            content.truncate(without);
        }
        Ok(content)
    }
}

/// Reads everything; a buffer that becomes too small is wiped.
fn read_whole(mut input: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
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
        if u64::try_from(content.len()).is_ok_and(|length| length > LARGEST) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 GiB"));
        }
    }
}
