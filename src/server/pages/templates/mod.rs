//! The pages' markup (`src/web/`) and what goes into it. The template crate checks both when they are compiled: a value that
//! is missing doesn't build. It escapes every value. [`receipt`] has those of receipts.

mod receipt;

use std::{borrow::Cow, fmt, sync::Arc};

use askama::Template;
use jiff::Timestamp;
use zeroize::Zeroizing;

pub(super) use self::receipt::{ReceiptPage, ReceiptsPage, Told};
use super::{assets::VERSION, texts::Texts};
use crate::server::face::Face;

/// What a page says of the server that it comes from.
#[derive(Default)]
pub(super) struct Here {
    /// Where the server's root is, seen from this page: the server may be below any path.
    pub(super) root: String,
    /// Its name, as far as it knows.
    pub(super) host: String,
    /// Whether the operator gave that name (`--public-url`): else the page goes by the address that it is at.
    pub(super) named: bool,
    /// How long a claimed secret is kept for its reader, in seconds.
    pub(super) lease: u64,
    /// What its operator has it say.
    pub(super) face: Arc<Face>,
    /// Whether nobody shares here; only the pages that make something say so.
    pub(super) closed: bool,
    /// Whether whoever looks at it needs a key to share; only those pages ask for one.
    pub(super) key_needed: bool,
}

impl Here {
    /// As of a page at this path.
    pub(super) fn at(path: &str, face: &Arc<Face>) -> Self {
        Self { root: root_of(path), face: Arc::clone(face), ..Self::default() }
    }

    fn face(&self) -> &Face {
        &self.face
    }
}

/// What was typed in a form that is given back.
#[derive(Default)]
pub(super) struct Typed<'a> {
    pub(super) content: &'a str,
    pub(super) passphrase: &'a str,
}

/// The share page. Scripts go from view to view, so all of them are there; what the others need is left empty.
#[derive(Template)]
#[template(path = "share.html")]
pub(super) struct SharePage<'a> {
    text: &'a Texts,
    here: Here,
    state: &'static str,
    offer: Offer<'a>,
    wrong: &'a str,
    typed: Typed<'a>,
    made: Made<'a>,
}

/// What the share page shows of what was made.
#[derive(Default)]
pub(super) struct Made<'a> {
    pub(super) link: &'a str,
    /// Its receipt's link; empty if it has none.
    pub(super) receipt: &'a str,
    pub(super) expires: Moment,
    pub(super) needs_passphrase: bool,
}

/// What can be shared here, and for how long.
pub(super) struct Offer<'a> {
    pub(super) max_size: usize,
    pub(super) ttls: Vec<Choice<'a>>,
    /// What another time can be counted in; none where every unit is too long.
    pub(super) units: Vec<Choice<'a>>,
    /// Seconds that a secret is kept at most, and what is said of more.
    pub(super) longest: u64,
    pub(super) too_long: String,
}

/// One of several times.
pub(super) struct Choice<'a> {
    pub(super) seconds: u64,
    pub(super) words: Cow<'a, str>,
    pub(super) selected: bool,
}

impl<'a> SharePage<'a> {
    /// Asks what to share; says what is `wrong` with what was sent before, and gives back what was `typed`.
    pub(super) fn compose(text: &'a Texts, here: Here, offer: Offer<'a>, wrong: &'a str, typed: Typed<'a>) -> Self {
        Self { text, here, state: "compose", offer, wrong, typed, made: Made::default() }
    }

    /// Shows the link.
    pub(super) fn made(text: &'a Texts, here: Here, offer: Offer<'a>, made: Made<'a>) -> Self {
        Self { text, here, state: "made", offer, wrong: "", typed: Typed::default(), made }
    }
}

/// A secret's page; its views are as those of the share page.
#[derive(Template)]
#[template(path = "secret.html")]
pub(super) struct SecretPage<'a> {
    text: &'a Texts,
    here: Here,
    state: &'static str,
    waiting: Waiting<'a>,
    content: &'a str,
    detail: &'a str,
}

/// What is known of a secret that waits; nothing of one that doesn't.
#[derive(Default)]
pub(super) struct Waiting<'a> {
    pub(super) encrypted: Option<bool>,
    pub(super) passphrase_required: Option<bool>,
    pub(super) expires: Moment,
    pub(super) claim: &'a str,
    /// What is wrong with the passphrase that was sent.
    pub(super) wrong: &'a str,
}

impl<'a> SecretPage<'a> {
    fn new(text: &'a Texts, here: Here, state: &'static str) -> Self {
        Self { text, here, state, waiting: Waiting::default(), content: "", detail: "" }
    }

    pub(super) fn waiting(text: &'a Texts, here: Here, waiting: Waiting<'a>) -> Self {
        Self { waiting, ..Self::new(text, here, "waiting") }
    }

    /// Shows the content.
    pub(super) fn answer(text: &'a Texts, here: Here, content: &'a str) -> Self {
        Self { content, ..Self::new(text, here, "answer") }
    }

    pub(super) fn gone(text: &'a Texts, here: Here) -> Self {
        Self::new(text, here, "gone")
    }

    /// The last wrong passphrase destroyed it.
    pub(super) fn burned(text: &'a Texts, here: Here) -> Self {
        Self::new(text, here, "burned")
    }

    pub(super) fn failed(text: &'a Texts, here: Here, detail: &'a str) -> Self {
        Self { detail, ..Self::new(text, here, "failed") }
    }

    /// Whether the form can be sent without a script: only that of a secret that the server can read.
    fn native(&self) -> bool {
        self.waiting.encrypted == Some(false)
    }
}

/// What a browser gets in place of what isn't there, or can't be answered.
#[derive(Template)]
#[template(path = "lost.html")]
pub(super) struct LostPage<'a> {
    text: &'a Texts,
    here: Here,
    state: &'static str,
    detail: &'a str,
    /// Whether a `#` was escaped in its address, once or more often.
    escaped: bool,
}

impl<'a> LostPage<'a> {
    /// The path isn't that of a link, or not of a whole one.
    pub(super) fn mangled(text: &'a Texts, here: Here, path: &str) -> Self {
        let escaped = path.contains("%23") || path.contains("%2523");
        Self { text, here, state: "mangled", detail: "", escaped }
    }

    pub(super) fn failed(text: &'a Texts, here: Here, detail: &'a str) -> Self {
        Self { text, here, state: "failed", detail, escaped: false }
    }
}

/// The page of a request's link, which answers it. Only its script knows what is asked for: the key to that stands after `#`.
#[derive(Template)]
#[template(path = "answer.html")]
pub(super) struct AnswerPage<'a> {
    pub(super) text: &'a Texts,
    pub(super) here: Here,
    pub(super) state: &'static str,
}

/// The page that makes a request and collects its answer.
#[derive(Template)]
#[template(path = "request.html")]
pub(super) struct AskPage<'a> {
    pub(super) text: &'a Texts,
    pub(super) here: Here,
    pub(super) state: &'static str,
    pub(super) offer: Offer<'a>,
}

/// The way from a path to the root, as a browser goes it.
fn root_of(path: &str) -> String {
    /// Beyond it nobody's link goes, and a page shouldn't grow with its address.
    const DEEPEST: usize = 16;
    match path.matches('/').count() {
        0 | 1 => "./".to_owned(),
        depth if depth <= DEEPEST => "../".repeat(depth - 1),
        _ => "/".to_owned(),
    }
}

/// A time for programs, and for people who have no script that puts it into their own zone.
#[derive(Default)]
pub(super) struct Moment {
    exact: String,
    readable: String,
}

impl Moment {
    fn is_known(&self) -> bool {
        !self.exact.is_empty()
    }
}

impl From<Option<Timestamp>> for Moment {
    fn from(at: Option<Timestamp>) -> Self {
        at.map_or_else(Self::default, Self::from)
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self { exact: format!("{at:.3}"), readable: at.strftime("%Y-%m-%d %H:%M UTC").to_string() }
    }
}

/// The page, in a buffer that wipes itself and has its whole size from the start: a page may hold a secret, and growing would
/// leave a copy of it behind. (The crate's own escaping keeps none: it writes through.)
pub(super) fn render(page: &impl Template) -> Zeroizing<Vec<u8>> {
    let mut length = 0;
    write(page, |part| length += part.len());
    let mut html = Zeroizing::new(Vec::with_capacity(length));
    write(page, |part| html.extend_from_slice(part.as_bytes()));
    html
}

#[expect(clippy::expect_used, reason = "only a value or the writer could fail, and none of ours does")]
fn write(page: &impl Template, to: impl FnMut(&str)) {
    page.render_into(&mut Parts(to)).expect("a page can always be written");
}

/// Hands on what is written, part by part. A carriage return goes as a reference: as itself it would be read as a newline
/// (HTML, "preprocessing the input stream").
struct Parts<F>(F);

impl<F: FnMut(&str)> fmt::Write for Parts<F> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (index, part) in text.split('\r').enumerate() {
            if index > 0 {
                (self.0)("&#13;");
            }
            (self.0)(part);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(page: &impl Template) -> String {
        let rendered = render(page);
        assert_eq!(rendered.capacity(), rendered.len(), "the buffer has its exact size");
        String::from_utf8(rendered.to_vec()).unwrap()
    }

    #[test]
    fn values_are_text_and_never_markup() {
        const HOSTILE: &str = "<b a=\"1\" c='2'>&amp;\r\n\r{{ text }}é</b>";
        const ESCAPED: &str = "&#60;b a=&#34;1&#34; c=&#39;2&#39;&#62;&#38;amp;&#13;\n&#13;{{ text }}é&#60;/b&#62;";
        let text = Texts::all().first().unwrap();
        let choice = || vec![Choice { seconds: 1, words: HOSTILE.into(), selected: true }];
        let offer = || Offer { max_size: 1, ttls: choice(), units: choice(), longest: 1, too_long: HOSTILE.to_owned() };
        let here = || Here { host: HOSTILE.to_owned(), ..Here::default() };
        let moment = || Moment { exact: HOSTILE.to_owned(), readable: HOSTILE.to_owned() };
        let waiting = Waiting { claim: HOSTILE, wrong: HOSTILE, expires: moment(), ..Waiting::default() };
        for (page, times) in [
            (html(&SecretPage::answer(text, here(), HOSTILE)), 2),
            (html(&SecretPage::failed(text, here(), HOSTILE)), 2),
            (html(&SecretPage::waiting(text, here(), Waiting { encrypted: Some(false), ..waiting })), 5),
            (html(&LostPage::failed(text, here(), HOSTILE)), 1),
            (html(&AnswerPage { text, here: here(), state: HOSTILE }), 4),
            (html(&AskPage { text, here: here(), state: HOSTILE, offer: offer() }), 6),
            (
                html(&SharePage::compose(
                    text,
                    here(),
                    offer(),
                    HOSTILE,
                    Typed { content: HOSTILE, passphrase: HOSTILE },
                )),
                9,
            ),
            (
                html(&SharePage::made(
                    text,
                    here(),
                    offer(),
                    Made { link: HOSTILE, receipt: HOSTILE, expires: moment(), needs_passphrase: true },
                )),
                11,
            ),
            (
                html(&ReceiptPage::told(
                    text,
                    here(),
                    Told { title: HOSTILE, why: HOSTILE, late: HOSTILE, ended: moment(), ..Told::default() },
                )),
                7,
            ),
            (html(&ReceiptPage::failed(text, here(), HOSTILE)), 2),
            (html(&ReceiptsPage { text, here: here(), state: HOSTILE }), 3),
        ] {
            assert_eq!(page.matches(ESCAPED).count(), times, "{page}");
            assert!(!page.contains("<b a") && !page.contains('\r'), "{page}");
        }
        let calm = html(&SecretPage::gone(text, Here::default()));
        assert!(!calm.contains("&#13;") && !calm.contains("{{") && !calm.contains("{%"), "{calm}");
    }

    #[test]
    fn the_root_is_as_many_steps_up_as_the_path_goes_down() {
        for (path, root) in [
            ("", "./"),
            ("/", "./"),
            ("/s", "./"),
            ("//", "../"),
            ("/s/", "../"),
            ("/s/a/b", "../../"),
            (&"/a".repeat(100), "/"),
        ] {
            assert_eq!(root_of(path), root, "{path}");
        }
    }
}
