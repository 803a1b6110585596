//! Requests for a secret: a place that is kept free for one answer, which then is a secret like any other.
//!
//! What seals the answer at rest comes from the collecting token, which whoever answers doesn't have. So the key is made when the request is,
//! and lies with it, sealed under the request's own token: whoever has the store and the server's key, but not the link, opens nothing.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::{Owner, Vault, VaultError, off_thread, to_milliseconds};
use crate::{
    audit::{Event, Origin},
    crypto::{
        CryptoError,
        at_rest::{Context, RecordKey},
    },
    memory::{Budget, Buffer},
    secret::{HookId, Kind, OwnerId, Passphrase, Receipt, ReceiptId, SecretId, Token, Ttl, Verifier},
    store::{Access, Charge, Head, Record, StoreError, Stored},
};

/// A request to open.
pub struct NewRequest {
    /// What is kept for whoever answers: opaque, and never empty.
    pub invitation: Buffer,
    /// What the requester shows again when it collects the answer.
    pub proof: Passphrase,
    /// How long it is open; and how long its answer is kept from then on.
    pub ttl: Ttl,
    /// The largest answer that is taken, in bytes.
    pub max_size: u64,
    /// The webhook that its maker picked, for this and for the answer, besides those that are told of everything.
    pub notify: Option<HookId>,
}

/// A request that is durably kept.
pub struct OpenedRequest {
    /// What the link to give away holds. The vault doesn't keep it, nor the others.
    pub token: Token,
    /// The token of the secret that the answer will be.
    pub collecting_token: Token,
    /// What tells what became of it, and of the answer.
    pub receipt: Receipt,
    /// When it is gone if nobody answers.
    pub expires_at: Timestamp,
}

/// What whoever answers may know.
#[derive(Debug)]
pub struct Invitation {
    /// As the requester sent it.
    pub invitation: Buffer,
    /// The largest answer that is taken, in bytes.
    pub max_size: u64,
    /// When the request was made.
    pub created_at: Timestamp,
    /// When it is gone if nobody answers.
    pub expires_at: Timestamp,
}

/// A request as it was found open.
struct Open {
    head: Head,
    place: Place,
    invitation: Buffer,
}

impl Vault {
    /// Opens a request, counted under its owner if it has one. When this returns, it is on the disk.
    ///
    /// # Errors
    /// [`VaultError::Store`], [`VaultError::Crypto`]: nothing is kept then.
    pub async fn open_request(
        &self,
        request: NewRequest,
        owner: Option<&Owner>,
        origin: Origin,
    ) -> Result<OpenedRequest, VaultError> {
        let NewRequest { invitation, proof, ttl, max_size, notify } = request;
        let created_at = to_milliseconds(Timestamp::now());
        let expires_at = to_milliseconds(created_at.saturating_add(ttl.duration()).unwrap_or(Timestamp::MAX));
        let [token, collecting_token] = [Token::generate(created_at), Token::generate(created_at)];
        let (token, collecting_token) =
            (token.map_err(CryptoError::from)?, collecting_token.map_err(CryptoError::from)?);
        let receipt = Receipt::of_request(&collecting_token);
        let (id, receipt_id, master) = (token.request_id(), receipt.id(), self.keys.current());
        let charge = self.charge(owner)?;
        let place = Place {
            answer: collecting_token.id(),
            key: master.record_key(&collecting_token, Some(&proof))?,
            verifier: master.verifier(&collecting_token, &proof)?,
            receipt: receipt_id,
            owner: charge.owner,
            max_size,
            ttl,
        };
        let head = Head {
            created_at,
            expires_at,
            kind: Kind::Request.to_byte(),
            size: u64::try_from(invitation.len()).unwrap_or(u64::MAX),
            key_id: master.id(),
            verifier: None,
        };
        let context = Context { id, expires_at, kind: Kind::Request };
        let sealed = master.record_key(&token, None)?.seal(context, place.before(&invitation)?)?;
        let (store, journal, by) = (Arc::clone(&self.store), Arc::clone(&self.journal), origin.creator.clone());
        self.to_its_end(async move {
            store.insert(Record { id, head, sealed, charge, receipt: Some(receipt_id), notify, by }).await?;
            journal.note(Some(origin), Some(id), Event::Requested { ttl: ttl.duration() });
            Ok(())
        })
        .await?;
        Ok(OpenedRequest { token, collecting_token, receipt, expires_at })
    }

    /// What whoever answers a request may know of it, counted under `memory`. `None` when it isn't there: never, or no longer.
    ///
    /// # Errors
    /// [`VaultError::Unreadable`], [`VaultError::Damaged`]; [`VaultError::Store`], [`VaultError::Crypto`].
    pub async fn invitation(&self, token: &Token, memory: &Budget) -> Result<Option<Invitation>, VaultError> {
        let Some(Open { head, place, invitation }) = self.find_request(token, memory).await? else { return Ok(None) };
        let Head { created_at, expires_at, .. } = head;
        Ok(Some(Invitation { invitation, max_size: place.max_size, created_at, expires_at }))
    }

    /// Keeps an answer, if it is the first: when it expires. It is kept for as long as its request could have been open, and counted under
    /// its maker. `None` when there is no such request, or no longer.
    ///
    /// # Errors
    /// As [`Vault::invitation`]; the request is left as it was.
    pub async fn answer(
        &self,
        token: &Token,
        answer: Buffer,
        memory: &Budget,
        origin: Origin,
    ) -> Result<Option<Timestamp>, VaultError> {
        let Some(Open { head: Head { key_id, .. }, place, .. }) = self.find_request(token, memory).await? else {
            return Ok(None);
        };
        let Place { answer: id, key, verifier, receipt, owner, ttl, .. } = place;
        let created_at = to_milliseconds(Timestamp::now());
        let expires_at = to_milliseconds(created_at.saturating_add(ttl.duration()).unwrap_or(Timestamp::MAX));
        let size = u64::try_from(answer.len()).unwrap_or(u64::MAX);
        let kind = Kind::Answer;
        let head = Head { created_at, expires_at, kind: kind.to_byte(), size, key_id, verifier: Some(verifier) };
        let sealed = off_thread(answer.len(), move || key.seal(Context { id, expires_at, kind }, answer)).await??;
        let charge = Charge { owner, within: self.quotas };
        let by = origin.creator.clone();
        let answer = Record { id, head, sealed, charge, receipt: Some(receipt), notify: None, by }; // its request's
        let (store, journal, request) = (Arc::clone(&self.store), Arc::clone(&self.journal), token.request_id());
        let answered = self.to_its_end(async move {
            let answered = store.answer(request, answer, Timestamp::now()).await?;
            if answered {
                journal.note(Some(origin.clone()), Some(request), Event::Answered);
                journal.note(Some(origin), Some(id), Event::Created { size, ttl: ttl.duration() });
            }
            Ok(answered)
        });
        Ok(answered.await?.then_some(expires_at))
    }

    /// Takes a request back that nobody has answered, for whoever has its collecting token. False when it isn't there, or isn't theirs.
    ///
    /// # Errors
    /// As [`Vault::invitation`].
    pub async fn withdraw(
        &self,
        token: &Token,
        collecting_token: &Token,
        memory: &Budget,
        origin: Origin,
    ) -> Result<bool, VaultError> {
        let open = self.find_request(token, memory).await?;
        if open.is_none_or(|open| open.place.answer != collecting_token.id()) {
            return Ok(false);
        }
        let (store, journal, id) = (Arc::clone(&self.store), Arc::clone(&self.journal), token.request_id());
        let withdrawn = async move {
            let withdrawn = store.burn(id, Timestamp::now()).await?;
            if withdrawn {
                journal.note(Some(origin), Some(id), Event::Withdrawn);
            }
            Ok(withdrawn)
        };
        Ok(self.to_its_end(withdrawn).await?)
    }

    async fn find_request(&self, token: &Token, memory: &Budget) -> Result<Option<Open>, VaultError> {
        let id = token.request_id();
        let stored = self.store.load(id, None, Access::Open, Timestamp::now(), memory).await?;
        let Some(Stored { head, sealed }) = stored else { return Ok(None) };
        if self.kind_of(id, &head)? != Kind::Request {
            return Err(self.damaged(id, "it is no request any more"));
        }
        let context = Context { id, expires_at: head.expires_at, kind: Kind::Request };
        let opened = self.master(&head)?.record_key(token, None)?.open(context, sealed);
        let opened = opened.map_err(|_| self.damaged(id, "it doesn't open, though its key is here"))?;
        let (place, invitation) = Place::split(opened).ok_or_else(|| self.damaged(id, "it isn't as it was written"))?;
        Ok(Some(Open { head, place, invitation }))
    }
}

/// What the answer will need, kept before the invitation.
struct Place {
    answer: SecretId,
    key: RecordKey,
    verifier: Verifier,
    receipt: ReceiptId,
    owner: Option<OwnerId>,
    max_size: u64,
    ttl: Ttl,
}

impl Place {
    /// Four times 32 bytes, whether there is an owner and its 16, and two numbers.
    const BYTES: usize = 4 * 32 + 1 + 16 + 2 * 8;

    fn before(&self, invitation: &Buffer) -> Result<Buffer, VaultError> {
        let busy = |_| StoreError::Busy;
        let mut all = Buffer::with_capacity(Self::BYTES + invitation.len()).map_err(busy)?;
        let owner = self.owner.map_or([0; 16], |owner| owner.0);
        let milliseconds = u64::try_from(self.ttl.duration().as_millis()).unwrap_or(u64::MAX);
        let parts: [&[u8]; 8] = [
            &self.answer.0,
            self.key.expose(),
            &self.verifier.0,
            &self.receipt.0,
            &[u8::from(self.owner.is_some())],
            &owner,
            &self.max_size.to_be_bytes(),
            &milliseconds.to_be_bytes(),
        ];
        for part in parts.into_iter().chain([invitation.as_ref()]) {
            all.append(part, None).map_err(busy)?;
        }
        Ok(all)
    }

    fn split(mut all: Buffer) -> Option<(Self, Buffer)> {
        let mut rest = all.as_ref();
        let place = Self {
            answer: SecretId(*part(&mut rest)?),
            key: RecordKey::from_exposed(&Zeroizing::new(*part(&mut rest)?)).ok()?,
            verifier: Verifier(*part(&mut rest)?),
            receipt: ReceiptId(*part(&mut rest)?),
            owner: {
                let [is_some] = *part(&mut rest)?;
                let owner = OwnerId(*part(&mut rest)?);
                (is_some == 1).then_some(owner)
            },
            max_size: u64::from_be_bytes(*part(&mut rest)?),
            ttl: {
                let duration = Duration::from_millis(u64::from_be_bytes(*part(&mut rest)?));
                Ttl::new(duration, duration).ok()?
            },
        };
        let length = all.len();
        all.narrow(Self::BYTES..length);
        Some((place, all))
    }
}

fn part<'b, const N: usize>(rest: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (part, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(part)
}
