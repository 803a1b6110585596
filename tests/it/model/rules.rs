//! The model: a map, and the contract's words as code.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use ots::{
    secret::{HookId, KeyId, OwnerId, ReceiptId},
    store::{
        Access, Burnt, By, Charge, Claimed, Gone, Head, Held, REQUEST, ReceiptState, Record, StoreError, Swept, Told,
        Trace, Usage, Whose,
    },
};

use super::{Answer, Call, EVERY, LEASE, LIMIT, Outbox, receipt_id, record, secret_id};

/// What the model keeps of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kept {
    order: u64,
    head: Head,
    sealed: Vec<u8>,
    owner: Option<OwnerId>,
    claim: Option<(u8, Timestamp)>,
    claimed_at: Option<Timestamp>,
    attempts: u32,
    receipt: Option<ReceiptId>,
    notify: Option<HookId>,
}

impl Kept {
    fn deadline(&self) -> Timestamp {
        self.claim.map_or(self.head.expires_at, |(_, until)| until)
    }

    fn is_request(&self) -> bool {
        self.head.kind == REQUEST
    }

    fn told(&self, state: ReceiptState, ended_at: Option<Timestamp>) -> Trace {
        let Head { created_at, expires_at, .. } = self.head;
        Trace { state, created_at, expires_at, claimed_at: self.claimed_at, ended_at, attempts: self.attempts }
    }

    /// What is told when its time is over.
    fn died(&self) -> Trace {
        let state = if self.claim.is_some() { ReceiptState::Unconfirmed } else { ReceiptState::Expired };
        self.told(state, Some(self.deadline()))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    records: BTreeMap<u8, Kept>,
    /// Of those that are gone.
    traces: BTreeMap<ReceiptId, Trace>,
    inserted: u64,
    pub(super) now: Timestamp,
    /// Of those that die at the same time, which goes first: by their ids, else by when they came. That is left to engines.
    by_id: bool,
    /// Whether a webhook is told of everything.
    pub(super) tells: bool,
    /// What isn't delivered.
    pub(super) outbox: Outbox,
}

impl Model {
    pub(super) fn new(now: Timestamp, by_id: bool, tells: bool) -> Self {
        let (records, traces, outbox) = (BTreeMap::new(), BTreeMap::new(), Outbox::new());
        Self { records, traces, inserted: 0, now, by_id, tells, outbox }
    }

    /// The same, once all is delivered.
    pub(super) fn sent(&self) -> Self {
        Self { outbox: Outbox::new(), ..self.clone() }
    }

    /// Tells it to the webhooks of everything, and to the record's own.
    fn tell(&mut self, id: u8, notify: Option<HookId>, told: &Told) {
        for hook in self.tells.then_some(EVERY).into_iter().chain(notify) {
            self.outbox.entry((hook, id)).or_default().push((self.now, told.clone()));
        }
    }

    /// Tells it of one that was removed.
    fn ended(&mut self, id: u8, kept: Option<Kept>, told: impl FnOnce(&Kept) -> Told) -> bool {
        let Some(kept) = kept else { return false };
        self.tell(id, kept.notify, &told(&kept));
        true
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

    /// Removes it, and keeps what its receipt tells.
    fn end(&mut self, id: u8, told: impl FnOnce(&Kept) -> Trace) -> Option<Kept> {
        let kept = self.records.remove(&id)?;
        if let Some(receipt) = kept.receipt {
            self.traces.insert(receipt, told(&kept));
        }
        Some(kept)
    }

    /// All that are known.
    pub(super) fn receipts(&self) -> impl Iterator<Item = ReceiptId> {
        self.records.values().filter_map(|kept| kept.receipt).chain(self.traces.keys().copied())
    }

    pub(super) fn trace(&self, receipt: ReceiptId) -> Option<Trace> {
        let Some(kept) = self.records.values().find(|kept| kept.receipt == Some(receipt)) else {
            return self.traces.get(&receipt).copied();
        };
        let until = kept.deadline();
        Some(match kept.claim {
            _ if until <= self.now => kept.died(),
            Some(_) => kept.told(ReceiptState::Claimed { until }, None),
            None if kept.is_request() => kept.told(ReceiptState::Open, None),
            None => kept.told(ReceiptState::Unread, None),
        })
    }

    fn take(&mut self, id: u8, access: Access) -> bool {
        let now = Some(self.now);
        let taken = |kept: &Kept| Trace { claimed_at: now, ..kept.told(ReceiptState::Unconfirmed, now) };
        let kept = self.unclaimed(id, access).is_some().then(|| self.end(id, taken)).flatten();
        self.ended(id, kept, |_| Told::Delivered)
    }

    fn burn(&mut self, id: u8, by: By) -> bool {
        let now = Some(self.now);
        let state = |kept: &Kept| if kept.is_request() { ReceiptState::Withdrawn } else { ReceiptState::Burned(by) };
        let burned = |kept: &Kept| kept.told(state(kept), now);
        let kept = self.unclaimed(id, Access::Verified).is_some().then(|| self.end(id, burned)).flatten();
        self.ended(id, kept, |kept| if kept.is_request() { Told::Withdrawn } else { Told::Burned(by) })
    }

    fn burn_by_receipt(&mut self, receipt: ReceiptId) -> Burnt {
        let id = self.records.iter().find(|(_, kept)| kept.receipt == Some(receipt)).map(|(id, _)| *id);
        match (id, self.trace(receipt).map(|trace| trace.state)) {
            (Some(id), _) if self.burn(id, By::Receipt) => match self.traces.get(&receipt).map(|trace| trace.state) {
                Some(ReceiptState::Withdrawn) => Burnt::Withdrawn(secret_id(id)),
                _ => Burnt::Now(secret_id(id)),
            },
            (_, None) => Burnt::Unknown,
            (_, Some(ReceiptState::Burned(By::Receipt) | ReceiptState::Withdrawn)) => Burnt::Already,
            _ => Burnt::TooLate,
        }
    }

    fn forget(&mut self, before: Timestamp) -> usize {
        let all = self.traces.len();
        self.traces.retain(|_, trace| trace.ended_at.is_none_or(|ended_at| ended_at >= before));
        all - self.traces.len()
    }

    fn claim(&mut self, id: u8, access: Access, claim: u8) -> Option<Claimed> {
        let until = self.now + Duration::from_secs(LEASE);
        let now = self.now;
        if let Some(kept) = self.unclaimed(id, access) {
            (kept.claim, kept.claimed_at) = (Some((claim, until)), Some(now));
            let notify = kept.notify;
            self.tell(id, notify, &Told::Claimed);
            return Some(Claimed::New);
        }
        let open = |kept: &Kept| kept.head.verifier.is_none() || access == Access::Verified;
        let again = |kept: &Kept| kept.claim.is_some_and(|(theirs, _)| theirs == claim) && open(kept);
        self.live(id).is_some_and(|kept| again(kept)).then_some(Claimed::Again)
    }

    fn release(&mut self, id: u8, claim: u8) -> bool {
        let is_theirs = self.records.get(&id).is_some_and(|kept| kept.claim.is_some_and(|(theirs, _)| theirs == claim));
        let now = self.now;
        let told = |kept: &Kept| match kept.deadline() {
            deadline if deadline <= now => kept.told(ReceiptState::Unconfirmed, Some(deadline)),
            _ => kept.told(ReceiptState::Delivered, Some(now)),
        };
        let kept = is_theirs.then(|| self.end(id, told)).flatten();
        self.ended(id, kept, |_| Told::Acknowledged)
    }

    fn fail_attempt(&mut self, id: u8, claim: Option<u8>) -> Option<u32> {
        let kept = self.live(id).filter(|kept| kept.claim.is_none_or(|(theirs, _)| Some(theirs) == claim))?;
        kept.attempts += 1;
        let left = LIMIT.saturating_sub(kept.attempts);
        let (notify, is_claimed) = (kept.notify, kept.claim.is_some());
        self.tell(id, notify, &Told::WrongPassphrase { left });
        if left == 0 {
            let state = if is_claimed { ReceiptState::Unconfirmed } else { ReceiptState::Burned(By::Tries) };
            let now = Some(self.now);
            self.end(id, |kept| kept.told(state, now));
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
        let removed: Vec<_> = dead.iter().map(|id| (*id, self.end(*id, Kept::died).unwrap())).collect();
        for (id, kept) in &removed {
            let expired = Told::Expired { read: kept.claim.is_some() };
            self.tell(*id, kept.notify, if kept.is_request() { &Told::Unanswered } else { &expired });
        }
        let gone = removed.into_iter().map(|(id, kept)| Gone {
            id: Some(secret_id(id)),
            claimed: kept.claim.is_some(),
            request: kept.is_request(),
        });
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
        self.keep(record, record.notify);
        Ok(())
    }

    fn keep(&mut self, record: &Record, notify: Option<HookId>) {
        let Record { id, head, sealed, charge, receipt, by, .. } = record;
        let (size, by) = (head.size, by.clone());
        let ttl = head.expires_at.duration_since(head.created_at).unsigned_abs();
        let made = if head.kind == REQUEST { Told::Requested { ttl, by } } else { Told::Created { size, ttl, by } };
        self.tell(id.0[0], notify, &made);
        let (order, sealed, receipt) = (self.inserted, sealed.as_ref().to_vec(), *receipt);
        let (head, owner) = (head.clone(), charge.owner);
        let kept = Kept { order, head, sealed, owner, claim: None, claimed_at: None, attempts: 0, receipt, notify };
        self.records.insert(id.0[0], kept);
    }

    /// The answer goes on with the request's receipt, which leaves nothing, and its webhook; or the request is there as it was.
    fn answer(&mut self, request: u8, answer: &Record) -> Result<bool, StoreError> {
        if !self.unclaimed(request, Access::Verified).is_some_and(|kept| kept.is_request()) {
            return Ok(false);
        }
        self.inserted += 1;
        let open = self.records.remove(&request);
        if let Some(whose) = self.refuses(answer) {
            self.records.extend(open.map(|open| (request, open)));
            return Err(StoreError::OverQuota(whose));
        }
        let notify = open.and_then(|open| open.notify);
        self.tell(request, notify, &Told::Answered { answer: answer.id });
        self.keep(answer, notify);
        Ok(true)
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
        let Charge { owner, within } = record.charge;
        if owner.is_some() && !within.each.allows(with_it(&|kept| kept.owner == owner)) {
            return Some(Whose::Owner);
        }
        (!within.all.allows(with_it(&|_| true))).then_some(Whose::All)
    }

    pub(super) fn call(&mut self, call: &Call) -> Answer {
        match *call {
            Call::Insert { .. } | Call::Open { .. } => Answer::Inserted(self.insert(&record(call, self.now))),
            Call::Answer { request, .. } => Answer::Answered(self.answer(request, &record(call, self.now))),
            Call::Load { id, claim, access } => Answer::Loaded(self.load(id, claim, access)),
            Call::Peek { id, claim } => Answer::Peeked(self.load(id, claim, Access::Open).map(|(head, _)| head)),
            Call::Take { id, access } => Answer::Done(self.take(id, access)),
            Call::Claim { id, access, claim } => Answer::Claimed(self.claim(id, access, claim)),
            Call::Release { id, claim } => Answer::Done(self.release(id, claim)),
            Call::Burn { id } => Answer::Done(self.burn(id, By::Link)),
            Call::BurnByReceipt { receipt } => Answer::Burnt(self.burn_by_receipt(receipt_id(receipt))),
            Call::Forget { seconds } => {
                Answer::Forgotten(self.forget(self.now - jiff::SignedDuration::from_secs(seconds)))
            }
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
