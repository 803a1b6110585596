//! What ends the server from outside.

use crate::cli::Exit;

/// Done at SIGTERM or SIGINT. A second one ends the process at once.
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let watch = async move {
        let Ok(()) = wait_for_signal().await else { return };
        let _ = stop.send(());
        let _ = wait_for_signal().await;
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
async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn wait_for_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
