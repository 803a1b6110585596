//! Fills the pages: `{{word}}` is a text of the reader's language, `{{@name}}` a value of this answer, both escaped, and
//! `{{!name}}` markup that this module's callers wrote.

use std::{collections::HashMap, sync::LazyLock};

use hyper::{HeaderMap, header};
use zeroize::Zeroizing;

use crate::server::negotiate::Accepted;

/// The languages, English first: it is what others get. One file each, with the same words.
const LANGUAGES: [&str; 6] = [
    include_str!("../../web/text/en.json"),
    include_str!("../../web/text/de.json"),
    include_str!("../../web/text/fr.json"),
    include_str!("../../web/text/es.json"),
    include_str!("../../web/text/zh.json"),
    include_str!("../../web/text/ja.json"),
];

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Secret,
    Share,
}

/// A language's texts, and the pages in it.
pub(super) struct Language {
    texts: HashMap<String, String>,
    secret: Vec<Piece>,
    share: Vec<Piece>,
}

enum Piece {
    Text(String),
    Escaped(String),
    Markup(String),
}

static LOADED: LazyLock<Vec<Language>> = LazyLock::new(|| LANGUAGES.iter().map(|json| Language::load(json)).collect());

impl Language {
    fn load(json: &str) -> Self {
        let texts: HashMap<String, String> = serde_json::from_str(json).unwrap_or_default();
        let secret = cut(include_str!("../../../templates/secret.html"), &texts);
        let share = cut(include_str!("../../../templates/share.html"), &texts);
        Self { texts, secret, share }
    }

    /// The reader's first choice of those that there are (`Accept-Language`, RFC 9110), else English.
    pub(super) fn of(headers: &HeaderMap) -> Option<&'static Self> {
        let english = LOADED.first();
        let spoken = |range: &str| {
            let primary = range.split('-').next().unwrap_or_default();
            LOADED.iter().find(|language| language.text("language").eq_ignore_ascii_case(primary))
        };
        Accepted::read(headers, header::ACCEPT_LANGUAGE)
            .ranked()
            .find_map(|range| if range == "*" { english } else { spoken(range) })
            .or(english)
    }

    /// A text, with a value in its place if it has one.
    pub(super) fn text_with(&self, word: &str, value: impl std::fmt::Display) -> String {
        self.text(word).replace("{}", &value.to_string())
    }

    pub(super) fn text(&self, word: &str) -> &str {
        self.texts.get(word).map_or("", String::as_str)
    }

    /// A page with these values; those that aren't given are empty. The buffer wipes itself, and has its whole size from the
    /// start: a page may hold a secret.
    pub(super) fn render(&self, page: Page, values: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
        let value = |name: &str| values.iter().find(|(given, _)| *given == name).map_or("", |(_, value)| *value);
        let pieces = match page {
            Page::Secret => &self.secret,
            Page::Share => &self.share,
        };
        let length: usize = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.len(),
                Piece::Escaped(name) => {
                    value(name).chars().map(|character| escaped(character).map_or(character.len_utf8(), str::len)).sum()
                }
                Piece::Markup(name) => value(name).len(),
            })
            .sum();
        let mut html = Zeroizing::new(Vec::with_capacity(length));
        for piece in pieces {
            match piece {
                Piece::Text(text) => html.extend_from_slice(text.as_bytes()),
                Piece::Escaped(name) => escape(value(name), &mut html),
                Piece::Markup(name) => html.extend_from_slice(value(name).as_bytes()),
            }
        }
        html
    }
}

/// A template in one language, in pieces.
fn cut(template: &str, texts: &HashMap<String, String>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = template;
    let mut text = Vec::new();
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        text.extend_from_slice(before.as_bytes());
        let dynamic = match name.split_at_checked(1) {
            Some(("@", name)) => Some(Piece::Escaped(name.to_owned())),
            Some(("!", name)) => Some(Piece::Markup(name.to_owned())),
            _ => None,
        };
        match dynamic {
            Some(piece) => {
                pieces.extend([Piece::Text(String::from_utf8_lossy(&std::mem::take(&mut text)).into_owned()), piece]);
            }
            None => escape(texts.get(name).map_or("", String::as_str), &mut text),
        }
        rest = after;
    }
    text.extend_from_slice(rest.as_bytes());
    pieces.push(Piece::Text(String::from_utf8_lossy(&text).into_owned()));
    pieces
}

/// For HTML's text and quoted attributes.
pub(super) fn escape(text: &str, html: &mut Vec<u8>) {
    for character in text.chars() {
        match escaped(character) {
            Some(reference) => html.extend_from_slice(reference.as_bytes()),
            None => html.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn escaped(character: char) -> Option<&'static str> {
    match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        // As itself it would be read as a newline (HTML, "preprocessing the input stream").
        '\r' => Some("&#13;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_every_word_and_no_other() {
        let english = LOADED.first().unwrap();
        let templates =
            [include_str!("../../../templates/secret.html"), include_str!("../../../templates/share.html")].concat();
        for language in LOADED.iter() {
            let name = language.text("language");
            assert_eq!(language.texts.len(), english.texts.len(), "{name}");
            for (word, text) in &english.texts {
                let here = language.texts.get(word).unwrap_or_else(|| panic!("{name} has no {word}"));
                assert!(!here.is_empty() && here.contains("{}") == text.contains("{}"), "{name}: {word}");
            }
        }
        let words = templates.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap());
        for word in words.filter(|word| !word.starts_with(['@', '!'])) {
            assert!(english.texts.contains_key(word), "no language has {word}");
        }
        let source = [include_str!("mod.rs"), include_str!("secret.rs"), include_str!("share.rs")].concat();
        for word in english.texts.keys().filter(|word| !word.starts_with("ttl_")) {
            assert!(
                templates.contains(&format!("{{{{{word}}}}}")) || source.contains(&format!("\"{word}\"")),
                "{word} isn't used"
            );
        }
    }

    #[test]
    fn the_language_is_the_readers_first_that_there_is() {
        for (wanted, given) in [
            ("", "en"),
            ("de-CH, en;q=0.5", "de"),
            ("it, fr;q=0.3, ja;q=0.9", "ja"),
            ("zh-Hans-CN", "zh"),
            ("ES", "es"),
            ("xx, *;q=0.1", "en"),
            ("xx, de;q=0", "en"),
            ("*, de;q=0.5", "en"),
            ("fr;q=0.5, de-AT;q=0.5", "fr"),
            (";;;,q=", "en"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, wanted.parse().unwrap());
            assert_eq!(Language::of(&headers).unwrap().text("language"), given, "{wanted}");
        }
    }

    #[test]
    fn values_are_text_and_never_markup() {
        for page in [Page::Secret, Page::Share] {
            let html = LOADED.first().unwrap().render(page, &[("content", "<b>\"&'\r"), ("wrong", "<i>")]);
            let html = String::from_utf8(html.to_vec()).unwrap();
            assert!(!html.contains("{{") && !html.contains("<b>") && !html.contains("<i>"), "{html}");
            assert!(page == Page::Share || html.contains("&lt;b&gt;&quot;&amp;&#39;&#13;"));
        }
    }
}
