//! The one rule of asking again: only what a claim makes safe to repeat, only after what may pass, and each time after
//! twice the wait.

use std::time::Duration;

use super::ClientError;

/// How often a read is asked for: about six seconds of a server that restarts, or of a network that drops.
pub(super) const READ: u32 = 6;
/// How often an acknowledgement is: the reader has the content, and the lease's end does the same.
pub(super) const ACKNOWLEDGE: u32 = 3;
/// How often a question is that changes nothing, of a server that has had enough of this address for a moment.
pub(super) const ASK: u32 = 3;
/// The longest that a server may ask to wait; whom it asks for more is told so.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The first wait.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Calls up to `tries` times, until the outcome is one that the same call wouldn't change a moment later.
pub(super) async fn retry<T>(tries: u32, call: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, ClientError> {
    let mut wait = FIRST_WAIT;
    for _ in 1..tries {
        match call().await {
            Err(error) if error.is_passing() => {
                let asked = error.asked_to_wait();
                if asked.is_some_and(|asked| asked > LONGEST_WAIT) {
                    return Err(error);
                }
                tracing::debug!(%error, "asking again with the same claim");
                tokio::time::sleep(asked.unwrap_or(wait)).await;
                wait *= 2;
            }
            outcome => return outcome,
        }
    }
    call().await
}

/// Calls again only when the server says how soon: for what isn't tried again otherwise.
pub(super) async fn wait_if_asked<T>(call: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, ClientError> {
    for _ in 1..ASK {
        match call().await {
            Err(error) => match error.asked_to_wait().filter(|asked| *asked <= LONGEST_WAIT) {
                Some(asked) => tokio::time::sleep(asked).await,
                None => return Err(error),
            },
            outcome => return outcome,
        }
    }
    call().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::api::{Code, Problem};

    fn limited(seconds: u32) -> ClientError {
        let retry_after = std::num::NonZeroU32::new(seconds);
        ClientError::Problem(Box::new(Problem { retry_after, ..Problem::new(Code::RateLimited, "d") }))
    }

    #[tokio::test]
    async fn a_short_wait_is_kept_and_a_long_one_told() {
        for (seconds, calls) in [(1, 2), (6, 1)] {
            for patiently in [true, false] {
                let (called, begun) = (Cell::new(0), std::time::Instant::now());
                let call = async || {
                    called.set(called.get() + 1);
                    if called.get() == 1 { Err(limited(seconds)) } else { Ok(()) }
                };
                let outcome = if patiently { wait_if_asked(call).await } else { retry(READ, call).await };
                assert_eq!((outcome.is_ok(), called.get()), (calls == 2, calls), "{seconds}");
                let waited = if calls == 2 { u64::from(seconds) } else { 0 };
                assert_eq!(begun.elapsed().as_secs(), waited);
            }
        }
        assert!(wait_if_asked(async || Err::<(), _>(broken())).await.is_err(), "at once");
    }

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
