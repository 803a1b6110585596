//! How long a secret can be kept, as the share page offers it: a few usual times, and any other up to the server's longest. In words
//! that need no plural forms: a number of days or hours is never 1 there, and what may be 1 is abbreviated.

use std::{borrow::Cow, time::Duration};

use super::{
    templates::{Choice, Offer},
    texts::Texts,
};
use crate::{api::TtlRequest, server::settings::Settings};

type Words = fn(&Texts) -> &str;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The usual times, in seconds, and how they are called.
const USUAL: [(u64, Words); 5] = [
    (15 * MINUTE, |text| &text.ttl_900),
    (HOUR, |text| &text.ttl_3600),
    (DAY, |text| &text.ttl_86400),
    (7 * DAY, |text| &text.ttl_604800),
    (30 * DAY, |text| &text.ttl_2592000),
];

/// What a time of the sender's own is counted in.
const UNITS: [(u64, Words); 3] =
    [(MINUTE, |text| &text.unit_minutes), (HOUR, |text| &text.unit_hours), (DAY, |text| &text.unit_days)];

/// What the share page offers.
pub(super) fn offer(settings: &Settings, text: &'static Texts) -> Offer<'static> {
    let (default, longest) = (settings.default_ttl.duration().as_secs(), settings.max_ttl.as_secs());
    let mut offered: Vec<u64> =
        USUAL.iter().map(|(seconds, _)| *seconds).filter(|seconds| *seconds <= longest).chain([default]).collect();
    offered.sort_unstable();
    offered.dedup();
    let choice = |seconds| Choice { seconds, words: words(text, seconds), selected: seconds == default };
    let unit = |&(seconds, words): &(u64, Words)| Choice {
        seconds,
        words: Cow::Borrowed(words(text)),
        selected: seconds == HOUR,
    };
    Offer {
        max_size: settings.max_size,
        ttls: offered.into_iter().map(choice).collect(),
        units: UNITS.iter().filter(|(seconds, _)| *seconds <= longest).map(unit).collect(),
        longest,
        too_long: too_long(settings, text),
    }
}

/// The same, with the time that was chosen before in place of the default.
pub(super) fn offer_again(settings: &Settings, text: &'static Texts, chosen: TtlRequest) -> Offer<'static> {
    let mut offer = offer(settings, text);
    let chosen = chosen.seconds().and_then(|(seconds, _)| Duration::try_from_secs_f64(seconds).ok());
    if let Some(seconds) = chosen.map(|chosen| chosen.as_secs()) {
        if offer.ttls.iter().all(|choice| choice.seconds != seconds) {
            offer.ttls.push(Choice { seconds, words: words(text, seconds), selected: false });
        }
        for choice in &mut offer.ttls {
            choice.selected = choice.seconds == seconds;
        }
    }
    offer
}

/// Says that a time is too long for this server.
pub(super) fn too_long(settings: &Settings, text: &Texts) -> String {
    text.ttl_too_long.with(words(text, settings.max_ttl.as_secs()))
}

/// A time in the largest unit that it is a whole number of.
pub(super) fn words(text: &Texts, seconds: u64) -> Cow<'_, str> {
    if let Some((_, words)) = USUAL.iter().find(|(known, _)| *known == seconds) {
        return Cow::Borrowed(words(text));
    }
    let (pattern, unit) = match seconds {
        _ if seconds.is_multiple_of(DAY) => (&text.ttl_days, DAY),
        _ if seconds.is_multiple_of(HOUR) => (&text.ttl_hours, HOUR),
        _ if seconds.is_multiple_of(MINUTE) => (&text.ttl_minutes, MINUTE),
        _ => (&text.ttl_seconds, 1),
    };
    Cow::Owned(pattern.with(seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_its_largest_unit_and_never_as_one_days() {
        let text = Texts::all().first().unwrap();
        for (seconds, said) in [
            (1, "1 s"),
            (59, "59 s"),
            (MINUTE, "1 min"),
            (90 * MINUTE, "90 min"),
            (HOUR, "1 hour"),
            (2 * HOUR, "2 hours"),
            (DAY, "1 day"),
            (36 * HOUR, "36 hours"),
            (90 * DAY, "90 days"),
            (DAY + 1, "86401 s"),
        ] {
            assert_eq!(words(text, seconds), said);
        }
    }
}
