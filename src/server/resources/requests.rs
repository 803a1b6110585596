//! `/api/v1/requests`: somebody asks for a secret, and somebody answers, once.

use data_encoding::BASE64;
use hyper::{HeaderMap, StatusCode, header};

use crate::{
    api::{Answered, Code, FieldError, OTS_COLLECTING_TOKEN, Problem, REQUESTS_PATH, RequestOpened, RequestStatus},
    audit::Origin,
    secret::{RECEIPT_PATH, REQUEST_PATH, Token},
    server::{
        call::{App, Call},
        intake::{self, owner_of},
        problem::{Failed, denied},
        reply::Reply,
    },
    vault::Invitation,
};

pub(in crate::server) async fn open(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let base = call.base_url(app);
    let permitted = call.permission(app)?;
    let owner = owner_of(&call.caller, &permitted.creator);
    let origin = Origin { creator: permitted.creator.name(), ..call.caller.origin() };
    let request = intake::new_request(app, call, &permitted).await?;
    let notifies = request.notify.is_some();
    let opened = app.vault.open_request(request, owner.as_ref(), origin).await?;
    let (token, receipt) = (opened.token.expose(), opened.receipt.expose());
    let body = RequestOpened {
        token: token.as_str().to_owned(),
        collecting_token: opened.collecting_token.expose().as_str().to_owned(),
        expires_at: opened.expires_at,
        url: format!("{base}{REQUEST_PATH}{}", token.as_str()),
        receipt_url: format!("{base}{RECEIPT_PATH}{}", receipt.as_str()),
        receipt: receipt.as_str().to_owned(),
        name: notifies.then(|| app.vault.name_of(opened.token.request_id())).transpose()?,
        answer_name: notifies.then(|| app.vault.name_of(opened.collecting_token.id())).transpose()?,
    };
    Ok(Reply::json(StatusCode::CREATED, &body)
        .with_value(header::LOCATION, format!("{REQUESTS_PATH}/{}", token.as_str())))
}

pub(in crate::server) async fn get(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    let Invitation { invitation, max_size, created_at, expires_at } = find(app, call, &token(call)?).await?;
    let invitation = BASE64.encode(invitation.as_ref());
    Ok(Reply::json(StatusCode::OK, &RequestStatus { invitation, max_size, created_at, expires_at }))
}

pub(in crate::server) async fn answer(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    app.settings.creation.answers().map_err(denied)?;
    let (token, origin, memory) = (token(&call)?, call.caller.origin(), &call.place.answers);
    let Invitation { max_size, .. } = find(app, &call, &token).await?;
    let answer = intake::answer(app, call, usize::try_from(max_size).unwrap_or(usize::MAX)).await?;
    let expires_at = app.vault.answer(&token, answer, memory, origin).await?.ok_or_else(unknown)?;
    Ok(Reply::json(StatusCode::CREATED, &Answered { expires_at }))
}

pub(in crate::server) async fn withdraw(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    let (token, collecting) = (token(call)?, collecting_token(call.headers())?);
    let withdrawn = app.vault.withdraw(&token, &collecting, &call.place.answers, call.caller.origin()).await?;
    if withdrawn { Ok(Reply::empty(StatusCode::NO_CONTENT)) } else { Err(unknown().into()) }
}

async fn find(app: &App, call: &Call<'_>, token: &Token) -> Result<Invitation, Failed> {
    Ok(app.vault.invitation(token, &call.place.answers).await?.ok_or_else(unknown)?)
}

/// A token that can't be one is as any that isn't known.
fn token(call: &Call<'_>) -> Result<Token, Problem> {
    call.parameter.parse().map_err(|_| unknown())
}

/// Not in the path, which a proxy may log: whoever has it collects the answer, but for its proof.
fn collecting_token(headers: &HeaderMap) -> Result<Token, Problem> {
    let mut values = headers.get_all(OTS_COLLECTING_TOKEN).iter();
    let only = values.next().filter(|_| values.next().is_none());
    only.and_then(|value| value.to_str().ok()?.parse().ok()).ok_or_else(|| {
        let detail = "only whoever made the request takes it back: send its collecting token, once";
        Problem::validation(vec![FieldError::new("/headers/Ots-Collecting-Token", detail)])
    })
}

fn unknown() -> Problem {
    Problem::new(Code::Gone, "Request not found, already answered, taken back, or expired")
}
