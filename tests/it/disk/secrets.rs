//! What a test of failing disks knows of its secrets, from the answers that it got: a small model of the contract, in which an answer that
//! says little leaves several things possible, and one that contradicts what is known is a finding.

use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::common::{CLAIM, noise};

pub const PASSPHRASE: &str = "correct horse";

/// What may have become of a secret: a set of these.
const UNREAD: u8 = 1;
const CLAIMED: u8 = 2;
const GONE: u8 = 4;

/// A call on a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A plain read; of a guarded secret with its passphrase.
    Read,
    /// A read with the passphrase wrong.
    Guess,
    /// A read under the one claim that there is.
    Claim,
    Acknowledge,
    Burn,
    Status,
}

/// An answer; a status of 0 if none came, or not to its end.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn failed(&self) -> bool {
        self.status == 0 || self.status >= 500
    }
}

pub struct Api {
    client: Client,
    url: String,
}

impl Api {
    pub fn new(client: &Client, server: &str) -> Self {
        Self { client: client.clone(), url: format!("{server}/api/v1/secrets") }
    }

    pub async fn create(&self, content: &[u8], guarded: bool, seconds: u64) -> (Answer, Option<Secret>) {
        let request = self.client.post(format!("{}?ttl_seconds={seconds}", self.url));
        let request = request.header("content-type", "application/octet-stream").body(content.to_vec());
        let passphrase = data_encoding::BASE64URL_NOPAD.encode(PASSPHRASE.as_bytes());
        let request = if guarded { request.header("ots-passphrase", passphrase) } else { request };
        // The server's second began later, but it cuts off what is less than a millisecond.
        let expires = Instant::now() + Duration::from_secs(seconds).saturating_sub(Duration::from_millis(2));
        let answer = send(request).await;
        let created = || {
            let body: Value = serde_json::from_slice(&answer.body).ok()?;
            let token = body["token"].as_str()?.to_owned();
            Some(Secret { token, content: content.to_vec(), guarded, expires, may_be: UNREAD, tries: (0, 0) })
        };
        let secret = if answer.status == 201 { created() } else { None };
        (answer, secret)
    }

    pub async fn call(&self, call: Call, secret: &Secret) -> Answer {
        let url = format!("{}/{}", self.url, secret.token);
        let reveal = |passphrase: &str| {
            let request = self.client.post(format!("{url}/reveal"));
            if secret.guarded { request.json(&json!({ "passphrase": passphrase })) } else { request }
        };
        let request = match call {
            Call::Read if secret.guarded => reveal(PASSPHRASE),
            Call::Read => self.client.get(&url),
            Call::Guess => reveal("wrong"),
            Call::Claim => reveal(PASSPHRASE).header("idempotency-key", CLAIM),
            Call::Acknowledge => self.client.delete(&url).header("idempotency-key", CLAIM),
            Call::Burn => self.client.delete(&url),
            Call::Status => self.client.request(Method::GET, format!("{url}/status")),
        };
        send(request.header("accept", "application/octet-stream, application/json;q=0.5")).await
    }

    /// Makes a call, and learns from its answer.
    pub async fn ask(&self, call: Call, secret: &mut Secret) -> Result<Answer, String> {
        let answer = self.call(call, secret).await;
        secret.learn(call, &answer)?;
        Ok(answer)
    }
}

async fn send(request: RequestBuilder) -> Answer {
    let Ok(response) = request.send().await else { return Answer { status: 0, body: Vec::new() } };
    let status = response.status().as_u16();
    match response.bytes().await {
        Ok(body) => Answer { status, body: body.to_vec() },
        Err(_) => Answer { status: 0, body: Vec::new() },
    }
}

/// A secret whose making was acknowledged.
#[derive(Debug, Clone)]
pub struct Secret {
    pub token: String,
    pub content: Vec<u8>,
    pub guarded: bool,
    expires: Instant,
    may_be: u8,
    /// Wrong passphrases that were counted at least, and at most.
    tries: (u64, u64),
}

impl Secret {
    /// How to read it, if somebody still can; nothing for what is gone.
    pub fn reading(&self) -> Option<Call> {
        match self.may_be {
            UNREAD => Some(Call::Read),
            CLAIMED => Some(Call::Claim),
            GONE => None,
            _ => Some(if self.may_be & CLAIMED == 0 { Call::Read } else { Call::Claim }),
        }
    }

    pub fn may_be_gone(&self) -> bool {
        self.may_be & GONE != 0 || Instant::now() > self.expires
    }

    /// Narrows down, or widens, what may have become of it.
    pub fn learn(&mut self, call: Call, answer: &Answer) -> Result<(), String> {
        let before = self.may_be;
        if Instant::now() > self.expires {
            self.may_be |= GONE;
        }
        let was = self.may_be;
        let if_was = |state: u8, then: u8| if was & state == 0 { 0 } else { then };
        self.may_be = match (call, answer.status) {
            // Whether it happened is not known; but what was to be read is not lost by a call that failed, unless its reader can have
            // it again.
            (_, 0 | 500..) => {
                let lost = if answer.status == 0 { if_was(UNREAD, GONE) } else { 0 };
                was | match call {
                    Call::Status => 0,
                    Call::Read => lost,
                    Call::Guess => {
                        self.tries.1 += 1;
                        0
                    }
                    Call::Claim => if_was(UNREAD, CLAIMED),
                    Call::Acknowledge => if_was(CLAIMED, GONE),
                    Call::Burn => if_was(UNREAD, GONE),
                }
            }
            (Call::Read | Call::Claim, 200) if answer.body != self.content => {
                return Err(format!("{call:?} gave {} bytes of {}, or others", answer.body.len(), self.content.len()));
            }
            (Call::Read, 200) | (Call::Burn, 204) => if_was(UNREAD, GONE),
            (Call::Claim, 200) => if_was(UNREAD | CLAIMED, CLAIMED),
            (Call::Acknowledge, 204) => if_was(CLAIMED, GONE),
            (Call::Status, 200) => was & UNREAD,
            (Call::Guess, 403) => {
                let left = serde_json::from_slice::<Value>(&answer.body).ok();
                let left = left.and_then(|problem| problem["attempts_left"].as_u64()).ok_or("no attempts_left")?;
                let counted = 10 - left;
                if !(self.tries.0 + 1..=self.tries.1 + 1).contains(&counted) {
                    return Err(format!("{counted} tries are counted, where {:?} and this one were made", self.tries));
                }
                self.tries = (counted, counted);
                was & UNREAD
            }
            (Call::Claim, 404) => was & GONE,
            (Call::Acknowledge, 404) => was & (UNREAD | GONE),
            (_, 404) => was & (CLAIMED | GONE),
            (_, status) => return Err(format!("{call:?} answered {status}, which nothing explains")),
        };
        if self.may_be == 0 {
            let states = [(UNREAD, "unread"), (CLAIMED, "claimed"), (GONE, "gone")];
            let could: Vec<&str> =
                states.iter().filter(|(state, _)| before & state != 0).map(|(_, word)| *word).collect();
            return Err(format!("{call:?} answered {}, but the secret was {}", answer.status, could.join(" or ")));
        }
        Ok(())
    }
}

/// A content of its own for each number.
pub fn content(number: u64, length: usize) -> Vec<u8> {
    noise(number + 77, length)
}
