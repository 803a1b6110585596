//! `/api/v1/secrets`: translates between HTTP and the vault, and decides nothing.

use hyper::{HeaderMap, StatusCode, header};

use crate::{
    api::{Code, Created, JSON, OCTET_STREAM, Problem, SECRETS_PATH, Status},
    audit::Origin,
    secret::{LINK_PATH, RECEIPT_PATH, Receipt},
    server::{
        call::{App, Call},
        intake::{self, claim, new_secret, owner_of, token},
        negotiate::Accepted,
        problem::Failed,
        reply::Reply,
    },
    vault::Content,
};

pub(in crate::server) async fn create(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let base = call.base_url(app);
    let permitted = call.permission(app)?;
    let owner = owner_of(&call.caller, &permitted.creator);
    let origin = Origin { creator: permitted.creator.name(), ..call.caller.origin() };
    let secret = new_secret(app, call, &permitted).await?;
    let notifies = secret.notify.is_some();
    let created = app.vault.create(secret, owner.as_ref(), origin).await?;
    tracing::debug!(by = %permitted.creator, "stored");
    let token = created.token.expose();
    let receipt = created.receipt.as_ref().map(Receipt::expose);
    let body = Created {
        url: format!("{base}{LINK_PATH}{}", token.as_str()),
        token: token.as_str().to_owned(),
        expires_at: created.expires_at,
        message: Created::MESSAGE.to_owned(),
        receipt_url: receipt.as_ref().map(|receipt| format!("{base}{RECEIPT_PATH}{}", receipt.as_str())),
        receipt: receipt.map(|receipt| receipt.as_str().to_owned()),
        name: notifies.then(|| app.vault.name_of(created.token.id())).transpose()?,
    };
    Ok(Reply::json(StatusCode::CREATED, &body)
        .with_value(header::LOCATION, format!("{SECRETS_PATH}/{}", token.as_str())))
}

pub(in crate::server) async fn get(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    if browser_asks_by_itself(call.headers()) {
        return Err(Problem::new(
            Code::BrowserRequest,
            "This address reads and destroys the secret, so a browser's own request is refused and nothing was destroyed. \
             Open the link to its page instead: /s/ and the token",
        )
        .into());
    }
    let token = token(call)?;
    let content = app
        .vault
        .reveal(&token, None, None, &call.place.answers, call.caller.origin())
        .await?
        .ok_or_else(Problem::gone)?;
    Ok(secret(content, call.headers()))
}

pub(in crate::server) async fn reveal(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let token = token(&call)?;
    let (head, memory, origin) = (call.head, &call.place.answers, call.caller.origin());
    let claim = claim(&head.headers)?;
    let passphrase = intake::reveal(app, call).await?;
    let content = app.vault.reveal(&token, claim.as_ref(), passphrase.as_ref(), memory, origin).await?;
    Ok(secret(content.ok_or_else(Problem::gone)?, &head.headers))
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
    let (token, origin) = (token(call)?, call.caller.origin());
    let destroyed = match claim(call.headers())? {
        Some(claim) => app.vault.acknowledge(&token, &claim, origin).await?,
        None => app.vault.burn(&token, origin).await?,
    };
    if destroyed { Ok(Reply::empty(StatusCode::NO_CONTENT)) } else { Err(Problem::gone().into()) }
}

async fn find_status(app: &App, call: &Call<'_>) -> Result<crate::vault::Status, Failed> {
    let token = token(call)?;
    let claim = claim(call.headers())?;
    Ok(app.vault.status(&token, claim.as_ref()).await?.ok_or_else(Problem::gone)?)
}

fn secret(content: Content, headers: &HeaderMap) -> Reply {
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
