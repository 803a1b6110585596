//! What is sent with a create: its options, and a body that knows its length and says how far it has been sent.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use url::form_urlencoded;

use super::OnProgress;
use crate::secret::{CreateKey, HookName, Passphrase};

/// Bytes that are handed on at a time.
const PART: usize = 64 * 1024;

/// What a create says besides the content.
#[derive(Debug, Default, Clone)]
pub struct Create {
    /// How long to keep it; the server's default when none.
    pub ttl: Option<Duration>,
    /// What a reader has to know; of an envelope, its proof.
    pub passphrase: Option<Passphrase>,
    /// The content is an end-to-end envelope.
    pub encrypted: bool,
    /// With an envelope: a person has a passphrase to type.
    pub passphrase_required: bool,
    /// Whether to be given a receipt, too.
    pub receipt: bool,
    /// The webhook of the server's that is to be told of it.
    pub notify: Option<HookName>,
    /// What a server wants that doesn't store for everybody.
    pub key: Option<Arc<CreateKey>>,
}

impl Create {
    /// What the query says of a body of bytes.
    pub(super) fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(ttl) = self.ttl {
            query.append_pair("ttl_seconds", &ttl.as_secs().to_string());
        }
        for (name, set) in [
            ("encrypted", self.encrypted),
            ("passphrase_required", self.passphrase_required),
            ("receipt", self.receipt),
        ] {
            if set {
                query.append_pair(name, "true");
            }
        }
        if let Some(name) = &self.notify {
            query.append_pair("notify", name.as_str());
        }
        query.finish()
    }
}

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
