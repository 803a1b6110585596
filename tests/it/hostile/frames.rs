//! HTTP/2 by hand (RFC 9113): frames as a client would never send them.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::Server;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A request's head, as HPACK has it without any table (RFC 7541, 6.2.2).
pub fn request(stream: u32, flags: u8, method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let fixed = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "x")];
    for (name, value) in fixed.iter().chain(more) {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    frame(HEADERS, flags, stream, &block)
}

/// A connection on which a client has said hello.
pub struct Raw {
    pub stream: TcpStream,
}

/// A frame that came.
#[derive(Debug)]
pub struct Came {
    pub kind: u8,
    pub payload: Vec<u8>,
}

impl Raw {
    /// Each answer may begin with so many bytes.
    pub async fn connect(server: &Server, window: u32) -> Self {
        Self::hello(TcpStream::connect(server.address()).await.unwrap(), window).await
    }

    pub async fn hello(mut stream: TcpStream, window: u32) -> Self {
        stream.set_nodelay(true).unwrap();
        let setting = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &window.to_be_bytes()].concat();
        stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &setting)].concat()).await.unwrap();
        Self { stream }
    }

    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next frame; none at the end.
    pub async fn next(&mut self) -> Option<Came> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Came { kind: head[3], payload })
    }

    /// Waits for the heads of so many answers; how many of them are `200`.
    pub async fn answers(&mut self, count: usize) -> usize {
        self.try_answers(count).await.expect("the connection is open")
    }

    pub async fn try_answers(&mut self, count: usize) -> Option<usize> {
        // `:status: 200` stands in HPACK's fixed table.
        const OK: u8 = 0x88;
        let (mut heads, mut ok) = (0, 0);
        while heads < count {
            let came = self.next().await?;
            if came.kind == HEADERS {
                heads += 1;
                ok += usize::from(came.payload.first() == Some(&OK));
            }
        }
        Some(ok)
    }
}
