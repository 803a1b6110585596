//! Requests for a secret, as they travel: what the requester sends, and what the server says of them.

use std::ops::Range;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Malformed, TtlRequest, json::Members, request::decode, response::rfc3339};

/// The body of `POST /api/v1/requests`.
pub struct OpenRequest {
    /// Where in the body the invitation lies, decoded. At least one byte.
    pub invitation: Range<usize>,
    /// As sent, not yet checked.
    pub proof: Zeroizing<String>,
    /// How long it is to be open.
    pub ttl: TtlRequest,
    /// The largest answer that is wanted, in bytes: a whole number, not yet checked.
    pub max_size: Option<f64>,
    /// The webhook that is to be told of it, and of its answer, by its name, as sent.
    pub notify: Option<Zeroizing<String>>,
}

impl OpenRequest {
    const MEMBERS: &'static [&'static str] = &["invitation", "proof", "ttl_seconds", "max_size", "notify"];

    /// Parses a JSON body, and decodes the invitation where it lies.
    ///
    /// # Errors
    /// [`Malformed`], with every member that is wrong.
    pub fn parse(body: &mut [u8]) -> Result<Self, Malformed> {
        let mut members = Members::read(body, Self::MEMBERS)?;
        let invitation = members.place_of_text("invitation", body);
        let proof = members.text("proof");
        let ttl = members.integer("ttl_seconds").map_or(TtlRequest::Default, TtlRequest::Seconds);
        let max_size = members.integer("max_size");
        let notify = members.text("notify");
        for (name, is_missing) in [("invitation", invitation.is_none()), ("proof", proof.is_none())] {
            if is_missing && !members.is_wrong(name) {
                members.wrong(name, "it is missing: docs/request.md says what it is");
            }
        }
        members.finish()?;
        let invitation = decode(body, "invitation", invitation.unwrap_or_default(), true)?;
        Ok(Self { invitation, proof: proof.unwrap_or_default(), ttl, max_size, notify })
    }
}

/// The answer to that.
#[derive(Debug, Serialize, Deserialize)]
pub struct RequestOpened {
    /// What `GET /api/v1/requests/{token}` takes, and the link to give away.
    pub token: String,
    /// What `GET /api/v1/secrets/{token}` and its like take, once there is an answer. Stays with the requester.
    pub collecting_token: String,
    /// What `GET /api/v1/receipts/{receipt}` takes.
    pub receipt: String,
    /// When the request is gone if nobody answers.
    #[serde(with = "rfc3339")]
    pub expires_at: Timestamp,
    /// The link to give away, without the fingerprint that belongs behind its `#`.
    pub url: String,
    /// The link of the receipt's page.
    pub receipt_url: String,
    /// What the request is called in messages to the webhook that was picked, if one was, and in the audit stream.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// And what its answer will be called there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer_name: Option<String>,
}

/// What whoever answers may know of a request.
#[derive(Debug, Serialize, Deserialize)]
pub struct RequestStatus {
    /// Sealed under the link's fingerprint: base64 (RFC 4648, with padding).
    pub invitation: String,
    /// The largest answer that is taken, in bytes.
    pub max_size: u64,
    /// When the request was made.
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it is gone if nobody answers.
    #[serde(with = "rfc3339")]
    pub expires_at: Timestamp,
}

/// The answer to an answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answered {
    /// When it is gone if nobody collects it.
    #[serde(with = "rfc3339")]
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn errors(body: &str) -> String {
        match OpenRequest::parse(&mut body.as_bytes().to_vec()) {
            Ok(_) => String::new(),
            Err(Malformed::NotJson) => "not JSON".to_owned(),
            Err(Malformed::Invalid(errors)) => format!("{errors:?}"),
        }
    }

    #[test]
    fn a_request_has_its_members_and_each_mistake_is_named() {
        let mut body = br#"{"invitation":"aHVudGVyMg==","proof":"p","ttl_seconds":60,"max_size":9}"#.to_vec();
        let request = OpenRequest::parse(&mut body).ok().unwrap();
        assert_eq!(&body[request.invitation], b"hunter2");
        assert_eq!(
            (request.proof.as_str(), request.ttl, request.max_size),
            ("p", TtlRequest::Seconds(60.0), Some(9.0))
        );
        for (body, named) in [
            ("hunter2", "not JSON"),
            (r#"{"proof":"p"}"#, "/invitation"),
            (r#"{"invitation":"aGk="}"#, "/proof"),
            (r#"{"invitation":"hunter2!","proof":"p"}"#, "/invitation"),
            (r#"{"invitation":"","proof":"p"}"#, "/invitation"),
            (r#"{"invitation":"aGk=","proof":1}"#, "/proof"),
            (r#"{"invitation":"aGk=","proof":"p","max_size":1.5}"#, "/max_size"),
            (r#"{"invitation":"aGk=","proof":"p","label":"hunter2"}"#, "known ones are invitation"),
        ] {
            assert!(errors(body).contains(named) && !errors(body).contains("hunter2"), "{body}: {}", errors(body));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_request_or_an_error(mut body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = OpenRequest::parse(&mut body);
        }
    }
}
