//! The keys that are taken, by their hashes. The list can be replaced while the server runs: a key that isn't on it any more is refused from
//! the next request on.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;

use crate::secret::{CreateKey, CreateKeyHash};

/// Characters of a key's name at most.
const LONGEST_NAME: usize = 64;

/// What a key is called, by people, in the audit stream and in quotas: 1 to 64 letters, digits, `.`, `_`, `-` and `@`, the first of them a
/// letter or a digit. It says nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Arc<str>);

/// The text can't be a name. Holds no part of it: it may be the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyName {
    /// Its form.
    #[error("a key's name has 1 to {LONGEST_NAME} letters, digits, . _ - and @, and begins with a letter or a digit")]
    Form,
    /// It begins as keys do.
    #[error("that looks like a key, and a name is wanted there: keys begin with ots_, and are kept from view")]
    Key,
}

impl KeyName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = InvalidKeyName;

    fn from_str(text: &str) -> Result<Self, InvalidKeyName> {
        if text.to_ascii_lowercase().starts_with("ots_") {
            return Err(InvalidKeyName::Key);
        }
        let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        let goes_on = text.chars().all(|sign| sign.is_ascii_alphanumeric() || "._-@".contains(sign));
        if begins && goes_on && text.len() <= LONGEST_NAME { Ok(Self(text.into())) } else { Err(InvalidKeyName::Form) }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key allows less of than the server does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long what is created with it can be kept.
    pub ttl: Option<Duration>,
    /// The largest content, in bytes.
    pub size: Option<usize>,
}

/// A key that is taken.
#[derive(Debug, Clone)]
pub struct ListedKey {
    /// What it is called.
    pub name: KeyName,
    /// What it is known by.
    pub hash: CreateKeyHash,
    /// From when on it isn't taken any more.
    pub expires: Option<Timestamp>,
    /// What it allows.
    pub limits: Limits,
}

/// All keys that are taken now.
#[derive(Debug)]
pub struct KeyList(RwLock<Arc<[ListedKey]>>);

impl KeyList {
    /// Takes these keys. Whoever makes the list sees to it that no name and no hash is in it twice.
    #[must_use]
    pub fn new(keys: Vec<ListedKey>) -> Self {
        Self(RwLock::new(keys.into()))
    }

    /// Takes these keys from now on, and no others.
    pub fn replace(&self, keys: Vec<ListedKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }

    /// The name of a key and what it allows, if it is taken at `now`. Each key of the list is compared whole, whatever is found: the time
    /// says how many there are, and nothing of any of them.
    pub(in crate::server) fn find(&self, key: &CreateKey, now: Timestamp) -> Option<(KeyName, Limits)> {
        let keys = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let hash = key.hash();
        let found = keys.iter().fold(None, |found, listed| if listed.hash.is(&hash) { Some(listed) } else { found });
        found.filter(|found| found.expires.is_none_or(|end| now < end)).map(|found| (found.name.clone(), found.limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words_and_never_keys() {
        let longest = "a".repeat(64);
        for text in ["ci", "a", "0", "deploy-bot_2.example@host", longest.as_str()] {
            assert_eq!(text.parse::<KeyName>().unwrap().as_str(), text);
        }
        let key = CreateKey::generate().unwrap();
        for (text, error) in [
            ("", InvalidKeyName::Form),
            ("-a", InvalidKeyName::Form),
            ("a b", InvalidKeyName::Form),
            ("ä", InvalidKeyName::Form),
            ("a\u{1b}", InvalidKeyName::Form),
            (&format!("{longest}a"), InvalidKeyName::Form),
            (&key.expose(), InvalidKeyName::Key),
            ("OTS_x", InvalidKeyName::Key),
        ] {
            assert_eq!(text.parse::<KeyName>(), Err(error), "{text}");
            assert!(!error.to_string().contains(key.expose().as_str()));
        }
    }

    #[test]
    fn a_key_is_found_until_it_expires_or_the_list_is_another() {
        let keys: Vec<CreateKey> = (0..300).map(|_| CreateKey::generate().unwrap()).collect();
        let now = Timestamp::now();
        let listed = |(index, key): (usize, &CreateKey)| ListedKey {
            name: format!("key{index}").parse().unwrap(),
            hash: key.hash(),
            expires: (index % 2 == 1).then_some(now),
            limits: Limits { size: Some(index), ttl: None },
        };
        let list = KeyList::new(keys.iter().enumerate().map(listed).collect());
        for (index, key) in keys.iter().enumerate() {
            let found = list.find(key, now);
            assert_eq!(found.is_some(), index % 2 == 0, "{index}: the end is no part of its time");
            assert!(
                found.is_none_or(|(name, limits)| {
                    name.as_str() == format!("key{index}") && limits.size == Some(index)
                })
            );
            let before = now - Duration::from_millis(1);
            assert!(list.find(key, before).is_some());
        }
        assert!(list.find(&CreateKey::generate().unwrap(), now).is_none());
        list.replace(keys.iter().enumerate().skip(2).map(listed).collect());
        assert!(list.find(&keys[0], now).is_none() && list.find(&keys[2], now).is_some());
        list.replace(Vec::new());
        assert!(list.find(&keys[2], now).is_none());
    }
}
