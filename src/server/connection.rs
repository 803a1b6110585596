//! One connection: hyper serves it, and a watch cuts it when it stalls, whatever the protocol and wherever in a request.

use std::{
    convert::Infallible,
    future::poll_fn,
    panic::{self, AssertUnwindSafe},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::{
    Method, Request, Response, Version,
    body::Incoming,
    header::{HOST, HeaderValue, STRICT_TRANSPORT_SECURITY},
    http::uri::Authority,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::Watcher},
};
use tokio::sync::watch;

use super::{
    activity::Activity,
    body,
    call::App,
    floods::Watched,
    listener::{Accepted, Stream},
    places::Place,
    problem,
    reply::{Exchange, Reply, ReplyBody},
    request_id::RequestId,
    router,
};
use crate::api::Problem;

/// Bytes of a request's head, and of hyper's buffer, at most.
const MAX_HEAD: usize = 16 * 1024;
/// Bytes of bodies that a client of HTTP/2 may send before they are read, on each stream and on all.
const H2_WINDOW: u32 = 256 * 1024;
/// Bytes of an answer that wait in a stream of HTTP/2.
const H2_BUFFER: usize = 64 * 1024;
/// How long a client beyond the cap, or one that should speak TLS, is listened to.
const REFUSAL: Duration = Duration::from_secs(2);

/// Who has come by TLS once doesn't come without it again, for a year (RFC 6797).
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Serves a connection until it ends, stalls, loses its place, or the server stops and its requests are answered.
pub(super) async fn serve(
    accepted: Accepted,
    app: Arc<App>,
    place: Arc<Place>,
    watcher: Watcher,
    mut stopping: watch::Receiver<()>,
) {
    let peer = accepted.peer;
    let opened = tokio::select! {
        opened = accepted.open() => opened,
        () = place.lost() => return tracing::debug!("a connection gave its place to another before its handshake"),
        _ = stopping.changed() => return,
    };
    let stream = match opened {
        Ok(Some(Stream::Misdirected(stream))) => {
            return tell(Stream::Misdirected(stream), app, problem::needs_tls).await;
        }
        Ok(Some(stream)) => stream,
        Ok(None) => return tracing::debug!("an authority asked for a name of this server's, and was answered"),
        Err(error) => return tracing::debug!(%error, "a handshake failed"),
    };
    drop(stopping);
    let open = Open::new(Arc::clone(&app));
    let activity = Activity::new();
    let timeout = app.settings.client_timeout;
    let scheme = stream.scheme();
    let (noted, held) = (Arc::clone(&activity), Arc::clone(&place));
    let service = service_fn(move |request: Request<Incoming>| {
        noted.note();
        let (app, activity, place) = (Arc::clone(&app), Arc::clone(&noted), Arc::clone(&held));
        async move {
            // Nothing is done for a request that came too late: the connection is about to be closed.
            let Some(mut under_way) = place.begin() else { return std::future::pending().await };
            let caller = app.caller(request.headers(), peer, scheme);
            let share = under_way.share(caller.address);
            let multiplexed = request.version() == Version::HTTP_2;
            let under_way = Some(under_way);
            let head = *request.method() == Method::HEAD;
            let exchange = Exchange { request_id: caller.request_id, activity, under_way, multiplexed, head };
            let tls_only = scheme == "https" && !asks_localhost(&request);
            let (request_id, answer) =
                (caller.request_id, router::answer(&app, request, caller, exchange, share.as_deref()));
            let mut response = survived(answer).await.unwrap_or_else(|| failed(request_id, multiplexed, head));
            if tls_only {
                response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, TLS_ONLY);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let builder = builder(timeout);
    let connection = builder.serve_connection(TokioIo::new(Watched::new(stream)), service);
    tokio::select! {
        // How it ended is the client's affair: it may have gone away at any moment.
        ended = watcher.watch(connection.into_owned()) => {
            if let Err(error) = ended {
                tracing::trace!(%error, "a connection ended early");
            }
        }
        // Later than a body's own timeout, so that a slow sender gets its answer.
        () = activity.stalled(timeout) => tracing::debug!("a connection stalled and was cut"),
        () = place.lost() => tracing::debug!("a connection without a request gave its place to another"),
    }
    drop(open);
}

/// A connection that is open, counted until it isn't, however it ends.
struct Open(Arc<App>);

impl Open {
    fn new(app: Arc<App>) -> Self {
        app.traffic.accepted.one();
        app.traffic.connections.add(1);
        Self(app)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.traffic.connections.add(-1);
    }
}

/// What a request leads to; none if that panicked. The panic is told of where all are, and it is this request's alone: what it held is let go,
/// and others on the connection go on.
async fn survived<F: Future>(answer: F) -> Option<F::Output> {
    let mut answer = pin!(answer);
    // What a panic could leave half done is behind locks, and those who come after it know them to be whole.
    poll_fn(|cx| match panic::catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// The `500` for a request that panicked. What it was about may be done, or not; over HTTP/1.1 its body may be half read.
fn failed(request_id: RequestId, multiplexed: bool, head: bool) -> Response<ReplyBody> {
    tracing::error!(%request_id, "a request met a mistake in ots itself");
    let exchange = Exchange { request_id, activity: Activity::new(), under_way: None, multiplexed, head };
    Reply::from(problem::mistake()).finish(exchange, !multiplexed)
}

/// Tells a client beyond the cap to come back, and closes.
pub(super) async fn refuse(accepted: Accepted, app: Arc<App>) {
    let refuse = async {
        match accepted.open().await {
            Ok(Some(stream @ Stream::Misdirected(_))) => tell(stream, app, problem::needs_tls).await,
            Ok(Some(stream)) => tell(stream, app, problem::too_many_connections).await,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "a handshake failed"),
        }
    };
    let _ = tokio::time::timeout(REFUSAL, refuse).await;
}

/// Answers whatever is asked with a problem, and closes.
async fn tell(stream: Stream, app: Arc<App>, problem: fn() -> Problem) {
    app.traffic.refused(problem().code);
    let service = service_fn(move |request: Request<Incoming>| {
        let app = Arc::clone(&app);
        async move {
            let (head, mut body) = request.into_parts();
            body::drain(&head.headers, &mut body).await;
            let (request_id, activity, head) = (app.next_request_id(), Activity::new(), head.method == Method::HEAD);
            let exchange = Exchange { request_id, activity, under_way: None, multiplexed: false, head };
            Ok::<_, Infallible>(Reply::from(problem()).finish(exchange, true))
        }
    });
    let builder = builder(REFUSAL);
    let connection = builder.serve_connection(TokioIo::new(Watched::new(stream)), service);
    let _ = tokio::time::timeout(REFUSAL, connection).await;
}

/// Whether it is this machine that is asked by the name that all servers on it share, over http often.
fn asks_localhost(request: &Request<Incoming>) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(Authority::as_str).or(host).unwrap_or_default();
    host.split(':').next().is_some_and(|name| name == "localhost" || name.ends_with(".localhost"))
}

fn builder(timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // No header_read_timeout: the watch cuts a slow head too, and without a timer of its own for every request.
    // A client that has sent all it has to say may close its half: it still gets its answer.
    builder.http1().header_read_timeout(None).max_buf_size(MAX_HEAD).half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        // A field of nothing but a number in HPACK takes a hundred bytes here: fewer of them than of HTTP/1.
        .max_header_list_size(8 * 1024)
        .initial_stream_window_size(H2_WINDOW)
        .initial_connection_window_size(H2_WINDOW)
        .max_send_buf_size(H2_BUFFER)
        .max_pending_accept_reset_streams(16)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(timeout);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_its_requests_own() {
        assert_eq!(survived(async { 1 }).await, Some(1));
        let held = Arc::new(());
        let theirs = Arc::clone(&held);
        let panics = async move {
            tokio::task::yield_now().await;
            assert!(Arc::strong_count(&theirs) == 0, "the content");
        };
        assert_eq!(survived(panics).await, None);
        assert_eq!(Arc::strong_count(&held), 1, "what it held is let go");
        let request_ids = super::super::request_id::RequestIds::generate().unwrap();
        let response = failed(request_ids.next(), false, false);
        assert_eq!((response.status().as_u16(), response.headers()["connection"].as_bytes()), (500, &b"close"[..]));
    }
}
