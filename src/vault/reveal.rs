//! Giving a secret to its one reader.

use jiff::Timestamp;

use super::{PASSPHRASE_TRIES, Vault, VaultError, kind_of, off_thread};
use crate::{
    crypto::at_rest::{Context, MasterKey, same},
    memory::Buffer,
    secret::{ClaimHash, ClaimKey, Passphrase, SecretId, Token},
    store::{Access, Head, StoreError, Stored},
};

impl Vault {
    /// Gives the content to its one reader. Without a claim it is removed first; with one, the same claim gets it again
    /// until the lease ends. `None` when it isn't there, or somebody else has it.
    ///
    /// # Errors
    /// [`VaultError::PassphraseNeeded`], [`VaultError::WrongPassphrase`]: the latter counts. [`VaultError::Unreadable`],
    /// [`VaultError::Damaged`]: the record stays as it was. [`VaultError::Store`]; [`VaultError::Crypto`] if a primitive fails.
    pub async fn reveal(
        &self,
        token: &Token,
        claim: Option<&ClaimKey>,
        passphrase: Option<&Passphrase>,
    ) -> Result<Option<Buffer>, VaultError> {
        let id = token.id();
        let claim = claim.map(ClaimKey::hash);
        let shown = if passphrase.is_some() { Access::Verified } else { Access::Open };
        let loaded = self.store.load(id, claim, shown, Timestamp::now()).await?;
        let Some(Stored { head, sealed }) = loaded else { return Ok(None) };
        let master = self.keys.find(head.key_id).ok_or(VaultError::Unreadable)?;
        let (passphrase, access) = match check(master, token, &head, passphrase)? {
            Guard::None => (None, Access::Open),
            Guard::Right(passphrase) => (Some(passphrase), Access::Verified),
            Guard::Wrong => {
                drop(sealed);
                let left = self.store.fail_attempt(id, claim, PASSPHRASE_TRIES, Timestamp::now()).await?;
                return left.map_or(Ok(None), |left| Err(VaultError::WrongPassphrase { left }));
            }
        };
        let key = master.record_key(token, passphrase)?;
        let damaged = |error: VaultError| {
            self.store.found_damaged(id, "it doesn't open, though its key is here");
            error
        };
        let context = Context { id, expires_at: head.expires_at, kind: kind_of(&head).map_err(damaged)? };
        let content = off_thread(sealed.len(), move || key.open(context, sealed)).await?;
        let content = content.map_err(|_| damaged(VaultError::Damaged))?;
        Ok(self.win(id, access, claim).await?.then_some(content))
    }

    /// Commits the removal, or the claim. One of those who race for a secret is told true.
    async fn win(&self, id: SecretId, access: Access, claim: Option<ClaimHash>) -> Result<bool, StoreError> {
        let now = Timestamp::now();
        match claim {
            Some(claim) => self.store.claim(id, access, claim, self.lease, now).await,
            None => self.store.take(id, access, now).await,
        }
    }
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
