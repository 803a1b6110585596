//! Signals, heard at every moment: what blocks runs on a thread of its own, and what is dropped cleans up after itself.

use super::error::Exit;

/// What a person or the system ends a command with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Interrupt {
    /// SIGINT: Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// SIGTERM.
    #[cfg(unix)]
    #[error("terminated")]
    Terminated,
    /// SIGHUP: the terminal is gone.
    #[cfg(unix)]
    #[error("hung up")]
    HungUp,
    /// SIGQUIT: Ctrl-\.
    #[cfg(unix)]
    #[error("quit")]
    Quit,
}

impl Interrupt {
    /// 128 and the signal's number.
    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Interrupted => Exit::Interrupted,
            #[cfg(unix)]
            Self::Terminated => Exit::Terminated,
            #[cfg(unix)]
            Self::HungUp => Exit::HungUp,
            #[cfg(unix)]
            Self::Quit => Exit::Quit,
        }
    }
}

/// Does something that blocks where it keeps no signal from being heard. When it isn't waited for any more it goes on until the
/// process ends: it has to own what it uses, and nothing that has to be cleaned up.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()), // it isn't aborted by anybody
    }
}

/// Lets a file that may not become larger (`ulimit -f`) be an error of the write, as a full disk is: by itself the signal would end the
/// process in the middle of it. Needs a runtime; holds until the process ends.
pub(super) fn outlive_the_limit_of_a_file() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let _ = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())); // where there is no such signal, nothing ends
    }
}

/// The signals that end a command.
#[cfg(unix)]
pub(super) struct Interrupts(Vec<(tokio::signal::unix::Signal, Interrupt)>);

#[cfg(unix)]
impl Interrupts {
    /// Listens from now on. One that is ignored already, as `nohup` has it, still is.
    pub(super) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        let all = [
            (SignalKind::interrupt(), Interrupt::Interrupted),
            (SignalKind::terminate(), Interrupt::Terminated),
            (SignalKind::hangup(), Interrupt::HungUp),
            (SignalKind::quit(), Interrupt::Quit),
        ];
        let heard = all.into_iter().filter(|(kind, _)| !is_ignored(*kind));
        heard.map(|(kind, interrupt)| Ok((signal(kind)?, interrupt))).collect::<Result<_, _>>().map(Self)
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Interrupt {
        std::future::poll_fn(|context| {
            let come = self
                .0
                .iter_mut()
                .find_map(|(signal, interrupt)| signal.poll_recv(context).is_ready().then_some(*interrupt));
            come.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        })
        .await
    }
}

/// Whether this process was started to ignore a signal; where the system says so.
#[cfg(unix)]
pub(super) fn is_ignored(kind: tokio::signal::unix::SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (kind.as_raw_value() - 1)) != 0
}

/// The signals that end a command.
#[cfg(not(unix))]
pub(super) struct Interrupts;

#[cfg(not(unix))]
impl Interrupts {
    /// Listens from now on.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Interrupt {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Interrupt::Interrupted
    }
}

impl Interrupts {
    /// Does something to its end, unless a signal comes first: then it is dropped.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interrupt> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            interrupt = self.next() => Err(interrupt),
        }
    }
}
