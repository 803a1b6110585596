//! The sweeper: removes what has expired, batch by batch, for as long as the server runs.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::Store;

/// Records that one batch removes at most: other requests pass between batches.
const BATCH: usize = 256;

/// Sweeps at once and then every `interval`. Never returns; drop it to stop. A failure is logged and tried again.
pub async fn run(store: Arc<Store>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut removed = 0;
        let outcome = loop {
            match store.sweep(Timestamp::now(), BATCH).await {
                Ok(swept) => {
                    removed += swept.removed;
                    if !swept.more {
                        break Ok(());
                    }
                }
                Err(error) => break Err(error),
            }
        };
        match outcome {
            Ok(()) if removed > 0 => tracing::debug!(removed, "swept"),
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "the sweep failed; it will be tried again"),
        }
    }
}
