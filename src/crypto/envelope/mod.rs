//! The end-to-end envelope `OTS1`: what is uploaded for a secret that the server must not be able to read. Sealed and
//! opened on the client only. `docs/envelope.md` specifies it; `tests/vectors/` shows it.

mod header;

use std::ops::Range;

use orion::hazardous::aead::chacha20poly1305::{ChaCha20Poly1305, Nonce, SecretKey, Tag};
use zeroize::Zeroizing;

use super::{
    CryptoError,
    derive::{self, hkdf},
};
use crate::secret::{LinkKey, Passphrase, random};

/// The largest header, in bytes of JSON.
pub const MAX_HEADER_BYTES: usize = 4096;
/// Plaintexts are padded to this many bytes at least.
const SMALLEST_PLAINTEXT: usize = 256;

const MAGIC: [u8; 4] = *b"OTS1";
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Magic and flags: what stands in clear and is authenticated.
const ASSOCIATED_BYTES: usize = MAGIC.len() + 1;
/// Bytes before the ciphertext.
pub(super) const PREFIX_BYTES: usize = ASSOCIATED_BYTES + NONCE_BYTES;
/// Bytes of the header's length, before the header.
const LENGTH_BYTES: usize = 2;

/// The flag of an envelope that needs a passphrase besides the link key.
const PASSPHRASE_FLAG: u8 = 1;

/// What the sender says of the content. Sealed with it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// The file's name as the sender gave it: any text at all, to be cleaned before a file is called so.
    pub name: Option<Zeroizing<String>>,
    /// The media type (RFC 6838) as the sender gave it: any text at all.
    pub media_type: Option<String>,
}

/// Why something can't be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The label doesn't fit the header.
    #[error("the file name is too long")]
    Label,
    /// A primitive failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Why an envelope can't be opened. Never holds a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Fewer bytes than any envelope has.
    #[error("it is too short for an envelope")]
    TooShort,
    /// It doesn't start with `OTS1`.
    #[error("it isn't an envelope that this version knows")]
    Magic,
    /// A flag that this version doesn't know.
    #[error("it uses a feature that this version doesn't know")]
    Flags,
    /// It was sealed with a passphrase and none was given, or the other way round.
    #[error("it was sealed with a passphrase and opened without one, or the other way round")]
    Passphrase,
    /// Another key, another passphrase, or any byte differs from what was sealed.
    #[error("the key doesn't fit, or it was altered")]
    Authentication,
    /// The header isn't what the specification says.
    #[error("its header can't be read")]
    Header,
    /// The header names more content than there is.
    #[error("it holds less than its header says")]
    Length,
    /// What follows the content isn't zeros.
    #[error("its padding isn't zeros")]
    Padding,
}

/// A sealed content and what opens it. The key is new, so it seals this one message only.
pub struct Sealed {
    /// The bytes to upload.
    pub envelope: Vec<u8>,
    /// What goes into the link behind `#`.
    pub key: LinkKey,
    /// What the server is given as the passphrase: it lets a reader claim, and opens nothing.
    pub proof: Passphrase,
}

/// Seals `content` and its label under a new link key, and the passphrase if there is one (64 MiB and about 0.2 s more).
///
/// # Errors
/// [`SealError`].
pub fn seal(content: &[u8], label: &Label, passphrase: Option<&Passphrase>) -> Result<Sealed, SealError> {
    let key = LinkKey::generate().map_err(CryptoError::from)?;
    let keys = Keys::derive(&key, passphrase)?;
    let envelope = keys.seal(random().map_err(CryptoError::from)?, content, label)?;
    Ok(Sealed { envelope, key, proof: keys.proof })
}

/// What a link key and a passphrase give: the key that opens the envelope, and the proof for the server.
pub struct Keys {
    key: SecretKey,
    proof: Passphrase,
    flags: u8,
}

impl Keys {
    /// Derives both. With a passphrase that takes 64 MiB and about 0.2 s.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn derive(link_key: &LinkKey, passphrase: Option<&Passphrase>) -> Result<Self, CryptoError> {
        let link_key = link_key.as_bytes();
        let stretched = derive::stretch(link_key, b"ots/salt/v1", passphrase)?;
        let key = hkdf::<32>(link_key, &stretched, b"ots/key/v1")?;
        let proof = hkdf::<32>(link_key, &stretched, b"ots/proof/v1")?;
        Ok(Self {
            key: SecretKey::try_from(key.as_ref()).map_err(|_| CryptoError::Seal)?,
            proof: derive::proof(&proof)?,
            flags: if passphrase.is_some() { PASSPHRASE_FLAG } else { 0 },
        })
    }

    /// What the server is given as the passphrase: 32 bytes as base64url.
    #[must_use]
    pub fn proof(&self) -> &Passphrase {
        &self.proof
    }

    fn seal(&self, nonce: [u8; NONCE_BYTES], content: &[u8], label: &Label) -> Result<Vec<u8>, SealError> {
        let header = header::write(content.len(), label)?;
        let length = LENGTH_BYTES + header.len() + content.len();
        let padded = padded(length).ok_or(CryptoError::Seal)?;
        let capacity = padded.checked_add(PREFIX_BYTES + TAG_BYTES).ok_or(CryptoError::Seal)?;
        let associated = associated_data(self.flags);

        // Sealed in place, so that the content is nowhere else; wiped when something fails on the way.
        let mut envelope = Zeroizing::new(Vec::with_capacity(capacity));
        envelope.extend_from_slice(&associated);
        envelope.extend_from_slice(&nonce);
        envelope.extend_from_slice(&u16::try_from(header.len()).map_err(|_| SealError::Label)?.to_be_bytes());
        envelope.extend_from_slice(&header);
        envelope.extend_from_slice(content);
        envelope.resize(PREFIX_BYTES + padded, 0);
        let (_, plaintext) = envelope.split_at_mut(PREFIX_BYTES);
        let tag = ChaCha20Poly1305::seal_inplace(&self.key, &Nonce::from(nonce), Some(&associated), plaintext)
            .map_err(|_| CryptoError::Seal)?;
        envelope.extend_from_slice(tag.unprotected_as_ref());
        Ok(std::mem::take(&mut *envelope))
    }

    /// Opens an envelope, in place: no second copy of a large content exists.
    ///
    /// # Errors
    /// [`OpenError`], for every input that isn't an envelope sealed under these keys.
    pub fn open(&self, mut envelope: Zeroizing<Vec<u8>>) -> Result<Opened, OpenError> {
        let length = envelope.len().checked_sub(PREFIX_BYTES + TAG_BYTES).ok_or(OpenError::TooShort)?;
        let (prefix, sealed) = envelope.split_at_mut(PREFIX_BYTES);
        let (associated, nonce) = prefix.split_at(ASSOCIATED_BYTES);
        let [magic @ .., flags] = associated else { return Err(OpenError::TooShort) };
        if *magic != MAGIC {
            return Err(OpenError::Magic);
        }
        if flags & !PASSPHRASE_FLAG != 0 {
            return Err(OpenError::Flags);
        }
        if *flags != self.flags {
            return Err(OpenError::Passphrase);
        }
        let (plaintext, tag) = sealed.split_at_mut(length);
        let nonce = Nonce::try_from(nonce).map_err(|_| OpenError::TooShort)?;
        let tag = Tag::try_from(&*tag).map_err(|_| OpenError::TooShort)?;
        ChaCha20Poly1305::open_inplace(&self.key, &nonce, &tag, Some(associated), plaintext)
            .map_err(|_| OpenError::Authentication)?;
        let (label, content) = read_plaintext(plaintext)?;
        let content = PREFIX_BYTES + content.start..PREFIX_BYTES + content.end;
        Ok(Opened { label, buffer: envelope, content })
    }
}

/// An opened envelope.
pub struct Opened {
    /// What the sender says of the content.
    pub label: Label,
    buffer: Zeroizing<Vec<u8>>,
    content: Range<usize>,
}

impl Opened {
    /// What was sealed.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        self.buffer.get(self.content.clone()).unwrap_or_default()
    }
}

/// Takes a plaintext apart: the label, and where in it the content is.
///
/// # Errors
/// [`OpenError::Header`], [`OpenError::Length`] or [`OpenError::Padding`].
pub fn read_plaintext(plaintext: &[u8]) -> Result<(Label, Range<usize>), OpenError> {
    let (length, rest) = plaintext.split_first_chunk::<LENGTH_BYTES>().ok_or(OpenError::Header)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length > MAX_HEADER_BYTES {
        return Err(OpenError::Header);
    }
    let (header, rest) = rest.split_at_checked(length).ok_or(OpenError::Header)?;
    let (content, label) = header::read(header)?;
    let content = usize::try_from(content).map_err(|_| OpenError::Length)?;
    let (_, padding) = rest.split_at_checked(content).ok_or(OpenError::Length)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(OpenError::Padding);
    }
    let start = LENGTH_BYTES + length;
    Ok((label, start..start + content))
}

fn associated_data(flags: u8) -> [u8; ASSOCIATED_BYTES] {
    let [a, b, c, d] = MAGIC;
    [a, b, c, d, flags]
}

/// The length to pad to: 256 bytes, and above that Padmé's (Nikitin et al., "Reducing Metadata Leakage from Encrypted
/// Files and Communication with PURBs", `PoPETs` 2019, section 4): at most 12 % more, and only O(log log n) bits of the
/// length stay visible. None when it is more than an address.
fn padded(length: usize) -> Option<usize> {
    if length <= SMALLEST_PLAINTEXT {
        return Some(SMALLEST_PLAINTEXT);
    }
    let exponent = length.ilog2();
    let kept = exponent.ilog2() + 1;
    let step = 1_usize.checked_shl(exponent.saturating_sub(kept))?;
    length.checked_next_multiple_of(step)
}

#[cfg(test)]
mod tests;
