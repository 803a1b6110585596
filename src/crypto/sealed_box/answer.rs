//! The answer to a request: an envelope, and before it the envelope's link key, sealed to the request's public key.

use orion::hazardous::{
    hpke::{MLKEM768_X25519_SHA256_CHACHA20, ModeBase},
    kem::xwing::{CIPHERTEXT_SIZE, Ciphertext, Eseed},
};
use zeroize::Zeroizing;

use super::{CryptoError, Keys, SUITE, invitation::Invitation};
use crate::{
    crypto::envelope::{self, Label, Opened, PREFIX_BYTES, SealError},
    secret::{Fingerprint, LINK_KEY_BYTES, LinkKey, random},
};

const MAGIC: [u8; 4] = *b"OTSA";
/// Magic and suite.
const ASSOCIATED_BYTES: usize = MAGIC.len() + 1;
/// A link key, and its tag.
const SEALED_BYTES: usize = LINK_KEY_BYTES + 16;
/// Bytes before the envelope.
pub(super) const OWN_BYTES: usize = ASSOCIATED_BYTES + CIPHERTEXT_SIZE + SEALED_BYTES;
/// Bytes from which an answer's link key is known: its own head, and the envelope's.
pub const HEAD_BYTES: usize = OWN_BYTES + PREFIX_BYTES;

type Mode = ModeBase<MLKEM768_X25519_SHA256_CHACHA20>;

/// Why an answer can't be opened. Never holds a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Fewer bytes than any answer has.
    #[error("it is too short for an answer")]
    TooShort,
    /// It doesn't start with `OTSA`.
    #[error("it isn't an answer that this version knows")]
    Magic,
    /// A suite that this version doesn't know.
    #[error("it was sealed in a way that this version doesn't know")]
    Suite,
    /// Another request's, or any byte of the head differs from what was sealed.
    #[error("it wasn't sealed for this request, or it was altered")]
    Authentication,
    /// The envelope within.
    #[error(transparent)]
    Envelope(#[from] envelope::OpenError),
}

impl Invitation {
    /// Seals a content as the answer: the bytes to upload.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn answer(&self, content: &[u8], label: &Label) -> Result<Vec<u8>, SealError> {
        let sealed = envelope::seal(content, label, None)?;
        let mut answer = sealed.envelope;
        let prefix = answer.get(..PREFIX_BYTES).and_then(|prefix| prefix.try_into().ok()).ok_or(CryptoError::Seal)?;
        let own = self.seal_key(&sealed.key, prefix)?;
        answer.splice(0..0, own);
        Ok(answer)
    }

    /// What stands before an envelope in an answer: its link key, sealed. The envelope's head is bound to it, the rest by the key itself.
    fn seal_key(&self, key: &LinkKey, prefix: &[u8; PREFIX_BYTES]) -> Result<Vec<u8>, CryptoError> {
        self.seal_key_with(Eseed::from(random()?), key, prefix)
    }

    pub(super) fn seal_key_with(
        &self,
        seed: Eseed,
        key: &LinkKey,
        prefix: &[u8; PREFIX_BYTES],
    ) -> Result<Vec<u8>, CryptoError> {
        let mut sealed = [0; SEALED_BYTES];
        let (mut sender, encapsulated) = Mode::new_sender_deterministic(&self.public, &info(&self.fingerprint), seed)
            .map_err(|_| CryptoError::Seal)?;
        sender.seal(key.as_bytes(), &associated_data(prefix), &mut sealed).map_err(|_| CryptoError::Seal)?;
        Ok([&MAGIC[..], &[SUITE], encapsulated.as_ref(), &sealed].concat())
    }
}

impl Keys {
    /// Opens the first [`HEAD_BYTES`] of an answer: the link key of the envelope whose own head they end with.
    ///
    /// # Errors
    /// [`OpenError`], for whatever wasn't sealed to these keys.
    pub fn open_head(&self, head: &[u8]) -> Result<LinkKey, OpenError> {
        let (magic, rest) = head.split_first_chunk::<4>().ok_or(OpenError::TooShort)?;
        let (suite, rest) = rest.split_first().ok_or(OpenError::TooShort)?;
        let (encapsulated, rest) = rest.split_at_checked(CIPHERTEXT_SIZE).ok_or(OpenError::TooShort)?;
        let (sealed, rest) = rest.split_at_checked(SEALED_BYTES).ok_or(OpenError::TooShort)?;
        let prefix = rest.first_chunk::<PREFIX_BYTES>().ok_or(OpenError::TooShort)?;
        if *magic != MAGIC {
            return Err(OpenError::Magic);
        }
        if *suite != SUITE {
            return Err(OpenError::Suite);
        }
        let encapsulated = Ciphertext::try_from(encapsulated).map_err(|_| OpenError::TooShort)?;
        let mut key = Zeroizing::new([0; LINK_KEY_BYTES]);
        let info = info(self.fingerprint());
        Mode::base_open(&encapsulated, &self.private, &info, sealed, &associated_data(prefix), key.as_mut())
            .map_err(|_| OpenError::Authentication)?;
        Ok(LinkKey::from(key))
    }

    /// Opens a whole answer, in place.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, mut answer: Zeroizing<Vec<u8>>) -> Result<Opened, OpenError> {
        let key = self.open_head(&answer)?;
        let keys = envelope::Keys::derive(&key, None).map_err(|_| OpenError::Authentication)?;
        answer.drain(..OWN_BYTES);
        Ok(keys.open(answer)?)
    }
}

/// HPKE's `info`: the request that is answered.
fn info(fingerprint: &Fingerprint) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([b"ots/answer/v1", &fingerprint.as_bytes()[..]].concat())
}

/// HPKE's `aad`: what stands in clear.
fn associated_data(prefix: &[u8; PREFIX_BYTES]) -> Vec<u8> {
    [&MAGIC[..], &[SUITE], prefix].concat()
}
