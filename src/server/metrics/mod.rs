//! `GET /metrics`, on a port of its own: what a server counts, for Prometheus and whoever reads its text. Nothing of it is on the port that
//! secrets are shared on.
//!
//! - here: a listener that few may use at once, each for a moment: a scraper that stands still is cut off, and holds up nobody.
//! - [`page`]: the text.

mod page;

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::Semaphore};

use super::call::App;

/// Scrapers at once; more wait.
const AT_ONCE: usize = 8;
/// How long one may take, from its connection to the last byte of its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const MAX_HEAD: usize = 16 * 1024;
/// Where they are.
const PATH: &str = "/metrics";

/// Answers scrapers until it is dropped.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a scraper's connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let app = Arc::clone(&app);
                async move { Ok::<_, Infallible>(answer(&app, &request).await) }
            });
            let mut http = http1::Builder::new();
            http.keep_alive(false).half_close(true).max_buf_size(MAX_HEAD).header_read_timeout(None);
            let connection = http.serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(PATIENCE, connection).await;
            drop(place);
        });
    }
}

async fn answer(app: &Arc<App>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.uri().path(), request.method()) {
        (PATH, &Method::GET) => match page::text(app).await {
            Ok(text) => reply(StatusCode::OK, page::CONTENT_TYPE, text.into()),
            Err(_) => {
                reply(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, Bytes::from_static(b"the numbers can't be written\n"))
            }
        },
        (PATH, _) => {
            let mut reply = reply(StatusCode::METHOD_NOT_ALLOWED, PLAIN, Bytes::from_static(b"only GET\n"));
            reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
            reply
        }
        _ => reply(StatusCode::NOT_FOUND, PLAIN, Bytes::from_static(b"only /metrics is here\n")),
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn reply(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}
