//! Argument values, parsed once into types that can't be wrong.

use std::{net::SocketAddr, path::Path, time::Duration};

use jiff::{Span, SpanRelativeTo, Unit};
use url::Url;

use crate::secret::Link;

/// A duration above zero: `90` (seconds), `15m`, `24h`, `7d`, `2h 30m`, or ISO 8601.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "write it as 90 (seconds), 15m, 24h, 7d, 2h 30m or P1D";
    let text = text.trim();
    let seconds = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        text.parse::<u64>().map_err(|_| "that is too long".to_owned()).map(Duration::from_secs)?
    } else {
        let span: Span = text.parse().map_err(|_| HELP.to_owned())?;
        if span.get_months() != 0 || span.get_years() != 0 {
            return Err("months and years have no fixed length: write days, as in 30d".to_owned());
        }
        let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).map_err(|_| HELP.to_owned())?;
        if seconds.is_sign_negative() {
            return Err("a duration can't be negative".to_owned());
        }
        Duration::try_from_secs_f64(seconds).map_err(|_| "that is too long".to_owned())?
    };
    if seconds.is_zero() { Err("it has to be longer than zero".to_owned()) } else { Ok(seconds) }
}

/// A size in bytes above zero: `65536`, `512KiB`, `1MiB`.
pub(super) fn size(text: &str) -> Result<usize, String> {
    const HELP: &str = "write it as 65536 (bytes), 512KiB or 1MiB";
    let size: bytesize::ByteSize = text.trim().parse().map_err(|_| HELP.to_owned())?;
    match usize::try_from(size.as_u64()) {
        Ok(0) => Err("it has to be at least one byte".to_owned()),
        Ok(size) => Ok(size),
        Err(_) => Err("that is too large".to_owned()),
    }
}

/// A server's root; a missing trailing slash is added. Says nothing of what was given: it may hold a password.
pub(super) fn server(text: &str) -> Result<Url, String> {
    const HELP: &str = "write it as https://host or http://127.0.0.1:8000";
    let mut url = Url::parse(text.trim()).map_err(|_| HELP.to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(HELP.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user or password in the URL isn't supported".to_owned());
    }
    if text.parse::<Link>().is_ok() {
        return Err("that is a secret's link; give its server alone, as https://host".to_owned());
    }
    url.set_query(None);
    url.set_fragment(None);
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// The root that links start with: nothing may follow its path.
pub(super) fn public_url(text: &str) -> Result<Url, String> {
    let given = text.trim();
    if given.contains(['?', '#']) {
        return Err("nothing may follow the path: write it as https://host or https://host/path".to_owned());
    }
    server(given)
}

/// An address and a port to listen on: numbers, since a name can mean several.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| {
        "write it as 127.0.0.1:8000, [::1]:8000, or 0.0.0.0:8000 for every network: an address and a port, no name"
            .to_owned()
    })
}

/// A whole number from 1 to `LARGEST`.
pub(super) fn number<N: TryFrom<u32>, const LARGEST: u32>(text: &str) -> Result<N, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=LARGEST).contains(number));
    number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| format!("write a number from 1 to {LARGEST}"))
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+=:,@%".contains(character);
    if text.chars().all(plain) && !text.is_empty() {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A number for people: 1,234,567.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let comma = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    digits.chars().enumerate().flat_map(|(at, digit)| comma(at).then_some(',').into_iter().chain([digit])).collect()
}

/// So many of something: `1 line`, `1,234 bytes`.
pub(super) fn counted(number: usize, of: &str) -> String {
    format!("{} {of}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A duration for people: the two largest units.
pub(super) fn roughly(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, 0) => format!("{hours} h"),
        (0, ..) => format!("{hours} h {minutes} min"),
        (_, 0, _) => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("90", 90),
            ("15m", 900),
            ("24h", 86_400),
            ("7d", 604_800),
            ("1w", 604_800),
            ("2h 30m", 9_000),
            ("2h30m", 9_000),
            ("P1D", 86_400),
            ("PT5M", 300),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "0", "0s", "-5m", "PT-5M", "1M", "1y", "1mo", "soon", "99999999999999999999", "1e3"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert_eq!(size("512KiB"), Ok(512 << 10));
        assert_eq!(size("100"), Ok(100));
        for text in ["", "0", "-1", "big"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn servers() {
        assert_eq!(server("https://host").unwrap().as_str(), "https://host/");
        assert_eq!(server("http://host:1/under").unwrap().as_str(), "http://host:1/under/");
        for text in ["host", "ftp://host", "https://", "https://user:hunter2@host"] {
            assert!(!server(text).unwrap_err().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_link_is_no_server() {
        for text in
            ["https://host/s/abcdefghijklmnopqrstuvwxyz234567", "https://host/s/abcdefghijklmnopqrstuvwxyz234567#key"]
        {
            let error = server(text).unwrap_err();
            assert!(error.contains("server alone") && !error.contains("abcdef"), "{error}");
        }
        assert_eq!(server("https://host/s").unwrap().as_str(), "https://host/s/");
    }

    #[test]
    fn roots_of_links_end_with_their_path() {
        assert_eq!(public_url("https://host/under").unwrap().as_str(), "https://host/under/");
        for text in ["https://host/?a=b", "https://host/#hunter2", "https://host/?", "host"] {
            let error = public_url(text).unwrap_err();
            assert!(error.contains("https://host") && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        for (path, text) in
            [("a/b-1.txt", "a/b-1.txt"), ("my file", "'my file'"), ("it's", "'it'\\''s'"), ("$x", "'$x'"), ("", "''")]
        {
            assert_eq!(quoted(Path::new(path)), text);
        }
    }

    #[test]
    fn addresses_and_numbers_are_shown_how_they_are_written() {
        assert_eq!(listen(" [::1]:80").unwrap().port(), 80);
        for text in ["localhost:9204", "8000", ":8000", "0.0.0.0", ""] {
            assert!(listen(text).unwrap_err().contains("127.0.0.1:8000"), "{text}");
        }
        assert_eq!(number::<u16, 1000>("1000"), Ok(1000));
        for text in ["0", "1001", "-1", "a few", ""] {
            assert_eq!(number::<u16, 1000>(text).unwrap_err(), "write a number from 1 to 1000", "{text}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!((counted(1, "line"), counted(1000, "byte")), ("1 line".to_owned(), "1,000 bytes".to_owned()));
    }

    #[test]
    fn rough_durations() {
        for (seconds, text) in [(5, "5 s"), (61, "1 min"), (3600, "1 h"), (86_400, "1 d"), (90_000, "1 d 1 h")] {
            assert_eq!(roughly(Duration::from_secs(seconds)), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_an_error(text in "\\PC{0,30}") {
            let _ = (duration(&text), size(&text), server(&text));
        }
    }
}
