//! A proxy that breaks connections where a test says: what a bad network does, on purpose.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Where a connection is cut.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// The request arrives, nothing comes back.
    BeforeAnswer,
    /// Half of the answer comes back.
    InAnswer,
    /// Nothing arrives.
    BeforeRequest,
}

/// Cuts every request whose head starts with `method` and has `path` in its first line, `times` times; lets the rest pass.
pub struct Proxy {
    pub url: String,
    pub cuts_left: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn start(server: &str, method: &'static str, path: &'static str, cut: Cut, times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let cuts_left = Arc::new(AtomicUsize::new(times));
        let (server, left) = (server.to_owned(), Arc::clone(&cuts_left));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server.clone(), method, path, cut, Arc::clone(&left), String::new()));
            }
        });
        Self { url, cuts_left }
    }
}

/// A proxy that cuts nothing, and says of all its clients that they are at this address; its URL.
pub async fn naming(server: String, address: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let none = Arc::new(AtomicUsize::new(0));
        while let Ok((client, _)) = listener.accept().await {
            let says = format!("x-forwarded-for: {address}\r\n");
            tokio::spawn(serve(client, server.clone(), "", "", Cut::BeforeAnswer, Arc::clone(&none), says));
        }
    });
    url
}

/// One request a connection: the head and a body of its length in, the answer out, then closed. `adds` are lines of the head.
async fn serve(
    mut client: TcpStream,
    server: String,
    method: &str,
    path: &str,
    cut: Cut,
    left: Arc<AtomicUsize>,
    adds: String,
) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    let head = loop {
        match client.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse::<usize>().unwrap());
    while request.len() < head + length {
        match client.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
    }
    let first = text.lines().next().unwrap_or_default();
    let chosen = first.starts_with(&method.to_ascii_lowercase()) && first.contains(path);
    let cuts = chosen && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if cuts && matches!(cut, Cut::BeforeRequest) {
        return;
    }
    // One request a connection: ask the server to close, so that the answer's end is seen.
    let mut upstream = TcpStream::connect(&server).await.unwrap();
    let end_of_first_line = request.windows(2).position(|two| two == b"\r\n").unwrap() + 2;
    upstream.write_all(&request[..end_of_first_line]).await.unwrap();
    upstream.write_all(format!("connection: close\r\n{adds}").as_bytes()).await.unwrap();
    upstream.write_all(&request[end_of_first_line..]).await.unwrap();
    let mut answer = Vec::new();
    let _ = upstream.read_to_end(&mut answer).await;
    let answer = match (cuts, cut) {
        (true, Cut::InAnswer) => &answer[..answer.len() - answer.len().min(8)],
        (true, _) => return,
        (false, _) => &answer[..],
    };
    let _ = client.write_all(answer).await;
    let _ = client.shutdown().await;
}
