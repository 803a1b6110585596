//! What instant-acme asks an authority, over reqwest: with our trust, our times, and an answer of bounded size.

use std::pin::Pin;

use bytes::Bytes;
use http_body_util::Limited;
use hyper::{Request, Response};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

/// Bytes of an answer: chains of certificates are the longest, with a few KiB.
const LONGEST: usize = 1 << 20;

/// A client for an authority.
#[derive(Debug, Clone)]
pub(super) struct Http(pub(super) reqwest::Client);

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let http = self.0.clone();
        Box::pin(async move {
            let other = |error: reqwest::Error| Error::Other(Box::new(error));
            let request = reqwest::Request::try_from(request.map(reqwest::Body::wrap)).map_err(other)?;
            let response: Response<reqwest::Body> = http.execute(request).await.map_err(other)?.into();
            Ok(response.map(|body| Limited::new(body, LONGEST)).into())
        })
    }
}
