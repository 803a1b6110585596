//! The load: keep-alive connections that create and read.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

#[derive(Clone, Copy)]
pub enum Kind {
    Ots,
    /// Each create asks for a receipt.
    Receipts,
    Echo,
}

/// Pairs on one keep-alive connection until `end`; how long each request took.
pub async fn drive(address: &str, kind: Kind, end: Instant) -> Vec<Duration> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let content = "s".repeat(1024);
    let more = if matches!(kind, Kind::Receipts) { ",\"receipt\":true" } else { "" };
    let body = Bytes::from(format!("{{\"content\":\"{content}\"{more}}}"));
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        let answer = send(&mut sender, Method::POST, "/api/v1/secrets", body.clone()).await;
        latencies.push(start.elapsed());
        let start = Instant::now();
        match kind {
            Kind::Ots | Kind::Receipts => {
                let created: serde_json::Value = serde_json::from_slice(&answer).unwrap();
                let path = format!("/api/v1/secrets/{}", created["token"].as_str().unwrap());
                let read = send(&mut sender, Method::GET, &path, Bytes::new()).await;
                assert!(read.len() > 1024);
            }
            Kind::Echo => {
                send(&mut sender, Method::POST, "/api/v1/secrets", body.clone()).await;
            }
        }
        latencies.push(start.elapsed());
    }
    latencies
}

pub async fn send(sender: &mut SendRequest<Full<Bytes>>, method: Method, path: &str, body: Bytes) -> Bytes {
    let request = Request::builder().method(method).uri(path).header("host", "127.0.0.1");
    let request = request.header("content-type", "application/json").body(Full::new(body)).unwrap();
    sender.ready().await.unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    response.into_body().collect().await.unwrap().to_bytes()
}
