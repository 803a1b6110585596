//! `/api/v1/secrets`: translates between HTTP and the vault, and decides nothing.

use hyper::{HeaderMap, StatusCode, header};

use crate::server::{
    call::{App, Call},
    intake::{base_url, claim, media_type, new_secret, octet_request, passphrase, read, token},
    problem::{Failed, malformed, too_large},
    reply::Reply,
};
use crate::{
    api::{Code, CreateRequest, Created, FieldError, JSON, OCTET_STREAM, Problem, RevealRequest, SECRETS_PATH, Status},
    secret::LINK_PATH,
    vault::Content,
};

/// The largest body of a reveal: a passphrase of 1,024 bytes, each escaped.
const MAX_REVEAL: usize = 8 * 1024;

pub(in crate::server) async fn create(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
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
                if problem.code == Code::TooLarge { too_large(Some(app.settings.max_size)) } else { problem }
            })?;
            let content = std::mem::take(&mut body.bytes);
            if content.is_empty() {
                return Err(Problem::validation(vec![FieldError::new("", "a secret has at least one byte")]).into());
            }
            new_secret(app, CreateRequest { content, ..request })?
        }
        _ => {
            return Err(Problem::new(
                Code::UnsupportedMediaType,
                "Send application/json, or application/octet-stream for the bytes themselves; not compressed",
            )
            .into());
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

pub(in crate::server) async fn get(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    if browser_asks_by_itself(call.request.headers()) {
        return Err(Problem::new(
            Code::BrowserRequest,
            "This address reads and destroys the secret, so a browser's own request is refused and nothing was destroyed. \
             Open the link to its page instead: /s/ and the token",
        )
        .into());
    }
    let token = token(call)?;
    let content = app.vault.reveal(&token, None, None).await?.ok_or_else(Problem::gone)?;
    Ok(secret(content, call.request.headers()))
}

pub(in crate::server) async fn reveal(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let token = token(&call)?;
    let claim = claim(call.request.headers())?;
    let typed = media_type(call.request.headers()) == Some(JSON);
    let body = read(app, call.activity, call.request, MAX_REVEAL).await?;
    if !body.bytes.is_empty() && !typed {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Send the passphrase as application/json: {\"passphrase\": \"…\"}; without one, send no body",
        )
        .into());
    }
    let request = RevealRequest::parse(&body.bytes).map_err(malformed)?;
    let passphrase = passphrase(request.passphrase, "/passphrase")?;
    let content = app.vault.reveal(&token, claim.as_ref(), passphrase.as_ref()).await?.ok_or_else(Problem::gone)?;
    Ok(secret(content, call.request.headers()))
}

pub(in crate::server) async fn head(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    find_status(app, call).await.map(|_| Reply::empty(StatusCode::OK))
}

pub(in crate::server) async fn status(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
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

pub(in crate::server) async fn delete(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    let token = token(call)?;
    let destroyed = match claim(call.request.headers())? {
        Some(claim) => app.vault.acknowledge(&token, &claim).await?,
        None => app.vault.burn(&token).await?,
    };
    if destroyed { Ok(Reply::empty(StatusCode::NO_CONTENT)) } else { Err(Problem::gone().into()) }
}

async fn find_status(app: &App, call: &Call<'_>) -> Result<crate::vault::Status, Failed> {
    let token = token(call)?;
    let claim = claim(call.request.headers())?;
    Ok(app.vault.status(&token, claim.as_ref()).await?.ok_or_else(Problem::gone)?)
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
