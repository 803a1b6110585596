//! Small files that an operator names, read whole: keys, certificates, lists. A server reads them again while it runs, so whatever lies at
//! their path by then must not make it wait, or fill its memory.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use zeroize::Zeroizing;

/// The file and its bytes, wiped when they have been used; of a regular file of at most `largest` bytes, which alone has an end and is there
/// at once.
///
/// # Errors
/// The file system's, and [`io::ErrorKind::InvalidInput`] or [`io::ErrorKind::FileTooLarge`] for what is neither.
pub fn read_regular(path: &Path, largest: u64) -> io::Result<(File, Zeroizing<Vec<u8>>)> {
    let mut options = File::options();
    // At a pipe that nobody writes to, opening would wait for ever.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.read(true).open(path)?;
    let bytes = whole(&file, largest)?;
    Ok((file, bytes))
}

/// The bytes of a file that is open, in the same way.
///
/// # Errors
/// As [`read_regular`].
pub fn whole(file: &File, largest: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it isn't a regular file"));
    }
    if metadata.len() > largest {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {} MiB", largest.div_ceil(1 << 20)),
        ));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(largest).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_or_too_late_a_one_is_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "text").unwrap();
        assert_eq!(read_regular(&path, 4).unwrap().1.as_slice(), b"text");
        assert_eq!(read_regular(&path, 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(read_regular(directory.path(), 4).is_err());
        #[cfg(unix)]
        {
            let pipe = directory.path().join("pipe");
            rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
            for path in [&pipe, Path::new("/dev/zero")] {
                assert_eq!(read_regular(path, 4).unwrap_err().kind(), io::ErrorKind::InvalidInput);
            }
        }
    }
}
