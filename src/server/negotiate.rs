//! What a client accepts (RFC 9110, 12.4.2 and 12.5): one reader of `Accept`, `Accept-Encoding` and `Accept-Language`.

use hyper::{HeaderMap, header::HeaderName};

/// What such a header names, in its order, each with its quality: 0 refuses, 1 is the most.
pub(super) struct Accepted<'a>(Vec<(&'a str, f32)>);

impl<'a> Accepted<'a> {
    /// All lines of that header, as if they were one; what can't be read is left out.
    pub(super) fn read(headers: &'a HeaderMap, name: HeaderName) -> Self {
        let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        Self(lines.flat_map(|line| line.split(',')).map(range).filter(|(name, _)| !name.is_empty()).collect())
    }

    /// The names, from the best to the least; those of one quality in the client's order, without the refused.
    pub(super) fn ranked(mut self) -> impl Iterator<Item = &'a str> {
        self.0.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        self.0.into_iter().filter(|(_, quality)| *quality > 0.0).map(|(name, _)| name)
    }

    /// What of `offered` the client likes best; the first of those that it likes as much, none if it accepts none.
    pub(super) fn best<'o>(&self, offered: &[&'o str]) -> Option<&'o str> {
        let mut best = (None, 0.0);
        for name in offered {
            let quality = self.quality(name);
            if quality > best.1 {
                best = (Some(*name), quality);
            }
        }
        best.0
    }

    /// Whether the client accepts that and says so by its name.
    pub(super) fn names(&self, name: &str) -> bool {
        self.quality_of(name).is_some_and(|quality| quality > 0.0)
    }

    /// By the most specific range that there is: the name, the media type's family, anything.
    fn quality(&self, name: &str) -> f32 {
        let family = name.split_once('/').map(|(family, _)| format!("{family}/*"));
        let ranges = [Some(name), family.as_deref(), Some("*/*"), Some("*")];
        ranges.into_iter().flatten().find_map(|range| self.quality_of(range)).unwrap_or(0.0)
    }

    fn quality_of(&self, range: &str) -> Option<f32> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(range)).map(|(_, quality)| *quality)
    }
}

/// A name and its quality; without one that can be read it is 1. Other parameters don't count.
fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let quality = parts
        .filter_map(|part| part.split_once('='))
        .find(|(parameter, _)| parameter.trim().eq_ignore_ascii_case("q"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .filter(|quality| (0.0..=1.0).contains(quality));
    (name, quality.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::ACCEPT;

    /// The header in these lines.
    fn lines(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (ACCEPT, line.parse().unwrap())).collect()
    }

    #[test]
    fn the_highest_quality_is_the_best_and_ties_are_the_offers_order() {
        for (given, best) in [
            ("a/b, c/d", Some("a/b")),
            ("c/d, a/b", Some("a/b")),
            ("a/b;q=0.5, c/d;q=0.501", Some("c/d")),
            ("A/B;Q=0.2,C/D ; q = 0.1", Some("a/b")),
            ("c/d;version=1;q=0.1, a/b;q=.2", Some("a/b")),
            ("*/*", Some("a/b")),
            ("*", Some("a/b")),
            ("a/b;q=0, */*", Some("c/d")),
            ("a/*;q=0.1, */*;q=0.2", Some("c/d")),
            ("a/b;q=1, a/*;q=0, */*;q=0.9", Some("a/b")),
            ("a/b;q=0", None),
            ("*;q=0.000", None),
            ("e/f", None),
            ("", None),
            (",;q=1, ;,a/b;q=2,c/d;q=nan", Some("a/b")),
        ] {
            assert_eq!(Accepted::read(&lines(&[given]), ACCEPT).best(&["a/b", "c/d"]), best, "{given}");
        }
        assert_eq!(Accepted::read(&HeaderMap::new(), ACCEPT).best(&["a/b"]), None);
    }

    #[test]
    fn lines_are_one_list_and_its_ranks_leave_out_the_refused() {
        let headers = lines(&["a;q=0.1, b;q=0", "c;q=0.5;d=e, f", "g;q=0.5"]);
        assert_eq!(Accepted::read(&headers, ACCEPT).ranked().collect::<Vec<_>>(), ["f", "c", "g", "a"]);
    }

    #[test]
    fn a_name_counts_when_it_is_said_and_not_refused() {
        let headers = lines(&["a/b;q=0.1, c/d;q=0, */*"]);
        let accepted = Accepted::read(&headers, ACCEPT);
        assert!(accepted.names("A/B") && !accepted.names("c/d") && !accepted.names("e/f"));
    }
}
