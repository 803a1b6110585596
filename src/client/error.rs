//! Why a call failed, in words for a person. reqwest's own would hold the URL, and so the token.

use std::{error::Error as _, io::ErrorKind, time::Duration};

use reqwest::StatusCode;
use rustls::{CertificateError, InvalidMessage};
use url::Url;

use crate::api::{Code, Problem};

/// Where a server listens that wasn't told otherwise.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8000/";
const NOBODY_NAMED_IT: &str = "; name another server with --server or OTS_SERVER, or start one here: ots serve";

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not found, already read, burned or expired.
    #[error("the secret is gone: not found, already read, burned or expired")]
    Gone,
    /// No connection, or it broke.
    #[error("can't reach {server}: {reason}{}", if &**server == DEFAULT_SERVER { NOBODY_NAMED_IT } else { "" })]
    Unreachable {
        /// The server's root.
        server: Box<str>,
        /// Why, in a few words.
        reason: Box<str>,
        /// The error, without the URL.
        source: reqwest::Error,
    },
    /// No answer in time.
    #[error("{server} didn't answer in time: try again, or give it longer with --timeout")]
    TimedOut {
        /// The server's root.
        server: Box<str>,
    },
    /// The server said no.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),
    /// What answered isn't an `ots` server, or a proxy is in between.
    #[error("{server} doesn't answer as an ots server does ({what}): check the server's URL")]
    Protocol {
        /// The server's root.
        server: Box<str>,
        /// What was odd.
        what: Box<str>,
    },
    /// A proxy answers in the server's place.
    #[error(
        "{server} can't be reached through the proxy in front of it ({status}): it may be starting, try again in a moment"
    )]
    Proxy {
        /// The server's root.
        server: Box<str>,
        /// What the proxy says.
        status: StatusCode,
    },
    /// The answer broke off.
    #[error("the answer from {server} broke off")]
    Incomplete {
        /// The server's root.
        server: Box<str>,
    },
    /// The answer is longer than the content was said to be.
    #[error("{server} sent more than the {size} bytes that it announced")]
    TooLong {
        /// The server's root.
        server: Box<str>,
        /// The bytes that it announced.
        size: usize,
    },
    /// Plain http over a network.
    #[error(
        "{server} is plain http, so anybody on the way could read the secret: use https, or --allow-http if the network is safe"
    )]
    PlainHttp {
        /// The server's root.
        server: Box<str>,
    },
    /// The certificates can't be used.
    #[error("the CA certificates can't be used: {0}")]
    Certificates(String),
}

impl ClientError {
    /// Says of reqwest's error what a person can act on.
    pub(super) fn request(server: &Url, error: reqwest::Error) -> Self {
        let server = server.as_str().into();
        if error.is_timeout() {
            Self::TimedOut { server }
        } else {
            Self::Unreachable { server, reason: root_cause(&error).into(), source: error.without_url() }
        }
    }

    pub(super) fn protocol(server: &Url, what: String) -> Self {
        Self::Protocol { server: server.as_str().into(), what: what.into() }
    }

    /// Whether what was asked for may have been done all the same: a read that failed like this may have claimed the secret.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        match self {
            Self::Protocol { .. } | Self::TooLong { .. } => true,
            Self::Problem(problem) => problem.code == Code::Internal || self.is_passing(),
            _ => self.is_passing(),
        }
    }

    /// How long the server asks to wait, of whoever asked too often.
    pub(super) fn asked_to_wait(&self) -> Option<Duration> {
        let Self::Problem(problem) = self else { return None };
        problem.retry_after.map(|seconds| Duration::from_secs(u64::from(seconds.get())))
    }

    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Proxy { .. } | Self::Incomplete { .. } => true,
            Self::Problem(problem) => {
                problem.status == StatusCode::SERVICE_UNAVAILABLE.as_u16()
                    || problem.status == StatusCode::TOO_MANY_REQUESTS.as_u16()
            }
            _ => false,
        }
    }
}

/// The innermost cause, which names neither URL nor header; in words of our own where a person can act on it.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = None;
    while let Some(inner) = cause {
        if let Some(words) = advice(inner) {
            return words.to_owned();
        }
        text = Some(inner.to_string());
        cause = inner.source();
    }
    let text = text.unwrap_or_else(|| "the request failed".to_owned());
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// What a cause means to whoever chose the server.
fn advice(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
        return Some("what answers there isn't plain http: try https://");
    }
    if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
        return Some("it closed the connection without an answer");
    }
    if cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::UnexpectedEof) {
        return Some("its answer broke off");
    }
    // Each layer below may have wrapped it once more.
    if let Some(inner) = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        return advice(inner);
    }
    match cause.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Some("the server answers in plain http: write http:// in its address, or name its port for https")
        }
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Some("its certificate is from an authority that isn't trusted here: name that one's with --ca-cert")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Some("its certificate has expired"),
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Some("its certificate isn't valid yet: is this machine's clock right?")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Some("its certificate is another host's")
            }
            CertificateError::Other(error) if error.to_string().contains("CaUsedAsEndEntity") => Some(
                "its certificate is an authority's own (CA:TRUE): the server needs one with basicConstraints CA:FALSE",
            ),
            _ => Some("its certificate is of a kind that isn't taken: it has to be X.509 version 3 and name its host"),
        },
        _ => None,
    }
}
