//! The newest ciphertexts, still in memory: what has just been stored is often read at once, by the next step of a script say, and then
//! needn't be looked up in the file. Each is given once. That it is here decides nothing: whether a record can be had is the
//! writer's to say.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::{
    secret::SecretId,
    store::{Access, Head, Record},
};

/// How many are kept at most.
const COUNT: usize = 512;
/// The longest that are, in bytes: 2 MiB in all.
const LONGEST: usize = 4096;

#[derive(Default)]
pub(super) struct Fresh(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    records: HashMap<SecretId, (Head, Vec<u8>)>,
    /// As they came; some have been given already.
    order: VecDeque<SecretId>,
}

impl Fresh {
    /// A copy of what is short, to be kept once the record is on the disk.
    pub(super) fn copy(record: &Record) -> Option<(SecretId, Head, Vec<u8>)> {
        let sealed = record.sealed.as_ref();
        (sealed.len() <= LONGEST).then(|| (record.id, record.head.clone(), sealed.to_vec()))
    }

    /// Keeps it, and lets go of the oldest.
    pub(super) fn keep(&self, (id, head, sealed): (SecretId, Head, Vec<u8>)) {
        let mut kept = self.kept();
        kept.records.insert(id, (head, sealed));
        kept.order.push_back(id);
        if kept.order.len() > COUNT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.records.remove(&oldest);
        }
    }

    /// Gives it, once, if it hasn't expired and the caller may have it.
    pub(super) fn take(&self, id: SecretId, access: Access, now: Timestamp) -> Option<(Head, Vec<u8>)> {
        let open = |head: &Head| head.verifier.is_none() || access == Access::Verified;
        self.kept().records.remove(&id).filter(|(head, _)| now < head.expires_at && open(head))
    }

    /// Lets go of it: it is about to change.
    pub(super) fn forget(&self, id: SecretId) {
        self.kept().records.remove(&id);
    }

    /// Lets go of what has expired.
    pub(super) fn forget_expired(&self, now: Timestamp) {
        self.kept().records.retain(|_, (head, _)| now < head.expires_at);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        secret::{KeyId, Verifier},
        store::Charge,
    };

    fn record(number: usize, length: usize, verifier: Option<Verifier>) -> Record {
        let head = Head {
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::from_second(10).unwrap(),
            kind: 0,
            size: 1,
            key_id: KeyId([0; 8]),
            verifier,
        };
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Record {
            id: SecretId(id),
            head,
            sealed: vec![1; length].as_slice().into(),
            charge: Charge::default(),
            receipt: None,
            notify: None,
            by: None,
        }
    }

    fn has(fresh: &Fresh, number: usize) -> bool {
        fresh.take(record(number, 1, None).id, Access::Open, Timestamp::UNIX_EPOCH).is_some()
    }

    #[test]
    fn the_newest_are_kept_and_no_more() {
        let fresh = Fresh::default();
        for number in 0..=COUNT {
            fresh.keep(Fresh::copy(&record(number, 1, None)).unwrap());
        }
        assert_eq!(fresh.kept().records.len(), COUNT);
        assert!(!has(&fresh, 0) && has(&fresh, 1) && has(&fresh, COUNT));
        assert!(!has(&fresh, 1), "given once");
    }

    #[test]
    fn only_what_is_short_open_and_live_is_given() {
        let fresh = Fresh::default();
        assert!(
            Fresh::copy(&record(1, LONGEST, None)).is_some() && Fresh::copy(&record(1, LONGEST + 1, None)).is_none()
        );
        let guarded = record(1, 1, Some(Verifier([0; 32])));
        for (access, given) in [(Access::Open, false), (Access::Verified, true)] {
            fresh.keep(Fresh::copy(&guarded).unwrap());
            assert_eq!(fresh.take(guarded.id, access, Timestamp::UNIX_EPOCH).is_some(), given);
        }
        fresh.keep(Fresh::copy(&guarded).unwrap());
        fresh.forget_expired(guarded.head.expires_at);
        assert!(fresh.kept().records.is_empty());
    }
}
