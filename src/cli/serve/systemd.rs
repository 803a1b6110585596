//! What a service manager is told (`sd_notify(3)`): that the server is ready, reads its files again, stops; and, as often as it asks for it,
//! that it still does its work. Without `NOTIFY_SOCKET`, nothing.

use std::{env, sync::Arc};

use sd_notify::NotifyState;

use super::signals::Reloads;
use crate::store::{Store, StoreError};

/// Whether there is a service manager that wants to be told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manager {
    listens: bool,
}

impl Manager {
    pub(super) fn of_this_process() -> Self {
        Self { listens: env::var_os("NOTIFY_SOCKET").is_some() }
    }

    /// Before everything else that is read again.
    pub(super) fn reload_begins(self, reloads: &mut Reloads) {
        if self.listens {
            reloads.add(move || {
                let now = NotifyState::monotonic_usec_now().ok();
                let states: Vec<_> = [NotifyState::Reloading].into_iter().chain(now).collect();
                self.tell(&states);
            });
        }
    }

    /// After it.
    pub(super) fn reload_ends(self, reloads: &mut Reloads) {
        if self.listens {
            reloads.add(move || self.tell(&[NotifyState::Ready]));
        }
    }

    /// Clients can connect.
    pub(super) fn ready(self, at: &str) {
        self.tell(&[NotifyState::Ready, NotifyState::Status(&format!("listening on {at}"))]);
    }

    /// No new connections are taken; those that there are get their answers.
    pub(super) fn stopping(self) {
        self.tell(&[NotifyState::Stopping, NotifyState::Status("finishing what runs")]);
    }

    /// Tells it for as long as the store answers, twice as often as it has to be told: a server whose store is stuck is to be started again.
    pub(super) fn watch(self, store: Arc<Store>) {
        let Some(every) = sd_notify::watchdog_enabled().filter(|_| self.listens) else { return };
        tokio::spawn(async move {
            let mut turn = tokio::time::interval(every / 2);
            let mut is_told = true;
            loop {
                turn.tick().await;
                let answered = tokio::time::timeout(every / 2, store.ping()).await;
                // One that is busy works.
                let works = matches!(answered, Ok(Ok(()) | Err(StoreError::Busy)));
                if works {
                    self.tell(&[NotifyState::Watchdog]);
                } else if is_told {
                    tracing::error!(
                        "the database doesn't answer: the service manager's watchdog isn't told that all is well"
                    );
                }
                is_told = works;
            }
        });
    }

    fn tell(self, states: &[NotifyState<'_>]) {
        if self.listens
            && let Err(error) = sd_notify::notify(states)
        {
            tracing::warn!(%error, "the service manager can't be told");
        }
    }
}
