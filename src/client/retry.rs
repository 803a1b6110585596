//! The one rule of asking again: only what a claim makes safe to repeat, only after what may pass, and each time after
//! twice the wait.

use std::time::Duration;

use super::ClientError;

/// How often a read is asked for: about six seconds of a server that restarts, or of a network that drops.
pub(super) const READ: u32 = 6;
/// How often an acknowledgement is: the reader has the content, and the lease's end does the same.
pub(super) const ACKNOWLEDGE: u32 = 3;
/// The first wait.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Calls up to `tries` times, until the outcome is one that the same call wouldn't change a moment later.
pub(super) async fn retry<T>(tries: u32, call: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, ClientError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..tries {
        match call().await {
            Err(error) if error.is_passing() => {
                tracing::debug!(%error, "asking again with the same claim");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            outcome => return outcome,
        }
    }
    call().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn broken() -> ClientError {
        ClientError::Incomplete { server: "http://host/".into() }
    }

    #[tokio::test]
    async fn what_may_pass_is_asked_again_so_often_and_nothing_else_is() {
        for (tries, passing, calls) in [(3, 1, 2), (3, 3, 3), (3, 9, 3), (1, 9, 1)] {
            let called = Cell::new(0);
            let outcome = retry(tries, async || {
                called.set(called.get() + 1);
                if called.get() <= passing { Err(broken()) } else { Ok(()) }
            });
            assert_eq!(outcome.await.is_ok(), passing < calls, "{tries} {passing}");
            assert_eq!(called.get(), calls, "{tries} {passing}");
        }
        let called = Cell::new(0);
        let outcome = retry(3, async || {
            called.set(called.get() + 1);
            Err::<(), _>(ClientError::Gone)
        });
        assert!(matches!(outcome.await, Err(ClientError::Gone)) && called.get() == 1);
    }
}
