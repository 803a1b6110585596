//! A secret's page: what may be known of it, and the content after a click. Its form is for browsers without JavaScript.

use hyper::StatusCode;
use zeroize::Zeroizing;

use super::{
    ROOT_OF_SECRET, headers, html, language, status_of,
    templates::{Language, Page},
    times, values,
};
use crate::{
    api::Problem,
    secret::{ClaimKey, Passphrase, Token},
    server::{
        call::{App, Call},
        intake::Form,
        reply::Reply,
    },
    vault::{Status, VaultError},
};

/// The largest form of a reader: a claim, and a passphrase of 1,024 bytes, each escaped.
const MAX_FORM: usize = 8 * 1024;

/// `GET /s/{token}`: asks for the secret's status, no more.
pub(in crate::server) async fn get(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    let language = language(call.request.headers())?;
    waiting(app, language, call.parameter, StatusCode::OK, None).await
}

/// `POST /s/{token}`: the reader's click, without JavaScript.
pub(in crate::server) async fn read(app: &App, call: Call<'_>) -> Result<Reply, Problem> {
    let language = language(call.request.headers())?;
    let text = call.parameter;
    let Ok(token) = text.parse::<Token>() else { return Ok(gone(language)) };
    let form = Form::read(app, call, MAX_FORM).await?;
    let claim: Option<ClaimKey> = form.value("claim").parse().ok();
    // What is end to end is opened by a script; nothing is read without one.
    if app.vault.status(&token, claim.as_ref()).await?.is_some_and(|status| status.encrypted) {
        return waiting(app, language, text, StatusCode::OK, None).await;
    }
    let passphrase = Passphrase::new(Zeroizing::new(form.value("passphrase").to_owned())).ok();
    match app.vault.reveal(&token, claim.as_ref(), passphrase.as_ref()).await {
        Ok(None) | Err(VaultError::WrongPassphrase { left: 0 }) => Ok(gone(language)),
        Ok(Some(content)) => match std::str::from_utf8(&content.bytes) {
            Ok(shown) if !shown.contains('\0') => {
                let html =
                    language.render(Page::Secret, &values(ROOT_OF_SECRET, &[("state", "answer"), ("content", shown)]));
                Ok(headers(Reply::secret_as_page(html, content.reservation), language))
            }
            _ => Ok(Reply::secret_as_bytes(content)),
        },
        Err(VaultError::PassphraseNeeded) => waiting(app, language, text, StatusCode::FORBIDDEN, None).await,
        Err(VaultError::WrongPassphrase { left }) => {
            let wrong = language.text_with("wrong_passphrase", left);
            waiting(app, language, text, StatusCode::FORBIDDEN, Some(&wrong)).await
        }
        Err(error) => Ok(failed(language, &error.into())),
    }
}

/// The page of a secret that may be there: what it says depends on the status.
async fn waiting(
    app: &App,
    language: &'static Language,
    token: &str,
    code: StatusCode,
    wrong: Option<&str>,
) -> Result<Reply, Problem> {
    let Ok(token) = token.parse::<Token>() else { return Ok(gone(language)) };
    match app.vault.status(&token, None).await {
        Ok(Some(status)) => waiting_page(language, &status, code, wrong),
        Ok(None) => Ok(gone(language)),
        Err(error) => Ok(failed(language, &error.into())),
    }
}

fn waiting_page(
    language: &'static Language,
    status: &Status,
    code: StatusCode,
    wrong: Option<&str>,
) -> Result<Reply, Problem> {
    let hidden = |hidden: bool| if hidden { "hidden" } else { "" };
    let (expires_at, expires) = times(status.expires_at);
    let claim = ClaimKey::generate().map_err(|error| VaultError::Crypto(error.into()))?;
    let given = [
        ("state", "waiting"),
        ("encrypted", if status.encrypted { "true" } else { "false" }),
        ("expires_at", expires_at.as_str()),
        ("expires", expires.as_str()),
        ("claim", claim.expose()),
        ("form_class", if status.encrypted { "class=\"needs-script-form\"" } else { "" }),
        ("needs_script_hidden", hidden(!status.encrypted)),
        ("passphrase_hidden", hidden(!status.passphrase_required)),
        ("wrong", wrong.unwrap_or_default()),
    ];
    Ok(html(language, Page::Secret, code, &values(ROOT_OF_SECRET, &given)))
}

fn gone(language: &'static Language) -> Reply {
    html(language, Page::Secret, StatusCode::NOT_FOUND, &values(ROOT_OF_SECRET, &[("state", "gone")]))
}

fn failed(language: &'static Language, problem: &Problem) -> Reply {
    html(
        language,
        Page::Secret,
        status_of(problem),
        &values(ROOT_OF_SECRET, &[("state", "failed"), ("detail", &problem.detail)]),
    )
}
