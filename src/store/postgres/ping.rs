//! Whether the database works: looks at it that may take less long than work.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    line::{BOUND, Call, Line, Repeat},
    statements,
};
use crate::store::StoreError;

/// How long the database may take for something trivial.
const PING: Duration = Duration::from_millis(900);

impl Line {
    /// How long the database may take for something trivial: as long as for anything, before it has ever answered, since it has to be connected
    /// to first.
    pub(super) fn patience(&self) -> Duration {
        if self.was_heard() { PING } else { BOUND }
    }

    /// Has the database say whether it can be written to. A connection that is made for it is there for the next, though this one doesn't wait
    /// for as long as that takes over a slow network.
    pub(super) async fn ping(self: &Arc<Self>) -> Result<(), StoreError> {
        let call = Call::new(statements::PING, Vec::new(), Repeat::Never);
        let asked = Instant::now();
        match tokio::time::timeout(PING, self.rows(call)).await {
            Ok(Ok(rows)) if rows.first().is_some_and(|row| row.try_get::<_, &str>(0).is_ok_and(|on| on == "off")) => {
                Ok(())
            }
            Ok(Ok(_)) => {
                self.begin_anew();
                Err(StoreError::Engine("the database can't be written to".to_owned()))
            }
            Ok(Err(fault)) => Err(fault.into_error()),
            // It works, on what others asked.
            Err(_) if self.heard_since(asked) => Err(StoreError::Busy),
            Err(_) => Err(StoreError::Engine("the database doesn't answer".to_owned())),
        }
    }
}
