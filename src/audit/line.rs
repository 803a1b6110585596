//! One event as one line: a JSON object, with nothing in it that opens or finds a secret.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::{Event, Origin};
use crate::{crypto::at_rest::AuditKey, secret::SecretId};

/// An event on its way to the stream.
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) origin: Option<Origin>,
    pub(super) id: Option<SecretId>,
    pub(super) event: Event,
}

/// What stands in the stream besides events.
pub(super) enum Remark<'a> {
    /// The stream goes on, and secrets have these names from here on.
    Opened { names: &'a str },
    /// So many lines could not be written.
    Lost { lines: u64 },
}

#[derive(Default, Serialize)]
struct Line<'a> {
    time: String,
    event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
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
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
}

/// Appends the event's line.
pub(super) fn write(entry: &Entry, names: &AuditKey, addresses: bool, out: &mut Vec<u8>) {
    let Entry { at, origin, id, event } = entry;
    let mut line = Line {
        time: time(*at),
        secret: id.and_then(|id| names.name(id).ok()).map(|name| data_encoding::HEXLOWER.encode(&name)),
        ..Line::default()
    };
    if let Some(origin) = origin {
        line.request_id = Some(format!("{:016x}", origin.request_id));
        line.by = origin.creator.as_deref();
        line.address = origin.address.filter(|_| addresses);
    }
    line.event = match event {
        Event::Created { size, ttl } => {
            (line.size, line.ttl_seconds) = (Some(*size), Some(ttl.as_secs()));
            "created"
        }
        Event::Delivered => "delivered",
        Event::Claimed => "claimed",
        Event::Repeated => "repeated",
        Event::Acknowledged => "acknowledged",
        Event::Burned { by_receipt } => {
            line.by_receipt = by_receipt.then_some(true);
            "burned"
        }
        Event::WrongPassphrase { left } => {
            line.attempts_left = Some(*left);
            "wrong_passphrase"
        }
        Event::Expired { read } => {
            line.read = Some(*read);
            "expired"
        }
        Event::Requested { ttl } => {
            line.ttl_seconds = Some(ttl.as_secs());
            "requested"
        }
        Event::Answered => "answered",
        Event::Withdrawn => "withdrawn",
        Event::Unanswered => "expired",
        Event::Refused { route, code, status } => {
            (line.route, line.code, line.status) = (Some(*route), Some(*code), Some(*status));
            "refused"
        }
    };
    append(&line, out);
}

/// Appends a remark's line.
pub(super) fn remark(remark: &Remark<'_>, out: &mut Vec<u8>) {
    let line = Line { time: time(Timestamp::now()), ..Line::default() };
    let line = match remark {
        Remark::Opened { names } => {
            Line { event: "opened", names: Some(names), version: Some(env!("CARGO_PKG_VERSION")), ..line }
        }
        Remark::Lost { lines } => Line { event: "lost", lines: Some(*lines), ..line },
    };
    append(&line, out);
}

fn append(line: &Line<'_>, out: &mut Vec<u8>) {
    let before = out.len();
    if serde_json::to_writer(&mut *out, line).is_err() {
        out.truncate(before);
        return;
    }
    out.push(b'\n');
}

fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::crypto::at_rest::MasterKey;

    #[test]
    fn a_line_has_what_is_known_and_nothing_else() {
        let names = MasterKey::derive(b"a secret key").unwrap().audit_key().unwrap();
        let shown = |origin, id, event, addresses| {
            let mut out = Vec::new();
            let at = Timestamp::from_millisecond(1_800_000_000_000).unwrap();
            write(&Entry { at, origin, id, event }, &names, addresses, &mut out);
            String::from_utf8(out).unwrap()
        };
        let origin = Origin { request_id: 7, address: Some([192, 0, 2, 1].into()), creator: Some("ci \"x\"\n".into()) };
        let created = Event::Created { size: 7, ttl: Duration::from_secs(60) };
        assert_eq!(
            shown(Some(origin.clone()), Some(SecretId([1; 32])), created, true),
            "{\"time\":\"2027-01-15T08:00:00.000Z\",\"event\":\"created\",\"secret\":\"NAME\",\"request_id\":\"0000000000000007\",\
             \"by\":\"ci \\\"x\\\"\\n\",\"address\":\"192.0.2.1\",\"size\":7,\"ttl_seconds\":60}\n"
                .replace("NAME", &data_encoding::HEXLOWER.encode(&names.name(SecretId([1; 32])).unwrap()))
        );
        let refused = Event::Refused { route: "secret", code: "gone", status: 404 };
        assert_eq!(
            shown(Some(Origin { creator: None, ..origin }), None, refused, false),
            "{\"time\":\"2027-01-15T08:00:00.000Z\",\"event\":\"refused\",\"request_id\":\"0000000000000007\",\"route\":\"secret\",\
             \"code\":\"gone\",\"status\":404}\n"
        );
        let expired = shown(None, None, Event::Expired { read: true }, true);
        assert_eq!(expired, "{\"time\":\"2027-01-15T08:00:00.000Z\",\"event\":\"expired\",\"read\":true}\n");
    }
}
