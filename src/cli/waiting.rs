//! Asking a server again until something has come about, for as long as that takes: soon at first, and then now and again.

use std::{fmt::Display, time::Duration};

/// How often: at first, and when it has been asked for a while.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);
const WHILE: u32 = 60;

/// What `look` finds once it is no longer `awaited`, beginning with what was `found` already. A failure that `passes`, of a server that is
/// started anew say, is waited out.
pub(super) async fn until<T, E: Display>(
    mut found: T,
    awaited: impl Fn(&T) -> bool,
    look: impl AsyncFn() -> Result<T, E>,
    passes: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for turn in 0_u32.. {
        if !awaited(&found) {
            break;
        }
        tokio::time::sleep(if turn < WHILE { SOON } else { LATER }).await;
        match look().await {
            Ok(later) => found = later,
            Err(error) if passes(&error) => tracing::debug!(%error, "asking again"),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
