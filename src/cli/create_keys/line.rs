//! The lines of the file, both ways.

use std::{collections::HashMap, fmt::Write as _, time::Duration};

use jiff::Timestamp;

use crate::{
    api::nearest,
    cli::values,
    secret::{CreateKey, InvalidCreateKeyHash},
    server::{InvalidKeyName, KeyName, Limits, ListedKey},
};

/// What may follow a key's name and hash.
const OPTIONS: [&str; 3] = ["expires", "ttl-max", "size-max"];

/// What is wrong with a line. Holds nothing of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum Mistake {
    #[error("it isn't UTF-8 text")]
    NotText,
    #[error(
        "a key is in it, in the open, and this file holds hashes only: take it out, and make a new one with ots keygen"
    )]
    Key,
    #[error(transparent)]
    Name(#[from] InvalidKeyName),
    #[error("the key's hash is missing after its name")]
    NoHash,
    #[error(transparent)]
    Hash(#[from] InvalidCreateKeyHash),
    #[error("its name stands on line {0} already")]
    SameName(usize),
    #[error("its key stands on line {0} already, under another name")]
    SameKey(usize),
    #[error("there is an option that isn't known{}; known are expires=, ttl-max= and size-max=", nearest_to(*.0))]
    Option(Option<&'static str>),
    #[error("{0}= stands there twice")]
    Twice(&'static str),
    #[error("expires= wants a time as 2027-01-31T00:00:00Z")]
    Expires,
    #[error("ttl-max={0}")]
    Ttl(String),
    #[error("size-max={0}")]
    Size(String),
}

fn nearest_to(known: Option<&str>) -> String {
    known.map(|known| format!(", perhaps {known}=")).unwrap_or_default()
}

/// The keys in a text, or the first line that is wrong, counted from one.
pub(super) fn all(text: &[u8]) -> Result<Vec<ListedKey>, (usize, Mistake)> {
    let mut keys = Vec::new();
    let (mut names, mut hashes) = (HashMap::new(), HashMap::new());
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let wrong = |mistake| (number, mistake);
        let line = std::str::from_utf8(line).map_err(|_| wrong(Mistake::NotText))?;
        let Some(key) = one(line).map_err(wrong)? else { continue };
        if let Some(first) = names.insert(key.name.clone(), number) {
            return Err(wrong(Mistake::SameName(first)));
        }
        if let Some(first) = hashes.insert(key.hash.to_string(), number) {
            return Err(wrong(Mistake::SameKey(first)));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// The key on a line, if there is one.
fn one(line: &str) -> Result<Option<ListedKey>, Mistake> {
    let said = line.split('#').next().unwrap_or_default();
    let mut words = said.split_whitespace();
    let Some(name) = words.next() else { return Ok(None) };
    if said.split_whitespace().any(|word| word.parse::<CreateKey>().is_ok()) {
        return Err(Mistake::Key);
    }
    let name: KeyName = name.parse()?;
    let hash = words.next().ok_or(Mistake::NoHash)?.parse()?;
    let mut key = ListedKey { name, hash, expires: None, limits: Limits::default() };
    for word in words {
        let (option, value) = word.split_once('=').unwrap_or((word, ""));
        let known = OPTIONS.into_iter().find(|known| *known == option);
        let option = known.ok_or_else(|| Mistake::Option(near(option)))?;
        let was_there = match option {
            "expires" => key.expires.replace(value.parse().map_err(|_| Mistake::Expires)?).is_some(),
            "ttl-max" => key.limits.ttl.replace(ttl(value).map_err(Mistake::Ttl)?).is_some(),
            _ => key.limits.size.replace(values::size(value).map_err(Mistake::Size)?).is_some(),
        };
        if was_there {
            return Err(Mistake::Twice(option));
        }
    }
    Ok(Some(key))
}

fn near(option: &str) -> Option<&'static str> {
    nearest(option, OPTIONS).and_then(|near| OPTIONS.into_iter().find(|known| *known == near))
}

/// How long what is made with a key can be kept: in whole seconds, as the server counts.
pub(in crate::cli) fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = values::duration(text)?;
    if ttl.subsec_nanos() == 0 { Ok(ttl) } else { Err("it is counted in whole seconds".to_owned()) }
}

/// A key's line, with the newline at its end.
pub(in crate::cli) fn written(key: &ListedKey) -> String {
    let mut line = format!("{} {}", key.name, key.hash);
    if let Some(expires) = key.expires {
        let _ = write!(line, " expires={}", at(expires));
    }
    if let Some(ttl) = key.limits.ttl {
        let _ = write!(line, " ttl-max={}", in_units(ttl.as_secs(), &[(86_400, "d"), (3600, "h"), (60, "m")], "s"));
    }
    if let Some(size) = key.limits.size {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        let _ = write!(line, " size-max={}", in_units(size, &[(1 << 20, "MiB"), (1 << 10, "KiB")], ""));
    }
    line.push('\n');
    line
}

/// The second, or a fraction of it if there is one.
fn at(time: Timestamp) -> String {
    time.to_string()
}

/// A number in the largest unit that it is a whole number of.
fn in_units(number: u64, units: &[(u64, &str)], otherwise: &str) -> String {
    match units.iter().find(|(unit, _)| number.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", number / unit),
        None => format!("{number}{otherwise}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    #[test]
    fn lines_are_read_and_written_alike() {
        let text = format!(
            "# who may create\n\n  ci {}\r\nbob {} expires=2027-01-31T00:00:00Z # until then\nann\t{}  size-max=1MiB ttl-max=7d",
            hash('a'),
            hash('b'),
            hash('c')
        );
        let keys = all(text.as_bytes()).unwrap();
        let lines: Vec<String> = keys.iter().map(written).collect();
        assert_eq!(
            lines,
            [
                format!("ci {}\n", hash('a')),
                format!("bob {} expires=2027-01-31T00:00:00Z\n", hash('b')),
                format!("ann {} ttl-max=7d size-max=1MiB\n", hash('c')),
            ]
        );
        assert_eq!(all(lines.concat().as_bytes()).unwrap().iter().map(written).collect::<Vec<_>>(), lines);
        for (given, line) in [("90", "90s"), ("90m", "90m"), ("24h", "1d"), ("36h", "36h")] {
            let key = one(&format!("a {} ttl-max={given} size-max=1000", hash('a'))).unwrap().unwrap();
            assert!(written(&key).ends_with(&format!("ttl-max={line} size-max=1000\n")), "{given}");
        }
        assert!(all(b"").unwrap().is_empty() && all(b"\n#\n \n").unwrap().is_empty());
    }

    #[test]
    fn a_bad_line_is_named_and_never_repeated() {
        let (a, b) = (hash('a'), hash('b'));
        let key = CreateKey::generate().unwrap().expose().to_string();
        for (text, line, mistake) in [
            (format!("# x\n-x {a}"), 2, Mistake::Name(InvalidKeyName::Form)),
            (format!("ots_x {a}"), 1, Mistake::Name(InvalidKeyName::Key)),
            ("ci".to_owned(), 1, Mistake::NoHash),
            ("ci expires=2027-01-31T00:00:00Z".to_owned(), 1, Mistake::Hash(InvalidCreateKeyHash)),
            (format!("ci {}", &a[1..]), 1, Mistake::Hash(InvalidCreateKeyHash)),
            (format!("ci {key}"), 1, Mistake::Key),
            (format!("{key} {a}"), 1, Mistake::Key),
            (format!("ci {a} {key}"), 1, Mistake::Key),
            (format!("ci {a}\n\nci {b}"), 3, Mistake::SameName(1)),
            (format!("ci {a}\nbob {}", a.to_uppercase()), 2, Mistake::SameKey(1)),
            (format!("ci {a} expire=x"), 1, Mistake::Option(Some("expires"))),
            (format!("ci {a} hunter2"), 1, Mistake::Option(None)),
            (format!("ci {a} ttl-max=1d ttl-max=1d"), 1, Mistake::Twice("ttl-max")),
            (format!("ci {a} expires=2027-01-31"), 1, Mistake::Expires),
            (format!("ci {a} expires="), 1, Mistake::Expires),
            (format!("ci {a} ttl-max=1500ms"), 1, Mistake::Ttl("it is counted in whole seconds".to_owned())),
            (format!("ci {a} ttl-max=0"), 1, Mistake::Ttl("it has to be longer than zero".to_owned())),
            (format!("ci {a} size-max=none"), 1, Mistake::Size(values::size("none").unwrap_err())),
        ] {
            let (at, found) = all(text.as_bytes()).unwrap_err();
            let said = found.to_string();
            assert_eq!((at, found), (line, mistake), "{text}");
            assert!(
                [&a, &b, &key].iter().all(|part| !said.contains(&part[4..])) && !said.contains("hunter2"),
                "{said}"
            );
        }
        let (at, found) = all(b"\n\xff\n").unwrap_err();
        assert_eq!((at, found), (2, Mistake::NotText));
    }

    proptest! {
        #[test]
        fn any_text_is_keys_or_a_line_of_it(text in "([a-z#\n =]|[0-9a-f]{64}|expires=|ttl-max=|size-max=|1d){0,30}") {
            match all(text.as_bytes()) {
                Ok(keys) => prop_assert!(keys.len() <= text.lines().count()),
                Err((line, _)) => prop_assert!(line >= 1 && line <= text.split('\n').count()),
            }
        }
    }
}
