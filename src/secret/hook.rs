//! The name of a webhook, by which a sender picks it.

use std::{fmt, str::FromStr, sync::Arc};

/// Characters of a name at most.
const LONGEST: usize = 64;

/// What a webhook is called: 1 to 64 letters, digits, `-` and `_`.
///
/// ```
/// use ots::secret::HookName;
///
/// assert!("on-call_2".parse::<HookName>().is_ok());
/// assert!("on call".parse::<HookName>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookName(Arc<str>);

/// The text can't be a webhook's name. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's name has 1 to {LONGEST} letters, digits, - and _")]
pub struct InvalidHookName;

impl HookName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HookName {
    type Err = InvalidHookName;

    fn from_str(text: &str) -> Result<Self, InvalidHookName> {
        let is_whole = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if is_whole && (1..=LONGEST).contains(&text.len()) { Ok(Self(text.into())) } else { Err(InvalidHookName) }
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_is() {
        let longest = "x".repeat(LONGEST);
        for (text, is_one) in [
            ("a", true),
            ("On-Call_2", true),
            ("-", true),
            (longest.as_str(), true),
            (&format!("{longest}x"), false),
            ("", false),
            ("a b", false),
            ("a=b", false),
            ("é", false),
            ("a\n", false),
        ] {
            assert_eq!(text.parse::<HookName>().is_ok(), is_one, "{text:?}");
        }
    }
}
