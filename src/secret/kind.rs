//! What kind of content a secret is.

/// What kind of content it is, as the sender says. Part of what the ciphertext is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Content that the server can read while it has the token; whoever reads it may need a passphrase that the server checks.
    #[default]
    Plain,
    /// An end-to-end envelope: the server can't read it, and checks its proof.
    Envelope {
        /// A person has a passphrase to type.
        passphrase: bool,
    },
    /// An answer to a request, end-to-end encrypted too: the server checks its requester's proof.
    Answer,
    /// An open request: no secret, but the place that one is kept free for.
    Request,
}

impl Kind {
    /// As stored: bit 0 says that it is encrypted end to end, bit 1 that it has a passphrase, bit 2 that it is an answer; bit 3 that it is a
    /// request.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Envelope { passphrase: false } => 1,
            Self::Envelope { passphrase: true } => 3,
            Self::Answer => 5,
            Self::Request => 8,
        }
    }

    /// From what was stored; none for a byte that no kind has.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        let envelopes = [false, true].map(|passphrase| Self::Envelope { passphrase });
        let mut known = envelopes.into_iter().chain([Self::Plain, Self::Answer, Self::Request]);
        known.find(|kind| kind.to_byte() == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_one_kind_or_none() {
        let known: Vec<u8> = (0..=u8::MAX).filter(|byte| Kind::from_byte(*byte).is_some()).collect();
        assert_eq!(known, [0, 1, 3, 5, 8]);
        for byte in known {
            assert_eq!(Kind::from_byte(byte).unwrap().to_byte(), byte);
        }
    }
}
