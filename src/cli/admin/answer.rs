//! What a server, or the database itself, says of what it keeps: as it goes through the socket, and as `--json` shows it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    secret::KeyId,
    store::{Census, KeyUse, Quota, Quotas, Waiting},
    webhook::Shown,
};

/// What is asked; a word on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Question {
    Stats,
    Sweep,
    Keys,
    Webhooks,
}

impl Question {
    const ALL: [Self; 4] = [Self::Stats, Self::Sweep, Self::Keys, Self::Webhooks];

    pub(in crate::cli) fn word(self) -> &'static str {
        match self {
            Self::Stats => "stats",
            Self::Sweep => "sweep",
            Self::Keys => "keys",
            Self::Webhooks => "webhooks",
        }
    }

    #[cfg(unix)]
    pub(in crate::cli) fn parse(line: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|question| question.word() == line.trim_end())
    }
}

/// What is answered; one object on a line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Answer {
    Stats(Stats),
    Swept(Swept),
    Keys(Vec<Key>),
    Webhooks(Vec<Webhook>),
    /// Why there is no answer.
    Failed(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Stats {
    /// Secrets that can be read, those that are being read included.
    pub(super) secrets: u64,
    /// Requests that nobody has answered.
    #[serde(default)]
    pub(super) requests: u64,
    /// What secrets that are gone have left for their receipts.
    #[serde(default)]
    pub(super) receipts: u64,
    /// Bytes of ciphertext, that of expired secrets included.
    pub(super) bytes: u64,
    /// Secrets that a reader has claimed and not acknowledged.
    pub(super) claimed: u64,
    /// Expired secrets that wait to be removed.
    pub(super) expired: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) oldest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) next_expiry: Option<String>,
    pub(super) owners: u64,
    pub(super) largest_owner: Amount,
    /// Messages that wait for webhooks.
    #[serde(default)]
    pub(super) messages: u64,
    /// None are known where no server was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) quotas: Option<Bounds>,
    pub(super) database_bytes: u64,
    pub(super) free_bytes: u64,
    pub(super) wal_bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Amount {
    pub(super) secrets: u64,
    pub(super) bytes: u64,
}

/// The server's quotas.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Bounds {
    pub(super) all: Bound,
    pub(super) each: Bound,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Bound {
    pub(super) secrets: Option<u64>,
    pub(super) bytes: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Swept {
    pub(super) removed: usize,
    /// Whether the files hold nothing any more of what was removed.
    pub(super) clean: bool,
}

impl Swept {
    pub(in crate::cli) fn new(removed: usize, clean: bool) -> Self {
        Self { removed, clean }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli) struct Key {
    pub(super) id: String,
    pub(super) role: Role,
    /// Of several old ones, which: as they were given, from 1 on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) number: Option<usize>,
    pub(super) secrets: u64,
    pub(super) bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) oldest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) needed_until: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Role {
    Current,
    Old,
    /// None of the keys that were given.
    NotGiven,
}

/// A webhook, with the keys that its messages are signed with: for the data directory's owner alone.
#[derive(Serialize, Deserialize)]
pub(in crate::cli) struct Webhook {
    pub(super) name: String,
    pub(super) host: String,
    /// Whether it is told only of secrets whose sender picks it.
    pub(super) picked: bool,
    /// How it gets on; none is known where no server was asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) state: Option<WebhookState>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) waiting: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) oldest: Option<String>,
    pub(super) secret: String,
    /// Of the keys in `SECRET_KEYS_OLD`, which sign too.
    pub(super) old_secrets: Vec<String>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({})", self.name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum WebhookState {
    Well,
    Failing,
    /// Its receiver wants nothing any more.
    Gone,
}

/// The webhooks, with what waits for each if that is known.
pub(in crate::cli) fn webhooks(all: &[Shown], waiting: Option<&[Waiting]>) -> Vec<Webhook> {
    let one = |shown: &Shown| {
        let waits = waiting.map(|all| all.iter().find(|waits| waits.hook == shown.id));
        let counted = &shown.counted;
        let state = match (counted.gone.get(), counted.failing.get()) {
            (0, 0) => WebhookState::Well,
            (0, _) => WebhookState::Failing,
            _ => WebhookState::Gone,
        };
        let mut keys = shown.keys.iter().map(|key| key.to_string());
        Webhook {
            name: counted.label.clone(),
            host: shown.host.clone(),
            picked: shown.picked,
            state: waiting.map(|_| state),
            waiting: waits.map(|waits| waits.map_or(0, |waits| waits.messages)),
            oldest: waits.flatten().map(|waits| written(waits.oldest)),
            secret: keys.next().unwrap_or_default(),
            old_secrets: keys.collect(),
        }
    };
    all.iter().map(one).collect()
}

impl Stats {
    pub(in crate::cli) fn new(census: &Census, quotas: Option<Quotas>) -> Self {
        let bound = |quota: Quota| Bound { secrets: quota.records, bytes: quota.bytes };
        Self {
            secrets: census.held.records.saturating_sub(census.dead).saturating_sub(census.requests),
            requests: census.requests,
            receipts: census.receipts,
            bytes: census.held.bytes,
            claimed: census.claimed,
            expired: census.dead,
            oldest: census.oldest.map(written),
            next_expiry: census.next_deadline.map(written),
            owners: census.owners,
            largest_owner: Amount { secrets: census.largest.records, bytes: census.largest.bytes },
            messages: census.messages,
            quotas: quotas.map(|quotas| Bounds { all: bound(quotas.all), each: bound(quotas.each) }),
            database_bytes: census.file,
            free_bytes: census.free,
            wal_bytes: census.wal,
        }
    }
}

/// The keys that were given, the current one first, and then those that records are under though nobody gave them.
pub(in crate::cli) fn keys(given: &[KeyId], used: &[KeyUse]) -> Vec<Key> {
    let key = |id: KeyId, role, number| {
        let used = used.iter().find(|used| used.key_id == id);
        Key {
            id: data_encoding::HEXLOWER.encode(&id.0),
            role,
            number,
            secrets: used.map_or(0, |used| used.held.records),
            bytes: used.map_or(0, |used| used.held.bytes),
            oldest: used.map(|used| written(used.oldest)),
            needed_until: used.map(|used| written(used.needed_until)),
        }
    };
    let given_keys = given.iter().enumerate().map(|(number, id)| match number {
        0 => key(*id, Role::Current, None),
        number => key(*id, Role::Old, Some(number)),
    });
    let others = used.iter().map(|used| used.key_id).filter(|id| !given.contains(id));
    given_keys.chain(others.map(|id| key(id, Role::NotGiven, None))).collect()
}

fn written(time: Timestamp) -> String {
    format!("{time:.3}")
}
