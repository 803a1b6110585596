//! Sealing at rest: every key needs both the server's `SECRET_KEY` and the token in the link, so the database and
//! `SECRET_KEY` together open nothing. Follows the design's crypto page, "At rest, on the server".

use orion::hazardous::{
    aead::xchacha20poly1305::{Nonce, SecretKey as RecordKey, Tag, XChaCha20Poly1305},
    kdf::hkdf::{Hkdf, SHA512},
    mac::blake2b::{Blake2b, SecretKey as MasterSecret},
};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::CryptoError;
use crate::secret::{Passphrase, Token, random};

/// Version of the sealed format: part of the associated data.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// Bytes that sealing adds: the nonce before the ciphertext, the tag behind it.
pub const OVERHEAD: usize = NONCE_BYTES + TAG_BYTES;

/// Names the key that a record was sealed under, without telling anything about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 8]);

/// Proves a passphrase without decrypting. Useless without the token and `SECRET_KEY`.
#[derive(Clone)]
pub struct Verifier([u8; 32]);

impl Verifier {
    /// As stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares with a stored verifier in constant time.
    #[must_use]
    pub fn matches(&self, stored: &[u8; 32]) -> bool {
        self.0.ct_eq(stored).into()
    }
}

/// What a record is bound to: moved to another id, expiry or kind it doesn't open.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The record's lookup key.
    pub id: &'a [u8; 32],
    /// Expiry in milliseconds since the Unix epoch.
    pub expires_at: i64,
    /// The record's kind, as stored.
    pub kind: u8,
}

impl Context<'_> {
    fn associated_data(&self) -> [u8; 42] {
        let mut data = [FORMAT; 42];
        let (id, rest) = data.split_at_mut(1).1.split_at_mut(32);
        id.copy_from_slice(self.id);
        let (expiry, kind) = rest.split_at_mut(8);
        expiry.copy_from_slice(&self.expires_at.to_be_bytes());
        kind.fill(self.kind);
        data
    }
}

/// The server's key, derived once at start from `SECRET_KEY`.
pub struct MasterKey {
    secret: MasterSecret,
    id: KeyId,
}

impl MasterKey {
    /// `HKDF-SHA-512(salt "ots/master/v1", ikm secret_key)` (RFC 5869), and a key id derived from it.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn derive(secret_key: &[u8]) -> Result<Self, CryptoError> {
        let mut bytes = Zeroizing::new([0; 32]);
        Hkdf::<SHA512>::derive_key(b"ots/master/v1", secret_key, None, bytes.as_mut())
            .map_err(|_| CryptoError::Seal)?;
        let secret = MasterSecret::try_from(bytes.as_ref()).map_err(|_| CryptoError::Seal)?;
        let mut id = [0; 8];
        keyed(&secret, &[b"ots/key-id/v1"], &mut id)?;
        Ok(Self { secret, id: KeyId(id) })
    }

    /// The name under which this key's records are stored.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Derives the verifier that is stored beside a record with a passphrase.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn verifier(&self, token: &Token, passphrase: &Passphrase) -> Result<Verifier, CryptoError> {
        let mut bytes = [0; 32];
        keyed(&self.secret, &[b"ots/verifier/v1", token.as_bytes(), passphrase.expose().as_bytes()], &mut bytes)?;
        Ok(Verifier(bytes))
    }

    fn record_key(&self, token: &Token, passphrase: Option<&Passphrase>) -> Result<RecordKey, CryptoError> {
        let mut bytes = Zeroizing::new([0; 32]);
        let passphrase = passphrase.map_or("", Passphrase::expose);
        keyed(&self.secret, &[b"ots/record/v1", token.as_bytes(), passphrase.as_bytes()], bytes.as_mut())?;
        RecordKey::try_from(bytes.as_ref()).map_err(|_| CryptoError::Seal)
    }

    /// Seals `content` into `nonce (24) ‖ ciphertext ‖ tag (16)`.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`], or [`CryptoError::Seal`] if the primitive fails.
    pub fn seal(
        &self,
        token: &Token,
        passphrase: Option<&Passphrase>,
        context: Context<'_>,
        content: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let key = self.record_key(token, passphrase)?;
        let nonce: [u8; NONCE_BYTES] = random()?;
        let mut sealed = Vec::with_capacity(content.len() + OVERHEAD);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(content);
        let (_, body) = sealed.split_at_mut(NONCE_BYTES);
        let outcome =
            XChaCha20Poly1305::seal_inplace(&key, &Nonce::from(nonce), Some(&context.associated_data()), body);
        if let Ok(tag) = outcome {
            sealed.extend_from_slice(tag.unprotected_as_ref());
            Ok(sealed)
        } else {
            sealed.zeroize();
            Err(CryptoError::Seal)
        }
    }

    /// Opens what [`MasterKey::seal`] made, in place: no second copy of a large content exists.
    ///
    /// # Errors
    /// [`CryptoError::Open`] when the key, the context or any byte differs.
    pub fn open(
        &self,
        token: &Token,
        passphrase: Option<&Passphrase>,
        context: Context<'_>,
        mut sealed: Vec<u8>,
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let key = self.record_key(token, passphrase)?;
        let length = sealed.len().checked_sub(OVERHEAD).ok_or(CryptoError::Open)?;
        let (nonce, body) = sealed.split_at_mut(NONCE_BYTES);
        let (body, tag) = body.split_at_mut(length);
        let nonce = Nonce::try_from(&*nonce).map_err(|_| CryptoError::Open)?;
        let tag = Tag::try_from(&*tag).map_err(|_| CryptoError::Open)?;
        XChaCha20Poly1305::open_inplace(&key, &nonce, &tag, Some(&context.associated_data()), body)
            .map_err(|_| CryptoError::Open)?;
        let mut content = Zeroizing::new(sealed);
        content.copy_within(NONCE_BYTES..NONCE_BYTES + length, 0);
        content.truncate(length); // what truncation leaves behind is wiped with the whole capacity on drop
        Ok(content)
    }
}

/// Every key that the server can open records with.
pub struct Keyring {
    current: MasterKey,
    old: Vec<MasterKey>,
}

impl Keyring {
    /// `current` seals; it and `old` open.
    #[must_use]
    pub fn new(current: MasterKey, old: Vec<MasterKey>) -> Self {
        Self { current, old }
    }

    /// The key that seals.
    #[must_use]
    pub fn current(&self) -> &MasterKey {
        &self.current
    }

    /// The key with that id, if the server was given it.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&MasterKey> {
        std::iter::once(&self.current).chain(&self.old).find(|key| key.id == id)
    }
}

/// Keyed BLAKE2b (RFC 7693) over `parts`, as long as `out`.
fn keyed(key: &MasterSecret, parts: &[&[u8]], out: &mut [u8]) -> Result<(), CryptoError> {
    let mut state = Blake2b::new(key, out.len()).map_err(|_| CryptoError::Seal)?;
    for part in parts {
        state.update(part).map_err(|_| CryptoError::Seal)?;
    }
    let tag = state.finalize().map_err(|_| CryptoError::Seal)?;
    out.copy_from_slice(tag.unprotected_as_ref());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts() -> (MasterKey, Token, [u8; 32]) {
        let token: Token = "abcdefghijklmnopqrstuvwxyz234567".parse().unwrap();
        let id = token.id();
        (MasterKey::derive(b"a secret key").unwrap(), token, id)
    }

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
    }

    /// From Python: hmac-based HKDF-SHA-512 and hashlib.blake2b(key=…, `digest_size`=…).
    #[test]
    fn derivations_match_another_implementation() {
        let (master, token, _) = parts();
        assert_eq!(data_encoding::HEXLOWER.encode(&master.id().0), "871c06d384693332");
        assert_eq!(
            data_encoding::HEXLOWER.encode(master.verifier(&token, &passphrase("pw")).unwrap().as_bytes()),
            "5d098d5047692c8f2be3cc70e88cf3eb461be65d3a1dbac79b593f2dda4021e8"
        );
        assert_eq!(
            data_encoding::HEXLOWER.encode(master.record_key(&token, None).unwrap().unprotected_as_ref()),
            "f72361027b9b7e82c42e60a017cafffe3ce8e53496c7ab9a56a272c7e26ba997"
        );
    }

    #[test]
    fn another_id_expiry_kind_key_token_or_passphrase_does_not_open() {
        let (master, token, id) = parts();
        let context = Context { id: &id, expires_at: 1000, kind: 0 };
        let sealed = master.seal(&token, None, context, b"hunter2").unwrap();
        let open = |master: &MasterKey, token: &Token, passphrase: Option<&Passphrase>, context| {
            master.open(token, passphrase, context, sealed.clone())
        };
        assert_eq!(open(&master, &token, None, context).unwrap().as_slice(), b"hunter2");

        let other_id = [7; 32];
        for context in [
            Context { id: &other_id, ..context },
            Context { expires_at: 1001, ..context },
            Context { kind: 1, ..context },
        ] {
            assert_eq!(open(&master, &token, None, context).unwrap_err(), CryptoError::Open);
        }
        let other_master = MasterKey::derive(b"another key").unwrap();
        assert!(open(&other_master, &token, None, context).is_err());
        assert!(open(&master, &Token::generate().unwrap(), None, context).is_err());
        assert!(open(&master, &token, Some(&passphrase("pw")), context).is_err());
    }

    #[test]
    fn a_keyring_finds_old_keys_by_id() {
        let (old, _, _) = parts();
        let id = old.id();
        let ring = Keyring::new(MasterKey::derive(b"new").unwrap(), vec![old]);
        assert!(ring.find(id).is_some());
        assert!(ring.find(ring.current().id()).is_some());
        assert!(ring.find(KeyId([0; 8])).is_none());
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_any_changed_bit_does_not(
            content in proptest::collection::vec(any::<u8>(), 0..2000), bit in any::<prop::sample::Index>()
        ) {
            let (master, token, id) = parts();
            let context = Context { id: &id, expires_at: 5, kind: 2 };
            let mut sealed = master.seal(&token, None, context, &content).unwrap();
            let opened = master.open(&token, None, context, sealed.clone()).unwrap();
            prop_assert_eq!(opened.as_slice(), &content[..]);
            let bit = bit.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(master.open(&token, None, context, sealed).unwrap_err(), CryptoError::Open);
        }

        #[test]
        fn any_bytes_open_to_an_error(sealed in proptest::collection::vec(any::<u8>(), 0..100)) {
            let (master, token, id) = parts();
            let context = Context { id: &id, expires_at: 5, kind: 2 };
            prop_assert!(master.open(&token, None, context, sealed).is_err());
        }
    }
}
