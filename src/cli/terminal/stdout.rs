//! Standard output: what was asked for, whole, without a copy of it in a buffer, and whether anybody has taken it.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use crate::cli::{error::OutputError, interrupt::blocking, said};

/// How long a reader of a pipe may take its time before what is in the pipe counts as taken: some programs read what others
/// wrote only when these have ended.
const TAKING: Duration = Duration::from_secs(1);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Standard output without the library's buffer, which would keep a part of a secret.
#[cfg(unix)]
fn stdout() -> io::Result<impl Write> {
    use std::os::fd::AsFd;

    Ok(std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(not(unix))]
fn stdout() -> io::Result<impl Write> {
    Ok(io::stdout())
}

/// Writes what was asked for to standard output, whole.
///
/// # Errors
/// [`OutputError`], which is silent when the reader went away.
pub(in crate::cli) fn answer(bytes: &[u8]) -> Result<(), OutputError> {
    let written = stdout().and_then(|mut stdout| stdout.write_all(bytes).and_then(|()| stdout.flush()));
    written.map_err(OutputError)
}

/// Writes an object and a newline to standard output, without a copy of it in memory.
///
/// # Errors
/// As [`answer`].
pub(in crate::cli) fn answer_json(object: &impl serde::Serialize) -> Result<(), OutputError> {
    let mut stdout = io::BufWriter::with_capacity(64 * 1024, stdout().map_err(OutputError)?);
    let mut serializer = serde_json::Serializer::with_formatter(&mut stdout, said::Tame::new());
    object
        .serialize(&mut serializer)
        .map_err(io::Error::from)
        .and_then(|()| stdout.write_all(b"\n"))
        .and_then(|()| stdout.flush())
        .map_err(OutputError)
}

/// Writes to standard output where that may block for as long as it likes, and waits until it has been taken.
///
/// # Errors
/// As [`answer`]; also when a pipe's reader goes away with a part of it unread.
pub(in crate::cli) async fn deliver(
    write: impl FnOnce() -> Result<(), OutputError> + Send + 'static,
) -> Result<(), OutputError> {
    blocking(write).await?;
    taken().await
}

/// Waits until a pipe's reader has taken all that is in it, a moment at most: what a pipe has taken, nobody has read yet.
///
/// # Errors
/// A broken pipe, when the reader goes away with a part of it unread.
async fn taken() -> Result<(), OutputError> {
    let end = Instant::now() + TAKING;
    while is_untaken().map_err(OutputError)? && Instant::now() < end {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Whether standard output is a pipe with something in it that can still be read.
#[cfg(unix)]
fn is_untaken() -> io::Result<bool> {
    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        fs::{FileType, fstat},
    };

    let stdout = io::stdout();
    let is_pipe = fstat(&stdout).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    if !is_pipe || rustix::io::ioctl_fionread(&stdout).unwrap_or(0) == 0 {
        return Ok(false);
    }
    let mut asked = [PollFd::new(&stdout, PollFlags::OUT)];
    poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if asked.iter().any(|asked| asked.revents().contains(PollFlags::ERR)) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(true)
}

#[cfg(not(unix))]
fn is_untaken() -> io::Result<bool> {
    Ok(false)
}

/// Refuses a standard output that was closed before this process began. The library has put the null device in its place, for
/// reading and writing, where what is written would be lost in silence.
///
/// # Errors
/// [`OutputError`].
#[cfg(unix)]
pub(in crate::cli) fn check_stdout() -> Result<(), OutputError> {
    use rustix::fs::{OFlags, fcntl_getfl, fstat, stat};

    let stdout = io::stdout();
    let is_null = match (fstat(&stdout), stat("/dev/null")) {
        (Ok(stdout), Ok(null)) => stdout.st_rdev == null.st_rdev && stdout.st_mode == null.st_mode,
        _ => false,
    };
    let both_ways = fcntl_getfl(&stdout).is_ok_and(|flags| flags.contains(OFlags::RDWR));
    if is_null && both_ways { Err(OutputError(io::Error::other("it is closed; nothing was done"))) } else { Ok(()) }
}

#[cfg(not(unix))]
pub(in crate::cli) fn check_stdout() -> Result<(), OutputError> {
    Ok(())
}
