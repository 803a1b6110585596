//! Drives the real server with keep-alive connections that create and read secrets of 1 KiB, and in the same run a bare
//! hyper server that echoes the same bodies: what durable, sealed, one-time storage costs beyond HTTP itself. A third is the real one that
//! is watched: with its audit stream in a file, and its numbers scraped every second. The first is asked for receipts, too; and with
//! `OTS_BEFORE=PATH`, another build of `ots` is compared with it.
//!
//! ```sh
//! cargo bench --bench serve              # 1, 16, 64 and 256 connections, 5 s each
//! cargo bench --bench serve -- 2 64      # 2 s, 64 connections only
//! ```
//!
//! A pair is a `POST` that creates and a `GET` that reads; for the echo, two `POST`s of the same body. The load comes
//! from this process, the servers are processes of their own; all share the machine's cores.
#![allow(missing_docs)]
#![allow(unreachable_pub, reason = "what the benches share is public to them")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[path = "shared/load.rs"]
mod load;
#[path = "shared/process.rs"]
mod process;
#[path = "shared/server.rs"]
mod server;

use std::{
    convert::Infallible,
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use load::{Kind, drive, send};
use server::Server;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if arguments.first().is_some_and(|argument| argument == "echo") {
        return runtime.block_on(echo());
    }
    let numbers: Vec<u64> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let duration = Duration::from_secs(numbers.first().copied().unwrap_or(5));
    let connections = if numbers.len() > 1 { numbers[1..].to_vec() } else { vec![1, 16, 64, 256] };
    runtime.block_on(compare(duration, &connections));
}

async fn compare(duration: Duration, connections: &[u64]) {
    let data = tempfile::tempdir().unwrap();
    let serve_by = |program: &std::ffi::OsStr, name: &str| {
        let mut ots = Command::new(program);
        ots.env("SECRET_KEY", "a key for the benchmark only").args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        ots.arg(data.path().join(name));
        ots
    };
    let serve = |name: &str| serve_by(env!("CARGO_BIN_EXE_ots").as_ref(), name);
    let before =
        std::env::var_os("OTS_BEFORE").map(|program| Server::start("before", &mut serve_by(&program, "before")));
    let ots = Server::start("ots", &mut serve("ots"));
    let metrics = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let audit = data.path().join("audit.jsonl");
    let mut watched = serve("watched");
    let watched = Server::start("watched", watched.arg("--audit").arg(audit).args(["--metrics-listen", &metrics]));
    tokio::spawn(scrape(metrics));
    let echo = Server::start("echo", Command::new(std::env::current_exe().unwrap()).arg("echo"));
    println!("server   connections  requests/s   p50 ms   p99 ms  server CPU µs/pair   RSS MiB");
    let mut one = None;
    for connections in connections {
        let of_echo = run(&echo, Kind::Echo, *connections, duration).await;
        let of_ots = run(&ots, Kind::Ots, *connections, duration).await;
        let of_watched = run(&watched, Kind::Ots, *connections, duration).await;
        let again = run(&ots, Kind::Ots, *connections, duration).await;
        println!(
            "        watched, it does {:.3} of the requests/s that it does before and after",
            2.0 * of_watched / (of_ots + again)
        );
        let with = run(&ots, Kind::Receipts, *connections, duration).await;
        let without = run(&ots, Kind::Ots, *connections, duration).await;
        println!(
            "        with receipts it does {:.3} of the requests/s that it does before and after",
            2.0 * with / (again + without)
        );
        if let Some(before) = &before {
            let first = run(before, Kind::Ots, *connections, duration).await;
            let now = run(&ots, Kind::Ots, *connections, duration).await;
            let second = run(before, Kind::Ots, *connections, duration).await;
            println!(
                "        it does {:.3} of the requests/s that the other build does before and after",
                2.0 * now / (first + second)
            );
        }
        let one = *one.get_or_insert(of_ots);
        println!(
            "        ots does {:.2} of the echo's requests/s, and {:.1} times those of its first row",
            of_ots / of_echo,
            of_ots / one
        );
    }
    for server in [&ots, &watched, &echo] {
        println!("{}: {:.1} MiB resident at the end", server.name, server.resident());
    }
}

/// Asks for the numbers every second, for as long as they are to be had.
async fn scrape(address: String) {
    while let Ok(stream) = TcpStream::connect(&address).await {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let numbers = send(&mut sender, Method::GET, "/metrics", Bytes::new()).await;
        assert!(numbers.len() > 1024);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Drives a server for a while, prints a row, and gives its requests a second.
async fn run(server: &Server, kind: Kind, connections: u64, duration: Duration) -> f64 {
    let cpu = server.cpu();
    let start = Instant::now();
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let address = server.address.clone();
            tokio::spawn(async move { drive(&address, kind, start + duration).await })
        })
        .collect();
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await.unwrap());
    }
    let elapsed = start.elapsed();
    let cpu = server.cpu().checked_sub(cpu).unwrap_or_default();
    latencies.sort_unstable();
    let requests = latencies.len() as f64;
    let at = |share: f64| latencies[((requests * share) as usize).min(latencies.len() - 1)].as_secs_f64() * 1e3;
    let rate = requests / elapsed.as_secs_f64();
    println!(
        "{:7}  {connections:11}  {rate:10.0}  {:7.2}  {:7.2}  {:18.0}  {:8.1}",
        server.name,
        at(0.5),
        at(0.99),
        cpu.as_secs_f64() * 1e6 / (requests / 2.0),
        server.resident()
    );
    rate
}

/// A bare hyper server that sends bodies back.
async fn echo() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    eprintln!("listening on http://{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = service_fn(|request: Request<Incoming>| async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
