//! Every one as likely as every other, as strong as is said, and never weak.

use std::collections::{BTreeMap, HashSet};

use super::*;

/// What chi-square stays below but once in more than a thousand million times, by Wilson and Hilferty's approximation; 6.4 standard
/// deviations.
fn bound(items: usize) -> f64 {
    let degrees = count(items - 1);
    let part = 2.0 / (9.0 * degrees);
    degrees * (1.0 - part + 6.4 * part.sqrt()).powi(3)
}

/// How far what was drawn is from every item being as likely.
fn chi_square<T: Ord + Copy>(items: &[T], each: u32) -> f64 {
    let mut times: BTreeMap<T, u32> = items.iter().map(|item| (*item, 0)).collect();
    for _ in 0..items.len() * each as usize {
        *times.get_mut(&pick(items).unwrap()).unwrap() += 1;
    }
    assert_eq!(times.len(), items.len(), "the items differ");
    assert!(times.values().all(|times| *times > 0), "each is drawn");
    times.values().map(|times| (f64::from(*times) - f64::from(each)).powi(2) / f64::from(each)).sum()
}

/// The words show a remainder that is taken without drawing again: 3,328 of them would come nine times for eight.
#[test]
fn every_word_and_every_character_is_as_likely() {
    let characters = KINDS.concat();
    for (items, far) in [(WORDS.len(), chi_square(&WORDS, 60)), (characters.len(), chi_square(&characters, 3000))] {
        assert!(far < bound(items), "{items} items: chi-square is {far}, above {}", bound(items));
    }
}

/// Which kind stands where is left to chance, too: a kind that is missing must not be put at a place of its own.
#[test]
fn every_place_is_like_every_other() {
    let recipe = Recipe::password(12, true).unwrap();
    let mut digits = [0_u32; 12];
    for _ in 0..6000 {
        for (place, character) in recipe.draw().unwrap().expose().bytes().enumerate() {
            digits[place] += u32::from(DIGITS.contains(&character));
        }
    }
    let mean = f64::from(digits.iter().sum::<u32>()) / 12.0;
    let far: f64 = digits.iter().map(|times| (f64::from(*times) - mean).powi(2) / mean).sum();
    assert!(far < bound(12), "chi-square is {far}: {digits:?}");
}

#[test]
fn a_password_is_as_long_as_asked_for_and_has_each_kind() {
    let mut seen = HashSet::new();
    for (length, symbols) in [(12, false), (12, true), (20, false), (20, true), (128, true)] {
        for _ in 0..200 {
            let password = Recipe::password(length, symbols).unwrap().draw().unwrap();
            let text = password.expose().as_bytes();
            assert_eq!(text.len(), usize::from(length));
            for (place, kind) in KINDS.iter().enumerate() {
                assert_eq!(text.iter().any(|byte| kind.contains(byte)), symbols || place < 3, "{length} {symbols}");
            }
            assert!(text.iter().all(|byte| KINDS.concat().contains(byte)));
            assert!(seen.insert(text.to_vec()), "none comes twice");
        }
    }
}

#[test]
fn a_passphrase_has_its_words() {
    let mut seen = HashSet::new();
    for (number, separator) in [(5, ' '), (6, '.'), (24, '_')] {
        for _ in 0..100 {
            let passphrase = Recipe::passphrase(number, separator).unwrap().draw().unwrap();
            let words: Vec<&str> = passphrase.expose().split(separator).collect();
            assert!(words.len() == usize::from(number) && words.iter().all(|word| WORDS.contains(word)));
            assert!(seen.insert(passphrase.expose().to_owned()), "none comes twice");
        }
    }
}

/// Nothing grows on the way, which would leave a copy behind.
#[test]
fn the_buffer_has_its_size_from_the_start() {
    assert_eq!(password(kinds(true), 20).unwrap().capacity(), 20);
    assert_eq!(passphrase(6, '-').unwrap().capacity(), 6 * 10);
}

/// The list is EFF's, and says whose it is; a hyphen in a word makes no two passphrases the same.
#[test]
fn the_list_is_whole() {
    let distinct: HashSet<&str> = WORDS.iter().copied().collect();
    assert_eq!((WORDS.len(), distinct.len()), (7776, 7776));
    let plain = |word: &&&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let others: Vec<&str> = WORDS.iter().filter(|word| !plain(word)).copied().collect();
    assert_eq!(others, ["drop-down", "felt-tip", "t-shirt", "yo-yo"]);
    assert!(others.iter().all(|word| !distinct.contains(word.split('-').next().unwrap())));
    assert!(WORDS.is_sorted() && WORDS.iter().all(|word| (3..=9).contains(&word.len())));
    assert!(include_str!("words.txt").lines().take(3).all(|line| line.starts_with('#')));
}

#[test]
fn the_bits_are_those_of_the_possible_texts() {
    // Of the 27 texts of three characters 8 have no digit, and 1 has no letter.
    let share = share_with_each_kind(&[b"ab", b"1"], 3);
    assert!((share - 18.0 / 27.0).abs() < 1e-12, "{share}");
    for (recipe, bits) in [
        (Recipe::default(), 116), // 57 to the 20th is 2 to the 116.65, less one in 20
        (Recipe::password(12, false).unwrap(), 69),
        (Recipe::password(20, true).unwrap(), 121),
        (Recipe::passphrase(5, '-').unwrap(), 64),
        (Recipe::passphrase(6, '-').unwrap(), 77), // 6 × 12.92
    ] {
        assert_eq!(recipe.bits(), bits, "{recipe:?}");
    }
}

#[test]
fn what_could_be_guessed_is_refused() {
    for (length, taken) in [(0, false), (11, false), (12, true), (128, true), (129, false)] {
        assert_eq!(Recipe::password(length, true).is_ok(), taken, "{length}");
        assert!(Recipe::password(length, true).is_ok_and(|recipe| recipe.bits() >= 64) == taken);
    }
    for (number, taken) in [(0, false), (4, false), (5, true), (24, true), (25, false)] {
        assert_eq!(Recipe::passphrase(number, '-').is_ok(), taken, "{number}");
        assert!(Recipe::passphrase(number, '-').is_ok_and(|recipe| recipe.bits() >= 64) == taken);
    }
    for separator in ['a', 'Z', '7', '\n', '\0', 'é', '\u{a0}'] {
        assert_eq!(Recipe::passphrase(6, separator), Err(InvalidRecipe::Separator));
    }
    for (text, same) in [
        ("password", Ok(Recipe::default())),
        ("password:32", Recipe::password(32, false)),
        ("passphrase", Recipe::passphrase(6, '-')),
        ("passphrase:8", Recipe::passphrase(8, '-')),
        ("password:8", Err(InvalidRecipe::Length)),
        ("passphrase:1", Err(InvalidRecipe::Words)),
        ("hunter2", Err(InvalidRecipe::Unknown)),
        ("password:", Err(InvalidRecipe::Unknown)),
        ("password:-32", Err(InvalidRecipe::Unknown)),
        ("password:99999", Err(InvalidRecipe::Unknown)),
    ] {
        assert_eq!(text.parse::<Recipe>(), same, "{text}");
    }
}

#[test]
fn debug_shows_nothing() {
    assert_eq!(format!("{:?}", Recipe::default().draw().unwrap()), "Generated(…)");
}
