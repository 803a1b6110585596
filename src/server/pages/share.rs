//! The share page: what to keep and for how long, and the link. Its form is for browsers without JavaScript.

use hyper::StatusCode;
use zeroize::Zeroizing;

use super::{
    ROOT_OF_SHARE, html, language, status_of,
    templates::{self, Language, Page},
    times, values,
};
use crate::{
    api::{CreateRequest, Problem, TtlRequest},
    secret::LINK_PATH,
    server::{
        call::{App, Call},
        intake::{self, Form},
        reply::Reply,
    },
};

/// The times to live that the share page offers, in seconds, up to the server's longest.
const TTLS: [u64; 5] = [15 * 60, 3600, 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600];

/// `GET /`.
pub(in crate::server) fn get(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    let language = language(call.request.headers())?;
    Ok(share_page(app, language, StatusCode::OK, &[("state", "compose")]))
}

/// `POST /`: the share page's form, without JavaScript.
pub(in crate::server) async fn create(app: &App, call: Call<'_>) -> Result<Reply, Problem> {
    let language = language(call.request.headers())?;
    let base = intake::base_url(app, call.request);
    let form = Form::read(app, call, app.settings.max_form()).await?;
    // A browser sends the line ends of a text as CR LF.
    let content = Zeroizing::new(form.value("content").replace("\r\n", "\n").into_bytes());
    let again =
        |code: StatusCode, wrong: &str| Ok(share_page(app, language, code, &[("state", "compose"), ("wrong", wrong)]));
    if content.is_empty() {
        return again(StatusCode::UNPROCESSABLE_ENTITY, language.text("empty"));
    }
    let ttl = form.value("ttl").parse().map_or(TtlRequest::Default, TtlRequest::Seconds);
    let passphrase =
        Some(form.value("passphrase")).filter(|text| !text.is_empty()).map(|text| Zeroizing::new(text.to_owned()));
    let request = CreateRequest { content, ttl, passphrase, encrypted: false, passphrase_required: false };
    let created = match intake::new_secret(app, request) {
        Ok(secret) => app.vault.create(secret).await?,
        Err(problem) => return again(status_of(&problem), &problem.detail),
    };
    let link = Zeroizing::new(format!("{base}{LINK_PATH}{}", created.token.expose().as_str()));
    let (expires_at, expires) = times(created.expires_at);
    let values = [("state", "made"), ("link", link.as_str()), ("expires_at", &expires_at), ("expires", &expires)];
    Ok(share_page(app, language, StatusCode::CREATED, &values))
}

fn share_page(app: &App, language: &'static Language, code: StatusCode, given: &[(&str, &str)]) -> Reply {
    let settings = &app.settings;
    let (default, longest) = (settings.default_ttl.as_secs(), settings.max_ttl.as_secs());
    let mut offered: Vec<u64> = TTLS.into_iter().filter(|ttl| *ttl <= longest).chain([default]).collect();
    offered.sort_unstable();
    offered.dedup();
    let mut options = Vec::new();
    for ttl in offered {
        let known = language.text(&format!("ttl_{ttl}"));
        let words = if known.is_empty() { language.text_with("ttl_other", ttl) } else { known.to_owned() };
        let selected = if ttl == default { " selected" } else { "" };
        options.extend_from_slice(format!("<option value=\"{ttl}\"{selected}>").as_bytes());
        templates::escape(&words, &mut options);
        options.extend_from_slice(b"</option>");
    }
    let (options, max_size) = (String::from_utf8_lossy(&options), settings.max_size.to_string());
    let mut all = values(ROOT_OF_SHARE, given);
    all.extend([("ttl_options", options.as_ref()), ("max_size", max_size.as_str())]);
    html(language, Page::Share, code, &all)
}
