//! The domain: create, reveal, burn, status. Puts `crypto` and `store` together; knows neither HTTP nor SQL.
//!
//! Promise 1 is the order in [`Vault::reveal`](Vault): a secret is loaded and opened first, so that what can't be given is never
//! destroyed; then the store commits the removal, or the claim, for one of the racers; and only then does the content leave.

mod delivery;
mod health;
pub mod keys;
mod owner;
mod receipts;
mod requests;
mod reveal;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tracing::Instrument as _;

use crate::{
    audit::{Event, Journal, Origin},
    crypto::{
        CryptoError,
        at_rest::{Context, Keyring},
    },
    memory::Buffer,
    secret::{ClaimKey, HookId, Kind, Passphrase, Receipt, SecretId, Token, Ttl},
    store::{Charge, Gone, Head, Held, Quotas, Record, State, Store, StoreError},
    tally::{Count, Tally},
};

pub use delivery::Content;
use delivery::Deliveries;
pub use health::{Health, Trouble};
use keys::Expected;
pub use owner::Owner;
pub use requests::{Invitation, NewRequest, OpenedRequest};

/// Wrong passphrases after which a secret is burned.
pub const PASSPHRASE_TRIES: u32 = 10;
/// Bytes that are sealed and opened on the thread that serves requests: more would hold others up.
const INLINE: usize = 256 * 1024;

/// A secret to keep.
pub struct NewSecret {
    /// At least one byte; the caller has checked the upper limit.
    pub content: Buffer,
    /// How long to keep it.
    pub ttl: Ttl,
    /// What a reader has to know besides the link.
    pub passphrase: Option<Passphrase>,
    /// What it is.
    pub kind: Kind,
    /// Whether its sender gets a receipt, too.
    pub receipt: bool,
    /// The webhook that its sender picked, besides those that are told of every secret.
    pub notify: Option<HookId>,
}

/// A secret that is durably kept.
pub struct Created {
    /// What the link holds. The vault doesn't keep it.
    pub token: Token,
    /// When the secret is gone if nobody reads it.
    pub expires_at: Timestamp,
    /// What tells what became of it, if that was wanted. The vault doesn't keep it.
    pub receipt: Option<Receipt>,
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
    /// The record is sealed under a key that the server wasn't given. It stays.
    #[error("the secret is sealed under a key that the server wasn't given")]
    Unreadable,
    /// The record was altered where it lies. It stays.
    #[error("the secret is damaged where it is kept")]
    Damaged,
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
    expected: Expected,
    lease: Duration,
    quotas: Quotas,
    deliveries: Deliveries,
    journal: Arc<Journal>,
}

impl Vault {
    /// A vault whose claims last for `lease`.
    #[must_use]
    pub fn new(store: Arc<Store>, keys: Keyring, lease: Duration) -> Self {
        let (quotas, deliveries) = (Quotas::default(), Deliveries::default());
        let expected = Expected::new(keys.ids());
        Self { store, keys, expected, lease, quotas, deliveries, journal: Arc::default() }
    }

    /// The same, that keeps no more than that.
    #[must_use]
    pub fn within(self, quotas: Quotas) -> Self {
        Self { quotas, ..self }
    }

    /// The same, with what becomes of secrets noted in `journal`.
    #[must_use]
    pub fn with_journal(self, journal: Arc<Journal>) -> Self {
        Self { journal, ..self }
    }

    /// Where it is counted what becomes of secrets.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        self.journal.tally()
    }

    /// How the store is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn state(&self) -> Result<State, StoreError> {
        self.store.state(Timestamp::now()).await
    }

    /// How long a claimed secret is kept for its reader.
    #[must_use]
    pub fn claim_lease(&self) -> Duration {
        self.lease
    }

    /// The records that none of the keys opens, under each of theirs.
    ///
    /// # Errors
    /// [`VaultError::Store`] when the store can't be asked which keys its records are under.
    pub async fn unreadable(&self) -> Result<Vec<Held>, VaultError> {
        Ok(self.expected.others(&self.store.state(Timestamp::now()).await?))
    }

    /// Seals a secret and keeps it, counted under its owner if it has one. When this returns, the secret is on the disk.
    ///
    /// # Errors
    /// [`VaultError::Store`], [`VaultError::Crypto`]: nothing is kept then.
    pub async fn create(
        &self,
        secret: NewSecret,
        owner: Option<&Owner>,
        origin: Origin,
    ) -> Result<Created, VaultError> {
        let NewSecret { content, ttl, passphrase, kind, receipt, notify } = secret;
        let created_at = to_milliseconds(Timestamp::now());
        let expires_at = to_milliseconds(created_at.saturating_add(ttl.duration()).unwrap_or(Timestamp::MAX));
        let token = Token::generate(created_at).map_err(CryptoError::from)?;
        let id = token.id();
        let receipt = receipt.then(|| Receipt::generate(created_at)).transpose().map_err(CryptoError::from)?;
        let receipt_id = receipt.as_ref().map(Receipt::id);
        let master = self.keys.current();
        let head = Head {
            created_at,
            expires_at,
            kind: kind.to_byte(),
            size: u64::try_from(content.len()).unwrap_or(u64::MAX),
            key_id: master.id(),
            verifier: passphrase.as_ref().map(|passphrase| master.verifier(&token, passphrase)).transpose()?,
        };
        let charge = self.charge(owner)?;
        let key = master.record_key(&token, passphrase.as_ref())?;
        let context = Context { id, expires_at, kind };
        let sealed = off_thread(content.len(), move || key.seal(context, content)).await??;
        let event = Event::Created { size: head.size, ttl: ttl.duration() };
        let (store, journal, by) = (Arc::clone(&self.store), Arc::clone(&self.journal), origin.creator.clone());
        self.to_its_end(async move {
            store.insert(Record { id, head, sealed, charge, receipt: receipt_id, notify, by }).await?;
            journal.note(Some(origin), Some(id), event);
            Ok(())
        })
        .await?;
        Ok(Created { token, expires_at, receipt })
    }

    /// What a secret is called in the audit stream and in messages to webhooks.
    ///
    /// # Errors
    /// [`VaultError::Crypto`].
    pub fn name_of(&self, id: SecretId) -> Result<String, VaultError> {
        let name = self.keys.current().audit_key()?.name(id)?;
        Ok(data_encoding::HEXLOWER.encode(&name))
    }

    /// Whose a record is isn't noted where nobody has a quota of their own.
    fn charge(&self, owner: Option<&Owner>) -> Result<Charge, CryptoError> {
        let owner = owner.filter(|_| !self.quotas.each.is_none());
        let owner = owner.map(|owner| owner.id(self.keys.current())).transpose()?;
        Ok(Charge { owner, within: self.quotas })
    }

    /// Destroys a secret unread. False when it isn't there, or somebody is reading it.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn burn(&self, token: &Token, origin: Origin) -> Result<bool, VaultError> {
        let (store, journal, id) = (Arc::clone(&self.store), Arc::clone(&self.journal), token.id());
        let burned = async move {
            let burned = store.burn(id, Timestamp::now()).await?;
            if burned {
                journal.note(Some(origin), Some(id), Event::Burned { by_receipt: false });
            }
            Ok(burned)
        };
        Ok(self.to_its_end(burned).await?)
    }

    /// Destroys a secret that was read under `claim`: the reader's acknowledgement.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn acknowledge(&self, token: &Token, claim: &ClaimKey, origin: Origin) -> Result<bool, VaultError> {
        let (store, journal) = (Arc::clone(&self.store), Arc::clone(&self.journal));
        let (id, claim) = (token.id(), claim.hash());
        let released = async move {
            let released = store.release(id, claim, Timestamp::now()).await?;
            if released {
                journal.note(Some(origin), Some(id), Event::Acknowledged);
            }
            Ok(released)
        };
        Ok(self.to_its_end(released).await?)
    }

    /// Notes that a request was refused, which may have been for a secret.
    pub fn note_refused(&self, origin: Origin, token: Option<&Token>, event: Event) {
        self.journal.note(Some(origin), token.map(Token::id), event);
    }

    /// Whether refusals are told to anybody.
    #[must_use]
    pub fn tells_of_refusals(&self) -> bool {
        self.journal.has_audit()
    }

    /// How many messages to webhooks were given up since the start.
    #[must_use]
    pub fn messages_given_up(&self) -> &Count {
        self.store.given_up()
    }

    /// Runs what commits something and notes it, to its end: whoever asked may go away meanwhile, and what is committed is told all the
    /// same.
    async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let hold = self.journal.hold();
        let work = async move {
            let done = work.await;
            drop(hold);
            done
        };
        tokio::spawn(work.in_current_span()).await.unwrap_or(Err(StoreError::Closed))
    }

    /// What may be known without reading. `None` when it isn't there, or somebody else is reading it.
    ///
    /// # Errors
    /// [`VaultError::Store`]; [`VaultError::Damaged`] for a kind that no version has written.
    pub async fn status(&self, token: &Token, claim: Option<&ClaimKey>) -> Result<Option<Status>, VaultError> {
        let claim = claim.map(ClaimKey::hash);
        let Some(head) = self.store.peek(token.id(), claim, Timestamp::now()).await? else { return Ok(None) };
        let (encrypted, passphrase_required) = match self.kind_of(token.id(), &head)? {
            Kind::Plain => (false, head.verifier.is_some()),
            Kind::Envelope { passphrase } => (true, passphrase),
            Kind::Answer => (true, false),
            Kind::Request => return Err(self.damaged(token.id(), "a request is in its place")),
        };
        let Head { created_at, expires_at, size, .. } = head;
        Ok(Some(Status { created_at, expires_at, size, encrypted, passphrase_required }))
    }

    /// Whether it is being read under this claim.
    ///
    /// # Errors
    /// [`VaultError::Store`].
    pub async fn is_held(&self, token: &Token, claim: &ClaimKey) -> Result<bool, VaultError> {
        let now = Timestamp::now();
        let theirs = self.store.peek(token.id(), Some(claim.hash()), now).await?.is_some();
        Ok(theirs && self.store.peek(token.id(), None, now).await?.is_none())
    }

    fn kind_of(&self, id: SecretId, head: &Head) -> Result<Kind, VaultError> {
        Kind::from_byte(head.kind).ok_or_else(|| self.damaged(id, "it is of no kind"))
    }

    /// Tells of a record that was altered where it lies.
    fn damaged(&self, id: SecretId, why: &str) -> VaultError {
        self.store.found_damaged(id, why);
        VaultError::Damaged
    }
}

/// Notes what was removed because its time was over.
pub fn note_gone(journal: &Journal, gone: &[Gone]) {
    for Gone { id, claimed, request } in gone {
        journal.note(None, *id, if *request { Event::Unanswered } else { Event::Expired { read: *claimed } });
    }
}

/// Runs what takes long for `bytes` of content where it holds up nobody, and what is short at once.
async fn off_thread<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, VaultError> {
    if bytes <= INLINE {
        return Ok(work());
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => Ok(outcome),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is being shut down.
        Err(_) => Err(StoreError::Closed.into()),
    }
}

/// Cuts off what a store doesn't keep.
fn to_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
