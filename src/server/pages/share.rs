//! The share page: what to keep and for how long, and the link. Its form is for browsers without JavaScript.

use std::borrow::Cow;

use hyper::StatusCode;
use zeroize::Zeroizing;

use super::{
    here, html,
    templates::{Offer, SharePage, TtlChoice},
    texts::Texts,
};
use crate::{
    secret::LINK_PATH,
    server::{
        call::{App, Call},
        intake,
        problem::{self, Failed},
        reply::Reply,
        settings::Settings,
    },
};

type Words = fn(&Texts) -> &str;

/// The times to live that the share page offers, in seconds, up to the server's longest, and how they are called.
const TTLS: [(u64, Words); 5] = [
    (15 * 60, |text| &text.ttl_900),
    (3600, |text| &text.ttl_3600),
    (24 * 3600, |text| &text.ttl_86400),
    (7 * 24 * 3600, |text| &text.ttl_604800),
    (30 * 24 * 3600, |text| &text.ttl_2592000),
];

/// `GET /`.
pub(in crate::server) fn get(app: &App, call: &Call<'_>) -> Reply {
    let text = Texts::for_reader(call.headers());
    html(StatusCode::OK, text, &SharePage::compose(text, here(app, call), offer(&app.settings, text), ""))
}

/// `POST /`: the share page's form, without JavaScript.
pub(in crate::server) async fn create(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let text = Texts::for_reader(call.headers());
    let base = call.base_url(&app.settings);
    let here = here(app, &call);
    let (content, options) = intake::share_form(app, call).await?;
    let again = |here, status: StatusCode, wrong: &str| {
        Ok(html(status, text, &SharePage::compose(text, here, offer(&app.settings, text), wrong)))
    };
    if content.is_empty() {
        return again(here, StatusCode::UNPROCESSABLE_ENTITY, &text.empty);
    }
    let created = match intake::valid(app, content, options, "/passphrase") {
        Ok(secret) => app.vault.create(secret).await?,
        Err(problem) => return again(here, problem::status(&problem), &problem.detail),
    };
    let link = Zeroizing::new(format!("{base}{LINK_PATH}{}", created.token.expose().as_str()));
    let page = SharePage::made(text, here, offer(&app.settings, text), &link, created.expires_at.into());
    Ok(html(StatusCode::CREATED, text, &page))
}

fn offer(settings: &Settings, text: &'static Texts) -> Offer<'static> {
    let (default, longest) = (settings.default_ttl.duration().as_secs(), settings.max_ttl.as_secs());
    let mut offered: Vec<u64> =
        TTLS.iter().map(|(seconds, _)| *seconds).filter(|seconds| *seconds <= longest).chain([default]).collect();
    offered.sort_unstable();
    offered.dedup();
    let choice = |seconds| {
        let words = TTLS.iter().find(|(known, _)| *known == seconds).map(|(_, words)| words(text));
        let words = words.map_or_else(|| Cow::Owned(text.ttl_other.with(seconds)), Cow::Borrowed);
        TtlChoice { seconds, words, selected: seconds == default }
    };
    Offer { max_size: settings.max_size, ttls: offered.into_iter().map(choice).collect() }
}
