//! A request body that knows its length and says how far it has been sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::OnProgress;

/// Bytes that are handed on at a time.
const PART: usize = 64 * 1024;

/// The content to send; let go of when it has been sent or given up.
pub(super) struct UploadBody {
    left: Bytes,
    sent: u64,
    on_progress: OnProgress,
}

impl UploadBody {
    pub(super) fn new(content: Bytes, on_progress: OnProgress) -> Self {
        Self { left: content, sent: 0, on_progress }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        (self.on_progress)(self.sent);
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let length = PART.min(self.left.len());
        self.sent += u64::try_from(length).unwrap_or(0);
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.left.len()).unwrap_or(u64::MAX))
    }
}
