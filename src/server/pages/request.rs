//! The page of a request's link, where it is answered. Its script does all of it: what is asked for, and by which key, is sealed for whoever has
//! what stands after `#`.

use hyper::StatusCode;

use super::{
    here, html,
    templates::{AnswerPage, Here},
    texts::Texts,
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
