//! Reads answers. A server isn't trusted with our memory: nothing is held before it has come, and never more than was
//! announced and is reasonable.

use reqwest::{Response, StatusCode, header};
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::{ClientError, OnProgress};
use crate::{
    api::{self, Code, Problem},
    memory,
};

/// The longest answer in JSON: an object of a few members, or a problem. In bytes.
const LONGEST_JSON: usize = 64 * 1024;
/// The largest content that is read into memory, in bytes; no `ots` stores more than it.
pub const LARGEST: u64 = 1 << 30;

/// What answered, for the words of an error.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Url);

impl Reader<'_> {
    /// Passes a success on; anything else is an error.
    pub(super) async fn successful(self, response: Response) -> Result<Response, ClientError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let location = status.is_redirection().then(|| {
            let target = response.headers().get(header::LOCATION)?.to_str().ok()?;
            Url::parse(target).ok().map(|url| url.origin().ascii_serialization())
        });
        if let Some(target) = location {
            let what = format!("it redirects to {}", target.as_deref().unwrap_or("another place"));
            return Err(ClientError::protocol(self.0, what));
        }
        match self.json::<Problem>(response).await {
            Ok(problem) if problem.code == Code::Gone => Err(ClientError::Gone),
            Ok(problem) => Err(ClientError::Problem(Box::new(problem))),
            // What a proxy says when nothing answers behind it.
            Err(_)
                if matches!(
                    status,
                    StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
                ) =>
            {
                Err(ClientError::Proxy { server: self.0.as_str().into(), status })
            }
            Err(_) => Err(ClientError::protocol(self.0, format!("it answers {status}"))),
        }
    }

    /// That something was destroyed. It has no body by which to tell an `ots` server from whatever else answers there, so its headers
    /// have to: a wrong host that is fine with everything must not pass for a secret that is gone.
    pub(super) fn destroyed(self, response: &Response) -> Result<(), ClientError> {
        let status = response.status();
        if status == StatusCode::NO_CONTENT && response.headers().contains_key(api::REQUEST_ID) {
            return Ok(());
        }
        Err(ClientError::protocol(self.0, format!("it answers {status}")))
    }

    /// An answer in JSON.
    pub(super) async fn json<T: DeserializeOwned>(self, mut response: Response) -> Result<T, ClientError> {
        let unreadable = format!("its answer to {} can't be read", response.status());
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| ClientError::request(self.0, error))? {
            if body.len() + part.len() > LONGEST_JSON {
                return Err(ClientError::protocol(self.0, unreadable));
            }
            body.extend_from_slice(&part);
        }
        serde_json::from_slice(&body).map_err(|_| ClientError::protocol(self.0, unreadable))
    }

    /// Refuses a size that can't be read, before anything is claimed.
    pub(super) fn size(self, size: u64) -> Result<usize, ClientError> {
        usize::try_from(size).ok().filter(|_| size <= LARGEST).ok_or_else(|| {
            ClientError::protocol(self.0, format!("a secret of {size} bytes is more than any server keeps"))
        })
    }

    /// A secret's content, which has exactly `size` bytes.
    pub(super) async fn content(
        self,
        mut response: Response,
        size: usize,
        on_progress: &OnProgress,
    ) -> Result<Zeroizing<Vec<u8>>, ClientError> {
        let incomplete = || ClientError::Incomplete { server: self.0.as_str().into() };
        if response.status() != StatusCode::OK || response.headers().contains_key(header::CONTENT_ENCODING) {
            return Err(ClientError::protocol(
                self.0,
                "it answers with a part, or with something made of the content".to_owned(),
            ));
        }
        let mut content = Zeroizing::new(Vec::new());
        loop {
            match response.chunk().await {
                Ok(Some(part)) if part.len() > size - content.len() => {
                    return Err(ClientError::TooLong { server: self.0.as_str().into(), size });
                }
                Ok(Some(part)) => memory::append(&mut content, &part, Some(size)).map_err(|_| incomplete())?,
                // An answer without a length that breaks off looks whole.
                Ok(None) if content.len() < size => return Err(incomplete()),
                Ok(None) => return Ok(content),
                Err(error) if error.is_timeout() => return Err(ClientError::request(self.0, error)),
                Err(_) => return Err(incomplete()),
            }
            on_progress(u64::try_from(content.len()).unwrap_or(u64::MAX));
        }
    }
}
