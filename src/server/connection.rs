//! One connection: hyper serves it, and a watch cuts it when it stalls, whatever the protocol and wherever in a request.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::Watcher},
};
use tokio::net::TcpStream;

use super::{App, body, reply, router};

/// Bytes of a request's head, and of hyper's buffer, at most.
const MAX_HEAD: usize = 16 * 1024;
/// How long a client beyond the cap is listened to.
const REFUSAL: Duration = Duration::from_secs(2);

/// When a connection last got on: a head or a part of a body came, or a part of an answer was taken.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    last: AtomicU64,
}

impl Activity {
    fn new() -> Arc<Self> {
        Arc::new(Self { since: Instant::now(), last: AtomicU64::new(0) })
    }

    /// Notes that the connection gets on.
    pub(super) fn note(&self) {
        let now = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Returns when nothing has been noted for `limit`.
    async fn stalled(&self, limit: Duration) {
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let left = (last + limit).saturating_sub(self.since.elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

/// Serves a connection until it ends, stalls, or the server stops and its requests are answered.
pub(super) async fn serve(stream: TcpStream, app: Arc<App>, watcher: Watcher) {
    let activity = Activity::new();
    let timeout = app.settings.client_timeout;
    let noted = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        noted.note();
        let app = Arc::clone(&app);
        let activity = Arc::clone(&noted);
        async move { Ok::<_, Infallible>(router::answer(&app, request, activity).await) }
    });
    let builder = builder(timeout);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // How it ended is the client's affair: it may have gone away at any moment.
        ended = watcher.watch(connection.into_owned()) => {
            if let Err(error) = ended {
                tracing::trace!(%error, "a connection ended early");
            }
        }
        // Later than a body's own timeout, so that a slow sender gets its answer.
        () = activity.stalled(timeout * 2) => tracing::debug!("a connection stalled and was cut"),
    }
}

/// Tells a client beyond the cap to come back, and closes.
pub(super) async fn refuse(stream: TcpStream, app: Arc<App>) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        let app = Arc::clone(&app);
        async move {
            body::drain(&mut request).await;
            Ok::<_, Infallible>(reply::too_many_connections().finish(&app.next_request_id(), Activity::new(), true))
        }
    });
    let builder = builder(REFUSAL);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(REFUSAL, connection).await;
}

fn builder(timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // No header_read_timeout: the watch cuts a slow head too, and without a timer of its own for every request.
    builder.http1().header_read_timeout(None).max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(16 * 1024)
        .max_pending_accept_reset_streams(16)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(timeout);
    builder
}
