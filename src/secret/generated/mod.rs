//! Passwords and passphrases that nobody has to think up: drawn from the operating system's randomness, every one as likely as every
//! other. What could be guessed can't be asked for. `src/web/js/generate.js` draws the same on the page.

use std::{fmt, ops::RangeInclusive, str::FromStr, sync::LazyLock};

use zeroize::Zeroizing;

use super::{NoRandomness, random};

/// EFF's long list: 7,776 words that are easy to tell, to spell and to remember. None with a hyphen in it
/// can be read as two others. The page fetches the same file.
static WORDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("words.txt").lines().filter(|line| !line.starts_with('#')).collect());

/// The letters and digits that nobody takes for each other, and symbols that most forms take and few tools spoil.
const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const LOWER: &[u8] = b"abcdefghijkmnopqrstuvwxyz";
const DIGITS: &[u8] = b"23456789";
const SYMBOLS: &[u8] = b"!#%*+-=?@_";
const KINDS: [&[u8]; 4] = [UPPER, LOWER, DIGITS, SYMBOLS];

/// How many characters a password can have, and how many words a passphrase.
const LENGTHS: RangeInclusive<u16> = 12..=128;
const WORD_COUNTS: RangeInclusive<u16> = 5..=24;
const USUAL_LENGTH: u16 = 20;
const USUAL_WORDS: u16 = 6;

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe(Draw);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Draw {
    Password { length: u16, symbols: bool },
    Passphrase { words: u16, separator: char },
}

/// What can't be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecipe {
    /// Fewer characters could be guessed; more are of no use.
    #[error("a password has {} to {} characters: a shorter one could be guessed", LENGTHS.start(), LENGTHS.end())]
    Length,
    /// Fewer words could be guessed; more are of no use.
    #[error("a passphrase has {} to {} words: a shorter one could be guessed", WORD_COUNTS.start(), WORD_COUNTS.end())]
    Words,
    /// Between words that aren't told apart, other words begin.
    #[error("between the words goes one character of ASCII that is neither a letter nor a digit")]
    Separator,
    /// Neither of the two.
    #[error("it is password or passphrase, or with a number as password:32 (characters) or passphrase:8 (words)")]
    Unknown,
}

impl Recipe {
    /// A password of `length` characters, 12 to 128: letters and digits, and with `symbols` those too. There is at least one of each
    /// kind in it, since many a rule wants that.
    ///
    /// # Errors
    /// [`InvalidRecipe::Length`].
    pub fn password(length: u16, symbols: bool) -> Result<Self, InvalidRecipe> {
        if LENGTHS.contains(&length) {
            Ok(Self(Draw::Password { length, symbols }))
        } else {
            Err(InvalidRecipe::Length)
        }
    }

    /// A passphrase of 5 to 24 words.
    ///
    /// # Errors
    /// [`InvalidRecipe::Words`], and [`InvalidRecipe::Separator`] when the words would run together.
    pub fn passphrase(words: u16, separator: char) -> Result<Self, InvalidRecipe> {
        if !WORD_COUNTS.contains(&words) {
            return Err(InvalidRecipe::Words);
        }
        if !(separator == ' ' || separator.is_ascii_punctuation()) {
            return Err(InvalidRecipe::Separator);
        }
        Ok(Self(Draw::Passphrase { words, separator }))
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Draw::Password { .. } => "password",
            Draw::Passphrase { .. } => "passphrase",
        }
    }

    /// How many bits of chance are in it, rounded down: whoever knows the recipe needs 2 to the power of so many guesses for all.
    #[must_use]
    pub fn bits(self) -> u32 {
        let bits = match self.0 {
            Draw::Password { length, symbols } => {
                let all: usize = kinds(symbols).iter().map(|kind| kind.len()).sum();
                f64::from(length) * count(all).log2() + share_with_each_kind(kinds(symbols), length).log2()
            }
            Draw::Passphrase { words: number, .. } => f64::from(number) * count(WORDS.len()).log2(),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 60 and 1,000")]
        let whole = bits.floor() as u32;
        whole
    }

    /// Draws one.
    ///
    /// # Errors
    /// [`NoRandomness`] when the operating system has none.
    pub fn draw(self) -> Result<Generated, NoRandomness> {
        let text = match self.0 {
            Draw::Password { length, symbols } => password(kinds(symbols), length)?,
            Draw::Passphrase { words, separator } => passphrase(words, separator)?,
        };
        Ok(Generated { recipe: self, text })
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Self(Draw::Password { length: USUAL_LENGTH, symbols: false })
    }
}

/// `password`, `passphrase`, `password:32`, `passphrase:8`.
impl FromStr for Recipe {
    type Err = InvalidRecipe;

    fn from_str(text: &str) -> Result<Self, InvalidRecipe> {
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| InvalidRecipe::Unknown)?)),
            None => (text, None),
        };
        match name {
            "password" => Self::password(number.unwrap_or(USUAL_LENGTH), false),
            "passphrase" | "words" => Self::passphrase(number.unwrap_or(USUAL_WORDS), '-'),
            _ => Err(InvalidRecipe::Unknown),
        }
    }
}

/// A password or passphrase that was drawn. Wipes itself and prints nothing.
pub struct Generated {
    recipe: Recipe,
    text: Zeroizing<String>,
}

impl Generated {
    /// The text. Named so that each place that shows it can be found.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What was asked for.
    #[must_use]
    pub fn recipe(&self) -> Recipe {
        self.recipe
    }
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generated(…)")
    }
}

fn kinds(symbols: bool) -> &'static [&'static [u8]] {
    let [kinds @ .., _] = &KINDS;
    if symbols { &KINDS } else { kinds }
}

/// Draws whole passwords until one has every kind of character: so all of those are equally likely, as they wouldn't be if a missing
/// kind were put in afterwards.
fn password(kinds: &[&[u8]], length: u16) -> Result<Zeroizing<String>, NoRandomness> {
    let characters = kinds.concat();
    let mut text = Zeroizing::new(String::with_capacity(length.into()));
    loop {
        text.clear();
        for _ in 0..length {
            text.push(char::from(pick(&characters)?));
        }
        if kinds.iter().all(|kind| text.bytes().any(|byte| kind.contains(&byte))) {
            return Ok(text);
        }
    }
}

fn passphrase(number: u16, separator: char) -> Result<Zeroizing<String>, NoRandomness> {
    let longest = WORDS.iter().map(|word| word.len()).max().unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(usize::from(number) * (longest + 1)));
    for place in 0..number {
        if place > 0 {
            text.push(separator);
        }
        text.push_str(pick(&WORDS)?);
    }
    Ok(text)
}

/// One of the items, at most 65,536, each as likely as the others: numbers above the last whole multiple of their count are drawn again.
#[expect(clippy::expect_used, reason = "a remainder is below the count")]
fn pick<T: Copy>(items: &[T]) -> Result<T, NoRandomness> {
    let fair = (1 << 16) - (1 << 16) % items.len();
    loop {
        let drawn = usize::from(u16::from_le_bytes(*Zeroizing::new(random::<2>()?)));
        if drawn < fair {
            return Ok(*items.get(drawn % items.len()).expect("a remainder is below the count"));
        }
    }
}

/// The share of all texts of a length that have a character of each kind, by inclusion and exclusion of the kinds that are missing.
fn share_with_each_kind(kinds: &[&[u8]], length: u16) -> f64 {
    let all: usize = kinds.iter().map(|kind| kind.len()).sum();
    let without = |missing: u32| {
        let there = kinds.iter().enumerate().filter(|(place, _)| missing >> place & 1 == 0);
        let left: usize = there.map(|(_, kind)| kind.len()).sum();
        let share = (count(left) / count(all)).powi(length.into());
        if missing.count_ones().is_multiple_of(2) { share } else { -share }
    };
    (0..1 << kinds.len()).map(without).sum()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
