//! Ends connections that flood HTTP/2 with frames that cost the server more than the client: resets, pings, settings and such. It
//! follows the heads of the frames as they are read; a connection of HTTP/1 costs it a look at its first bytes.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection of HTTP/2 begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Each counted frame takes so long to be forgotten: 64 a second.
const COST: Duration = Duration::from_micros(15_625);
/// And so many may come at once.
const BURST: u32 = 512;
/// A client gives room for as many bytes as were sent, in steps that are larger than this: fewer at a time count.
const LEAST_UPDATE: usize = 128;

/// Kinds of frames that don't count by themselves (RFC 9113, 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;

/// A connection that is watched for floods.
pub(super) struct Watched<S> {
    stream: S,
    frames: Frames,
    flood: Flood,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, frames: Frames::Preface(0), flood: Flood { forgotten: Instant::now(), sent: 0 } }
    }
}

/// Where in the frames the next byte lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frames {
    /// So many bytes of the preface have come.
    Preface(usize),
    Http1,
    /// So many bytes of a frame's head have come.
    Head([u8; 9], usize),
    /// So many bytes of a frame's payload are yet to come.
    Payload(usize),
}

/// A frame's head, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    kind: u8,
    flags: u8,
    length: usize,
}

impl Frames {
    /// Takes what came, and gives each frame that began in it to `frame`, which says whether to go on.
    fn read(&mut self, mut bytes: &[u8], mut frame: impl FnMut(Frame) -> bool) -> bool {
        while *self != Self::Http1 && !bytes.is_empty() {
            match self {
                Self::Http1 => {}
                Self::Preface(have) => {
                    let expected = PREFACE.get(*have..).unwrap_or_default();
                    let length = expected.len().min(bytes.len());
                    let (part, rest) = bytes.split_at(length);
                    *self = match expected.strip_prefix(part) {
                        None => Self::Http1,
                        Some([]) => Self::Head([0; 9], 0),
                        Some(_) => Self::Preface(*have + length),
                    };
                    bytes = rest;
                }
                Self::Head(head, have) => {
                    let free = head.get_mut(*have..).unwrap_or_default();
                    let length = free.len().min(bytes.len());
                    let (part, rest) = bytes.split_at(length);
                    free.iter_mut().zip(part).for_each(|(free, byte)| *free = *byte);
                    *have += length;
                    bytes = rest;
                    if *have == head.len() {
                        let [high, middle, low, kind, flags, ..] = *head;
                        let length = u32::from_be_bytes([0, high, middle, low]);
                        let length = usize::try_from(length).unwrap_or(usize::MAX);
                        *self = Self::Payload(length);
                        if !frame(Frame { kind, flags, length }) {
                            return false;
                        }
                    }
                }
                Self::Payload(left) => {
                    let length = bytes.len().min(*left);
                    *left -= length;
                    bytes = bytes.get(length..).unwrap_or_default();
                    if *left == 0 {
                        *self = Self::Head([0; 9], 0);
                    }
                }
            }
        }
        true
    }
}

/// How much there has been of what counts.
struct Flood {
    /// When all that came is forgotten.
    forgotten: Instant,
    /// Bytes that were sent, and not yet answered by a client's giving room for more.
    sent: usize,
}

impl Flood {
    /// Whether the frame can be borne.
    fn bears(&mut self, frame: Frame, now: Instant) -> bool {
        let counts = match frame {
            Frame { kind: HEADERS, .. } => false,
            Frame { kind: DATA, length, flags } => length == 0 && flags & END_STREAM == 0,
            Frame { kind: WINDOW_UPDATE, .. } => {
                let answers = self.sent >= LEAST_UPDATE;
                self.sent = self.sent.saturating_sub(LEAST_UPDATE);
                !answers
            }
            _ => true,
        };
        if counts {
            self.forgotten = self.forgotten.max(now) + COST;
        }
        self.forgotten <= now + BURST * COST
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, frames, flood } = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(stream).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        if frames.read(new, |frame| flood.bears(frame, Instant::now())) {
            Poll::Ready(Ok(()))
        } else {
            tracing::debug!("a connection was ended: a flood of control frames");
            Poll::Ready(Err(io::Error::other("a flood of control frames")))
        }
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    fn sent(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.flood.sent = self.flood.sent.saturating_add(bytes);
        }
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.sent(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn control_frames_are_borne_as_often_as_an_honest_client_sends_them() {
        let start = Instant::now();
        let unspent = |sent| Flood { forgotten: start, sent };
        let mut flood = unspent(0);
        let ping = Frame { kind: PING, flags: 0, length: 8 };
        let update = Frame { kind: WINDOW_UPDATE, flags: 0, length: 4 };
        assert!((0..BURST).all(|_| flood.bears(ping, start)));
        assert!(!flood.bears(ping, start));
        let later = start + 2 * BURST * COST;
        assert!((0..10 * BURST).all(|number| flood.bears(ping, later + number * COST)), "without haste it goes on");
        let mut flood = unspent(0);
        for (kind, flags, length) in [(HEADERS, 5, 40), (DATA, 0, 100), (DATA, END_STREAM, 0)] {
            assert!((0..10 * BURST).all(|_| flood.bears(Frame { kind, flags, length }, start)));
        }
        let mut flood = unspent(10_000 * LEAST_UPDATE);
        assert!((0..10_000).all(|_| flood.bears(update, start)), "room for what was sent");
        assert!(!(0..=BURST).all(|_| flood.bears(update, start)), "and for what wasn't");
        let mut flood = unspent(0);
        let empty = Frame { kind: DATA, flags: 0, length: 0 };
        assert!(!(0..=BURST).all(|_| flood.bears(empty, start)));
    }

    proptest! {
        /// However the bytes come, the same frames are found in them, and none in HTTP/1.
        #[test]
        fn every_frame_is_found_however_the_reads_split(
            sent in proptest::collection::vec((any::<u8>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..300)), 0..20),
            cuts in proptest::collection::vec(1_usize..50, 1..40),
            http1 in proptest::bool::weighted(0.1),
        ) {
            let start: &[u8] = if http1 { b"PRI / HTTP/1.1\r\n\r\n" } else { PREFACE };
            let mut bytes = start.to_vec();
            let mut expected = Vec::new();
            for (kind, flags, payload) in sent {
                bytes.extend(frame(kind, flags, &payload));
                expected.push(Frame { kind, flags, length: payload.len() });
            }
            let (mut frames, mut found) = (Frames::Preface(0), Vec::new());
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                let (part, more) = rest.split_at((*cut).min(rest.len()));
                frames.read(part, |frame| { found.push(frame); true });
                rest = more;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, if http1 { Vec::new() } else { expected });
        }
    }
}
