//! A secret's page: what may be known of it, and the content after a click. Its form is for browsers without JavaScript.

use std::borrow::Cow;

use hyper::StatusCode;

use super::{
    html, problems,
    templates::{self, SecretPage, Waiting},
    texts::Texts,
    with_headers,
};
use crate::{
    api::Code,
    secret::{ClaimKey, Token},
    server::{
        call::{App, Call},
        intake,
        problem::{self, Failed},
        reply::Reply,
    },
    vault::{Content, Status, VaultError},
};

/// `GET /s/{token}`: asks for the secret's status, no more.
pub(in crate::server) async fn get(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    let text = Texts::for_reader(call.head);
    let Ok(token) = call.parameter.parse() else { return Ok(gone(text)) };
    match app.vault.status(&token, None).await {
        Ok(Some(status)) => waiting(text, &status, StatusCode::OK, ""),
        Ok(None) => Ok(gone(text)),
        Err(error) => Ok(failed(app, text, error.into())),
    }
}

/// `POST /s/{token}`: the reader's click, without JavaScript.
pub(in crate::server) async fn read(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let text = Texts::for_reader(call.head);
    let Ok(token) = call.parameter.parse::<Token>() else { return Ok(gone(text)) };
    let memory = &call.place.answers;
    let (claim, passphrase) = match intake::read_form(app, call).await {
        Ok(form) => form,
        // Only a program sends something else than the form: it is told as programs are.
        Err(problem) if problem.code == Code::UnsupportedMediaType => return Err(problem.into()),
        Err(problem) => return Ok(failed(app, text, problem.into())),
    };
    let status = match app.vault.status(&token, claim.as_ref()).await {
        Ok(Some(status)) => status,
        Ok(None) => return Ok(gone(text)),
        Err(error) => return Ok(failed(app, text, error.into())),
    };
    // What is end to end is opened by a script; nothing is read without one.
    if status.encrypted {
        return waiting(text, &status, StatusCode::OK, "");
    }
    match app.vault.reveal(&token, claim.as_ref(), passphrase.as_ref(), memory).await {
        Ok(None) | Err(VaultError::WrongPassphrase { left: 0 }) => Ok(gone(text)),
        Ok(Some(content)) => Ok(shown(text, content)),
        Err(VaultError::PassphraseNeeded) => waiting(text, &status, StatusCode::FORBIDDEN, ""),
        Err(VaultError::WrongPassphrase { left }) => {
            waiting(text, &status, StatusCode::FORBIDDEN, &text.wrong_passphrase.with(left))
        }
        Err(error) => Ok(failed(app, text, error.into())),
    }
}

/// The content on its page if it is text, else as a download.
fn shown(text: &'static Texts, content: Content) -> Reply {
    match std::str::from_utf8(content.as_ref()) {
        Ok(shown) if !shown.contains('\0') => {
            let html = templates::render(&SecretPage::answer(text, shown));
            with_headers(Reply::secret_as_page(html, &content), text)
        }
        _ => Reply::secret_as_bytes(content),
    }
}

/// The page of a secret that is there.
fn waiting(text: &'static Texts, status: &Status, code: StatusCode, wrong: &str) -> Result<Reply, Failed> {
    let claim = ClaimKey::generate().map_err(|error| VaultError::Crypto(error.into()))?;
    let known = Waiting {
        encrypted: Some(status.encrypted),
        passphrase_required: Some(status.passphrase_required),
        expires: status.expires_at.into(),
        claim: claim.expose(),
        wrong,
    };
    Ok(html(code, text, &SecretPage::waiting(text, known)))
}

fn gone(text: &'static Texts) -> Reply {
    html(StatusCode::NOT_FOUND, text, &SecretPage::gone(text))
}

fn failed(app: &App, text: &'static Texts, Failed { problem, cause }: Failed) -> Reply {
    let words = match problem.code {
        // Nothing else in a reader's form can be.
        Code::TooLarge => Cow::Borrowed(text.problem_passphrase.as_str()),
        _ => problems::words(text, &app.settings, &problem),
    };
    html(problem::status(&problem), text, &SecretPage::failed(text, &words)).because(cause)
}
