//! The name of a file that somebody else chose: cleaned, so that it can be created here and on any other system and does
//! nothing but name a file; the page's script does the same, and `tests/vectors/filenames.json` has vectors for both. (Crates that do part of this bring a regex engine, and leave leading dots and dashes.)

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
    // A cut can make a device's name of one that wasn't, and the mark a name that is too long.
    let mut cut = shortened(kept);
    if is_device(&cut) {
        cut = shortened(&format!("_{cut}"));
    }
    let cleaned = cut.trim_end_matches(|c: char| c == '.' || c.is_whitespace()).to_owned();
    if cleaned.is_empty() { NAMELESS.to_owned() } else { cleaned }
}

/// The name with a number before its extension: `key-1.pem`.
pub(super) fn numbered(name: &str, number: u32) -> String {
    let (stem, extension) = split(name);
    format!("{stem}-{number}{extension}")
}

/// Characters that nobody sees, or that change how others are seen (CVE-2021-42574). Joiners stay: emoji and Persian need them.
fn is_dropped(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn replaced(character: char) -> char {
    if matches!(character, '<' | '>' | ':' | '"' | '|' | '?' | '*') { '_' } else { character }
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
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
    use serde_json::Value;

    #[test]
    fn every_vector_is_cleaned_as_it_says() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("../../tests/vectors/filenames.json")).unwrap();
        assert!(vectors.len() > 120, "{}", vectors.len());
        for vector in vectors {
            let [about, given, cleaned] = ["about", "given", "cleaned"].map(|word| vector[word].as_str().unwrap());
            assert_eq!(clean(given), cleaned, "{about}");
            assert_eq!(clean(cleaned), cleaned, "again: {about}");
        }
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
            prop_assert!(!cleaned.is_empty() && cleaned.len() <= LONGEST);
            prop_assert!(!cleaned.contains(['/', '\\', '\0', '\n', '\r']));
            prop_assert!(!cleaned.starts_with(['.', '-']));
            prop_assert_eq!(std::path::Path::new(&cleaned).file_name().unwrap().to_str().unwrap(), cleaned.as_str());
        }
    }
}
