//! Sealing at rest: every key needs both the server's `SECRET_KEY` and the token in the link, so the database and
//! `SECRET_KEY` together open nothing. Follows the design's crypto page, "At rest, on the server".

use jiff::Timestamp;
use orion::hazardous::{
    aead::xchacha20poly1305::{Nonce, SecretKey, Tag, XChaCha20Poly1305},
    kdf::hkdf::{Hkdf, SHA512},
    mac::blake2b::{Blake2b, SecretKey as MasterSecret},
};
use zeroize::Zeroizing;

use super::{CryptoError, webhook::SigningKey};
use crate::{
    memory::Buffer,
    secret::{HookId, KeyId, Kind, OwnerId, Passphrase, SecretId, Token, Verifier, random},
};

/// Version of the sealed format: part of the associated data.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// Bytes that sealing adds: the nonce before the ciphertext, the tag behind it.
pub const OVERHEAD: usize = NONCE_BYTES + TAG_BYTES;

/// What a record is bound to: moved to another id, expiry or kind it doesn't open.
#[derive(Debug, Clone, Copy)]
pub struct Context {
    /// The record's lookup key.
    pub id: SecretId,
    /// When it expires; milliseconds count.
    pub expires_at: Timestamp,
    /// The record's kind.
    pub kind: Kind,
}

impl Context {
    fn associated_data(&self) -> [u8; 42] {
        let mut data = [FORMAT; 42];
        let (id, rest) = data.split_at_mut(1).1.split_at_mut(32);
        id.copy_from_slice(&self.id.0);
        let (expiry, kind) = rest.split_at_mut(8);
        expiry.copy_from_slice(&self.expires_at.as_millisecond().to_be_bytes());
        kind.fill(self.kind.to_byte());
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

    /// Derives the key that names secrets in the audit stream.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn audit_key(&self) -> Result<AuditKey, CryptoError> {
        let mut bytes = Zeroizing::new([0; 32]);
        keyed(&self.secret, &[b"ots/audit/v1"], bytes.as_mut())?;
        MasterSecret::try_from(bytes.as_ref()).map(AuditKey).map_err(|_| CryptoError::Seal)
    }

    /// Derives the key that a webhook's messages are signed with.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn signing_key(&self, url: &str) -> Result<SigningKey, CryptoError> {
        let master = self.secret.unprotected_as_ref().try_into().map_err(|_| CryptoError::Seal)?;
        SigningKey::derive(master, url)
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

    /// Names whom records are counted under: `kind` says what `name` is of.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn owner_id(&self, kind: u8, name: &[u8]) -> Result<OwnerId, CryptoError> {
        let mut bytes = [0; 16];
        keyed(&self.secret, &[b"ots/owner/v1", &[kind], name], &mut bytes)?;
        Ok(OwnerId(bytes))
    }

    /// Derives the key that seals the record of `token`, with its passphrase if it has one.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn record_key(&self, token: &Token, passphrase: Option<&Passphrase>) -> Result<RecordKey, CryptoError> {
        let mut bytes = Zeroizing::new([0; 32]);
        let passphrase = passphrase.map_or("", Passphrase::expose);
        keyed(&self.secret, &[b"ots/record/v1", token.as_bytes(), passphrase.as_bytes()], bytes.as_mut())?;
        SecretKey::try_from(bytes.as_ref()).map(RecordKey).map_err(|_| CryptoError::Seal)
    }
}

/// The key that names secrets in the audit stream: who reads that can tell which lines are of one secret, and find neither its record nor
/// its link.
pub struct AuditKey(MasterSecret);

impl AuditKey {
    /// The name of a secret.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn name(&self, id: SecretId) -> Result<[u8; 12], CryptoError> {
        let mut name = [0; 12];
        keyed(&self.0, &[&id.0], &mut name)?;
        Ok(name)
    }

    /// The name of a message to a webhook: of the one with this number, to this one, of this secret and moment.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn message(&self, number: i64, hook: HookId, id: SecretId, at: Timestamp) -> Result<[u8; 16], CryptoError> {
        let (number, at) = (number.to_be_bytes(), at.as_millisecond().to_be_bytes());
        let mut name = [0; 16];
        keyed(&self.0, &[b"ots/message/v1", &number, &hook.0, &id.0, &at], &mut name)?;
        Ok(name)
    }
}

/// The key of one record: it needs the server's key and the token, and seals this one message only.
pub struct RecordKey(SecretKey);

impl RecordKey {
    /// The 32 bytes, to be sealed under another key. Named so that each place that takes them can be found.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.unprotected_as_ref()
    }

    /// The key that [`RecordKey::expose`] gave.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn from_exposed(bytes: &[u8; 32]) -> Result<Self, CryptoError> {
        SecretKey::try_from(bytes.as_slice()).map(Self).map_err(|_| CryptoError::Seal)
    }

    /// Seals `content` where it is, into `nonce (24) ‖ ciphertext ‖ tag (16)`.
    ///
    /// # Errors
    /// [`CryptoError::Randomness`], or [`CryptoError::Seal`] if the primitive fails; the content is wiped then.
    pub fn seal(&self, context: Context, mut content: Buffer) -> Result<Buffer, CryptoError> {
        let fresh: [u8; NONCE_BYTES] = random()?;
        content.widen(NONCE_BYTES, TAG_BYTES).map_err(|_| CryptoError::Seal)?;
        let (nonce, body, tag) = parts(content.as_mut()).ok_or(CryptoError::Seal)?;
        nonce.copy_from_slice(&fresh);
        let associated = context.associated_data();
        let sealed = XChaCha20Poly1305::seal_inplace(&self.0, &Nonce::from(fresh), Some(&associated), body)
            .map_err(|_| CryptoError::Seal)?;
        tag.copy_from_slice(sealed.unprotected_as_ref());
        Ok(content)
    }

    /// Opens what [`RecordKey::seal`] made, where it is.
    ///
    /// # Errors
    /// [`CryptoError::Open`] when the key, the context or any byte differs.
    pub fn open(&self, context: Context, mut sealed: Buffer) -> Result<Buffer, CryptoError> {
        let (nonce, body, tag) = parts(sealed.as_mut()).ok_or(CryptoError::Open)?;
        let nonce = Nonce::try_from(&*nonce).map_err(|_| CryptoError::Open)?;
        let tag = Tag::try_from(&*tag).map_err(|_| CryptoError::Open)?;
        XChaCha20Poly1305::open_inplace(&self.0, &nonce, &tag, Some(&context.associated_data()), body)
            .map_err(|_| CryptoError::Open)?;
        let end = NONCE_BYTES + body.len();
        sealed.narrow(NONCE_BYTES..end);
        Ok(sealed)
    }
}

/// The nonce, the ciphertext and the tag; none of what is too short to have them.
fn parts(sealed: &mut [u8]) -> Option<(&mut [u8], &mut [u8], &mut [u8])> {
    let (nonce, rest) = sealed.split_at_mut_checked(NONCE_BYTES)?;
    let (body, tag) = rest.split_at_mut_checked(rest.len().checked_sub(TAG_BYTES)?)?;
    Some((nonce, body, tag))
}

/// Compares two verifiers in constant time.
#[must_use]
pub fn same(one: &Verifier, other: &Verifier) -> bool {
    orion::util::secure_cmp(&one.0, &other.0).is_ok()
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

    /// The names of all of them, that of the one that seals first.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        std::iter::once(&self.current).chain(&self.old).map(MasterKey::id).collect()
    }

    /// The keys that a webhook's messages are signed with: that of the key that seals, then those of the old ones.
    ///
    /// # Errors
    /// Only if a primitive fails.
    pub fn signing_keys(&self, url: &str) -> Result<Vec<SigningKey>, CryptoError> {
        std::iter::once(&self.current).chain(&self.old).map(|key| key.signing_key(url)).collect()
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

    fn given() -> (MasterKey, Token, Context) {
        let token: Token = "abcdefghijklmnopqrstuvwxyz234567".parse().unwrap();
        let context = Context { id: token.id(), expires_at: at(1000), kind: Kind::Plain };
        (MasterKey::derive(b"a secret key").unwrap(), token, context)
    }

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    fn copy(sealed: &Buffer) -> Buffer {
        sealed.as_ref().into()
    }

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
    }

    /// From Python: hmac-based HKDF-SHA-512 and hashlib.blake2b(key=…, `digest_size`=…).
    #[test]
    fn derivations_match_another_implementation() {
        let (master, token, _) = given();
        assert_eq!(data_encoding::HEXLOWER.encode(&master.id().0), "871c06d384693332");
        assert_eq!(
            data_encoding::HEXLOWER.encode(&master.verifier(&token, &passphrase("pw")).unwrap().0),
            "5d098d5047692c8f2be3cc70e88cf3eb461be65d3a1dbac79b593f2dda4021e8"
        );
        assert_eq!(
            data_encoding::HEXLOWER.encode(master.record_key(&token, None).unwrap().0.unprotected_as_ref()),
            "f72361027b9b7e82c42e60a017cafffe3ce8e53496c7ab9a56a272c7e26ba997"
        );
    }

    #[test]
    fn another_id_expiry_kind_key_token_or_passphrase_does_not_open() {
        let (master, token, context) = given();
        let sealed = master.record_key(&token, None).unwrap().seal(context, b"hunter2"[..].into()).unwrap();
        let open = |master: &MasterKey, token: &Token, passphrase: Option<&Passphrase>, context| {
            master.record_key(token, passphrase).unwrap().open(context, copy(&sealed))
        };
        assert_eq!(open(&master, &token, None, context).unwrap().as_ref(), b"hunter2");

        for context in [
            Context { id: SecretId([7; 32]), ..context },
            Context { expires_at: at(1001), ..context },
            Context { kind: Kind::Envelope { passphrase: false }, ..context },
        ] {
            assert_eq!(open(&master, &token, None, context).unwrap_err(), CryptoError::Open);
        }
        let other_master = MasterKey::derive(b"another key").unwrap();
        assert!(open(&other_master, &token, None, context).is_err());
        assert!(open(&master, &Token::generate(at(0)).unwrap(), None, context).is_err());
        assert!(open(&master, &token, Some(&passphrase("pw")), context).is_err());
    }

    #[test]
    fn a_keyring_finds_old_keys_by_id() {
        let (old, _, _) = given();
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
            let (master, token, context) = given();
            let key = master.record_key(&token, None).unwrap();
            let mut sealed = key.seal(context, content.as_slice().into()).unwrap();
            prop_assert_eq!(sealed.len(), content.len() + OVERHEAD);
            let opened = key.open(context, copy(&sealed)).unwrap();
            prop_assert_eq!(opened.as_ref(), &content[..]);
            let bit = bit.index(sealed.len() * 8);
            sealed.as_mut()[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.open(context, sealed).unwrap_err(), CryptoError::Open);
        }

        #[test]
        fn any_bytes_open_to_an_error(sealed in proptest::collection::vec(any::<u8>(), 0..100)) {
            let (master, token, context) = given();
            let key = master.record_key(&token, None).unwrap();
            prop_assert!(key.open(context, sealed.as_slice().into()).is_err());
        }
    }
}
