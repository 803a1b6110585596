//! What kind of content a secret is.

/// What kind of content it is, as the sender says. Part of what the ciphertext is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kind {
    /// An end-to-end envelope: the server can't read it.
    pub encrypted: bool,
    /// For an envelope: a person has a passphrase to type. (Its proof is there in any case.)
    pub passphrase_required: bool,
}

impl Kind {
    /// As stored.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        u8::from(self.encrypted) | u8::from(self.passphrase_required) << 1
    }

    /// From what was stored.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        Self { encrypted: byte & 1 != 0, passphrase_required: byte & 2 != 0 }
    }
}
