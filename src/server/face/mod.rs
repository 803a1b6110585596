//! What the server says of itself on its pages, and in `/info`: its name, a notice, whom to ask, where the law wants a word said, and its
//! logo and colour. Each is checked once, when the server starts.

mod accent;
mod logo;

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
};

use url::Url;

pub use accent::{Accent, InvalidAccent};
pub use logo::{InvalidLogo, LARGEST_LOGO, Logo};

/// What the server says of itself. Nothing of it has to be said.
#[derive(Debug, Clone, Default)]
pub struct Face {
    /// The server's name, in place of ours.
    pub title: Option<Line>,
    /// Something that everybody who comes should know.
    pub notice: Option<Line>,
    /// Whom to ask.
    pub contact: Option<Contact>,
    /// Who runs it, as some laws want it said.
    pub imprint: Option<Url>,
    /// What becomes of people's data.
    pub privacy: Option<Url>,
    /// A picture beside the name.
    pub logo: Option<Logo>,
    /// The colour of buttons and links.
    pub accent: Option<Accent>,
}

impl Face {
    /// A word that changes with what browsers keep of it: the logo and the colour.
    pub(in crate::server) fn version(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (self.logo.as_ref().map(Logo::hash), self.accent).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }
}

/// A line of text that people read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line(String);

/// Why it can't be shown on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// Several lines, or what drives a terminal.
    #[error("it has to be one line of text, without control characters")]
    NotOneLine,
    /// Longer than the page has room for.
    #[error("it can have {0} characters at most")]
    TooLong(usize),
}

impl Line {
    /// A line of `longest` characters at most, without the white space around it.
    ///
    /// # Errors
    /// [`InvalidLine`].
    pub fn new(text: &str, longest: usize) -> Result<Self, InvalidLine> {
        let text = text.trim();
        if text.is_empty() {
            Err(InvalidLine::Empty)
        } else if text.chars().any(char::is_control) {
            Err(InvalidLine::NotOneLine)
        } else if text.chars().count() > longest {
            Err(InvalidLine::TooLong(longest))
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom to ask: an address for mail, or a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    shown: String,
    link: Url,
}

impl Contact {
    /// None if the text is neither a mail address nor the URL of a page.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let shown = text.trim();
        let link = match shown.split_once('@') {
            Some((name, host)) if !shown.contains([':', '/', '?', '#', '%', ' ', ',']) => {
                let whole = !name.is_empty() && host.contains('.') && !host.contains('@');
                Url::parse(&format!("mailto:{shown}")).ok().filter(|_| whole)?
            }
            _ => web_page(shown)?,
        };
        Some(Self { shown: shown.to_owned(), link })
    }

    /// As the operator wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// Where it leads.
    pub(in crate::server) fn link(&self) -> &str {
        self.link.as_str()
    }
}

/// The URL of a page on the web; none if the text isn't one.
#[must_use]
pub fn web_page(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let open = url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && open).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_that_fits() {
        assert_eq!(Line::new("  Acmé 密码 ", 80).map(|line| line.0), Ok("Acmé 密码".to_owned()));
        assert_eq!(Line::new(" \t", 80), Err(InvalidLine::Empty));
        assert_eq!(Line::new("a\nb", 80), Err(InvalidLine::NotOneLine));
        assert_eq!(Line::new("a\u{1b}[2J", 80), Err(InvalidLine::NotOneLine));
        assert!(Line::new("é".repeat(3).as_str(), 3).is_ok());
        assert_eq!(Line::new("abcd", 3), Err(InvalidLine::TooLong(3)));
    }

    #[test]
    fn a_contact_is_an_address_or_a_page() {
        let link = |text| Contact::new(text).map(|contact| contact.link().to_owned());
        assert_eq!(link("it@example.org").as_deref(), Some("mailto:it@example.org"));
        assert_eq!(link("https://example.org/help").as_deref(), Some("https://example.org/help"));
        for other in [
            "",
            "help",
            "@example.org",
            "it@",
            "it@host",
            "a@b@c.d",
            "it@example.org?bcc=x@y.z",
            "mailto:it@example.org",
            "javascript:alert(1)",
            "javascript:alert@example.org",
            "ftp://example.org/",
            "https://user:pass@example.org/",
            "https://",
        ] {
            assert_eq!(link(other), None, "{other}");
        }
    }

    #[test]
    fn what_browsers_keep_is_named_anew_when_it_changes() {
        let with = |accent: &str| Face { accent: accent.parse().ok(), ..Face::default() }.version();
        assert_eq!(with("#123456"), with("#123456"));
        assert_ne!(with("#123456"), with("#123457"));
    }
}
