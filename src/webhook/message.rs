//! A message as it is sent: a JSON object in the words of the audit stream, with nothing in it that opens or finds a secret.

use serde::Serialize;

use crate::{
    crypto::{CryptoError, at_rest::AuditKey},
    store::{By, Message, Told},
};

/// What is sent, the same at each try.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// Names the message, whichever server sends it.
    pub(super) id: String,
    pub(super) body: Vec<u8>,
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Default, Serialize)]
struct Data<'a> {
    secret: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_receipt: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_left: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

/// Writes a message; its secret has the name that `names` gives it.
pub(super) fn write(message: &Message, names: &AuditKey) -> Result<Letter, CryptoError> {
    let Message { number, hook, id, at, told, .. } = message;
    let hex = |name: &[u8]| data_encoding::HEXLOWER.encode(name);
    let mut data = Data { secret: hex(&names.name(*id)?), ..Data::default() };
    let kind = match told {
        Told::Created { size, ttl, by } => {
            (data.size, data.ttl_seconds, data.by) = (Some(*size), Some(ttl.as_secs()), by.as_deref());
            "secret.created"
        }
        Told::Requested { ttl, by } => {
            (data.ttl_seconds, data.by) = (Some(ttl.as_secs()), by.as_deref());
            "request.created"
        }
        Told::Answered { answer } => {
            data.answer = Some(hex(&names.name(*answer)?));
            "request.answered"
        }
        Told::Withdrawn => "request.withdrawn",
        Told::Unanswered => "request.expired",
        Told::Claimed => "secret.claimed",
        Told::Delivered => "secret.delivered",
        Told::Acknowledged => "secret.acknowledged",
        Told::Burned(by) => {
            data.by_receipt = (*by == By::Receipt).then_some(true);
            "secret.burned"
        }
        Told::WrongPassphrase { left } => {
            data.attempts_left = Some(*left);
            "secret.wrong_passphrase"
        }
        Told::Expired { read } => {
            data.read = Some(*read);
            "secret.expired"
        }
    };
    let payload = Payload { kind, timestamp: format!("{at:.3}"), data };
    let body = serde_json::to_vec(&payload).map_err(|_| CryptoError::Seal)?;
    Ok(Letter { id: format!("msg_{}", hex(&names.message(*number, *hook, *id, *at)?)), body })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        crypto::at_rest::MasterKey,
        secret::{HookId, SecretId},
    };

    fn message(told: Told) -> Message {
        let at = jiff::Timestamp::from_millisecond(1_800_000_000_000).unwrap();
        Message { number: 7, hook: HookId([1; 8]), id: SecretId([2; 32]), at, told, tries: 0 }
    }

    fn names() -> AuditKey {
        MasterKey::derive(b"a secret key").unwrap().audit_key().unwrap()
    }

    #[test]
    fn each_event_has_its_words_and_its_members() {
        let (ttl, by) = (Duration::from_secs(60), Some("ci \"x\"".into()));
        for (told, kind, members) in [
            (
                Told::Created { size: 7, ttl, by: by.clone() },
                "secret.created",
                ",\"by\":\"ci \\\"x\\\"\",\"size\":7,\"ttl_seconds\":60",
            ),
            (Told::Created { size: 7, ttl, by: None }, "secret.created", ",\"size\":7,\"ttl_seconds\":60"),
            (Told::Requested { ttl, by }, "request.created", ",\"by\":\"ci \\\"x\\\"\",\"ttl_seconds\":60"),
            (Told::Unanswered, "request.expired", ""),
            (Told::Withdrawn, "request.withdrawn", ""),
            (Told::Claimed, "secret.claimed", ""),
            (Told::Delivered, "secret.delivered", ""),
            (Told::Acknowledged, "secret.acknowledged", ""),
            (Told::Burned(By::Link), "secret.burned", ""),
            (Told::Burned(By::Receipt), "secret.burned", ",\"by_receipt\":true"),
            (Told::WrongPassphrase { left: 3 }, "secret.wrong_passphrase", ",\"attempts_left\":3"),
            (Told::Expired { read: true }, "secret.expired", ",\"read\":true"),
        ] {
            let letter = write(&message(told), &names()).unwrap();
            let name = data_encoding::HEXLOWER.encode(&names().name(SecretId([2; 32])).unwrap());
            let whole = format!(
                "{{\"type\":\"{kind}\",\"timestamp\":\"2027-01-15T08:00:00.000Z\",\"data\":{{\"secret\":\"{name}\"{members}}}}}"
            );
            assert_eq!(String::from_utf8(letter.body).unwrap(), whole);
        }
    }

    #[test]
    fn an_answer_is_told_by_its_own_name() {
        let letter = write(&message(Told::Answered { answer: SecretId([9; 32]) }), &names()).unwrap();
        let name = data_encoding::HEXLOWER.encode(&names().name(SecretId([9; 32])).unwrap());
        let body = String::from_utf8(letter.body).unwrap();
        assert!(body.contains("request.answered") && body.contains(&format!("\"answer\":\"{name}\"")), "{body}");
    }

    /// Stable over tries, and another for whatever differs, so that two databases don't give the same one.
    #[test]
    fn each_message_has_a_name_of_its_own() {
        let first = message(Told::Claimed);
        let id = |message: &Message| write(message, &names()).unwrap().id;
        assert_eq!(id(&Message { tries: 9, ..first.clone() }), id(&first));
        assert!(id(&first).len() == 36 && !id(&first).contains('.'), "{}", id(&first));
        for other in [
            Message { number: 8, ..first.clone() },
            Message { hook: HookId([2; 8]), ..first.clone() },
            Message { id: SecretId([3; 32]), ..first.clone() },
            Message { at: first.at + Duration::from_millis(1), ..first.clone() },
        ] {
            assert_ne!(id(&other), id(&first));
        }
        let other_key = MasterKey::derive(b"another").unwrap().audit_key().unwrap();
        assert_ne!(write(&first, &other_key).unwrap().id, id(&first));
    }
}
