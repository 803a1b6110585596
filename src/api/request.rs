//! Request bodies, parsed: every value has its type, and what is wrong is said member by member.

use zeroize::Zeroizing;

use super::{
    FieldError,
    object::{Object, Value},
};

/// The body of `POST /api/v1/secrets`.
pub struct CreateRequest {
    /// The content, decoded. At least one byte.
    pub content: Zeroizing<Vec<u8>>,
    /// How long to keep it.
    pub ttl: TtlRequest,
    /// As sent, not yet checked for length.
    pub passphrase: Option<Zeroizing<String>>,
    /// The content is an end-to-end envelope, and the passphrase its proof.
    pub encrypted: bool,
    /// A person has a passphrase to type.
    pub passphrase_required: bool,
}

/// How long to keep a secret, as asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TtlRequest {
    /// As long as the server does when nobody says.
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
    const MEMBERS: &'static [&'static str] =
        &["content", "encoding", "ttl_hours", "ttl_seconds", "passphrase", "encrypted", "passphrase_required"];

    /// Parses a JSON body.
    ///
    /// # Errors
    /// [`Malformed`], with every member that is wrong.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let mut members = Members::parse(body, Self::MEMBERS)?;
        let content = members.text("content");
        let encoding = members.text("encoding");
        let hours = members.number("ttl_hours");
        let seconds = members.integer("ttl_seconds");
        let passphrase = members.text("passphrase");
        let encrypted = members.boolean("encrypted").unwrap_or(false);
        let passphrase_required = members.boolean("passphrase_required").unwrap_or(false);

        let content = match (content, encoding) {
            (None, _) => {
                members.wrong("content", "the secret is missing: a string of at least one byte");
                Zeroizing::new(Vec::new())
            }
            (Some(mut text), None) => Zeroizing::new(std::mem::take(&mut *text).into_bytes()),
            (Some(text), Some(encoding)) if encoding.as_str() == "base64" => {
                if let Ok(bytes) = data_encoding::BASE64.decode(text.as_bytes()) {
                    Zeroizing::new(bytes)
                } else {
                    members.wrong("content", "it is not base64 (RFC 4648, with padding), as encoding says");
                    Zeroizing::new(vec![0])
                }
            }
            (Some(_), Some(_)) => {
                members.wrong("encoding", "the one encoding is \"base64\"; leave it out for text");
                Zeroizing::new(vec![0])
            }
        };
        if content.is_empty() && members.errors.is_empty() {
            members.wrong("content", "a secret has at least one byte");
        }
        if hours.is_some() && seconds.is_some() {
            members.wrong("ttl_hours", "give ttl_hours or ttl_seconds, not both");
        }
        if passphrase_required && !encrypted {
            members
                .wrong("passphrase_required", "it goes with \"encrypted\": true only; otherwise send the passphrase");
        }
        let ttl = match (hours, seconds) {
            (Some(hours), _) => TtlRequest::Hours(hours),
            (None, Some(seconds)) => TtlRequest::Seconds(seconds),
            (None, None) => TtlRequest::Default,
        };
        members.finish(Self { content, ttl, passphrase, encrypted, passphrase_required })
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
        let mut members = Members::parse(body, &["passphrase"])?;
        let passphrase = members.text("passphrase");
        members.finish(Self { passphrase })
    }
}

/// A body's members while they are taken out one by one.
struct Members {
    found: Vec<(String, Value)>,
    errors: Vec<FieldError>,
}

impl Members {
    fn parse(body: &[u8], known: &[&str]) -> Result<Self, Malformed> {
        let Object(found) = serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                Malformed::Invalid(vec![FieldError::new("", "the body has to be a JSON object")])
            }
            _ => Malformed::NotJson,
        })?;
        let mut errors = Vec::new();
        for (index, (name, _)) in found.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                errors.push(unknown("", "member", name, known));
            } else if found.iter().take(index).any(|(earlier, _)| earlier == name) {
                errors.push(FieldError::new("", "a member comes twice"));
            }
        }
        errors.dedup();
        Ok(Self { found, errors })
    }

    fn wrong(&mut self, name: &'static str, detail: &str) {
        self.errors.push(FieldError::new(format!("/{name}"), detail));
    }

    /// Takes a member; null is as good as none.
    fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.found.iter().position(|(found, _)| found == name)?;
        let (_, value) = self.found.swap_remove(index);
        (!matches!(value, Value::Null)).then_some(value)
    }

    fn text(&mut self, name: &'static str) -> Option<Zeroizing<String>> {
        match self.take(name)? {
            Value::Text(text) => Some(text),
            _ => self.mistyped(name, "it has to be a string"),
        }
    }

    fn boolean(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(value) => Some(value),
            _ => self.mistyped(name, "it has to be true or false"),
        }
    }

    fn number(&mut self, name: &'static str) -> Option<f64> {
        match self.take(name)? {
            #[expect(clippy::cast_precision_loss, reason = "exact far beyond any time to live")]
            Value::Integer(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            _ => self.mistyped(name, "it has to be a number"),
        }
    }

    fn integer(&mut self, name: &'static str) -> Option<f64> {
        match self.take(name)? {
            #[expect(clippy::cast_precision_loss, reason = "exact far beyond any time to live")]
            Value::Integer(value) => Some(value as f64),
            Value::Float(value) if value.fract() == 0.0 => Some(value),
            _ => self.mistyped(name, "it has to be an integer"),
        }
    }

    fn mistyped<T>(&mut self, name: &'static str, detail: &str) -> Option<T> {
        self.wrong(name, detail);
        None
    }

    fn finish<T>(self, request: T) -> Result<T, Malformed> {
        if self.errors.is_empty() { Ok(request) } else { Err(Malformed::Invalid(self.errors)) }
    }
}

/// The error for an unknown query parameter.
#[must_use]
pub fn unknown_parameter(name: &str, known: &[&str]) -> FieldError {
    unknown("/query", "parameter", name, known)
}

/// The error for a name that isn't known: it lists those that are, or the nearest, and doesn't repeat the name.
fn unknown(place: &'static str, what: &str, name: &str, known: &[&str]) -> FieldError {
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min();
    let detail = match nearest {
        Some((_, nearest)) => format!("there is an unknown {what}; did you mean {nearest}?"),
        None => format!("there is an unknown {what}; the known ones are {}", known.join(", ")),
    };
    FieldError::new(place, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn errors(body: &str) -> Vec<FieldError> {
        match CreateRequest::parse(body.as_bytes()) {
            Err(Malformed::Invalid(errors)) => errors,
            Err(Malformed::NotJson) => vec![FieldError::new("", "not JSON")],
            Ok(_) => Vec::new(),
        }
    }

    #[test]
    fn a_whole_request_is_taken() {
        let body = br#"{"content":"aGk=","encoding":"base64","ttl_hours":0.5,"passphrase":"p","encrypted":true,"passphrase_required":true}"#;
        let request = CreateRequest::parse(body).ok().unwrap();
        assert_eq!(request.content.as_slice(), b"hi");
        assert_eq!(request.ttl, TtlRequest::Hours(0.5));
        assert_eq!(request.passphrase.unwrap().as_str(), "p");
        assert!(request.encrypted && request.passphrase_required);
    }

    #[test]
    fn null_is_as_good_as_none() {
        let request = CreateRequest::parse(br#"{"content":"x","ttl_hours":null,"passphrase":null}"#).ok().unwrap();
        assert_eq!(request.ttl, TtlRequest::Default);
        assert!(request.passphrase.is_none());
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
            let _ = CreateRequest::parse(&body);
            let _ = RevealRequest::parse(&body);
        }

        #[test]
        fn any_text_survives(content in ".{1,200}") {
            let body = serde_json::json!({ "content": content }).to_string();
            let request = CreateRequest::parse(body.as_bytes()).ok().unwrap();
            prop_assert_eq!(request.content.as_slice(), content.as_bytes());
        }
    }
}
