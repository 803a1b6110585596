//! Giving a secret to its one reader.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Content, PASSPHRASE_TRIES, Vault, VaultError, off_thread};
use crate::{
    audit::{Event, Origin},
    crypto::at_rest::{Context, MasterKey, same},
    memory::{Budget, Buffer},
    secret::{ClaimHash, ClaimKey, Passphrase, SecretId, Token},
    store::{Access, Claimed, Head, StoreError, Stored},
};

impl Vault {
    /// Gives the content to its one reader. Without a claim it is removed first; with one, the same claim gets it again
    /// until the lease ends. `None` when it isn't there, or somebody else has it. The content is counted under `memory`; one that is
    /// being sent under the same claim already is shared, and counted once.
    ///
    /// # Errors
    /// [`VaultError::PassphraseNeeded`], [`VaultError::WrongPassphrase`]: the latter counts. [`VaultError::Unreadable`],
    /// [`VaultError::Damaged`]: the record stays as it was. [`VaultError::Store`]; [`VaultError::Crypto`] if a primitive fails.
    pub async fn reveal(
        &self,
        token: &Token,
        claim: Option<&ClaimKey>,
        passphrase: Option<&Passphrase>,
        memory: &Budget,
        origin: Origin,
    ) -> Result<Option<Content>, VaultError> {
        let id = token.id();
        let claim = claim.map(ClaimKey::hash);
        let delivery = claim.map(|claim| self.deliveries.of(id, claim));
        let mut turn = match &delivery {
            Some(delivery) => Some(delivery.turn().await),
            None => None,
        };
        let sent = turn.as_ref().and_then(|turn| turn.get());
        let found = if let Some(content) = sent {
            let head = self.store.peek(id, claim, Timestamp::now()).await?;
            head.map(|head| (head, Found::Opened(content)))
        } else {
            let shown = if passphrase.is_some() { Access::Verified } else { Access::Open };
            let stored = self.store.load(id, claim, shown, Timestamp::now(), memory).await?;
            stored.map(|Stored { head, sealed }| (head, Found::Sealed(sealed)))
        };
        let Some((head, found)) = found else { return Ok(None) };
        let Some((passphrase, access)) = self.admit(token, claim, &head, passphrase, &origin).await? else {
            return Ok(None);
        };
        let content = match found {
            Found::Opened(content) => content.with_room(memory).ok_or(StoreError::Busy)?,
            Found::Sealed(sealed) => {
                Content::new(self.unseal(token, &head, passphrase, sealed).await?, delivery.as_ref().map(Arc::clone))
            }
        };
        if let Some(mut turn) = turn.take() {
            turn.set(&content);
        }
        Ok(self.win(id, access, claim, origin).await?.then_some(content))
    }

    /// The passphrase that opens the record, if it has one, and what that shows. A wrong one is counted; `None` when the record went
    /// meanwhile.
    async fn admit<'p>(
        &self,
        token: &Token,
        claim: Option<ClaimHash>,
        head: &Head,
        passphrase: Option<&'p Passphrase>,
        origin: &Origin,
    ) -> Result<Option<(Option<&'p Passphrase>, Access)>, VaultError> {
        match check(self.master(head)?, token, head, passphrase)? {
            Guard::None => Ok(Some((None, Access::Open))),
            Guard::Right(passphrase) => Ok(Some((Some(passphrase), Access::Verified))),
            Guard::Wrong => {
                let (store, journal) = (Arc::clone(&self.store), Arc::clone(&self.journal));
                let (id, origin) = (token.id(), origin.clone());
                let left = self.to_its_end(async move {
                    let left = store.fail_attempt(id, claim, PASSPHRASE_TRIES, Timestamp::now()).await?;
                    if let Some(left) = left {
                        journal.note(Some(origin), Some(id), Event::WrongPassphrase { left });
                    }
                    Ok(left)
                });
                let left = left.await?;
                left.map_or(Ok(None), |left| Err(VaultError::WrongPassphrase { left }))
            }
        }
    }

    async fn unseal(
        &self,
        token: &Token,
        head: &Head,
        passphrase: Option<&Passphrase>,
        sealed: Buffer,
    ) -> Result<Buffer, VaultError> {
        let id = token.id();
        let key = self.master(head)?.record_key(token, passphrase)?;
        let context = Context { id, expires_at: head.expires_at, kind: self.kind_of(id, head)? };
        let content = off_thread(sealed.len(), move || key.open(context, sealed)).await?;
        content.map_err(|_| self.damaged(id, "it doesn't open, though its key is here"))
    }

    pub(super) fn master(&self, head: &Head) -> Result<&MasterKey, VaultError> {
        self.keys.find(head.key_id).ok_or(VaultError::Unreadable)
    }

    /// Commits the removal, or the claim. One of those who race for a secret is told true.
    async fn win(
        &self,
        id: SecretId,
        access: Access,
        claim: Option<ClaimHash>,
        origin: Origin,
    ) -> Result<bool, StoreError> {
        let (store, journal, lease) = (Arc::clone(&self.store), Arc::clone(&self.journal), self.lease);
        self.to_its_end(async move {
            let now = Timestamp::now();
            let won = match claim {
                Some(claim) => store.claim(id, access, claim, lease, now).await?.map(|claimed| match claimed {
                    Claimed::New => Event::Claimed,
                    Claimed::Again => Event::Repeated,
                }),
                None => store.take(id, access, now).await?.then_some(Event::Delivered),
            };
            let is_won = won.is_some();
            if let Some(event) = won {
                journal.note(Some(origin), Some(id), event);
            }
            Ok(is_won)
        })
        .await
    }
}

/// The content as it was found.
enum Found {
    Sealed(Buffer),
    /// It is being sent already.
    Opened(Content),
}

/// What stands between a reader and the content.
enum Guard<'p> {
    None,
    Right(&'p Passphrase),
    Wrong,
}

/// Whether the passphrase opens the record. A wrong one is not counted here: the store counts each, one after the other with whoever
/// else tries, and removes the record at the last; a right one that comes after that finds nothing to take.
fn check<'p>(
    master: &MasterKey,
    token: &Token,
    head: &Head,
    passphrase: Option<&'p Passphrase>,
) -> Result<Guard<'p>, VaultError> {
    let Some(verifier) = &head.verifier else { return Ok(Guard::None) };
    let passphrase = passphrase.ok_or(VaultError::PassphraseNeeded)?;
    let right = same(&master.verifier(token, passphrase)?, verifier);
    Ok(if right { Guard::Right(passphrase) } else { Guard::Wrong })
}
