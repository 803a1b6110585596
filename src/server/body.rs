//! Reading request bodies within bounds: of size, checked before anything is read; of time, so that a slow client
//! doesn't hold a place; and of memory, over all requests together.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::{Body, Incoming},
    header,
};
use tokio::time::Instant;

use super::{
    activity::Activity,
    problem::{busy, too_large},
};
use crate::{
    api::{Code, Problem},
    memory::{self, Budget, Buffer, SMALL},
};

/// A body slower than this, in bytes a second beyond the first timeout, is cut.
const SLOWEST: u64 = 16 * 1024;
/// What is read and thrown away of a body that isn't wanted, so that the answer reaches a client that is still sending.
const DRAIN_BYTES: usize = 8 * 1024 * 1024;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(2);
/// Memory is taken from the budget in steps of so many bytes; what is announced as large is so from its first one.
const STEP: usize = 64 * 1024;
const LARGE_STEP: usize = 2 * STEP;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// Larger than allowed.
    TooLarge,
    /// Too slow.
    Timeout,
    /// Too many bodies are in memory.
    Busy,
    /// The client stopped in the middle, or sent it wrongly.
    Broken,
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => too_large(None),
            Unread::Timeout => Self::new(Code::Timeout, "The body came too slowly; nothing was stored. Send it again"),
            Unread::Busy => busy(),
            Unread::Broken => Self::new(Code::BadRequest, "The body broke off; nothing was stored. Send it again"),
        }
    }
}

/// Bounds for one body.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    pub(super) max: usize,
    pub(super) timeout: Duration,
    pub(super) budget: &'a Budget,
    pub(super) activity: &'a Activity,
}

/// Reads the body, counted for as long as the buffer lives.
pub(super) async fn read(body: &mut Incoming, bounds: Bounds<'_>) -> Result<Buffer, Unread> {
    let hint = body.size_hint();
    if hint.lower() > u64::try_from(bounds.max).unwrap_or(u64::MAX) {
        return Err(Unread::TooLarge);
    }
    let announced = hint.exact().and_then(|length| usize::try_from(length).ok());
    let mut buffer = Buffer::default();
    let start = Instant::now();
    loop {
        let received = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let deadline = start + bounds.timeout + Duration::from_secs(received / SLOWEST);
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Unread::Timeout),
            Ok(None) => return Ok(buffer),
            Ok(Some(Err(_))) => return Err(Unread::Broken),
            Ok(Some(Ok(frame))) => frame,
        };
        bounds.activity.note();
        let Ok(data) = frame.into_data() else { continue };
        let length = buffer.len() + data.len();
        if length > bounds.max {
            return Err(Unread::TooLarge);
        }
        if !buffer.reserve(bounds.budget, needed(length, announced, bounds.max)) {
            return Err(Unread::Busy);
        }
        buffer.append(&data, announced).map_err(|_| Unread::Busy)?;
    }
}

/// What to count for a body of which `length` bytes have come: all that is announced, as soon as a good part has and room is made for it.
fn needed(length: usize, announced: Option<usize>, max: usize) -> usize {
    let step = match announced {
        Some(announced) if announced > SMALL => LARGE_STEP,
        Some(_) => STEP,
        None => 1024,
    };
    let most = announced.unwrap_or(max).max(length);
    memory::room(length, announced).max(length.next_multiple_of(step)).min(most)
}

/// Reads and throws away a bounded part of what the client is still sending. A client that waits for `100 Continue`
/// isn't sending yet. Whether that was all of it.
pub(super) async fn drain(headers: &HeaderMap, body: &mut Incoming) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if headers.contains_key(header::EXPECT) {
        return false;
    }
    let discard = async {
        let mut left = DRAIN_BYTES;
        while let Some(frame) = body.frame().await {
            let length = frame.map(|frame| frame.data_ref().map_or(0, bytes::Bytes::len));
            left = left.saturating_sub(length.unwrap_or(left));
            if left == 0 {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(DRAIN_TIME, discard).await.unwrap_or(false)
}
