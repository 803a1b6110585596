//! Where there is no service manager of this kind: nobody is told anything.

use std::sync::Arc;

use super::signals::Reloads;
use crate::store::Store;

/// None.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manager;

impl Manager {
    pub(super) fn of_this_process() -> Self {
        Self
    }

    pub(super) fn reload_begins(self, _reloads: &mut Reloads) {}

    pub(super) fn reload_ends(self, _reloads: &mut Reloads) {}

    pub(super) fn ready(self, _at: &str) {}

    pub(super) fn stopping(self) {}

    pub(super) fn watch(self, _store: Arc<Store>) {}
}
