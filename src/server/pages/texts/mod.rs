//! What the pages say, in ten languages. A word that a language lacks or has too many isn't loaded, and one that no page
//! shows doesn't pass the lints.

#[cfg(test)]
mod tests;

use std::{fmt, sync::LazyLock};

use hyper::{header, http::request::Parts};
use serde::Deserialize;
use url::form_urlencoded;

use crate::server::negotiate::Accepted;

/// The languages, English first: it is what others get.
const LANGUAGES: [&str; 10] = [
    include_str!("../../../web/text/en.json"),
    include_str!("../../../web/text/de.json"),
    include_str!("../../../web/text/fr.json"),
    include_str!("../../../web/text/es.json"),
    include_str!("../../../web/text/pt.json"),
    include_str!("../../../web/text/it.json"),
    include_str!("../../../web/text/nl.json"),
    include_str!("../../../web/text/pl.json"),
    include_str!("../../../web/text/zh.json"),
    include_str!("../../../web/text/ja.json"),
];

static LOADED: LazyLock<[Texts; LANGUAGES.len()]> = LazyLock::new(|| LANGUAGES.map(Texts::load));

/// The parameter of a page's address that says which language was chosen.
const CHOICE: &str = "lang";

/// The language of a range, whatever its script or region.
fn spoken(range: &str) -> Option<&'static Texts> {
    let primary = range.split('-').next().unwrap_or_default();
    LOADED.iter().find(|texts| texts.language.eq_ignore_ascii_case(primary))
}

/// A language's texts; `language` is its tag, and `language_name` how it calls itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Texts {
    pub(super) language: String,
    pub(super) language_name: String,
    pub(super) footer: String,
    pub(super) contact_link: String,
    pub(super) imprint_link: String,
    pub(super) privacy_link: String,
    pub(super) language_label: String,
    pub(super) language_button: String,
    pub(super) language_loses: String,
    pub(super) theme_label: String,
    pub(super) theme_system: String,
    pub(super) theme_light: String,
    pub(super) theme_dark: String,
    pub(super) insecure: String,
    pub(super) problem_mismatch: String,
    pub(super) problem_timeout: String,
    pub(super) problem_passphrase: String,
    pub(super) problem_key_required: String,
    pub(super) problem_user_required: String,
    pub(super) problem_creation_closed: String,
    pub(super) closed_title: String,
    pub(super) create_key_label: String,
    pub(super) create_key_hint: String,
    pub(super) create_key_button: String,
    pub(super) create_key_kept: String,
    pub(super) key_too_large: Pattern,
    pub(super) key_too_long: Pattern,
    pub(super) problem_rate_limited: String,
    pub(super) problem_foreign_origin: String,
    pub(super) problem_misdirected: String,
    pub(super) problem_unreadable: String,
    pub(super) problem_damaged: String,
    pub(super) problem_internal: String,
    pub(super) problem_busy: String,
    pub(super) problem_storage_full: String,
    pub(super) problem_not_durable: String,
    pub(super) problem_quota_exceeded: String,
    pub(super) problem_server_full: String,
    pub(super) problem_unavailable: String,
    pub(super) problem_too_late: String,
    pub(super) problem_unknown: Pattern,
    pub(super) loading: String,
    pub(super) about_question: String,
    pub(super) about_secret: String,
    pub(super) about_share: String,
    pub(super) about_host: Pattern,
    pub(super) secret_page_title: String,
    pub(super) waiting_title: String,
    pub(super) waiting_once: String,
    pub(super) expires: String,
    pub(super) passphrase_label: String,
    pub(super) passphrase_space: String,
    pub(super) passphrase_show: String,
    pub(super) read_button: String,
    pub(super) needs_script: String,
    pub(super) secret_needs_script: String,
    pub(super) in_app: String,
    pub(super) wrong_passphrase: Pattern,
    pub(super) wrong_key: Pattern,
    pub(super) passphrase_empty: String,
    pub(super) passphrase_too_long: String,
    pub(super) stretching: String,
    pub(super) not_encrypted: String,
    pub(super) busy_title: String,
    pub(super) shown_title: String,
    pub(super) content_label: String,
    pub(super) show_button: String,
    pub(super) copy_button: String,
    pub(super) save_button: String,
    pub(super) copied: String,
    pub(super) copy_refused: String,
    pub(super) copy_by_hand: String,
    pub(super) copy_show_first: String,
    pub(super) is_file: String,
    pub(super) arrived_question: String,
    pub(super) arrived_yes: String,
    pub(super) save_again: String,
    pub(super) look_downloads: String,
    pub(super) ways_on: String,
    pub(super) copy_base64: String,
    pub(super) send_button: String,
    pub(super) elsewhere_button: String,
    pub(super) elsewhere_hint: Pattern,
    pub(super) file_name: String,
    pub(super) not_yet_destroyed: Pattern,
    pub(super) file_not_yet_destroyed: Pattern,
    pub(super) stays: String,
    pub(super) only_copy: String,
    pub(super) destroyed: String,
    pub(super) destroyed_soon: Pattern,
    pub(super) gone_title: String,
    pub(super) gone_why: String,
    pub(super) gone_ask: String,
    pub(super) gone_leak: String,
    pub(super) last_try: String,
    pub(super) incomplete_title: String,
    pub(super) incomplete_why: String,
    pub(super) incomplete_ask: String,
    pub(super) apart_title: String,
    pub(super) apart_why: String,
    pub(super) key_label: String,
    pub(super) key_button: String,
    pub(super) key_wrong: String,
    pub(super) key_of_another: String,
    pub(super) mangled_why: String,
    pub(super) mangled_ask: String,
    pub(super) mangled_mark: String,
    pub(super) asked_title: String,
    pub(super) asked_answer: String,
    pub(super) asked_script: String,
    pub(super) asked_intro: String,
    pub(super) asked_for: String,
    pub(super) asked_unsaid: String,
    pub(super) asked_until: String,
    pub(super) asked_largest: String,
    pub(super) asked_server: String,
    pub(super) answer_button: String,
    pub(super) answer_too_large: Pattern,
    pub(super) answer_empty: String,
    pub(super) answer_lost: String,
    pub(super) sent_title: String,
    pub(super) sent_why: String,
    pub(super) sent_close: String,
    pub(super) unsure_title: String,
    pub(super) unsure_why: String,
    pub(super) unsure_over: String,
    pub(super) over_title: String,
    pub(super) over_why: String,
    pub(super) over_late: String,
    pub(super) asked_incomplete: String,
    pub(super) changed_title: String,
    pub(super) changed_why: String,
    pub(super) requests_unsupported_title: String,
    pub(super) requests_unsupported: String,
    pub(super) about_asked: String,
    pub(super) request_title: String,
    pub(super) request_intro: String,
    pub(super) request_label: String,
    pub(super) request_label_hint: String,
    pub(super) request_label_wrong: String,
    pub(super) own_passphrase: String,
    pub(super) own_passphrase_hint: String,
    pub(super) own_passphrase_label: String,
    pub(super) own_passphrase_wrong: String,
    pub(super) request_button: String,
    pub(super) requesting_title: String,
    pub(super) open_title: String,
    pub(super) open_give: String,
    pub(super) given_label: String,
    pub(super) collecting_label: String,
    pub(super) collecting_keep: String,
    pub(super) copy_collecting: String,
    pub(super) open_changed: String,
    pub(super) withdraw_button: String,
    pub(super) another_request: String,
    pub(super) answered_title: String,
    pub(super) uncollected_title: String,
    pub(super) uncollected_why: String,
    pub(super) collecting_incomplete: String,
    pub(super) request_script: String,
    pub(super) request_closed: String,
    pub(super) ask_link: String,
    pub(super) about_request: String,
    pub(super) key_was_sent: String,
    pub(super) broken_title: String,
    pub(super) broken_why: Pattern,
    pub(super) again_button: String,
    pub(super) damaged_title: String,
    pub(super) damaged_why: String,
    pub(super) unsupported_title: String,
    pub(super) unsupported_why: String,
    pub(super) failed_title: String,
    pub(super) failed_why: String,
    pub(super) share_title: String,
    pub(super) share_intro: String,
    pub(super) share_needs_script: String,
    pub(super) plain_warning: String,
    pub(super) text_label: String,
    pub(super) generate_label: String,
    pub(super) generate_password: Pattern,
    pub(super) generate_symbols: Pattern,
    pub(super) generate_passphrase: Pattern,
    pub(super) generate_button: String,
    pub(super) file_label: String,
    pub(super) file_chosen: String,
    pub(super) remove_button: String,
    pub(super) text_stays: String,
    pub(super) several_files: String,
    pub(super) folder: String,
    pub(super) unreadable: String,
    pub(super) ttl_label: String,
    pub(super) ttl_900: String,
    pub(super) ttl_3600: String,
    pub(super) ttl_86400: String,
    pub(super) ttl_604800: String,
    pub(super) ttl_2592000: String,
    pub(super) ttl_days: Pattern,
    pub(super) ttl_hours: Pattern,
    pub(super) ttl_minutes: Pattern,
    pub(super) ttl_seconds: Pattern,
    pub(super) ttl_custom: String,
    pub(super) ttl_number: String,
    pub(super) ttl_unit: String,
    pub(super) unit_minutes: String,
    pub(super) unit_hours: String,
    pub(super) unit_days: String,
    pub(super) ttl_too_long: Pattern,
    pub(super) ttl_missing: String,
    pub(super) passphrase_optional: String,
    pub(super) encrypt_label: String,
    pub(super) share_button: String,
    pub(super) sending_title: String,
    pub(super) made_title: String,
    pub(super) made_once: String,
    pub(super) made_encrypted: String,
    pub(super) made_plain: String,
    pub(super) made_passphrase: String,
    pub(super) link_label: String,
    pub(super) copy_link: String,
    pub(super) apart_choice: String,
    pub(super) apart_hint: String,
    pub(super) key_field: String,
    pub(super) copy_key: String,
    pub(super) qr_label: String,
    pub(super) qr_caption: String,
    pub(super) qr_apart: String,
    pub(super) check_button: String,
    pub(super) burn_button: String,
    pub(super) another_button: String,
    pub(super) status_unread: String,
    pub(super) status_read: String,
    pub(super) receipt_page_title: String,
    pub(super) fate_unread: String,
    pub(super) fate_claimed: String,
    pub(super) fate_delivered: String,
    pub(super) fate_unconfirmed: String,
    pub(super) fate_burned: String,
    pub(super) fate_expired: String,
    pub(super) why_unread: String,
    pub(super) why_claimed: String,
    pub(super) why_delivered: String,
    pub(super) why_unconfirmed: String,
    pub(super) why_burned: String,
    pub(super) why_burned_link: String,
    pub(super) why_burned_receipt: String,
    pub(super) why_burned_tries: String,
    pub(super) why_expired: String,
    pub(super) fate_open: String,
    pub(super) why_open: String,
    pub(super) fate_withdrawn: String,
    pub(super) why_withdrawn: String,
    pub(super) time_created: String,
    pub(super) time_claimed: String,
    pub(super) time_confirmable: String,
    pub(super) time_ended: String,
    pub(super) wrong_tries: String,
    pub(super) untold_title: String,
    pub(super) untold_why: String,
    pub(super) watch_away: String,
    pub(super) about_receipt: String,
    pub(super) receipt_label: String,
    pub(super) receipt_keep: String,
    pub(super) copy_receipt: String,
    pub(super) receipt_open: String,
    pub(super) receipts_title: String,
    pub(super) receipts_arrived: Pattern,
    pub(super) receipts_needs_script: String,
    pub(super) receipts_none: String,
    pub(super) receipts_more: Pattern,
    pub(super) share_broken: String,
    pub(super) share_unsupported: String,
    pub(super) name_too_long: String,
    pub(super) too_large: Pattern,
    pub(super) empty: String,
}

impl Texts {
    /// In the language that the reader chose on the page, else its first choice of those that there are (`Accept-Language`), else
    /// in English.
    pub(super) fn for_reader(head: &Parts) -> &'static Self {
        let [english, ..] = &*LOADED;
        let mut ranges = Accepted::read(&head.headers, header::ACCEPT_LANGUAGE).ranked();
        Self::chosen(head.uri.query().unwrap_or_default())
            .or_else(|| ranges.find_map(|range| if range == "*" { Some(english) } else { spoken(range) }))
            .unwrap_or(english)
    }

    /// By the choice in the page's address: it needs no script and no cookie, and a form that is posted keeps it.
    fn chosen(query: &str) -> Option<&'static Self> {
        let (_, chosen) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == CHOICE)?;
        spoken(&chosen)
    }

    /// Every language, for the page's list.
    pub(super) fn all() -> &'static [Self] {
        &*LOADED
    }

    #[expect(clippy::expect_used, reason = "the files are built in, and a test loads each of them")]
    fn load(json: &str) -> Self {
        serde_json::from_str(json).expect("a language has every text and no other")
    }
}

/// A text with one place for a value, `{}`. Scripts get it as it is.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pattern(String);

impl Pattern {
    pub(super) fn with(&self, value: impl fmt::Display) -> String {
        self.0.replace("{}", &value.to_string())
    }
}

impl TryFrom<String> for Pattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.matches("{}").count() == 1 { Ok(Self(text)) } else { Err("the text has to have {} once") }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
