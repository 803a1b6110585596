//! One try: a message to its receiver, and what that said. Nothing of the answer is kept but its status and when to come again.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Response, StatusCode, header};

use super::{Webhook, message::Letter};
use crate::client::root_cause;

/// How long a connection may take, and how long all of a try.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
pub(super) const WHOLE: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read, so that its connection can be used again.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What came of a try.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The receiver has taken it.
    Taken,
    /// It wants nothing any more.
    Gone,
    Failed(Failure),
}

/// Why a message wasn't taken.
#[derive(Debug)]
pub(super) struct Failure {
    /// In words; with nothing in them of the URL but its host.
    pub(super) why: String,
    /// Whether no other message would have been taken.
    pub(super) is_whole: bool,
    /// How long the receiver asks to wait.
    pub(super) asked: Option<Duration>,
}

impl Failure {
    fn whole(why: impl Into<String>) -> Self {
        Self { why: why.into(), is_whole: true, asked: None }
    }
}

/// Sends a message, signed with each key for this moment.
pub(super) async fn send(webhook: &Webhook, letter: &Letter) -> Outcome {
    let timestamp = Timestamp::now().as_second();
    let signatures = webhook.keys.iter().map(|key| key.sign(&letter.id, timestamp, &letter.body));
    let Ok(signatures) = signatures.collect::<Result<Vec<_>, _>>() else {
        return Outcome::Failed(Failure::whole("it can't be signed"));
    };
    let request = webhook.http.post(webhook.address.url().clone());
    let request = request
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", &letter.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signatures.join(" "))
        .body(letter.body.clone());
    match request.send().await {
        Ok(response) => judge(response).await,
        Err(error) if error.is_timeout() => {
            Outcome::Failed(Failure::whole(format!("it doesn't answer within {} s", WHOLE.as_secs())))
        }
        Err(error) => {
            let cause = root_cause(&error);
            Outcome::Failed(Failure::whole(cause.replace(char::is_control, " ")))
        }
    }
}

async fn judge(response: Response) -> Outcome {
    let status = response.status();
    let outcome = match status {
        status if status.is_success() => Outcome::Taken,
        StatusCode::GONE => Outcome::Gone,
        status => {
            let is_whole = matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            );
            let asked = if is_whole { retry_after(&response) } else { None };
            let hint =
                if status.is_redirection() { ", and redirects aren't followed: give the URL itself" } else { "" };
            Outcome::Failed(Failure { why: format!("it answers {}{hint}", status.as_u16()), is_whole, asked })
        }
    };
    read_out(response).await;
    outcome
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a time.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Duration::try_from(at.duration_since(Timestamp::now())).ok()
}

/// A longer answer's connection is closed.
async fn read_out(mut response: Response) {
    let mut length = 0;
    while let Ok(Some(part)) = response.chunk().await {
        length += part.len();
        if length > LONGEST_ANSWER {
            return;
        }
    }
}
