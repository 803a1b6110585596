//! The page of a request's link: how to answer it.

use std::sync::Arc;

use hyper::StatusCode;

use super::{html, templates::LostPage, texts::Texts};
use crate::{
    api::Problem,
    secret::Token,
    server::{
        call::{App, Call},
        problem::nothing_here,
        reply::Reply,
    },
};

/// Says the same of each, also of one that isn't there: nobody is asked.
pub(in crate::server) fn get(app: &App, call: &Call<'_>) -> Result<Reply, Problem> {
    if call.parameter.parse::<Token>().is_err() {
        return Err(nothing_here());
    }
    let text = Texts::for_reader(call.head);
    Ok(html(StatusCode::OK, text, &LostPage::request(text, Arc::clone(&app.settings.face), call.head.uri.path())))
}
