//! Clients that mean harm, a kind a file. What each may cost is bounded: memory of the server, and what others see of it, who come from
//! another address and go on as if nobody else were there.

mod bodies;
mod connections;
mod crowds;
mod floods;
mod frames;
mod http;
mod readers;
mod smuggling;
mod uploads;
mod windows;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};

use crate::common::{Server, noise};

/// What nobody else's request may take, at the 99th of a hundred. These are debug builds on two cores.
const AT_MOST: Duration = Duration::from_secs(1);

/// And so many there are at the least, so that one of them decides nothing.
const FEWEST: usize = 120;

/// Honest clients, from an address of their own: they create, read and ask for health, on a connection that stays and on new ones.
struct Others {
    stop: Arc<AtomicBool>,
    small: JoinHandle<Vec<Duration>>,
    large: Option<JoinHandle<Vec<Duration>>>,
}

impl Others {
    /// Small secrets, and large ones too.
    fn start(server: &Server) -> Self {
        let others = Self::start_small(server);
        let (url, stop) = (server.url.clone(), Arc::clone(&others.stop));
        Self { large: Some(tokio::spawn(go_on(url, stop, noise(1, 600_000), true))), ..others }
    }

    fn start_small(server: &Server) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let small = tokio::spawn(go_on(server.url.clone(), Arc::clone(&stop), b"small".to_vec(), true));
        Self { stop, small, large: None }
    }

    /// New connections only: one that is idle may be closed.
    fn start_new(server: &Server) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let small = tokio::spawn(go_on(server.url.clone(), Arc::clone(&stop), b"small".to_vec(), false));
        Self { stop, small, large: None }
    }

    /// All of their requests were answered as they should be, and soon.
    async fn went_on(self, while_what: &str) {
        self.went_on_within(AT_MOST, while_what).await;
    }

    async fn went_on_within(self, at_most: Duration, while_what: &str) {
        self.stop.store(true, Ordering::SeqCst);
        let large = match self.large {
            Some(large) => large.await.unwrap(),
            None => Vec::new(),
        };
        for (what, mut took) in [("small", self.small.await.unwrap()), ("large", large)] {
            took.sort_unstable();
            let Some(slowest) = took.last().copied() else { continue };
            let p99 = took[took.len() * 99 / 100];
            eprintln!("{while_what}: {} {what} requests of others, p99 {p99:?}, slowest {slowest:?}", took.len());
            assert!(p99 < at_most, "{while_what}: {p99:?}");
            assert!(took.len() >= FEWEST, "{while_what}: {} {what} requests", took.len());
        }
    }
}

/// Creates and reads until it is told to stop; how long each request took.
async fn go_on(url: String, stop: Arc<AtomicBool>, content: Vec<u8>, keep: bool) -> Vec<Duration> {
    let client = client().pool_max_idle_per_host(usize::from(keep)).local_address(Some([127, 0, 0, 2].into()));
    let client = client.build().unwrap();
    let mut took = Vec::new();
    while !stop.load(Ordering::SeqCst) || took.len() < FEWEST {
        let asked = Instant::now();
        let create = client.post(format!("{url}/api/v1/secrets?ttl_seconds=60"));
        let create = create.header("content-type", "application/octet-stream").body(content.clone());
        let response = create.send().await.unwrap();
        assert_eq!(response.status(), 201, "{:?}", response.text().await);
        let created: Value = response.json().await.unwrap();
        took.push(asked.elapsed());

        let asked = Instant::now();
        let read = client.get(format!("{url}/api/v1/secrets/{}", created["token"].as_str().unwrap()));
        let response = read.header("accept", "application/octet-stream").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.bytes().await.unwrap() == content);
        took.push(asked.elapsed());

        let asked = Instant::now();
        let health: Value = client.get(format!("{url}/health")).send().await.unwrap().json().await.unwrap();
        assert_eq!(health["status"], json!("healthy"));
        took.push(asked.elapsed());
    }
    took
}

fn client() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(60))
}

/// A connection from an address of this machine: 127.0.x.y.
async fn connect_from(server: &Server, [x, y]: [u8; 2]) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((std::net::Ipv4Addr::new(127, 0, x, y), 0).into()).unwrap();
    socket.connect(server.address().parse().unwrap()).await
}

/// How much a server's memory has grown at the most since it was `before`, in KiB.
fn grown(server: &Server, before: u64) -> u64 {
    server.memory("VmHWM").saturating_sub(before)
}

/// Stores bytes and gives their token.
async fn store(server: &Server, content: &[u8]) -> String {
    let request = server.request(reqwest::Method::POST, "/api/v1/secrets");
    let request = request.header("content-type", "application/octet-stream").body(content.to_vec());
    let created: Value = request.send().await.unwrap().json().await.unwrap();
    created["token"].as_str().unwrap().to_owned()
}
