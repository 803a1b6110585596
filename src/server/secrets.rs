//! `/api/v1/secrets`: translates between HTTP and the vault, and decides nothing.

use hyper::{HeaderMap, Request, StatusCode, body::Incoming, header};
use zeroize::Zeroizing;

use super::{
    App,
    body::{self, Bounds, Unread, Whole},
    openapi::{
        BadRequest, Failures, Forbidden, Gone, Invalid, OctetParameters, ReaderClaim, Shown, TokenInPath, TooLarge,
        WrongType,
    },
    reply::{self, Reply},
    router::Call,
};
use crate::{
    api::{
        Code, CreateRequest, Created, FieldError, IDEMPOTENCY_KEY, JSON, Malformed, OCTET_STREAM, OTS_PASSPHRASE,
        Problem, RevealRequest, SECRETS_PATH, Status, TtlRequest,
    },
    secret::{ClaimKey, Kind, LINK_PATH, Passphrase, Token, Ttl},
    vault::{Content, NewSecret},
};

/// The largest body of a reveal: a passphrase of 1,024 bytes, each escaped.
const MAX_REVEAL: usize = 8 * 1024;

#[utoipa::path(
    post,
    path = "/api/v1/secrets",
    operation_id = "create",
    summary = "Store a secret",
    tag = "secrets",
    params(
        OctetParameters,
        (
            "Ots-Passphrase" = Option<String>,
            Header,
            description = "With octet-stream only: base64url of the passphrase.",
            pattern = "^[A-Za-z0-9_-]+$"
        )
    ),
    request_body(content(
        (CreateRequest = "application/json", examples(
            ("text" = (summary = "A text for a day", value = json!({"content": "hunter2", "ttl_hours": 24}))),
            ("bytes" = (
                summary = "Bytes for a minute",
                value = json!({"content": "aHVudGVyMg==", "encoding": "base64", "ttl_seconds": 60})
            )),
            ("passphrase" = (
                summary = "With a passphrase",
                value = json!({"content": "hunter2", "passphrase": "correct horse"})
            ))
        )),
        (Vec<u8> = "application/octet-stream")
    )),
    responses(
        (
            status = 201,
            description = "Stored, and on disk.",
            body = Created,
            headers(("Location" = String, description = "The secret in the API.")),
            example = json!({
                "token": "mfrggzdfmztwq2lknnwg23tpobyxe43u",
                "expires_at": "2026-07-28T10:00:00.000Z",
                "message": "Secret stored successfully",
                "url": "https://host/s/mfrggzdfmztwq2lknnwg23tpobyxe43u"
            })
        ),
        BadRequest,
        TooLarge,
        WrongType,
        Invalid,
        Failures,
    )
)]
pub(super) async fn create(app: &App, call: Call<'_>) -> Result<Reply, Problem> {
    let base = base_url(app, call.request);
    let secret = match media_type(call.request.headers()) {
        Some(JSON) => {
            let body = read(app, call.activity, call.request, app.settings.max_json()).await?;
            let request = CreateRequest::parse(&body.bytes).map_err(malformed)?;
            drop(body);
            new_secret(app, request)?
        }
        Some(OCTET_STREAM) => {
            let request = octet_request(call.request)?;
            let mut body = read(app, call.activity, call.request, app.settings.max_size).await.map_err(|problem| {
                if problem.code == Code::TooLarge { reply::too_large(Some(app.settings.max_size)) } else { problem }
            })?;
            let content = std::mem::take(&mut body.bytes);
            if content.is_empty() {
                return Err(Problem::validation(vec![FieldError::new("", "a secret has at least one byte")]));
            }
            new_secret(app, CreateRequest { content, ..request })?
        }
        _ => {
            return Err(Problem::new(
                415,
                "Unsupported Media Type",
                Code::UnsupportedMediaType,
                "Send application/json, or application/octet-stream for the bytes themselves; not compressed",
            ));
        }
    };
    let created = app.vault.create(secret).await?;
    let token = created.token.expose();
    let body = Created {
        url: format!("{base}{LINK_PATH}{}", token.as_str()),
        token: token.as_str().to_owned(),
        expires_at: created.expires_at,
        message: Created::MESSAGE.to_owned(),
    };
    Ok(Reply::json(StatusCode::CREATED, &body)
        .with_value(header::LOCATION, format!("{SECRETS_PATH}/{}", token.as_str())))
}

#[utoipa::path(
    get,
    path = "/api/v1/secrets/{token}",
    operation_id = "read",
    summary = "Read a secret and destroy it",
    tag = "secrets",
    params(TokenInPath),
    responses(Shown, Forbidden, Gone, Failures,)
)]
pub(super) async fn get(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    if browser_asks_by_itself(call.request.headers()) {
        return Err(Problem::new(
            403,
            "Forbidden",
            Code::BrowserRequest,
            "This address reads and destroys the secret, so a browser's own request is refused and nothing was destroyed. \
             Open the link to its page instead: /s/ and the token",
        ));
    }
    let token = token(call)?;
    let content = app.vault.reveal(&token, None, None).await?.ok_or_else(Problem::gone)?;
    Ok(secret(content, call.request.headers()))
}

#[utoipa::path(
    post,
    path = "/api/v1/secrets/{token}/reveal",
    operation_id = "reveal",
    summary = "Read a secret under a claim",
    tag = "secrets",
    params(TokenInPath, ReaderClaim),
    request_body(content((Option<RevealRequest> = "application/json", example = json!({"passphrase": "correct horse"})))),
    responses(
        Shown,
        BadRequest,
        Forbidden,
        Gone,
        TooLarge,
        WrongType,
        Invalid,
        Failures,
    )
)]
pub(super) async fn reveal(app: &App, call: Call<'_>) -> Result<Reply, Problem> {
    let token = token(&call)?;
    let claim = claim(call.request.headers())?;
    let typed = media_type(call.request.headers()) == Some(JSON);
    let body = read(app, call.activity, call.request, MAX_REVEAL).await?;
    if !body.bytes.is_empty() && !typed {
        return Err(Problem::new(
            415,
            "Unsupported Media Type",
            Code::UnsupportedMediaType,
            "Send the passphrase as application/json: {\"passphrase\": \"…\"}; without one, send no body",
        ));
    }
    let request = RevealRequest::parse(&body.bytes).map_err(malformed)?;
    let passphrase = passphrase(request.passphrase, "/passphrase")?;
    let content = app.vault.reveal(&token, claim.as_ref(), passphrase.as_ref()).await?.ok_or_else(Problem::gone)?;
    Ok(secret(content, call.request.headers()))
}

#[utoipa::path(
    head,
    path = "/api/v1/secrets/{token}",
    operation_id = "exists",
    summary = "Say whether a secret is there",
    tag = "secrets",
    params(TokenInPath, ReaderClaim),
    responses(
        (status = 200, description = "It is there."),
        (status = 404, description = "Unknown, read, burned or expired."),
        (status = 422, description = "The claim can't be one."),
    )
)]
pub(super) async fn head(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    find_status(app, call).await.map(|_| Reply::empty(StatusCode::OK))
}

#[utoipa::path(
    get,
    path = "/api/v1/secrets/{token}/status",
    operation_id = "status",
    summary = "Say what may be known without reading",
    tag = "secrets",
    params(TokenInPath, ReaderClaim),
    responses(
        (
            status = 200,
            description = "It is there; to its reader also while it is being read.",
            body = Status,
            example = json!({
                "created_at": "2026-07-27T10:00:00.000Z",
                "expires_at": "2026-07-28T10:00:00.000Z",
                "size": 7,
                "encrypted": false,
                "passphrase_required": false
            })
        ),
        Gone,
        Invalid,
        Failures,
    )
)]
pub(super) async fn status(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    let status = find_status(app, call).await?;
    let body = Status {
        created_at: status.created_at,
        expires_at: status.expires_at,
        size: status.size,
        encrypted: status.encrypted,
        passphrase_required: status.passphrase_required,
    };
    Ok(Reply::json(StatusCode::OK, &body))
}

#[utoipa::path(
    delete,
    path = "/api/v1/secrets/{token}",
    operation_id = "destroy",
    summary = "Burn a secret unread, or acknowledge a read",
    tag = "secrets",
    params(TokenInPath, ReaderClaim),
    responses(
        (status = 204, description = "Gone for good."),
        Gone,
        Invalid,
        Failures,
    )
)]
pub(super) async fn delete(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    let token = token(call)?;
    let destroyed = match claim(call.request.headers())? {
        Some(claim) => app.vault.acknowledge(&token, &claim).await?,
        None => app.vault.burn(&token).await?,
    };
    if destroyed { Ok(Reply::empty(StatusCode::NO_CONTENT)) } else { Err(Problem::gone()) }
}

async fn find_status(app: &App, call: &Call<'_>) -> Result<crate::vault::Status, Problem> {
    let token = token(call)?;
    let claim = claim(call.request.headers())?;
    app.vault.status(&token, claim.as_ref()).await?.ok_or_else(Problem::gone)
}

/// A token that can't be one is as any that isn't known.
fn token(call: &Call<'_>) -> Result<Token, Problem> {
    call.parameter.parse().map_err(|_| Problem::gone())
}

fn claim(headers: &HeaderMap) -> Result<Option<ClaimKey>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let claim = value.to_str().ok().and_then(|text| text.parse().ok());
    claim.map(Some).ok_or_else(|| invalid("/headers/Idempotency-Key", crate::secret::InvalidClaimKey))
}

fn secret(content: Content, headers: &HeaderMap) -> Reply {
    if wants_bytes(headers) { Reply::secret_as_bytes(content) } else { Reply::secret_as_json(content) }
}

/// Whether the client names `application/octet-stream` and not JSON.
fn wants_bytes(headers: &HeaderMap) -> bool {
    let accepts = |wanted: &str| {
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).any(|value| {
            value
                .split(',')
                .filter_map(|range| range.split(';').next())
                .any(|range| range.trim().eq_ignore_ascii_case(wanted))
        })
    };
    accepts(OCTET_STREAM) && !accepts(JSON)
}

/// Whether a browser, a preview robot or a prefetch asks, and not a program that means to read
/// (<https://www.w3.org/TR/fetch-metadata/>): only `fetch()` and other programs are taken for that.
fn browser_asks_by_itself(headers: &HeaderMap) -> bool {
    let says = |name: &str, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.to_ascii_lowercase().contains(word))
    };
    let prefetch = says("sec-purpose", "prefetch") || says("purpose", "prefetch") || says("x-moz", "prefetch");
    let destination = headers.get("sec-fetch-dest").and_then(|value| value.to_str().ok()).unwrap_or("empty");
    prefetch || !destination.trim().eq_ignore_ascii_case("empty")
}

/// The media type that is one of ours; none for another, or when the content is compressed.
fn media_type(headers: &HeaderMap) -> Option<&'static str> {
    let plain =
        headers.get(header::CONTENT_ENCODING).is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let name = value.split(';').next()?.trim();
    [JSON, OCTET_STREAM].into_iter().find(|known| plain && known.eq_ignore_ascii_case(name))
}

pub(super) async fn read(
    app: &App,
    activity: &super::connection::Activity,
    request: &mut Request<Incoming>,
    max: usize,
) -> Result<Whole, Problem> {
    let bounds = Bounds { max, timeout: app.settings.client_timeout, budget: &app.bodies, activity };
    body::read(request, bounds).await.map_err(|unread: Unread| unread.into())
}

/// What an octet-stream's query and headers say; the content is still to come.
fn octet_request(request: &Request<Incoming>) -> Result<CreateRequest, Problem> {
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
        return Err(reply::too_large(Some(settings.max_size)));
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

fn passphrase(text: Option<Zeroizing<String>>, pointer: &'static str) -> Result<Option<Passphrase>, Problem> {
    text.map(Passphrase::new).transpose().map_err(|error| invalid(pointer, error))
}

fn invalid(pointer: impl Into<std::borrow::Cow<'static, str>>, error: impl std::error::Error) -> Problem {
    Problem::validation(vec![FieldError::new(pointer, error.to_string())])
}

fn malformed(malformed: Malformed) -> Problem {
    match malformed {
        Malformed::NotJson => Problem::new(
            400,
            "Bad Request",
            Code::BadRequest,
            "The body isn't JSON in UTF-8; nothing was stored or read",
        ),
        Malformed::Invalid(errors) => Problem::validation(errors),
    }
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
