//! Every language has every text, and its own marks; and the reader gets the language that it wants.

use super::*;

#[test]
fn every_language_has_every_text_and_no_other() {
    let files = LANGUAGES.map(|json| serde_json::from_str::<std::collections::BTreeMap<&str, &str>>(json).unwrap());
    for (texts, file) in LOADED.iter().zip(&files) {
        assert_eq!(texts.language, file["language"]);
        for (word, text) in file {
            let holds_a_value = text.contains("{}");
            assert!(!text.is_empty() && holds_a_value == files[0][word].contains("{}"), "{}: {word}", texts.language);
        }
    }
    let english = LANGUAGES[0];
    for wrong in [
        english.replace("\"footer\"", "\"foot\""),
        english.replacen('{', "{\"more\": \"\",", 1),
        english.replace("{} days", "days"),
        english.replace("{} days", "{} of {} days"),
    ] {
        assert!(wrong != english && serde_json::from_str::<Texts>(&wrong).is_err());
    }
}

#[test]
fn the_language_is_the_readers_first_that_there_is() {
    for (wanted, given) in [
        ("", "en"),
        ("de-CH", "de"),
        ("de-CH, en;q=0.5", "de"),
        ("sv, fr;q=0.3, ja;q=0.9", "ja"),
        ("fr;q=0.5, de-AT;q=0.5", "fr"),
        ("zh-Hans-CN", "zh"),
        ("ES", "es"),
        ("pt-PT", "pt"),
        ("pt-BR, en;q=0.9", "pt"),
        ("it-CH", "it"),
        ("nl-BE", "nl"),
        ("pl", "pl"),
        ("xx, de;q=0", "en"),
        ("xx, *;q=0.1", "en"),
        ("*, de;q=0.5", "en"),
        (";;;,q=", "en"),
    ] {
        assert_eq!(Texts::for_reader(&head("/", wanted)).language, given, "{wanted}");
    }
}

#[test]
fn what_the_reader_chose_on_the_page_comes_first() {
    for (path, given) in [
        ("/?lang=de", "de"),
        ("/s/token?a=b&lang=JA", "ja"),
        ("/?lang=pt-BR", "pt"),
        ("/?lang=xx", "fr"),
        ("/?lang=", "fr"),
        ("/?lang", "fr"),
        ("/?langs=de", "fr"),
        ("/?lang=de&lang=ja", "de"),
    ] {
        assert_eq!(Texts::for_reader(&head(path, "fr")).language, given, "{path}");
    }
}

fn head(path: &str, languages: &str) -> Parts {
    hyper::Request::get(path).header(header::ACCEPT_LANGUAGE, languages).body(()).unwrap().into_parts().0
}

/// What a person would see at once as foreign: marks and spaces that the language writes otherwise.
#[test]
fn every_language_keeps_its_own_marks() {
    for json in LANGUAGES {
        let file: std::collections::BTreeMap<&str, &str> = serde_json::from_str(json).unwrap();
        let language = file["language"];
        for (word, text) in &file {
            let all = |wrong: &[&str]| wrong.iter().all(|wrong| !text.contains(wrong));
            assert!(all(&["'", "\"", "...", "  ", " …", "( ", " )"]), "{language}, {word}: {text}");
            let right = match language {
                "fr" => all(&[" :", " ;", " !", " ?", "« ", " »", "e:", "e?", "s:", "s?"]),
                "es" => ["?¿", "!¡"].iter().all(|pair| {
                    let [closed, open] = [0, 1].map(|place| pair.chars().nth(place).unwrap());
                    text.matches(closed).count() == text.matches(open).count()
                }),
                "ja" | "zh" => all(&[": ", "; ", ", ", "? ", ". ", "(", ")"]) && !text.ends_with(['.', ':', '?', '!']),
                _ => all(&[" :", " ;", " !", " ?"]),
            };
            assert!(right, "{language}, {word}: {text}");
        }
    }
}
