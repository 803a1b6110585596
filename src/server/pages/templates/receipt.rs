//! What receipts' pages are filled with.

use askama::Template;

use super::{Here, Moment};
use crate::server::pages::{assets::VERSION, texts::Texts};

/// A receipt's page: what became of a secret.
#[derive(Template)]
#[template(path = "receipt.html")]
pub(in crate::server::pages) struct ReceiptPage<'a> {
    text: &'a Texts,
    here: Here,
    state: &'static str,
    told: Told<'a>,
    detail: &'a str,
}

/// What a receipt tells, in words. A time that there isn't is left empty.
#[derive(Default)]
pub(in crate::server::pages) struct Told<'a> {
    pub(in crate::server::pages) title: &'a str,
    pub(in crate::server::pages) why: &'a str,
    pub(in crate::server::pages) created: Moment,
    pub(in crate::server::pages) expires: Moment,
    pub(in crate::server::pages) claimed: Moment,
    /// Until when its reader can say that it has arrived.
    pub(in crate::server::pages) confirmable: Moment,
    pub(in crate::server::pages) ended: Moment,
    /// Wrong passphrases.
    pub(in crate::server::pages) tries: u32,
    /// Whether it can be destroyed.
    pub(in crate::server::pages) unread: bool,
    /// Whether nothing more can become of it.
    pub(in crate::server::pages) over: bool,
    /// What is said to whoever was too late to destroy it.
    pub(in crate::server::pages) late: &'a str,
}

impl<'a> ReceiptPage<'a> {
    fn new(text: &'a Texts, here: Here, state: &'static str) -> Self {
        Self { text, here, state, told: Told::default(), detail: "" }
    }

    pub(in crate::server::pages) fn told(text: &'a Texts, here: Here, told: Told<'a>) -> Self {
        Self { told, ..Self::new(text, here, "told") }
    }

    /// There is no such receipt, or no longer.
    pub(in crate::server::pages) fn untold(text: &'a Texts, here: Here) -> Self {
        Self::new(text, here, "untold")
    }

    pub(in crate::server::pages) fn failed(text: &'a Texts, here: Here, detail: &'a str) -> Self {
        Self { detail, ..Self::new(text, here, "failed") }
    }
}

/// The page of several receipts, which only its script knows: they stand after `#`.
#[derive(Template)]
#[template(path = "receipts.html")]
pub(in crate::server::pages) struct ReceiptsPage<'a> {
    pub(in crate::server::pages) text: &'a Texts,
    pub(in crate::server::pages) here: Here,
    pub(in crate::server::pages) state: &'static str,
}
