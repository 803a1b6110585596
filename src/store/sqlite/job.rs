//! A call on its way through the store's threads: what it does, what it came to, and where its answer goes. Each call has its own type
//! of answer; the threads see only that it can be run and finished.

use tokio::sync::oneshot;

use super::tables::Tables;
use crate::store::StoreError;

/// Why a call came to nothing.
pub(super) enum Failure {
    /// Nothing was changed, and the transaction goes on.
    Refused(StoreError),
    /// The engine failed: the transaction has to be rolled back.
    Engine(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

/// A call that changes something, whatever the type of its answer.
pub(super) trait Work: Send {
    /// Runs it in the open transaction, and notes what it came to. It can be run again after a rollback.
    ///
    /// # Errors
    /// The engine's: nothing was noted then.
    fn run(&mut self, tables: &Tables) -> Result<(), rusqlite::Error>;

    /// Answers what it came to, or `failed`. Whoever called may have gone away: that changes nothing.
    fn finish(self: Box<Self>, failed: Option<StoreError>);
}

/// What the queues hold.
pub(super) struct Job<T, F> {
    work: F,
    outcome: Result<T, StoreError>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job<T, F> {
    /// A job, and where its answer comes.
    pub(super) fn new(work: F) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (answer, answered) = oneshot::channel();
        (Self { work, outcome: Err(StoreError::Closed), answer }, answered)
    }
}

impl<T: Send, F: FnMut(&Tables) -> Result<T, Failure> + Send> Work for Job<T, F> {
    fn run(&mut self, tables: &Tables) -> Result<(), rusqlite::Error> {
        self.outcome = match (self.work)(tables) {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Engine(error)) => return Err(error),
        };
        Ok(())
    }

    fn finish(self: Box<Self>, failed: Option<StoreError>) {
        let Self { answer, outcome, .. } = *self;
        let _ = answer.send(failed.map_or(outcome, Err));
    }
}
