//! The domain: create, reveal, burn, status. Puts `crypto` and `store` together; knows neither HTTP nor SQL.
//!
//! Promise 1 is the order in [`Vault::reveal`]: the store commits the removal, or the claim, before anything is opened.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::{
    crypto::{
        CryptoError,
        at_rest::{Context, KeyId, Keyring},
    },
    memory::Reservation,
    secret::{ClaimHash, ClaimKey, Kind, Passphrase, SecretId, Token, Ttl},
    store::{Access, Peek, Record, Store, StoreError, Stored},
};

/// Wrong passphrases after which a secret is burned.
pub const PASSPHRASE_TRIES: u32 = 10;
/// A secret to keep.
pub struct NewSecret {
    /// At least one byte; the caller has checked the upper limit.
    pub content: Zeroizing<Vec<u8>>,
    /// How long to keep it.
    pub ttl: Ttl,
    /// What a reader has to know besides the link.
    pub passphrase: Option<Passphrase>,
    /// What it is.
    pub kind: Kind,
}

/// A secret that is durably kept.
pub struct Created {
    /// What the link holds. The vault doesn't keep it.
    pub token: Token,
    /// When the secret is gone if nobody reads it.
    pub expires_at: Timestamp,
}

/// A secret's content, on its way to its one reader.
pub struct Content {
    /// The bytes; wiped when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The memory they are counted under.
    pub reservation: Reservation,
}

/// What may be known without reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is gone if nobody reads it.
    pub expires_at: Timestamp,
    /// Bytes of content.
    pub size: u64,
    /// Whether it is an end-to-end envelope.
    pub encrypted: bool,
    /// Whether a person has a passphrase to type.
    pub passphrase_required: bool,
}

/// Why the vault didn't do what it was asked. That a secret isn't there is not an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The secret has a passphrase and none came. Nothing was destroyed, no try counted.
    #[error("the secret needs a passphrase")]
    PassphraseNeeded,
    /// The passphrase is wrong; with no tries left the secret is burned.
    #[error("the passphrase is wrong, {left} tries are left")]
    WrongPassphrase {
        /// Tries that are left.
        left: u32,
    },
    /// The record is sealed under a key that the server wasn't given, or was altered. It stays.
    #[error("the secret can't be opened with the keys that the server has")]
    Unreadable,
    /// The store didn't do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A primitive failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// Keeps secrets in a store, sealed under a keyring.
pub struct Vault {
    store: Arc<Store>,
    keys: Keyring,
    lease: Duration,
    /// Records that none of the keys opened at start; where there are any, reads look before they take.
    unreadable: u64,
    /// One reader at a time checks a passphrase of a secret, so that no two guesses are checked for one counted.
    checking: [Mutex<()>; 64],
}

impl Vault {
    /// A vault whose claims last for `lease`.
    ///
    /// # Errors
    /// When the store can't be asked which keys its records are under.
    pub async fn new(store: Arc<Store>, keys: Keyring, lease: Duration) -> Result<Self, VaultError> {
        let counts = store.count_by_key().await?;
        let unreadable =
            counts.iter().filter(|(key, _)| keys.find(KeyId(*key)).is_none()).map(|(_, count)| count).sum();
        Ok(Self { store, keys, lease, unreadable, checking: std::array::from_fn(|_| Mutex::new(())) })
    }

    /// How many records there were at start that none of the keys opens.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Seals a secret and keeps it. When this returns, the secret is on the disk.
    ///
    /// # Errors
    /// [`VaultError::Store`], [`VaultError::Crypto`]: nothing is kept then.
    pub async fn create(&self, secret: NewSecret) -> Result<Created, VaultError> {
        let token = Token::generate().map_err(CryptoError::from)?;
        let id = token.id();
        let created_at = to_milliseconds(Timestamp::now());
        let expires_at = to_milliseconds(created_at.saturating_add(secret.ttl.duration()).unwrap_or(Timestamp::MAX));
        let key = self.keys.current();
        let kind = secret.kind.to_byte();
        let context = Context { id: &id, expires_at: expires_at.as_millisecond(), kind };
        let passphrase = secret.passphrase.as_ref();
        let record = Record {
            id: SecretId(id),
            created_at,
            expires_at,
            kind,
            size: u64::try_from(secret.content.len()).unwrap_or(u64::MAX),
            key_id: key.id().0,
            verifier: passphrase
                .map(|passphrase| key.verifier(&token, passphrase))
                .transpose()?
                .map(|verifier| *verifier.as_bytes()),
            sealed: key.seal(&token, passphrase, context, &secret.content)?,
        };
        drop(secret); // the plaintext is wiped before the wait
        self.store.insert(record).await?;
        Ok(Created { token, expires_at })
    }

    /// Gives the content to its one reader. Without a claim it is removed first; with one, the same claim gets it again
    /// until the lease ends. `None` when it isn't there, or somebody else has it.
    ///
    /// # Errors
    /// [`VaultError::PassphraseNeeded`], [`VaultError::WrongPassphrase`]: the latter counts. [`VaultError::Unreadable`]:
    /// the record stays. [`VaultError::Store`].
    pub async fn reveal(
        &self,
        token: &Token,
        claim: Option<&ClaimKey>,
        passphrase: Option<&Passphrase>,
    ) -> Result<Option<Content>, VaultError> {
        let id = SecretId(token.id());
        let claim = claim.map(ClaimKey::hash);
        if passphrase.is_none() && self.unreadable == 0 {
            if let Some(stored) = self.fetch(id, Access::Open, claim).await? {
                return self.open(token, id, None, stored).map(Some);
            }
            // Not there, or guarded: only the latter is worth telling.
            return match self.visible(id, claim).await? {
                Some(peek) if peek.verifier.is_some() => Err(VaultError::PassphraseNeeded),
                _ => Ok(None),
            };
        }

        let _one_at_a_time = self.check_lock(id).lock().await;
        let Some(peek) = self.visible(id, claim).await? else { return Ok(None) };
        let key = self.keys.find(KeyId(peek.key_id)).ok_or(VaultError::Unreadable)?;
        let passphrase = match (peek.verifier, passphrase) {
            (None, _) => None,
            (Some(_), None) => return Err(VaultError::PassphraseNeeded),
            (Some(stored), Some(passphrase)) if key.verifier(token, passphrase)?.matches(&stored) => Some(passphrase),
            (Some(_), Some(_)) => {
                let left = self.store.fail_attempt(id, PASSPHRASE_TRIES, Timestamp::now()).await?;
                return left.map_or(Ok(None), |left| Err(VaultError::WrongPassphrase { left }));
            }
        };
        match self.fetch(id, Access::Verified, claim).await? {
            Some(stored) => self.open(token, id, passphrase, stored).map(Some),
            None => Ok(None),
        }
    }

    /// Destroys a secret unread. False when it isn't there, or somebody is reading it.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn burn(&self, token: &Token) -> Result<bool, VaultError> {
        Ok(self.store.burn(SecretId(token.id()), Timestamp::now()).await?)
    }

    /// Destroys a secret that was read under `claim`: the reader's acknowledgement.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn acknowledge(&self, token: &Token, claim: &ClaimKey) -> Result<bool, VaultError> {
        Ok(self.store.release(SecretId(token.id()), claim.hash()).await?)
    }

    /// What may be known without reading. `None` when it isn't there, or somebody else is reading it.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn status(&self, token: &Token, claim: Option<&ClaimKey>) -> Result<Option<Status>, VaultError> {
        let claim = claim.map(ClaimKey::hash);
        let Some(peek) = self.visible(SecretId(token.id()), claim).await? else { return Ok(None) };
        let kind = Kind::from_byte(peek.kind);
        Ok(Some(Status {
            created_at: peek.created_at,
            expires_at: peek.expires_at,
            size: peek.size,
            encrypted: kind.encrypted,
            passphrase_required: if kind.encrypted { kind.passphrase_required } else { peek.verifier.is_some() },
        }))
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn ping(&self) -> Result<(), VaultError> {
        Ok(self.store.ping().await?)
    }

    #[expect(clippy::indexing_slicing, reason = "an index modulo the length is in range")]
    fn check_lock(&self, id: SecretId) -> &Mutex<()> {
        let [first, ..] = id.0;
        &self.checking[usize::from(first) % self.checking.len()]
    }

    async fn fetch(
        &self,
        id: SecretId,
        access: Access,
        claim: Option<ClaimHash>,
    ) -> Result<Option<Stored>, StoreError> {
        let now = Timestamp::now();
        match claim {
            Some(claim) => self.store.claim(id, access, claim, self.lease, now).await,
            None => self.store.take(id, access, now).await,
        }
    }

    /// The record, unless somebody else has claimed it.
    async fn visible(&self, id: SecretId, claim: Option<ClaimHash>) -> Result<Option<Peek>, StoreError> {
        let peek = self.store.peek(id, Timestamp::now()).await?;
        Ok(peek.filter(|peek| peek.claim.is_none() || peek.claim == claim))
    }

    fn open(
        &self,
        token: &Token,
        id: SecretId,
        passphrase: Option<&Passphrase>,
        stored: Stored,
    ) -> Result<Content, VaultError> {
        let key = self.keys.find(KeyId(stored.key_id)).ok_or(VaultError::Unreadable)?;
        let context = Context { id: &id.0, expires_at: stored.expires_at.as_millisecond(), kind: stored.kind };
        let bytes = key.open(token, passphrase, context, stored.sealed).map_err(|_| VaultError::Unreadable)?;
        Ok(Content { bytes, reservation: stored.reservation })
    }
}

/// Cuts off what a store doesn't keep.
fn to_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
