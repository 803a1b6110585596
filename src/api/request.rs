//! Request bodies, parsed: every value has its type, and what is wrong is said member by member.

use std::ops::Range;

use zeroize::Zeroizing;

use super::{
    FieldError,
    json::{Members, decode_base64, unescape},
    nearest,
};
use crate::secret::Kind;

/// The body of `POST /api/v1/secrets`.
pub struct CreateRequest {
    /// Where in the body the content lies, decoded. At least one byte.
    pub content: Range<usize>,
    /// What is asked besides.
    pub options: CreateOptions,
}

/// What a create asks for besides its content.
#[derive(Default)]
pub struct CreateOptions {
    /// How long to keep it.
    pub ttl: TtlRequest,
    /// As sent, not yet checked for length; of an envelope, its proof.
    pub passphrase: Option<Zeroizing<String>>,
    /// What the content is.
    pub kind: Kind,
    /// Whether its sender wants to be told what becomes of it.
    pub receipt: bool,
    /// The webhook that is to be told of it, by its name, as sent.
    pub notify: Option<Zeroizing<String>>,
}

/// How long to keep a secret, as asked.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum TtlRequest {
    /// As long as the server does when nobody says.
    #[default]
    Default,
    /// `ttl_hours`, in seconds.
    Hours(f64),
    /// `ttl_seconds`.
    Seconds(f64),
}

impl TtlRequest {
    /// The seconds, and the member that gave them.
    #[must_use]
    pub fn seconds(self) -> Option<(f64, &'static str)> {
        match self {
            Self::Default => None,
            Self::Hours(hours) => Some((hours * 3600.0, "ttl_hours")),
            Self::Seconds(seconds) => Some((seconds, "ttl_seconds")),
        }
    }
}

/// The body of `POST …/reveal`, which may be empty.
#[derive(Default)]
pub struct RevealRequest {
    /// As sent, not yet checked for length.
    pub passphrase: Option<Zeroizing<String>>,
}

/// Why a body can't be taken. Holds nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// It isn't JSON in UTF-8.
    NotJson,
    /// It is JSON, and these values can't be taken.
    Invalid(Vec<FieldError>),
}

impl CreateRequest {
    const MEMBERS: &'static [&'static str] = &[
        "content",
        "encoding",
        "ttl_hours",
        "ttl_seconds",
        "passphrase",
        "encrypted",
        "passphrase_required",
        "receipt",
        "notify",
    ];

    /// Parses a JSON body, and decodes its content where it lies.
    ///
    /// # Errors
    /// [`Malformed`], with every member that is wrong.
    pub fn parse(body: &mut [u8]) -> Result<Self, Malformed> {
        let mut members = Members::read(body, Self::MEMBERS)?;
        let content = members.place_of_text("content", body);
        let encoding = members.text("encoding");
        let options = CreateOptions::read(&mut members);
        if content.is_none() && !members.is_wrong("content") {
            members.wrong("content", "the secret is missing: a string of at least one byte");
        }
        if encoding.as_ref().is_some_and(|encoding| encoding.as_str() != "base64") {
            members.wrong("encoding", "the one encoding is \"base64\"; leave it out for text");
        }
        members.finish()?;
        let content = decode(body, "content", content.unwrap_or_default(), encoding.is_some())?;
        Ok(Self { content, options })
    }
}

/// Decodes the string of that name that lies at `place`: its escapes, then base64 if it is that.
pub(super) fn decode(
    body: &mut [u8],
    name: &str,
    place: Range<usize>,
    base64: bool,
) -> Result<Range<usize>, Malformed> {
    let wrong = |detail: &str| Malformed::Invalid(vec![FieldError::new(format!("/{name}"), detail)]);
    let text = body.get_mut(place.clone()).unwrap_or_default();
    let mut length = unescape(text).ok_or(Malformed::NotJson)?;
    if base64 {
        length = decode_base64(text.get_mut(..length).unwrap_or_default())
            .ok_or_else(|| wrong("it is not base64 (RFC 4648, with padding)"))?;
    }
    if length == 0 {
        return Err(wrong(if name == "content" { "a secret has at least one byte" } else { "it is empty" }));
    }
    Ok(place.start..place.start + length)
}

impl CreateOptions {
    const PARAMETERS: &'static [&'static str] =
        &["ttl_seconds", "encrypted", "passphrase_required", "receipt", "notify"];

    fn read(members: &mut Members<'_>) -> Self {
        let hours = members.number("ttl_hours");
        let seconds = members.integer("ttl_seconds");
        let passphrase = members.text("passphrase");
        let encrypted = members.boolean("encrypted").unwrap_or(false);
        let passphrase_required = members.boolean("passphrase_required").unwrap_or(false);
        let receipt = members.boolean("receipt").unwrap_or(false);
        let notify = members.text("notify");
        if hours.is_some() && seconds.is_some() {
            members.wrong("ttl_hours", "give ttl_hours or ttl_seconds, not both");
        }
        let kind = kind(encrypted, passphrase_required).unwrap_or_else(|| {
            members
                .wrong("passphrase_required", "it goes with \"encrypted\": true only; otherwise send the passphrase");
            Kind::Plain
        });
        let ttl = match (hours, seconds) {
            (Some(hours), _) => TtlRequest::Hours(hours),
            (None, Some(seconds)) => TtlRequest::Seconds(seconds),
            (None, None) => TtlRequest::Default,
        };
        Self { ttl, passphrase, kind, receipt, notify }
    }

    /// What the query beside a body of bytes asks for.
    ///
    /// # Errors
    /// What is wrong with each parameter.
    pub fn from_query(query: &str) -> Result<Self, Vec<FieldError>> {
        let (mut ttl, mut encrypted, mut passphrase_required, mut receipt) = (TtlRequest::Default, false, false, false);
        let (mut notify, mut errors) = (None, Vec::new());
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let outcome = match name.as_ref() {
                "ttl_seconds" => seconds(&value).map(|seconds| ttl = TtlRequest::Seconds(seconds)),
                "encrypted" => boolean(&value, "/query/encrypted").map(|value| encrypted = value),
                "passphrase_required" => {
                    boolean(&value, "/query/passphrase_required").map(|value| passphrase_required = value)
                }
                "receipt" => boolean(&value, "/query/receipt").map(|value| receipt = value),
                "notify" => {
                    notify = Some(Zeroizing::new(value.into_owned()));
                    Ok(())
                }
                other => {
                    errors.push(unknown("/query", "parameter", other, Self::PARAMETERS));
                    break;
                }
            };
            errors.extend(outcome.err());
        }
        let kind = kind(encrypted, passphrase_required).unwrap_or_else(|| {
            errors.push(FieldError::new(
                "/query/passphrase_required",
                "it goes with encrypted=true only; otherwise send Ots-Passphrase",
            ));
            Kind::Plain
        });
        if errors.is_empty() { Ok(Self { ttl, passphrase: None, kind, receipt, notify }) } else { Err(errors) }
    }
}

fn kind(encrypted: bool, passphrase_required: bool) -> Option<Kind> {
    match (encrypted, passphrase_required) {
        (false, false) => Some(Kind::Plain),
        (true, passphrase) => Some(Kind::Envelope { passphrase }),
        (false, true) => None,
    }
}

fn seconds(value: &str) -> Result<f64, FieldError> {
    let seconds: i64 = value.parse().map_err(|_| FieldError::new("/query/ttl_seconds", "it has to be an integer"))?;
    #[expect(clippy::cast_precision_loss, reason = "exact far beyond any time to live")]
    Ok(seconds as f64)
}

fn boolean(value: &str, place: &'static str) -> Result<bool, FieldError> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(FieldError::new(place, "it has to be true or false")),
    }
}

impl RevealRequest {
    /// Parses a JSON body; an empty one has no members.
    ///
    /// # Errors
    /// [`Malformed`], with every member that is wrong.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut members = Members::read(body, &["passphrase"])?;
        let passphrase = members.text("passphrase");
        members.finish()?;
        Ok(Self { passphrase })
    }
}

/// The error for a name that isn't known: it lists those that are, or the nearest, and doesn't repeat the name.
pub(super) fn unknown(place: &'static str, what: &str, name: &str, known: &[&str]) -> FieldError {
    let detail = match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("there is an unknown {what}; did you mean {nearest}?"),
        None => format!("there is an unknown {what}; the known ones are {}", known.join(", ")),
    };
    FieldError::new(place, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn errors(body: &str) -> Vec<FieldError> {
        match CreateRequest::parse(&mut body.as_bytes().to_vec()) {
            Err(Malformed::Invalid(errors)) => errors,
            Err(Malformed::NotJson) => vec![FieldError::new("", "not JSON")],
            Ok(_) => Vec::new(),
        }
    }

    #[test]
    fn a_whole_request_is_taken() {
        let body = br#"{"content":"aGk=","encoding":"base64","ttl_hours":0.5,"passphrase":"p","encrypted":true,"passphrase_required":true}"#;
        let mut body = body.to_vec();
        let request = CreateRequest::parse(&mut body).ok().unwrap();
        assert_eq!(body[request.content], *b"hi");
        assert_eq!(request.options.ttl, TtlRequest::Hours(0.5));
        assert_eq!(request.options.passphrase.unwrap().as_str(), "p");
        assert_eq!(request.options.kind, Kind::Envelope { passphrase: true });
    }

    #[test]
    fn null_is_as_good_as_none() {
        let mut body = br#"{"content":"x","ttl_hours":null,"passphrase":null}"#.to_vec();
        let options = CreateRequest::parse(&mut body).ok().unwrap().options;
        assert_eq!(options.ttl, TtlRequest::Default);
        assert!(options.passphrase.is_none());
    }

    #[test]
    fn each_mistake_is_named_and_nothing_is_repeated() {
        for (body, pointer, detail) in [
            ("hunter2", "", "not JSON"),
            ("[\"hunter2\"]", "", "object"),
            ("{}", "/content", "missing"),
            (r#"{"content":""}"#, "/content", "at least one byte"),
            (r#"{"content":["hunter2"]}"#, "/content", "string"),
            (r#"{"content":"hunter2!","encoding":"base64"}"#, "/content", "base64"),
            (r#"{"content":"x","encoding":"hunter2"}"#, "/encoding", "base64"),
            (r#"{"content":"x","ttl_hour":1}"#, "", "did you mean ttl_hours"),
            (r#"{"content":"x","hunter2":1}"#, "", "known ones are content"),
            (r#"{"content":"x","content":"hunter2"}"#, "", "twice"),
            (r#"{"content":"x","ttl_hours":"hunter2"}"#, "/ttl_hours", "number"),
            (r#"{"content":"x","ttl_seconds":1.5}"#, "/ttl_seconds", "integer"),
            (r#"{"content":"x","ttl_hours":1,"ttl_seconds":1}"#, "/ttl_hours", "not both"),
            (r#"{"content":"x","passphrase_required":true}"#, "/passphrase_required", "encrypted"),
            (r#"{"content":"x","encrypted":"hunter2"}"#, "/encrypted", "true or false"),
        ] {
            let errors = errors(body);
            assert!(errors.iter().any(|e| e.pointer == pointer && e.detail.contains(detail)), "{body}: {errors:?}");
            assert!(!format!("{errors:?}").contains("hunter2"), "{body}: {errors:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_request_or_an_error(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = RevealRequest::parse(&body);
            let _ = CreateRequest::parse(&mut body.clone());
        }

        #[test]
        fn any_text_survives(content in ".{1,200}") {
            let body = serde_json::json!({ "content": content }).to_string();
            let mut body = body.into_bytes();
            let request = CreateRequest::parse(&mut body).ok().unwrap();
            prop_assert_eq!(&body[request.content], content.as_bytes());
        }
    }
}
