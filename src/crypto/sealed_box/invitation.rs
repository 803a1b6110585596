//! What the server keeps of a request for whoever answers it: the public key and what is asked for, sealed under the link's fingerprint.
//! The server has no fingerprint and so no public key: it can neither read the label nor make another invitation or answer.

use orion::hazardous::{
    aead::chacha20poly1305::{ChaCha20Poly1305, Nonce, SecretKey, Tag},
    kem::xwing::{EK_SIZE, EncapsulationKey},
};
use zeroize::Zeroizing;

use super::{CryptoError, Keys, SUITE, hash, hkdf};
use crate::secret::{Fingerprint, RequestLabel, random};

const MAGIC: [u8; 4] = *b"OTSR";
/// Magic and suite: what stands in clear and is authenticated.
const ASSOCIATED_BYTES: usize = MAGIC.len() + 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Bytes of the label's length, before the label.
const LENGTH_BYTES: usize = 2;
/// The label with its length, padded: every invitation is as long as every other.
const LABEL_BYTES: usize = LENGTH_BYTES + crate::secret::MAX_REQUEST_LABEL_BYTES;
const START: usize = ASSOCIATED_BYTES + NONCE_BYTES;
/// The length of an invitation.
pub const INVITATION_BYTES: usize = START + EK_SIZE + LABEL_BYTES + TAG_BYTES;

/// Why an invitation can't be opened. Never holds a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// Not as long as one is.
    #[error("the server's answer isn't a request")]
    Length,
    /// It doesn't start with `OTSR`.
    #[error("it isn't a request that this version knows")]
    Magic,
    /// A suite that this version doesn't know.
    #[error("it wants to be answered in a way that this version doesn't know")]
    Suite,
    /// Another fingerprint, or any byte differs from what was sealed.
    #[error("the link doesn't fit the request: it was changed, or the server shows another request; don't answer it")]
    Authentication,
    /// The public key isn't the one that the link was made for.
    #[error("the request's public key isn't the one that its link is for; don't answer it")]
    Fingerprint,
    /// Nothing can be sealed to that public key.
    #[error("the request's public key can't be used; don't answer it")]
    Key,
    /// What is asked for isn't as the specification says.
    #[error("what the request asks for can't be shown safely; don't answer it")]
    Label,
}

impl Keys {
    /// Makes the invitation for the server, with what is asked for.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`], or only if a primitive fails.
    pub fn invite(&self, label: Option<&RequestLabel>) -> Result<Vec<u8>, CryptoError> {
        self.invite_with(random()?, label)
    }

    pub(super) fn invite_with(
        &self,
        nonce: [u8; NONCE_BYTES],
        label: Option<&RequestLabel>,
    ) -> Result<Vec<u8>, CryptoError> {
        let label = label.map_or("", RequestLabel::expose).as_bytes();
        let length = u16::try_from(label.len()).map_err(|_| CryptoError::Seal)?;
        let mut plaintext = Zeroizing::new(Vec::with_capacity(EK_SIZE + LABEL_BYTES));
        plaintext.extend_from_slice(self.public.as_ref());
        plaintext.extend_from_slice(&length.to_be_bytes());
        plaintext.extend_from_slice(label);
        seal(self.fingerprint(), nonce, plaintext)
    }
}

/// Seals a plaintext that is padded first.
pub(super) fn seal(
    fingerprint: &Fingerprint,
    nonce: [u8; NONCE_BYTES],
    mut plaintext: Zeroizing<Vec<u8>>,
) -> Result<Vec<u8>, CryptoError> {
    plaintext.resize(EK_SIZE + LABEL_BYTES, 0);
    let associated = associated_data();
    let key = key(fingerprint)?;
    let tag = ChaCha20Poly1305::seal_inplace(&key, &Nonce::from(nonce), Some(&associated), &mut plaintext)
        .map_err(|_| CryptoError::Seal)?;
    Ok([&associated[..], &nonce, &plaintext, tag.unprotected_as_ref()].concat())
}

/// An invitation that was opened: the link's fingerprint fits its public key, so that what is sealed to it, only the requester opens.
pub struct Invitation {
    pub(super) public: EncapsulationKey,
    pub(super) fingerprint: Fingerprint,
    label: Option<RequestLabel>,
}

impl Invitation {
    /// Opens what the server shows of the request.
    ///
    /// # Errors
    /// [`InvitationError`], for whatever isn't what the maker of the link sealed.
    pub fn open(invitation: &[u8], fingerprint: &Fingerprint) -> Result<Self, InvitationError> {
        if invitation.len() != INVITATION_BYTES {
            return Err(InvitationError::Length);
        }
        let (associated, rest) = invitation.split_at_checked(ASSOCIATED_BYTES).ok_or(InvitationError::Length)?;
        let (nonce, rest) = rest.split_at_checked(NONCE_BYTES).ok_or(InvitationError::Length)?;
        let (sealed, tag) = rest.split_at_checked(EK_SIZE + LABEL_BYTES).ok_or(InvitationError::Length)?;
        let [magic @ .., suite] = associated else { return Err(InvitationError::Length) };
        if *magic != MAGIC {
            return Err(InvitationError::Magic);
        }
        if *suite != SUITE {
            return Err(InvitationError::Suite);
        }
        let key = key(fingerprint).map_err(|_| InvitationError::Authentication)?;
        let nonce = Nonce::try_from(nonce).map_err(|_| InvitationError::Length)?;
        let tag = Tag::try_from(tag).map_err(|_| InvitationError::Length)?;
        let mut plaintext = Zeroizing::new(sealed.to_vec());
        ChaCha20Poly1305::open_inplace(&key, &nonce, &tag, Some(associated), &mut plaintext)
            .map_err(|_| InvitationError::Authentication)?;

        let (public, label) = plaintext.split_at_checked(EK_SIZE).ok_or(InvitationError::Length)?;
        // The seal is a key that two people share; the hash is what binds: who made neither can't have the other.
        let public = public_key(public, fingerprint)?;
        Ok(Self { public, fingerprint: fingerprint.clone(), label: read_label(label)? })
    }

    /// What is asked for.
    #[must_use]
    pub fn label(&self) -> Option<&RequestLabel> {
        self.label.as_ref()
    }
}

/// A public key with that fingerprint, to which something can be sealed.
fn public_key(bytes: &[u8], fingerprint: &Fingerprint) -> Result<EncapsulationKey, InvitationError> {
    let hash = hash(bytes).map_err(|_| InvitationError::Key)?;
    if !hash.is(fingerprint) {
        return Err(InvitationError::Fingerprint);
    }
    let public = EncapsulationKey::try_from(bytes).map_err(|_| InvitationError::Key)?;
    // Of X25519's part only use shows whether it is good.
    public.encap().map_err(|_| InvitationError::Key)?;
    Ok(public)
}

/// Reads what is behind the public key: the label's length, the label, and zeros.
///
/// # Errors
/// [`InvitationError::Label`].
pub fn read_label(padded: &[u8]) -> Result<Option<RequestLabel>, InvitationError> {
    let (length, rest) = padded.split_first_chunk::<LENGTH_BYTES>().ok_or(InvitationError::Label)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (label, padding) = rest.split_at_checked(length).ok_or(InvitationError::Label)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(InvitationError::Label);
    }
    if label.is_empty() {
        return Ok(None);
    }
    let label = std::str::from_utf8(label).map_err(|_| InvitationError::Label)?;
    RequestLabel::new(Zeroizing::new(label.to_owned())).map(Some).map_err(|_| InvitationError::Label)
}

/// `HKDF-SHA-256(ikm = fingerprint, salt = empty, info = "ots/invitation/v1", 32 bytes)`.
fn key(fingerprint: &Fingerprint) -> Result<SecretKey, CryptoError> {
    let key = hkdf::<32>(fingerprint.as_bytes(), &[], b"ots/invitation/v1")?;
    SecretKey::try_from(key.as_ref()).map_err(|_| CryptoError::Seal)
}

fn associated_data() -> [u8; ASSOCIATED_BYTES] {
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, SUITE]
}
