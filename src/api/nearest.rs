//! What somebody who misspelt a name may have meant.

/// The known name that is nearest to `name`, if a third of its letters at most are wrong (Damerau-Levenshtein).
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        // What is much longer is near to none of them, and somebody else chose how long it is: comparing costs the product of both.
        .filter(|known| name.len() <= 2 * known.len())
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_named() {
        let known = ["ttl_hours", "ttl_seconds", "passphrase"];
        for (name, meant) in [
            ("ttl_hour", Some("ttl_hours")),
            ("tll_hours", Some("ttl_hours")),
            ("pass", None),
            ("password", None),
            ("passphrasse", Some("passphrase")),
            ("", None),
            ("ttl_hours_and_seconds_and_more", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
    }
}
