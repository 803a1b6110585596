//! What was found damaged since the start: told in the log, each once, and shown by health.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use crate::secret::{ReceiptId, SecretId};

/// Places that are remembered at most: of more, only the log's reader has anything.
const MOST: usize = 10_000;

/// The damaged places that are known.
#[derive(Default)]
pub(super) struct Damage(Mutex<HashSet<String>>);

impl Damage {
    /// Tells of a place, once.
    pub(super) fn report(&self, place: &str, why: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST && known.insert(place.to_owned()) {
            tracing::error!(
                place,
                why,
                "the database is damaged there; the rest is served (ots admin check looks at all of it)"
            );
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        u64::try_from(known.len()).unwrap_or(u64::MAX)
    }
}

/// A record as the log names it: by its id's first bytes, which lead to no token.
pub(super) fn name(id: SecretId) -> String {
    format!("the record {}", first_bytes(&id.0))
}

/// A receipt, likewise.
pub(super) fn name_of_receipt(id: ReceiptId) -> String {
    format!("the receipt {}", first_bytes(&id.0))
}

fn first_bytes(id: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(id.split_at(8).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_once_and_a_record_named_by_its_first_bytes() {
        let damage = Damage::default();
        for place in [name(SecretId([0xab; 32])), name(SecretId([0xab; 32])), "an index".to_owned()] {
            damage.report(&place, "why");
        }
        assert_eq!(damage.count(), 2);
        assert_eq!(name(SecretId([0xab; 32])), "the record abababababababab");
    }
}
