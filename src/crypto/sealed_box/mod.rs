//! Requests for a secret, and the answers to them: a sealed box whose key stays with the requester. `docs/request.md` specifies it;
//! `tests/vectors/` shows it.
//!
//! The requester's [`Keys`] make an [`Invitation`] for the server, which can't open it; who was given the link's fingerprint can, and seals an
//! answer; the keys open that. HPKE (RFC 9180) over X-Wing is `orion`'s.

mod answer;
mod invitation;
#[cfg(test)]
mod tests;

use orion::hazardous::{
    hash::sha2::sha256::Sha256,
    kem::xwing::{DecapsulationKey, EncapsulationKey},
};

use super::{
    CryptoError,
    derive::{self, hkdf},
};
use crate::secret::{CollectingKey, Fingerprint, Passphrase, RequestKey};

pub use answer::{HEAD_BYTES, OpenError};
pub use invitation::{INVITATION_BYTES, Invitation, InvitationError, read_label};

/// X-Wing (draft-connolly-cfrg-xwing-kem), HKDF-SHA-256, ChaCha20-Poly1305: HPKE's KEM 0x647a, KDF 1, AEAD 3. The byte that says so behind
/// each magic.
const SUITE: u8 = 1;

/// Why a collecting key and a passphrase don't go together. Nothing was sent to find it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// None was given and one is needed.
    #[error("that request has a passphrase: give it")]
    PassphraseNeeded,
    /// One was given and none is needed.
    #[error("that request has no passphrase: give none")]
    NoPassphrase,
    /// The pair that comes of it isn't the one that the link was made for.
    #[error("the passphrase is wrong; nothing was sent, so try again")]
    WrongPassphrase,
    /// The same, and there is no passphrase.
    #[error("the request's key was changed: take its file or link as it was made")]
    Key,
    /// A primitive failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// What a request's key and passphrase give: the pair that answers are sealed to, its fingerprint, and the proof for the server.
pub struct Keys {
    private: DecapsulationKey,
    public: EncapsulationKey,
    fingerprint: Fingerprint,
    proof: Passphrase,
}

impl Keys {
    /// Derives them for a new request. With a passphrase that takes 64 MiB and about 0.2 s.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn derive(key: &RequestKey, passphrase: Option<&Passphrase>) -> Result<Self, CryptoError> {
        let key = key.as_bytes();
        let stretched = derive::stretch(key, b"ots/request-salt/v1", passphrase)?;
        let private = hkdf::<32>(key, &stretched, b"ots/request-key/v1")?;
        let proof = hkdf::<32>(key, &stretched, b"ots/request-proof/v1")?;
        let private = DecapsulationKey::try_from(private.as_ref()).map_err(|_| CryptoError::Seal)?;
        let public = EncapsulationKey::try_from(&private).map_err(|_| CryptoError::Seal)?;
        let fingerprint = hash(public.as_ref())?;
        Ok(Self { private, public, fingerprint, proof: derive::proof(&proof)? })
    }

    /// Derives those of a request that was made, and checks by its fingerprint that they are the same: a wrong passphrase costs no try.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn of(collecting: &CollectingKey, passphrase: Option<&Passphrase>) -> Result<Self, KeysError> {
        match (collecting.passphrase, passphrase) {
            (true, None) => return Err(KeysError::PassphraseNeeded),
            (false, Some(_)) => return Err(KeysError::NoPassphrase),
            _ => {}
        }
        let keys = Self::derive(&collecting.key, passphrase)?;
        match (keys.fingerprint.is(&collecting.link.fingerprint), passphrase) {
            (true, _) => Ok(keys),
            (false, Some(_)) => Err(KeysError::WrongPassphrase),
            (false, None) => Err(KeysError::Key),
        }
    }

    /// The fingerprint for the link to give away.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// What the server is given when the request is opened, and again when its answer is collected: 32 bytes as base64url. A collecting
    /// link that lost its key, or a wrong passphrase, so destroys nothing.
    #[must_use]
    pub fn proof(&self) -> &Passphrase {
        &self.proof
    }
}

/// SHA-256 of a public key.
fn hash(public: &[u8]) -> Result<Fingerprint, CryptoError> {
    let digest = Sha256::digest(public).map_err(|_| CryptoError::Seal)?;
    digest.as_ref().try_into().map(Fingerprint::new).map_err(|_| CryptoError::Seal)
}
