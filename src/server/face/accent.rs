//! The colour of buttons and links, in light and dark. An operator gives one; what is shown is that one moved towards black or white until
//! it can be read on the page (WCAG 2.2, success criterion 1.4.3: a contrast of 4.5).

use std::{fmt::Write as _, str::FromStr};

/// What text has to differ from its ground by, at least.
const CONTRAST: f64 = 4.5;
/// The grounds that links and buttons are on, as in `src/web/colours.css`: the page's and the card's, the one that differs less.
const LIGHT_GROUND: Colour = Colour([0xf4, 0xf5, 0xf9]);
const DARK_GROUND: Colour = Colour([0x1c, 0x1f, 0x2a]);
const WHITE: Colour = Colour([0xff; 3]);
const BLACK: Colour = Colour([0; 3]);

/// A colour of the operator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accent(Colour);

/// It isn't a colour as it has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a colour as #2f4ac0: # and six hexadecimal digits")]
pub struct InvalidAccent;

impl FromStr for Accent {
    type Err = InvalidAccent;

    fn from_str(text: &str) -> Result<Self, InvalidAccent> {
        let digits = text.trim().strip_prefix('#').ok_or(InvalidAccent)?.to_ascii_lowercase();
        let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).map_err(|_| InvalidAccent)?;
        bytes.try_into().map(|parts| Self(Colour(parts))).map_err(|_| InvalidAccent)
    }
}

impl Accent {
    /// The style that puts it into the place of ours.
    pub(in crate::server) fn style(self) -> String {
        let light = self.values(LIGHT_GROUND, BLACK);
        let dark = self.values(DARK_GROUND, WHITE);
        format!(
            ":root {{{light}}}\n@media (prefers-color-scheme: dark) {{ :root:not([data-theme=\"light\"]) {{{dark}}} }}\n\
             :root[data-theme=\"dark\"] {{{dark}}}\n"
        )
    }

    /// Read on `ground`, if need be moved towards `end`.
    fn values(self, ground: Colour, end: Colour) -> String {
        let accent = self.0.readable_on(ground, end);
        let on_accent = if accent.contrast(WHITE) >= accent.contrast(BLACK) { WHITE } else { BLACK };
        let mut values = String::new();
        for (name, colour) in [("accent", accent), ("accent-hover", accent.towards(end, 15)), ("on-accent", on_accent)]
        {
            let [red, green, blue] = colour.0;
            let _ = write!(values, " --{name}: #{red:02x}{green:02x}{blue:02x};");
        }
        values + " "
    }
}

/// Red, green and blue in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Colour([u8; 3]);

impl Colour {
    /// WCAG 2.2, 'relative luminance'.
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// WCAG 2.2, 'contrast ratio': from 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// Moved by so many hundredths of the way to another colour.
    fn towards(self, end: Self, hundredths: u32) -> Self {
        let mut mixed = self.0;
        for (from, to) in mixed.iter_mut().zip(end.0) {
            let sum = u32::from(*from) * (100 - hundredths) + u32::from(to) * hundredths;
            *from = u8::try_from((sum + 50) / 100).unwrap_or(to);
        }
        Self(mixed)
    }

    /// The nearest on the way to `end` that can be read on `ground`.
    fn readable_on(self, ground: Self, end: Self) -> Self {
        let mut steps = (0..=100).map(|step| self.towards(end, step));
        steps.find(|colour| colour.contrast(ground) >= CONTRAST).unwrap_or(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_are_written_in_one_way() {
        assert_eq!("#2F4ac0".parse(), Ok(Accent(Colour([0x2f, 0x4a, 0xc0]))));
        for other in ["", "#", "2f4ac0", "#2f4ac", "#2f4ac00", "#2f4acg", "red", "#fff; } body { display: none"] {
            assert_eq!(other.parse::<Accent>(), Err(InvalidAccent), "{other}");
        }
    }

    #[test]
    fn contrast_is_as_the_standard_reckons_it() {
        assert!((WHITE.contrast(BLACK) - 21.0).abs() < 1e-9);
        assert!((Colour([0x77; 3]).contrast(WHITE) - 4.478).abs() < 1e-3);
    }

    #[test]
    fn a_colour_that_can_be_read_stays_as_it_is() {
        let ours = Accent(Colour([0x2f, 0x4a, 0xc0]));
        assert!(ours.style().starts_with(":root { --accent: #2f4ac0; --accent-hover: "), "{}", ours.style());
    }

    proptest! {
        #[test]
        fn any_colour_can_be_read_in_light_and_dark(parts: [u8; 3]) {
            for (ground, end) in [(LIGHT_GROUND, BLACK), (DARK_GROUND, WHITE)] {
                let colour = Colour(parts).readable_on(ground, end);
                prop_assert!(colour.contrast(ground) >= CONTRAST);
                prop_assert!(colour.contrast(WHITE).max(colour.contrast(BLACK)) >= CONTRAST);
                let hovered = colour.towards(end, 15);
                prop_assert!(hovered.contrast(ground) >= CONTRAST);
            }
        }
    }
}
