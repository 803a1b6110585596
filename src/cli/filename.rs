//! The name of a file that somebody else chose: cleaned, so that it can be created here and on any other system and does
//! nothing but name a file. (Crates that do part of this bring a regex engine, and leave leading dots and dashes.)

/// The longest name, in bytes: file systems take 255, and a number may be added.
const LONGEST: usize = 200;
/// What a file is called whose sender gave no name, or none that anything is left of.
const NAMELESS: &str = "secret";
/// Names of devices on Windows, with any extension
/// (<https://learn.microsoft.com/windows/win32/fileio/naming-a-file>).
const DEVICES: &[&str] = &["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"];

/// The base name alone, without control and direction characters and what Windows refuses; never empty, never with a
/// leading dot or dash, never a device.
pub(super) fn clean(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = base.chars().filter(|character| !is_dropped(*character)).map(replaced).collect();
    let kept = kept.trim_start_matches(|character: char| matches!(character, '.' | '-') || character.is_whitespace());
    let mut cleaned = shortened(kept).trim_end_matches(|c: char| c == '.' || c.is_whitespace()).to_owned();
    if is_device(&cleaned) {
        cleaned.insert(0, '_');
    }
    if cleaned.is_empty() { NAMELESS.to_owned() } else { cleaned }
}

/// The name with a number before its extension: `key-1.pem`.
pub(super) fn numbered(name: &str, number: u32) -> String {
    let (stem, extension) = split(name);
    format!("{stem}-{number}{extension}")
}

/// Characters that nobody sees, or that change how others are seen (CVE-2021-42574).
fn is_dropped(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn replaced(character: char) -> char {
    if matches!(character, '<' | '>' | ':' | '"' | '|' | '?' | '*') { '_' } else { character }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    let numbered = port.is_some_and(|port| {
        let mut digits = port.chars();
        matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    });
    numbered || DEVICES.contains(&stem.as_str())
}

/// The stem, and the extension with its dot; a long one isn't taken for an extension.
fn split(name: &str) -> (&str, &str) {
    let dot = name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= 16);
    name.split_at(dot.unwrap_or(name.len()))
}

/// At most [`LONGEST`] bytes, with the extension kept.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    let room = LONGEST - extension.len();
    let kept: String =
        stem.char_indices().take_while(|(at, kept)| at + kept.len_utf8() <= room).map(|(_, kept)| kept).collect();
    kept + extension
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_do_nothing_but_name_a_file() {
        for (given, cleaned) in [
            ("key.pem", "key.pem"),
            ("Schlüssel 鍵 🗝.txt", "Schlüssel 鍵 🗝.txt"),
            ("../../.ssh/authorized_keys", "authorized_keys"),
            ("C:\\Windows\\win.ini", "win.ini"),
            ("a/", "secret"),
            ("", "secret"),
            ("..", "secret"),
            (" . ", "secret"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("-.- x", "x"),
            ("a\u{1b}[2Jb\r\n.txt", "a[2Jb.txt"),
            ("\u{202e}gpj.exe", "gpj.exe"),
            ("a:b|c?.txt", "a_b_c_.txt"),
            ("trailing. . ", "trailing"),
            ("con", "_con"),
            ("Con.txt", "_Con.txt"),
            ("NUL .tar.gz", "_NUL .tar.gz"),
            ("com1", "_com1"),
            ("LPT².x", "_LPT².x"),
            ("com10", "com10"),
            ("console", "console"),
        ] {
            assert_eq!(clean(given), cleaned, "{given:?}");
        }
        let long = clean(&format!("{}.tar", "é".repeat(300)));
        assert!(long.len() <= LONGEST && long.len() > LONGEST - 3 && long.ends_with("é.tar"), "{long}");
    }

    #[test]
    fn a_number_goes_before_the_extension() {
        for (name, with) in [("key.pem", "key-2.pem"), ("key", "key-2"), ("a.b.c", "a.b-2.c")] {
            assert_eq!(numbered(name, 2), with);
        }
    }

    proptest! {
        #[test]
        fn any_name_is_cleaned_once_and_for_all(name in "\\PC{0,300}|[-. /\\\\a-c\u{0}-\u{1f}\u{202e}]{0,12}") {
            let cleaned = clean(&name);
            prop_assert_eq!(clean(&cleaned), cleaned.clone());
            prop_assert!(!cleaned.is_empty() && cleaned.len() <= LONGEST + 1);
            prop_assert!(!cleaned.contains(['/', '\\', '\0', '\n', '\r']));
            prop_assert!(!cleaned.starts_with(['.', '-']));
            prop_assert_eq!(std::path::Path::new(&cleaned).file_name().unwrap().to_str().unwrap(), cleaned.as_str());
        }
    }
}
