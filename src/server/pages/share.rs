//! The share page: what to keep and for how long, and the link. Its form is for browsers without JavaScript.

use hyper::StatusCode;
use zeroize::Zeroizing;

use super::{
    doorway, html, problems,
    templates::{Made, SharePage, Typed},
    texts::Texts,
    ttl,
};
use crate::{
    api::{Code, TtlRequest},
    audit::Origin,
    secret::{LINK_PATH, MIN_TTL, RECEIPT_PATH},
    server::{
        call::{App, Call},
        intake::{self, ShareForm},
        problem::{self, Failed},
        reply::Reply,
    },
};

/// `GET /`.
pub(in crate::server) fn get(app: &App, call: &Call<'_>) -> Reply {
    let text = Texts::for_reader(call.head);
    html(
        StatusCode::OK,
        text,
        &SharePage::compose(text, doorway(app, call), ttl::offer(&app.settings, text), "", Typed::default()),
    )
}

/// `POST /`: the share page's form, without JavaScript.
pub(in crate::server) async fn create(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let text = Texts::for_reader(call.head);
    let (base, origin) = (call.base_url(app), call.caller.origin());
    let here = doorway(app, &call);
    let caller = call.caller;
    let again = |here, status: StatusCode, wrong: &str| {
        let offer = ttl::offer(&app.settings, text);
        html(status, text, &SharePage::compose(text, here, offer, wrong, Typed::default()))
    };
    let failed = |here, Failed { problem, cause }: Failed| {
        again(here, problem::status(&problem), &problems::words(text, &app.settings, &problem))
            .because(cause)
            .coded(problem.code)
    };
    let ShareForm { content, options, permission } = match intake::share_form(app, call).await {
        Ok(form) => form,
        // Only a program sends something else than the form: it is told as programs are.
        Err(problem) if problem.code == Code::UnsupportedMediaType => return Err(problem.into()),
        Err(problem) => return Ok(failed(here, problem.into())),
    };
    if content.is_empty() {
        return Ok(again(here, StatusCode::UNPROCESSABLE_ENTITY, &text.empty).coded(Code::Validation));
    }
    if is_missing(options.ttl) {
        return Ok(again(here, StatusCode::UNPROCESSABLE_ENTITY, &text.ttl_missing).coded(Code::Validation));
    }
    let permitted = match permission {
        Ok(permitted) => permitted,
        // Whoever mistyped a key has lost nothing of what it was for.
        Err(problem) => {
            let typed = Typed {
                content: std::str::from_utf8(content.as_ref()).unwrap_or_default(),
                passphrase: options.passphrase.as_deref().map_or("", String::as_str),
            };
            let words = problems::words(text, &app.settings, &problem);
            let offer = ttl::offer_again(&app.settings, text, options.ttl);
            let page = SharePage::compose(text, here, offer, &words, typed);
            return Ok(html(problem::status(&problem), text, &page).coded(problem.code));
        }
    };
    let secret = match intake::valid(app, &permitted, content, options, "/passphrase") {
        Ok(secret) => secret,
        Err(problem) => return Ok(failed(here, problem.into())),
    };
    let needs_passphrase = secret.passphrase.is_some();
    let origin = Origin { creator: permitted.creator.name(), ..origin };
    let owner = intake::owner_of(&caller, &permitted.creator);
    let created = match app.vault.create(secret, owner.as_ref(), origin).await {
        Ok(created) => created,
        Err(error) => return Ok(failed(here, error.into())),
    };
    let link = Zeroizing::new(format!("{base}{LINK_PATH}{}", created.token.expose().as_str()));
    let offer = ttl::offer(&app.settings, text);
    let receipt = created.receipt.map(|receipt| receipt.expose());
    let receipt = receipt.map(|receipt| Zeroizing::new(format!("{base}{RECEIPT_PATH}{}", receipt.as_str())));
    let receipt = receipt.as_deref().map_or("", String::as_str);
    let made = Made { link: &link, receipt, expires: created.expires_at.into(), needs_passphrase };
    let page = SharePage::made(text, here, offer, made);
    Ok(html(StatusCode::CREATED, text, &page))
}

/// Whether a time of the sender's own isn't one.
fn is_missing(ttl: TtlRequest) -> bool {
    ttl.seconds().is_some_and(|(seconds, _)| seconds.is_nan() || seconds < MIN_TTL.as_secs_f64())
}
