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
}

impl Kind {
    /// As stored: bit 0 says that it is an envelope, bit 1 that it has a passphrase.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Envelope { passphrase: false } => 1,
            Self::Envelope { passphrase: true } => 3,
        }
    }

    /// From what was stored; none for a byte that no kind has.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Plain, Self::Envelope { passphrase: false }, Self::Envelope { passphrase: true }]
            .into_iter()
            .find(|kind| kind.to_byte() == byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_one_kind_or_none() {
        let known: Vec<u8> = (0..=u8::MAX).filter(|byte| Kind::from_byte(*byte).is_some()).collect();
        assert_eq!(known, [0, 1, 3]);
        for byte in known {
            assert_eq!(Kind::from_byte(byte).unwrap().to_byte(), byte);
        }
    }
}
