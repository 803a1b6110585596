//! Answers that are not errors, as they travel: what the server writes and the client reads.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The answer to a create.
#[derive(Debug, Serialize, Deserialize)]
pub struct Created {
    /// What `GET /api/v1/secrets/{token}` takes.
    pub token: String,
    /// When the secret is gone if nobody reads it.
    #[serde(with = "rfc3339")]
    pub expires_at: Timestamp,
    /// `Secret stored successfully`.
    pub message: String,
    /// The link to hand on.
    pub url: String,
    /// What `GET /api/v1/receipts/{receipt}` takes, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub receipt: Option<String>,
    /// The link to keep, with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub receipt_url: Option<String>,
    /// What it is called in messages to the webhook that was picked, if one was, and in the audit stream.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
}

impl Created {
    /// The message of every such answer.
    pub const MESSAGE: &'static str = "Secret stored successfully";
}

/// The answer to a read, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct Revealed<'a> {
    /// The content, as text or in the encoding below.
    #[serde(borrow)]
    pub content: std::borrow::Cow<'a, str>,
    /// `base64` when the content isn't UTF-8 text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub encoding: Option<Encoding>,
    /// `Secret retrieved successfully`.
    pub message: &'a str,
}

impl Revealed<'_> {
    /// The message of every such answer.
    pub const MESSAGE: &'static str = "Secret retrieved successfully";
}

/// How bytes are written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// RFC 4648, section 4, with padding.
    Base64,
}

/// What may be known of a secret without reading it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it is gone if nobody reads it.
    #[serde(with = "rfc3339")]
    pub expires_at: Timestamp,
    /// Bytes of content; of the envelope, if it is encrypted.
    pub size: u64,
    /// Whether the content is an end-to-end envelope.
    pub encrypted: bool,
    /// Whether a person has a passphrase to type.
    pub passphrase_required: bool,
}

/// What became of a secret, as its receipt tells it. Never its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptStatus {
    /// How far it has come.
    pub state: ReceiptState,
    /// What burned it, if it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub burned_by: Option<BurnedBy>,
    /// When the secret was made.
    #[serde(with = "rfc3339")]
    pub created_at: Timestamp,
    /// When it is gone, or would have been, if nobody read it.
    #[serde(with = "rfc3339")]
    pub expires_at: Timestamp,
    /// When a reader asked for it, if one did.
    #[serde(with = "rfc3339::optional", skip_serializing_if = "Option::is_none", default)]
    pub claimed_at: Option<Timestamp>,
    /// Until when that reader can say that it has arrived, as long as it is `claimed`.
    #[serde(with = "rfc3339::optional", skip_serializing_if = "Option::is_none", default)]
    pub claim_expires_at: Option<Timestamp>,
    /// When it was gone, if it is.
    #[serde(with = "rfc3339::optional", skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<Timestamp>,
    /// Wrong passphrases that were tried.
    pub attempts: u32,
}

/// How far a secret has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ReceiptState {
    /// Nobody has answered the request that it is of.
    Open,
    /// Nobody has asked for it.
    Unread,
    /// A reader asked for it, and hasn't said yet that it has arrived.
    Claimed,
    /// A reader said that it has arrived. It is gone.
    Delivered,
    /// It was given out, and nobody said that it has arrived. It is gone.
    Unconfirmed,
    /// It was destroyed unread.
    Burned,
    /// Nobody asked for it, or answered the request, in time. It is gone.
    Expired,
    /// The request was taken back unanswered.
    Withdrawn,
    /// A word that this version doesn't know.
    #[serde(other)]
    Unknown,
}

/// What a secret was burned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum BurnedBy {
    /// Somebody who has its link.
    Link,
    /// Somebody who has its receipt.
    Receipt,
    /// Too many wrong passphrases.
    Tries,
    /// A word that this version doesn't know.
    #[serde(other)]
    Unknown,
}

/// The server's limits, so that clients refuse before they send.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Info {
    /// The largest content, in bytes.
    pub max_size: u64,
    /// How long a secret is kept when nobody says.
    pub default_ttl_seconds: u64,
    /// How long a secret can be kept.
    pub max_ttl_seconds: u64,
    /// How long a claimed secret is kept for its reader.
    pub claim_lease_seconds: u64,
    /// How long a receipt tells what became of its secret, once that has ended. None of a server before there were receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt_retention_seconds: Option<u64>,
    /// The root that links start with, if the server was told its name; without one, its `url` is a guess from the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Whether nobody can store anything here.
    #[serde(default)]
    pub creation_closed: bool,
    /// Whether whoever asks needs a key to store something.
    #[serde(default)]
    pub key_required: bool,
    /// What the server says of itself.
    #[serde(flatten)]
    pub about: About,
    /// The server's version.
    pub version: String,
}

/// What a server says of itself, as far as its operator had it say anything: plain text and URLs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Something that everybody who comes should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Whom to ask: an address for mail, or a page's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// The URL of a page that says who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imprint_url: Option<String>,
    /// The URL of a page that says what becomes of people's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_url: Option<String>,
}

/// Whether the server can do its work.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Health {
    /// `healthy`, `degraded` (it works, and something is wrong) or `unhealthy`.
    pub status: String,
    /// `connected` or `unavailable`.
    pub database: String,
    /// What of that which was acknowledged outlives the loss of a machine: `synchronous` (all), `one node` (nothing: there is one disk) or
    /// `asynchronous` (not all). None of a server before there was this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub durability: Option<String>,
    /// The server's version.
    pub version: String,
    /// When a change was last known to be on the disk.
    #[serde(with = "rfc3339::optional", skip_serializing_if = "Option::is_none", default)]
    pub last_commit_at: Option<Timestamp>,
    /// When what had expired was last removed.
    #[serde(with = "rfc3339::optional", skip_serializing_if = "Option::is_none", default)]
    pub last_sweep_at: Option<Timestamp>,
    /// When what was removed was last known to be gone from the files.
    #[serde(with = "rfc3339::optional", skip_serializing_if = "Option::is_none", default)]
    pub last_checkpoint_at: Option<Timestamp>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub problems: Vec<HealthProblem>,
}

/// What is wrong with a server that works.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HealthProblem {
    /// A stable word for programs.
    pub code: String,
    /// What it is, and what to do about it.
    pub detail: String,
}

/// Times as RFC 3339 in UTC with milliseconds.
pub(super) mod rfc3339 {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in super::super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{time:.3}"))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let time = String::deserialize(deserializer)?.parse().ok();
        // Before 1970 there was no ots: such a time is a fault's, and nobody is shown it.
        let time = time.filter(|time| *time >= Timestamp::UNIX_EPOCH);
        time.ok_or_else(|| D::Error::custom("not a time as in RFC 3339, from 1970 on"))
    }

    /// Times that may be missing.
    pub(super) mod optional {
        use super::{Deserialize, Deserializer, Serializer, Timestamp};

        #[derive(Deserialize)]
        struct Time(#[serde(deserialize_with = "super::deserialize")] Timestamp);

        #[expect(clippy::ref_option, reason = "serde gives it so")]
        pub(in super::super) fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            Ok(Option::<Time>::deserialize(deserializer)?.map(|time| time.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_even_when_they_are_zero() {
        let created = Created {
            token: "t".into(),
            expires_at: "2026-07-28T10:00:00Z".parse().unwrap(),
            message: Created::MESSAGE.into(),
            url: "u".into(),
            receipt: None,
            receipt_url: None,
            name: None,
        };
        let json = serde_json::to_string(&created).unwrap();
        assert!(json.contains("\"2026-07-28T10:00:00.000Z\""), "{json}");
    }

    #[test]
    fn times_before_1970_are_nobodys() {
        let status = |expires_at: &str| {
            serde_json::from_value::<Status>(serde_json::json!({
                "created_at": "1970-01-01T00:00:00Z", "expires_at": expires_at, "size": 1, "encrypted": false,
                "passphrase_required": false,
            }))
        };
        assert!(status("2026-07-28T10:00:00.000Z").is_ok() && status("1970-01-01T00:00:00Z").is_ok());
        for time in ["1969-12-31T23:59:59.999Z", "-009999-01-02T01:59:59Z", "1969-12-31", "", "soon"] {
            assert!(status(time).is_err(), "{time}");
        }
    }
}
