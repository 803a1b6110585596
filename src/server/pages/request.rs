//! The pages of requests: where one is answered, and where one is made and its answer collected. Their scripts do all of it: the keys stand
//! after `#`, and the server has none of them.

use hyper::StatusCode;

use super::{
    doorway, here, html,
    templates::{AnswerPage, AskPage, Here},
    texts::Texts,
    ttl,
};
use crate::{
    api::Problem,
    secret::Token,
    server::{
        call::{App, Call},
        problem::nothing_here,
        reply::Reply,
    },
};

/// `GET /r/{token}`: says the same of each, also of one that isn't there, since nobody is asked.
pub(in crate::server) fn answer(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    if call.parameter.parse::<Token>().is_err() {
        return Err(nothing_here());
    }
    let text = Texts::for_reader(call.head);
    let here = Here { closed: app.settings.creation.answers().is_err(), ..here(app, call) };
    let state = if here.closed { "closed" } else { "opening" };
    Ok(html(StatusCode::OK, text, &AnswerPage { text, here, state }))
}

/// `GET /request`. Answers are collected also where nothing is asked.
pub(in crate::server) fn ask(app: &App, call: &Call<'_>) -> Reply {
    let text = Texts::for_reader(call.head);
    let mut here = doorway(app, call);
    here.closed |= !app.settings.create_page;
    let offer = ttl::offer(&app.settings, text);
    html(StatusCode::OK, text, &AskPage { text, here, state: "compose", offer })
}
