//! Requests taken in: a body and what stands beside it, whatever the format, as what the vault takes.

use hyper::{HeaderMap, Request, body::Incoming, header};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::{
    activity::Activity,
    body::{self, Bounds, Unread, Whole},
    call::{App, Call},
    problem::{invalid, too_large},
};
use crate::{
    api::{Code, CreateRequest, FieldError, IDEMPOTENCY_KEY, JSON, OCTET_STREAM, OTS_PASSPHRASE, Problem, TtlRequest},
    secret::{ClaimKey, InvalidClaimKey, Kind, Passphrase, Token, Ttl},
    vault::NewSecret,
};

/// A token that can't be one is as any that isn't known.
pub(super) fn token(call: &Call<'_>) -> Result<Token, Problem> {
    call.parameter.parse().map_err(|_| Problem::gone())
}

pub(super) fn claim(headers: &HeaderMap) -> Result<Option<ClaimKey>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let claim = value.to_str().ok().and_then(|text| text.parse().ok());
    claim.map(Some).ok_or_else(|| invalid("/headers/Idempotency-Key", InvalidClaimKey))
}

/// The media type that is one of ours; none for another, or when the content is compressed.
pub(super) fn media_type(headers: &HeaderMap) -> Option<&'static str> {
    let plain =
        headers.get(header::CONTENT_ENCODING).is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let name = value.split(';').next()?.trim();
    [JSON, OCTET_STREAM].into_iter().find(|known| plain && known.eq_ignore_ascii_case(name))
}

pub(super) async fn read(
    app: &App,
    activity: &Activity,
    request: &mut Request<Incoming>,
    max: usize,
) -> Result<Whole, Problem> {
    let bounds = Bounds { max, timeout: app.settings.client_timeout, budget: &app.bodies, activity };
    body::read(request, bounds).await.map_err(|unread: Unread| unread.into())
}

/// What an octet-stream's query and headers say; the content is still to come.
pub(super) fn octet_request(request: &Request<Incoming>) -> Result<CreateRequest, Problem> {
    const KNOWN: &[&str] = &["ttl_seconds", "encrypted", "passphrase_required"];
    let mut octets = CreateRequest {
        content: Zeroizing::new(Vec::new()),
        ttl: TtlRequest::Default,
        passphrase: None,
        encrypted: false,
        passphrase_required: false,
    };
    let boolean = |value: &str, place: &'static str| match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(FieldError::new(place, "it has to be true or false")),
    };
    let mut errors = Vec::new();
    for (name, value) in url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        let outcome = match name.as_ref() {
            "ttl_seconds" => value
                .parse::<i64>()
                .map(|seconds| {
                    #[expect(clippy::cast_precision_loss, reason = "exact far beyond any time to live")]
                    let seconds = seconds as f64;
                    octets.ttl = TtlRequest::Seconds(seconds);
                })
                .map_err(|_| FieldError::new("/query/ttl_seconds", "it has to be an integer")),
            "encrypted" => boolean(&value, "/query/encrypted").map(|value| octets.encrypted = value),
            "passphrase_required" => {
                boolean(&value, "/query/passphrase_required").map(|value| octets.passphrase_required = value)
            }
            other => Err(crate::api::unknown_parameter(other, KNOWN)),
        };
        errors.extend(outcome.err());
    }
    if octets.passphrase_required && !octets.encrypted {
        errors.push(FieldError::new(
            "/query/passphrase_required",
            "it goes with encrypted=true only; otherwise send Ots-Passphrase",
        ));
    }
    if let Some(value) = request.headers().get(OTS_PASSPHRASE) {
        let unpadded = value.to_str().unwrap_or("not base64url").trim_end_matches('=');
        let bytes = data_encoding::BASE64URL_NOPAD.decode(unpadded.as_bytes());
        let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match text {
            Some(text) => octets.passphrase = Some(Zeroizing::new(text)),
            None => errors.push(FieldError::new("/headers/Ots-Passphrase", "it has to be base64url of UTF-8 text")),
        }
    }
    if errors.is_empty() { Ok(octets) } else { Err(Problem::validation(errors)) }
}

/// Checks what depends on the server's limits.
pub(super) fn new_secret(app: &App, request: CreateRequest) -> Result<NewSecret, Problem> {
    let settings = &app.settings;
    if request.content.len() > settings.max_size {
        return Err(too_large(Some(settings.max_size)));
    }
    let ttl = match request.ttl.seconds() {
        None => Ttl::new(settings.default_ttl, settings.max_ttl).map_err(|error| invalid("/ttl_seconds", error))?,
        Some((seconds, member)) => {
            Ttl::from_seconds(seconds, settings.max_ttl).map_err(|error| invalid(format!("/{member}"), error))?
        }
    };
    Ok(NewSecret {
        content: request.content,
        ttl,
        passphrase: passphrase(request.passphrase, "/passphrase")?,
        kind: Kind { encrypted: request.encrypted, passphrase_required: request.passphrase_required },
    })
}

pub(super) fn passphrase(
    text: Option<Zeroizing<String>>,
    pointer: &'static str,
) -> Result<Option<Passphrase>, Problem> {
    text.map(Passphrase::new).transpose().map_err(|error| invalid(pointer, error))
}

/// The root that links start with: as configured, else the host that the client asked.
pub(super) fn base_url(app: &App, request: &Request<Incoming>) -> String {
    if let Some(url) = &app.settings.public_url {
        return url.to_string();
    }
    let host = request
        .uri()
        .authority()
        .map(hyper::http::uri::Authority::as_str)
        .or_else(|| request.headers().get(header::HOST)?.to_str().ok())
        .filter(|host| host.parse::<hyper::http::uri::Authority>().is_ok_and(|parsed| !parsed.as_str().contains('@')))
        .unwrap_or("localhost");
    format!("http://{host}/")
}

/// The fields of a posted form.
pub(super) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    pub(super) async fn read(app: &App, call: Call<'_>, max: usize) -> Result<Self, Problem> {
        if !is_form(call.request) {
            return Err(Problem::new(
                Code::UnsupportedMediaType,
                "This address takes the page's form; programs use the API below /api/v1/",
            ));
        }
        let body = read(app, call.activity, call.request, max).await?;
        let fields = form_urlencoded::parse(&body.bytes);
        Ok(Self(fields.map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned()))).collect()))
    }

    /// A field's text; empty if there is none.
    pub(super) fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str())
    }
}

fn is_form(request: &Request<Incoming>) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}
