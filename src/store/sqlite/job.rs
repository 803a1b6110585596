//! A call on its way through the store's threads: what it does, what it came to, and where its answer goes. Each call has its own type
//! of answer; the threads see only that it can be run and finished.

use tokio::sync::oneshot;

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

/// A call that waits to be answered.
pub(super) trait Finish: Send {
    /// Answers what it came to, or `failed`. Whoever called may have gone away: that changes nothing.
    fn finish(self: Box<Self>, failed: Option<StoreError>);
}

/// A call that is yet to be run on a `C`. It can be run again after its transaction was rolled back.
pub(super) trait Work<C>: Finish {
    /// Runs it, and notes what it came to.
    ///
    /// # Errors
    /// The engine's: nothing was noted then.
    fn run(&mut self, on: &C) -> Result<(), rusqlite::Error>;

    /// Whether what it came to says that something isn't there: that may rest on a removal that isn't on the disk yet.
    fn is_negative(&self) -> bool;
}

/// What the queues hold.
pub(super) struct Job<T, F> {
    work: F,
    negative: fn(&T) -> bool,
    outcome: Result<T, StoreError>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job<T, F> {
    /// A job, and where its answer comes.
    pub(super) fn new(work: F, negative: fn(&T) -> bool) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (answer, answered) = oneshot::channel();
        (Self { work, negative, outcome: Err(StoreError::Closed), answer }, answered)
    }
}

impl<T: Send, F: Send> Finish for Job<T, F> {
    fn finish(self: Box<Self>, failed: Option<StoreError>) {
        let Self { answer, outcome, .. } = *self;
        let _ = answer.send(failed.map_or(outcome, Err));
    }
}

impl<C, T: Send, F: FnMut(&C) -> Result<T, Failure> + Send> Work<C> for Job<T, F> {
    fn run(&mut self, on: &C) -> Result<(), rusqlite::Error> {
        self.outcome = match (self.work)(on) {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Engine(error)) => return Err(error),
        };
        Ok(())
    }

    fn is_negative(&self) -> bool {
        self.outcome.as_ref().is_ok_and(self.negative)
    }
}
