//! What is done without where it is damaged: no secret hangs on it. After damage the same calls are run again, and leave it alone.

use std::cell::Cell;

use super::error::engine_error;
use crate::store::StoreError;

/// Whether some tables have been given up, and the damage that was met until it is told.
#[derive(Default)]
pub(super) struct GivenUp {
    given_up: Cell<bool>,
    damage: Cell<Option<String>>,
}

impl GivenUp {
    pub(super) fn is_so(&self) -> bool {
        self.given_up.get()
    }

    /// Gives them up, if that is damage.
    pub(super) fn note(&self, error: &rusqlite::Error) {
        if matches!(engine_error(error), StoreError::Damaged(_)) {
            self.given_up.set(true);
            self.damage.set(Some(error.to_string()));
        }
    }

    /// Damage that was met since this was last asked.
    pub(super) fn damage(&self) -> Option<String> {
        self.damage.take()
    }
}
