//! Connections that say nothing.

use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    Others, connect_from,
    frames::{END_HEADERS, END_STREAM, Raw, request},
};
use crate::common::{Server, directory, heavy, until};

/// As many as are asked for, or as this process may have.
fn as_many_as(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    wanted.min(limit.maximum.unwrap_or(u64::MAX).saturating_sub(2_000))
}

fn is_open(stream: &TcpStream) -> bool {
    matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Ten thousand at a cap of 1,024: from one address they take its share, from many the places of each other.
#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_beyond_the_cap_take_only_each_others_places() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let count = as_many_as(10_000);
    let mut silent = Vec::new();
    let others = Others::start(&server);
    for _ in 0..1_000 {
        silent.push(connect_from(&server, [0, 1]).await.unwrap());
    }
    others.went_on("a thousand silent connections from one address").await;
    let open = || silent.iter().filter(|stream| is_open(stream)).count();
    until("an address has its share", Duration::from_secs(5), || async { open() <= 256 }).await;
    assert!(open() >= 200, "{} of them, and those that came last", open());
    assert!(is_open(silent.last().unwrap()) && !is_open(&silent[0]));

    let others = Others::start_new(&server);
    for number in 1_000..count {
        let address = [1, u8::try_from(number % 200).unwrap()];
        silent.push(connect_from(&server, address).await.unwrap());
    }
    others.went_on(&format!("{count} silent connections")).await;
    let open = || silent.iter().filter(|stream| is_open(stream)).count();
    until("there are no more than the cap", Duration::from_secs(5), || async { open() <= 1024 }).await;
    eprintln!("{count} silent connections, {} open, peak {} KiB", open(), server.memory("VmHWM"));
    assert!(server.memory("VmHWM") < 160 * 1024);
    drop(silent);
    assert!(server.healthy().await);
}

/// The bytes that the server holds for each of many connections, which `ask` makes from an address, and they.
async fn cost_of_waiting<C>(server: &Server, ask: impl AsyncFn(u8) -> C) -> (u64, Vec<C>) {
    const CONNECTIONS: u64 = 600;
    // What the server needs once.
    drop(join_all((0..20).map(|_| ask(1))).await);
    let before = server.memory("VmRSS");
    let mut waiting = Vec::new();
    for number in 0..CONNECTIONS {
        waiting.push(ask(u8::try_from(10 + number / 200).unwrap()).await);
    }
    (server.memory("VmRSS").saturating_sub(before) * 1024 / CONNECTIONS, waiting)
}

/// What a connection costs that waits for its next request.
#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_connection_costs_little() {
    let _alone = heavy();
    let data = directory();
    let server = Server::start(data.path(), &[]);
    let ask = async |address| {
        let mut stream = connect_from(&server, [0, address]).await.unwrap();
        let body = r#"{"content":"small"}"#;
        let head =
            "POST /api/v1/secrets HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 19\r\n\r\n";
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 201"));
        stream
    };
    let (each, waiting) = cost_of_waiting(&server, ask).await;
    eprintln!("a waiting connection costs {each} bytes");
    assert!(waiting.iter().all(is_open));
    assert!(each < 64 * 1024, "{each} bytes");

    drop(waiting);

    let data = directory();
    let server = Server::start(data.path(), &[]);
    let ask = async |address| {
        let mut connection = Raw::hello(connect_from(&server, [0, address]).await.unwrap(), 65_535).await;
        connection.send(&request(1, END_HEADERS | END_STREAM, "GET", "/health", &[])).await.unwrap();
        assert_eq!(connection.answers(1).await, 1);
        connection
    };
    let (each, _waiting) = cost_of_waiting(&server, ask).await;
    eprintln!("and one of HTTP/2 {each} bytes");
    assert!(each < 64 * 1024, "{each} bytes");
}
