//! A secret's page: what may be known of it, and the content after a click. Its form is for browsers without JavaScript.

use std::borrow::Cow;

use hyper::StatusCode;

use super::{
    here, html, lost, problems,
    templates::{self, Here, SecretPage, Waiting},
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
    let page = Page::new(app, call);
    let Ok(token) = call.parameter.parse() else { return Ok(lost::mangled(app, call)) };
    match app.vault.status(&token, None).await {
        Ok(Some(status)) => page.waiting(&status, StatusCode::OK, ""),
        Ok(None) => Ok(page.gone()),
        Err(error) => Ok(page.failed(app, error.into())),
    }
}

/// `POST /s/{token}`: the reader's click, without JavaScript.
pub(in crate::server) async fn read(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let page = Page::new(app, &call);
    let text = page.text;
    let Ok(token) = call.parameter.parse::<Token>() else { return Ok(lost::mangled(app, &call)) };
    let (memory, origin) = (&call.place.answers, call.caller.origin());
    let (claim, passphrase) = match intake::read_form(app, call).await {
        Ok(form) => form,
        // Only a program sends something else than the form: it is told as programs are.
        Err(problem) if problem.code == Code::UnsupportedMediaType => return Err(problem.into()),
        Err(problem) => return Ok(page.failed(app, problem.into())),
    };
    let status = match app.vault.status(&token, claim.as_ref()).await {
        Ok(Some(status)) => status,
        Ok(None) => return Ok(page.gone()),
        Err(error) => return Ok(page.failed(app, error.into())),
    };
    // What is end to end is opened by a script; nothing is read without one.
    if status.encrypted {
        return page.waiting(&status, StatusCode::OK, "");
    }
    match app.vault.reveal(&token, claim.as_ref(), passphrase.as_ref(), memory, origin).await {
        Ok(None) => Ok(page.gone()),
        Err(VaultError::WrongPassphrase { left: 0 }) => Ok(page.burned()),
        Ok(Some(content)) => Ok(page.shown(content)),
        Err(VaultError::PassphraseNeeded) => page
            .waiting(&status, StatusCode::FORBIDDEN, &text.passphrase_empty)
            .map(|reply| reply.coded(Code::PassphraseRequired)),
        Err(VaultError::WrongPassphrase { left }) => page
            .waiting(&status, StatusCode::FORBIDDEN, &text.wrong_passphrase.with(left))
            .map(|reply| reply.coded(Code::WrongPassphrase)),
        Err(error) => Ok(page.failed(app, error.into())),
    }
}

/// The page of one request, in its states.
struct Page {
    text: &'static Texts,
    here: Here,
}

impl Page {
    fn new(app: &App, call: &Call<'_>) -> Self {
        Self { text: Texts::for_reader(call.head), here: here(app, call) }
    }

    /// The content on its page if it is text, else as a download.
    fn shown(self, content: Content) -> Reply {
        match std::str::from_utf8(content.as_ref()) {
            Ok(shown) if !shown.contains('\0') => {
                let html = templates::render(&SecretPage::answer(self.text, self.here, shown));
                with_headers(Reply::secret_as_page(html, &content), self.text)
            }
            _ => Reply::secret_as_bytes(content),
        }
    }

    /// The page of a secret that is there.
    fn waiting(self, status: &Status, code: StatusCode, wrong: &str) -> Result<Reply, Failed> {
        let claim = ClaimKey::generate().map_err(|error| VaultError::Crypto(error.into()))?;
        let known = Waiting {
            encrypted: Some(status.encrypted),
            passphrase_required: Some(status.passphrase_required),
            expires: status.expires_at.into(),
            claim: claim.expose(),
            wrong,
        };
        Ok(html(code, self.text, &SecretPage::waiting(self.text, self.here, known)))
    }

    fn gone(self) -> Reply {
        html(StatusCode::NOT_FOUND, self.text, &SecretPage::gone(self.text, self.here)).coded(Code::Gone)
    }

    fn burned(self) -> Reply {
        html(StatusCode::NOT_FOUND, self.text, &SecretPage::burned(self.text, self.here)).coded(Code::WrongPassphrase)
    }

    fn failed(self, app: &App, Failed { problem, cause }: Failed) -> Reply {
        let words = match problem.code {
            // Nothing else in a reader's form can be.
            Code::TooLarge => Cow::Borrowed(self.text.problem_passphrase.as_str()),
            _ => problems::words(self.text, &app.settings, &problem),
        };
        let page = SecretPage::failed(self.text, self.here, &words);
        html(problem::status(&problem), self.text, &page).because(cause).coded(problem.code)
    }
}
