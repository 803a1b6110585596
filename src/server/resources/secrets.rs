//! `/api/v1/secrets`: translates between HTTP and the vault, and decides nothing.

use hyper::{HeaderMap, StatusCode, header};

use crate::{
    api::{Code, CreateRequest, Created, JSON, OCTET_STREAM, Problem, RevealRequest, SECRETS_PATH, Status},
    memory::Buffer,
    secret::LINK_PATH,
    server::{
        call::{App, Call},
        intake::{self, claim, new_secret, token},
        negotiate::Accepted,
        openapi::{
            BadRequest, Failures, Forbidden, Gone, Invalid, OctetParameters, ReaderClaim, Shown, TokenInPath, TooLarge,
            WrongType,
        },
        reply::Reply,
    },
};

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
pub(in crate::server) async fn create(app: &App, call: Call<'_>) -> Result<Reply, Problem> {
    let base = call.base_url(&app.settings);
    let created = app.vault.create(new_secret(app, call).await?).await?;
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
pub(in crate::server) async fn get(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    if browser_asks_by_itself(call.headers()) {
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
    Ok(secret(content, call.headers()))
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
pub(in crate::server) async fn reveal(app: &App, call: Call<'_>) -> Result<Reply, Problem> {
    let token = token(&call)?;
    let head = call.head;
    let claim = claim(&head.headers)?;
    let passphrase = intake::reveal(app, call).await?;
    let content = app.vault.reveal(&token, claim.as_ref(), passphrase.as_ref()).await?.ok_or_else(Problem::gone)?;
    Ok(secret(content, &head.headers))
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
pub(in crate::server) async fn head(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
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
pub(in crate::server) async fn status(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
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
pub(in crate::server) async fn delete(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    let token = token(call)?;
    let destroyed = match claim(call.headers())? {
        Some(claim) => app.vault.acknowledge(&token, &claim).await?,
        None => app.vault.burn(&token).await?,
    };
    if destroyed { Ok(Reply::empty(StatusCode::NO_CONTENT)) } else { Err(Problem::gone()) }
}

async fn find_status(app: &App, call: &Call<'_>) -> Result<crate::vault::Status, Problem> {
    let token = token(call)?;
    let claim = claim(call.headers())?;
    app.vault.status(&token, claim.as_ref()).await?.ok_or_else(Problem::gone)
}

fn secret(content: Buffer, headers: &HeaderMap) -> Reply {
    if wants_bytes(headers) { Reply::secret_as_bytes(content) } else { Reply::secret_as_json(content) }
}

/// Whether the client likes `application/octet-stream` better than JSON, or says it by name and not JSON.
fn wants_bytes(headers: &HeaderMap) -> bool {
    let accepted = Accepted::read(headers, header::ACCEPT);
    accepted.best(&[JSON, OCTET_STREAM]) == Some(OCTET_STREAM) || accepted.names(OCTET_STREAM) && !accepted.names(JSON)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_for_those_who_ask_for_them() {
        for (accept, bytes) in [
            ("application/octet-stream", true),
            ("Application/Octet-Stream; q=0.1", true),
            ("application/octet-stream, application/json", false),
            ("application/octet-stream, application/json;q=0.5", true),
            ("application/octet-stream;q=0.5, application/json", false),
            ("application/octet-stream;q=0.5, */*", true),
            ("application/octet-stream;q=0", false),
            ("application/json;q=0, */*", true),
            ("application/json", false),
            ("application/json, text/plain, */*", false),
            ("text/html,application/xhtml+xml,*/*;q=0.8", false),
            ("application/*", false),
            ("*/*", false),
            ("text/html", false),
            ("", false),
        ] {
            let headers = [(header::ACCEPT, accept.parse().unwrap())].into_iter().collect();
            assert_eq!(wants_bytes(&headers), bytes, "{accept}");
        }
        assert!(!wants_bytes(&HeaderMap::new()));
    }
}
