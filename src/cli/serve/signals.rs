//! What the server is told from outside: to stop, and to read its files again.

use crate::cli::Exit;

/// Done at SIGTERM or SIGINT, and at SIGHUP when it tells that the terminal is gone. A second SIGTERM or SIGINT ends the process at once.
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    // Heard from here on, and not from when a task comes to run.
    let (asked, gone) = (signals(), terminal_gone());
    let watch = async move {
        let (Ok(asked), Ok(gone)) = (asked, gone) else { return };
        tokio::select! {
            () = asked => {}
            () = gone => {}
        }
        let _ = stop.send(());
        // Not of the terminal's: it is gone once, and the signal that says so may come after that was seen.
        let Ok(second) = signals() else { return };
        second.await;
        tracing::warn!("stopped at once");
        std::process::exit(i32::from(Exit::Interrupted as u8));
    };
    tokio::spawn(watch);
    async move {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(unix)]
fn terminal_gone() -> std::io::Result<impl Future<Output = ()>> {
    hang_up::Hangups::listen().map(hang_up::Hangups::of_the_terminal)
}

#[cfg(not(unix))]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

#[cfg(not(unix))]
fn terminal_gone() -> std::io::Result<impl Future<Output = ()>> {
    Ok(std::future::pending())
}

/// What is read anew at SIGHUP. Where there is no such signal, nothing is.
#[derive(Default)]
pub(super) struct Reloads {
    #[cfg_attr(not(unix), expect(dead_code, reason = "no signal asks for it there"))]
    all: Vec<Box<dyn FnMut() + Send>>,
}

impl Reloads {
    /// Adds what is done at each SIGHUP, after what was added before it. It may read files; how it went is its own to log, and what it had
    /// stays when the new is bad. Connections and requests aren't touched.
    pub(super) fn add(&mut self, reload: impl FnMut() + Send + 'static) {
        self.all.push(Box::new(reload));
    }

    /// Does it from now on. SIGHUP never ends the server, also when there is nothing to read anew.
    #[cfg(unix)]
    pub(super) fn listen(mut self) {
        let mut hangups = match hang_up::Hangups::listen() {
            Ok(hangups) => hangups,
            Err(error) => return tracing::warn!(%error, "SIGHUP can't be heard: files are read at the start only"),
        };
        tokio::spawn(async move {
            loop {
                hangups.of_somebody().await;
                if self.all.is_empty() {
                    tracing::info!("SIGHUP: nothing to reload; a changed setting needs a new start");
                    continue;
                }
                // One after the other, and off the threads that serve. A signal that comes meanwhile is answered afterwards.
                let run = tokio::task::spawn_blocking(move || {
                    self.all.iter_mut().for_each(|reload| reload());
                    self
                });
                match run.await {
                    Ok(again) => self = again,
                    Err(error) => return tracing::error!(%error, "a reload failed: later ones need a new start"),
                }
            }
        });
    }

    /// There is no signal for it.
    #[cfg(not(unix))]
    pub(super) fn listen(self) {}
}

/// SIGHUP has two meanings: a service manager asks to read the files anew; or the terminal that the server was started on is gone.
#[cfg(unix)]
mod hang_up {
    use std::{
        io::{self, IsTerminal as _},
        sync::LazyLock,
    };

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// Whether the server was started on a terminal.
    static ON_TERMINAL: LazyLock<bool> = LazyLock::new(on_terminal);

    pub(super) struct Hangups(Signal);

    impl Hangups {
        pub(super) fn listen() -> io::Result<Self> {
            LazyLock::force(&ON_TERMINAL);
            signal(SignalKind::hangup()).map(Self)
        }

        /// The next one that somebody sent.
        pub(super) async fn of_somebody(&mut self) {
            self.next(false).await;
        }

        /// The next one that the terminal's end sent.
        pub(super) async fn of_the_terminal(mut self) {
            self.next(true).await;
        }

        async fn next(&mut self, of_terminal: bool) {
            while self.0.recv().await.is_some() {
                // What was a terminal answers as none when its other end has gone.
                if (*ON_TERMINAL && !on_terminal()) == of_terminal {
                    return;
                }
            }
            std::future::pending::<()>().await;
        }
    }

    fn on_terminal() -> bool {
        io::stdin().is_terminal() || io::stderr().is_terminal()
    }
}
