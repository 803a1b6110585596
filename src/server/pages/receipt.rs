//! A receipt's page: what became of a secret, for whoever sent it, and a button that destroys it while it is unread. It works without a
//! script; with one it is kept up to date. The page of several receipts is a script's alone: the server never learns of which.

use hyper::StatusCode;

use super::{
    here, html, lost, problems,
    templates::{Here, ReceiptPage, ReceiptsPage, Told},
    texts::Texts,
};
use crate::{
    api::Code,
    secret::Receipt,
    server::{
        call::{App, Call},
        problem::{self, Failed},
        reply::Reply,
    },
    store::{Burnt, By, ReceiptState, Trace},
};

/// `GET /t/{receipt}`.
pub(in crate::server) async fn get(app: &App, call: &Call<'_>) -> Reply {
    let Ok(receipt) = call.parameter.parse() else { return lost::mangled(app, call) };
    Page::new(app, call).tell(app, &receipt, StatusCode::OK, "").await
}

/// `POST /t/{receipt}`: the button, without JavaScript. Nothing in the form says more.
pub(in crate::server) async fn burn(app: &App, call: &Call<'_>) -> Reply {
    let Ok(receipt) = call.parameter.parse::<Receipt>() else { return lost::mangled(app, call) };
    let page = Page::new(app, call);
    let late = &page.text.problem_too_late;
    match app.vault.burn_by_receipt(&receipt, call.caller.origin()).await {
        Ok(Burnt::Now(_) | Burnt::Withdrawn(_) | Burnt::Already) => page.tell(app, &receipt, StatusCode::OK, "").await,
        Ok(Burnt::TooLate) => page.tell(app, &receipt, StatusCode::CONFLICT, late).await.coded(Code::TooLate),
        Ok(Burnt::Unknown) => page.untold(),
        Err(error) => page.failed(app, error.into()),
    }
}

/// `GET /t/`: several of them, which stand after `#`.
pub(in crate::server) fn several(app: &App, call: &Call<'_>) -> Reply {
    let Page { text, here } = Page::new(app, call);
    html(StatusCode::OK, text, &ReceiptsPage { text, here, state: "several" })
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

    /// What there is to tell now; and that it was too `late`, to whoever was.
    async fn tell(self, app: &App, receipt: &Receipt, status: StatusCode, late: &str) -> Reply {
        match app.vault.trace(receipt).await {
            Ok(Some(trace)) => {
                let told = Told { late, ..told(self.text, &trace) };
                html(status, self.text, &ReceiptPage::told(self.text, self.here, told))
            }
            Ok(None) => self.untold(),
            Err(error) => self.failed(app, error.into()),
        }
    }

    fn untold(self) -> Reply {
        html(StatusCode::NOT_FOUND, self.text, &ReceiptPage::untold(self.text, self.here)).coded(Code::Gone)
    }

    fn failed(self, app: &App, Failed { problem, cause }: Failed) -> Reply {
        let words = problems::words(self.text, &app.settings, &problem);
        let page = ReceiptPage::failed(self.text, self.here, &words);
        html(problem::status(&problem), self.text, &page).because(cause).coded(problem.code)
    }
}

/// In words; `js/fate.js` says the same with a script. When it expires is told only as long as it can.
fn told<'a>(text: &'a Texts, trace: &Trace) -> Told<'a> {
    let mut told = Told {
        created: trace.created_at.into(),
        claimed: trace.claimed_at.into(),
        ended: trace.ended_at.into(),
        tries: trace.attempts,
        ..Told::default()
    };
    (told.title, told.why) = match trace.state {
        ReceiptState::Open => (&text.fate_open, &text.why_open),
        ReceiptState::Withdrawn => (&text.fate_withdrawn, &text.why_withdrawn),
        ReceiptState::Unread => (&text.fate_unread, &text.why_unread),
        ReceiptState::Claimed { .. } => (&text.fate_claimed, &text.why_claimed),
        ReceiptState::Delivered => (&text.fate_delivered, &text.why_delivered),
        ReceiptState::Unconfirmed => (&text.fate_unconfirmed, &text.why_unconfirmed),
        ReceiptState::Burned(By::Link) => (&text.fate_burned, &text.why_burned_link),
        ReceiptState::Burned(By::Receipt) => (&text.fate_burned, &text.why_burned_receipt),
        ReceiptState::Burned(By::Tries) => (&text.fate_burned, &text.why_burned_tries),
        ReceiptState::Expired => (&text.fate_expired, &text.why_expired),
    };
    match trace.state {
        ReceiptState::Unread => (told.expires, told.unread) = (trace.expires_at.into(), true),
        ReceiptState::Open => told.expires = trace.expires_at.into(),
        ReceiptState::Claimed { until } => told.confirmable = until.into(),
        _ => told.over = true,
    }
    told
}
