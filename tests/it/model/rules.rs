//! The model: a map, and the contract's words as code.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use ots::{
    secret::{KeyId, OwnerId},
    store::{Access, Claimed, Gone, Head, Held, Record, StoreError, Swept, Usage, Whose},
};

use super::{Answer, Call, LEASE, LIMIT, QUOTAS, record, secret_id};

/// What the model keeps of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    order: u64,
    head: Head,
    sealed: Vec<u8>,
    owner: Option<OwnerId>,
    claim: Option<(u8, Timestamp)>,
    attempts: u32,
}

impl Kept {
    fn deadline(&self) -> Timestamp {
        self.claim.map_or(self.head.expires_at, |(_, until)| until)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    records: BTreeMap<u8, Kept>,
    inserted: u64,
    pub(super) now: Timestamp,
    /// Of those that die at the same time, which goes first: by their ids, else by when they came. That is left to engines.
    by_id: bool,
}

impl Model {
    pub(super) fn new(now: Timestamp, by_id: bool) -> Self {
        Self { records: BTreeMap::new(), inserted: 0, now, by_id }
    }

    /// The deadline of the one that has been dead for longest.
    pub(super) fn oldest_dead(&self) -> Option<Timestamp> {
        self.dead().first().map(|id| self.records[id].deadline())
    }

    fn live(&mut self, id: u8) -> Option<&mut Kept> {
        let now = self.now;
        self.records.get_mut(&id).filter(|kept| now < kept.deadline())
    }

    fn unclaimed(&mut self, id: u8, access: Access) -> Option<&mut Kept> {
        let open = |kept: &Kept| kept.head.verifier.is_none() || access == Access::Verified;
        self.live(id).filter(|kept| kept.claim.is_none() && open(kept))
    }

    fn take(&mut self, id: u8, access: Access) -> bool {
        self.unclaimed(id, access).is_some() && self.records.remove(&id).is_some()
    }

    fn claim(&mut self, id: u8, access: Access, claim: u8) -> Option<Claimed> {
        let until = self.now + Duration::from_secs(LEASE);
        if let Some(kept) = self.unclaimed(id, access) {
            kept.claim = Some((claim, until));
            return Some(Claimed::New);
        }
        let open = |kept: &Kept| kept.head.verifier.is_none() || access == Access::Verified;
        let again = |kept: &Kept| kept.claim.is_some_and(|(theirs, _)| theirs == claim) && open(kept);
        self.live(id).is_some_and(|kept| again(kept)).then_some(Claimed::Again)
    }

    fn release(&mut self, id: u8, claim: u8) -> bool {
        let is_theirs = self.records.get(&id).is_some_and(|kept| kept.claim.is_some_and(|(theirs, _)| theirs == claim));
        is_theirs && self.records.remove(&id).is_some()
    }

    fn fail_attempt(&mut self, id: u8, claim: Option<u8>) -> Option<u32> {
        let kept = self.live(id).filter(|kept| kept.claim.is_none_or(|(theirs, _)| Some(theirs) == claim))?;
        kept.attempts += 1;
        let left = LIMIT.saturating_sub(kept.attempts);
        if left == 0 {
            self.records.remove(&id);
        }
        Some(left)
    }

    /// The dead, in the order in which they are removed.
    fn dead(&self) -> Vec<u8> {
        let mut dead: Vec<_> = self.records.iter().filter(|(_, kept)| kept.deadline() <= self.now).collect();
        dead.sort_by_key(|(id, kept)| (kept.deadline(), if self.by_id { u64::from(**id) } else { kept.order }));
        dead.into_iter().map(|(id, _)| *id).collect()
    }

    fn sweep(&mut self, at_most: usize) -> Swept {
        let dead: Vec<u8> = self.dead().into_iter().take(at_most).collect();
        let removed = dead.iter().map(|id| (*id, self.records.remove(id).unwrap()));
        let gone = removed.map(|(id, kept)| Gone { id: Some(secret_id(id)), claimed: kept.claim.is_some() });
        Swept { gone: gone.collect(), more: dead.len() == at_most }
    }

    fn load(&mut self, id: u8, claim: Option<u8>, access: Access) -> Option<(Head, Vec<u8>)> {
        let kept = self.live(id).filter(|kept| kept.claim.is_none_or(|(theirs, _)| Some(theirs) == claim))?;
        let shown = kept.head.verifier.is_none() || access == Access::Verified;
        Some((kept.head.clone(), if shown { kept.sealed.clone() } else { Vec::new() }))
    }

    fn insert(&mut self, record: &Record) -> Result<(), StoreError> {
        let id = record.id.0[0];
        self.inserted += 1;
        if let Some(whose) = self.refuses(record) {
            return Err(StoreError::OverQuota(whose));
        }
        if self.records.contains_key(&id) {
            return Err(StoreError::Exists);
        }
        let (head, sealed) = (record.head.clone(), record.sealed.as_ref().to_vec());
        let (order, owner) = (self.inserted, record.charge.owner);
        self.records.insert(id, Kept { order, head, sealed, owner, claim: None, attempts: 0 });
        Ok(())
    }

    /// Whose quota has no room for it.
    fn refuses(&self, record: &Record) -> Option<Whose> {
        let with_it = |counts: &dyn Fn(&Kept) -> bool| {
            let counted = self.records.values().filter(|kept| counts(kept));
            counted.fold(Usage { records: 1, bytes: record.sealed.len() as u64 }, |usage, kept| Usage {
                records: usage.records + 1,
                bytes: usage.bytes + kept.sealed.len() as u64,
            })
        };
        let owner = record.charge.owner;
        if owner.is_some() && !QUOTAS.each.allows(with_it(&|kept| kept.owner == owner)) {
            return Some(Whose::Owner);
        }
        (!QUOTAS.all.allows(with_it(&|_| true))).then_some(Whose::All)
    }

    pub(super) fn call(&mut self, call: &Call) -> Answer {
        match *call {
            Call::Insert { .. } => Answer::Inserted(self.insert(&record(call, self.now))),
            Call::Load { id, claim, access } => Answer::Loaded(self.load(id, claim, access)),
            Call::Peek { id, claim } => Answer::Peeked(self.load(id, claim, Access::Open).map(|(head, _)| head)),
            Call::Take { id, access } => Answer::Done(self.take(id, access)),
            Call::Claim { id, access, claim } => Answer::Claimed(self.claim(id, access, claim)),
            Call::Release { id, claim } => Answer::Done(self.release(id, claim)),
            Call::Burn { id } => Answer::Done(self.take(id, Access::Verified)),
            Call::FailAttempt { id, claim } => Answer::Left(self.fail_attempt(id, claim)),
            Call::Sweep { at_most } => Answer::Swept(self.sweep(at_most)),
        }
    }

    pub(super) fn held(&self) -> Vec<Held> {
        let mut held: BTreeMap<KeyId, (u64, u64)> = BTreeMap::new();
        for kept in self.records.values() {
            let (records, bytes) = held.entry(kept.head.key_id).or_default();
            *records += 1;
            *bytes += kept.sealed.len() as u64;
        }
        held.into_iter().map(|(key_id, (records, bytes))| Held { key_id, records, bytes }).collect()
    }
}
