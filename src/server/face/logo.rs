//! The picture of whoever runs the server: a file of theirs, served as it is under a policy that lets nothing in it run.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
};

use bytes::Bytes;

/// Bytes of a logo at most: each page loads it.
pub const LARGEST_LOGO: usize = 256 * 1024;

/// A picture that a browser shows.
#[derive(Debug, Clone)]
pub struct Logo {
    kind: &'static str,
    data: Bytes,
    /// What tells it from others.
    hash: u64,
}

/// Why it isn't shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogo {
    /// More than [`LARGEST_LOGO`].
    #[error("is larger than 256 KiB: make it smaller, since every page loads it")]
    TooLarge,
    /// Neither of the kinds that all browsers show.
    #[error("is no picture that browsers show: give a PNG, JPEG, WebP or SVG file")]
    Kind,
}

impl Logo {
    /// A picture, its kind told by what it begins with.
    ///
    /// # Errors
    /// [`InvalidLogo`].
    pub fn new(data: Vec<u8>) -> Result<Self, InvalidLogo> {
        if data.len() > LARGEST_LOGO {
            return Err(InvalidLogo::TooLarge);
        }
        let kind = kind_of(&data).ok_or(InvalidLogo::Kind)?;
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        Ok(Self { kind, data: data.into(), hash: hasher.finish() })
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Its media type and its bytes.
    pub(in crate::server) fn shown(&self) -> (&'static str, Bytes) {
        (self.kind, self.data.clone())
    }
}

/// By what the formats' descriptions say that a file begins with.
fn kind_of(data: &[u8]) -> Option<&'static str> {
    match data {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => {
            let text = std::str::from_utf8(data).ok()?.trim_start_matches('\u{feff}').trim_start();
            (text.starts_with('<') && text.contains("<svg")).then_some("image/svg+xml")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_beginning() {
        let kind = |data: &[u8]| Logo::new(data.to_vec()).map(|logo| logo.kind);
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n..."), Ok("image/png"));
        assert_eq!(kind(b"\xff\xd8\xff\xe0"), Ok("image/jpeg"));
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPVP8 "), Ok("image/webp"));
        assert_eq!(kind(b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), Ok("image/svg+xml"));
        for other in [&b""[..], b"<html>", b"GIF89a", b"svg", b"\xff\xfe<svg"] {
            assert_eq!(kind(other), Err(InvalidLogo::Kind), "{other:?}");
        }
        assert_eq!(kind(&vec![0; LARGEST_LOGO + 1]), Err(InvalidLogo::TooLarge));
    }
}
