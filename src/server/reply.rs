//! Answers: what a handler gives, and the headers that every answer carries.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{self, HeaderName, HeaderValue},
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    activity::{Activity, Taken},
    guards::Limited,
    json::Json,
    places::UnderWay,
    problem::{self, Failed},
    request_id::RequestId,
};
use crate::{
    api::{Code, JSON, OCTET_STREAM, PROBLEM_JSON, Problem, REQUEST_ID},
    memory::Buffer,
    vault::{Content, VaultError},
};

/// Bytes that are handed to hyper at a time: how far a client that takes a large answer is noticed to get on.
const PART: usize = 64 * 1024;

/// On every answer that doesn't set its own.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// An answer without what all answers share.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    data: Data,
    /// The error behind it, for the log.
    pub(super) cause: Option<Box<VaultError>>,
    /// The word for why it was refused, if it was.
    pub(super) code: Option<Code>,
}

impl Reply {
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::with_capacity(12), data: Data::Whole(Bytes::new()), cause: None, code: None }
    }

    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => Self::empty(status).with(header::CONTENT_TYPE, JSON).with_data(bytes.into()),
            Err(_) => Self::empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// A secret's content as JSON.
    pub(super) fn secret_as_json(content: Content) -> Self {
        let json = Json::new(content);
        Self { data: Data::Json(Box::new(json)), ..Self::empty(StatusCode::OK).with(header::CONTENT_TYPE, JSON) }
    }

    /// A secret's content as it is.
    pub(super) fn secret_as_bytes(content: Content) -> Self {
        Self::empty(StatusCode::OK)
            .with(header::CONTENT_TYPE, OCTET_STREAM)
            .with(header::CONTENT_DISPOSITION, "attachment; filename=\"secret\"")
            .with_data(Bytes::from_owner(content))
    }

    /// A page. It is the caller's to set its policy.
    pub(super) fn page(status: StatusCode, html: Bytes) -> Self {
        Self::empty(status).with(header::CONTENT_TYPE, "text/html; charset=utf-8").with_data(html)
    }

    /// A page that shows a secret's content, counted where the content was.
    pub(super) fn secret_as_page(html: Zeroizing<Vec<u8>>, content: &Content) -> Self {
        let room = content.beside(html.len());
        let page = Buffer::from(html).counted(room);
        Self::page(StatusCode::OK, Bytes::from_owner(page))
    }

    /// A text that never changes.
    pub(super) fn text(text: &'static str) -> Self {
        Self::empty(StatusCode::OK)
            .with(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .with_data(Bytes::from_static(text.as_bytes()))
    }

    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// Sets a header; a value that can't be one is left out.
    pub(super) fn with_value(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.insert(name, value);
        }
        self
    }

    pub(super) fn with_data(mut self, data: Bytes) -> Self {
        self.data = Data::Whole(data);
        self
    }

    /// An answer to an error that the log has to know.
    pub(super) fn because(self, cause: Option<Box<VaultError>>) -> Self {
        Self { cause, ..self }
    }

    /// An answer that refuses, for the reason that the word names.
    pub(super) fn coded(self, code: Code) -> Self {
        Self { code: Some(code), ..self }
    }

    /// An answer to an address that did too much: when it may go on.
    pub(super) fn limited(self, limited: &Limited) -> Self {
        self.with_value(header::RETRY_AFTER, limited.wait.get())
            .with_value(HeaderName::from_static("ratelimit"), limited.limit())
            .with_value(HeaderName::from_static("ratelimit-policy"), limited.policy())
    }

    /// The response, with what all share.
    pub(super) fn finish(self, exchange: Exchange, close: bool) -> Response<ReplyBody> {
        let Exchange { request_id, activity, under_way, multiplexed, head } = exchange;
        let mut body = ReplyBody { data: self.data, activity, held: None };
        let length = body.left();
        if head {
            body.data = Data::Whole(Bytes::new()); // over HTTP/2 hyper would send it
        }
        let left = u64::try_from(body.left()).unwrap_or(u64::MAX);
        let taken = body.activity.watch(left, multiplexed);
        body.held = Some(Held { _under_way: under_way, taken });
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        *headers = self.headers;
        for (name, value) in HEADERS {
            headers.entry(name).or_insert(value);
        }
        if head && length > 0 {
            headers.entry(header::CONTENT_LENGTH).or_insert(length.into());
        }
        if let Ok(id) = HeaderValue::try_from(request_id.to_string()) {
            headers.insert(HeaderName::from_static(REQUEST_ID), id);
        }
        if close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let reply = Self::json(problem::status(&problem), &problem).with(header::CONTENT_TYPE, PROBLEM_JSON);
        let reply = reply.coded(problem.code);
        match problem.code {
            Code::Busy => reply.with(header::RETRY_AFTER, "1"),
            Code::StorageFull => reply.with(header::RETRY_AFTER, "60"),
            Code::Unavailable | Code::NotDurable => reply.with(header::RETRY_AFTER, "5"),
            Code::KeyRequired => reply.with(header::WWW_AUTHENTICATE, "Bearer"),
            // RFC 9110, 15.5.2, wants a scheme; this one no browser asks a person for.
            Code::UserRequired => reply.with(header::WWW_AUTHENTICATE, "Sign-In"),
            _ => reply,
        }
    }
}

impl From<Failed> for Reply {
    fn from(failed: Failed) -> Self {
        Self::from(*failed.problem).because(failed.cause)
    }
}

/// What an answer belongs to.
pub(super) struct Exchange {
    pub(super) request_id: RequestId,
    pub(super) activity: Arc<Activity>,
    /// None for a connection that has no place.
    pub(super) under_way: Option<UnderWay>,
    /// Whether other answers are on their way beside it.
    pub(super) multiplexed: bool,
    /// Whether only the answer's head is asked for (RFC 9110, section 9.3.2).
    pub(super) head: bool,
}

/// What an answer holds until all of it has been sent.
struct Held {
    _under_way: Option<UnderWay>,
    taken: Option<Arc<Taken>>,
}

/// The last part of an answer, which keeps what the answer holds until it has left.
struct Last {
    part: Bytes,
    _held: Held,
    /// What the part is counted by.
    _data: Data,
}

impl AsRef<[u8]> for Last {
    fn as_ref(&self) -> &[u8] {
        &self.part
    }
}

/// What a body is made of.
enum Data {
    Whole(Bytes),
    Json(Box<Json>),
}

/// A body that hands out its bytes part by part and notes that it gets on.
pub(super) struct ReplyBody {
    data: Data,
    activity: Arc<Activity>,
    held: Option<Held>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.activity.note();
        let mut part = match &mut self.data {
            Data::Whole(data) => data.split_to(PART.min(data.len())),
            Data::Json(json) => json.next_part(),
        };
        if part.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(taken) = self.held.as_ref().and_then(|held| held.taken.as_ref()) {
            taken.note(part.len());
            // What is watched isn't done when hyper has taken the last of it.
            if self.left() == 0
                && let Some(held) = self.held.take()
            {
                let data = std::mem::replace(&mut self.data, Data::Whole(Bytes::new()));
                part = Bytes::from_owner(Last { part, _held: held, _data: data });
            }
        }
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.left()).unwrap_or(u64::MAX))
    }
}

impl ReplyBody {
    fn left(&self) -> usize {
        match &self.data {
            Data::Whole(data) => data.len(),
            Data::Json(json) => json.left(),
        }
    }
}
