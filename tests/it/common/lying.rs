//! A server that isn't one of ours, and answers as a test says.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex},
};

use super::text;

/// A server that answers one request a connection; gives its URL and the first lines that it was asked.
pub fn lying(
    answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = vec![0; 16 * 1024];
            let length = stream.read(&mut head).unwrap();
            let first = text(&head[..length]).lines().next().unwrap_or_default().to_owned();
            shared.lock().unwrap().push(first.clone());
            // A client that has had enough closes.
            let _ = answer(&first, &mut stream);
        }
    });
    (url, asked)
}

/// Answers with a body of JSON, say.
pub fn send(stream: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let kind = if status.starts_with('2') { "application/json" } else { "application/problem+json" };
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}", body.len());
    write!(stream, "{head}\r\nconnection: close\r\n\r\n{body}")
}
