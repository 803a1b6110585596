//! `GET /api/v1/info`: the limits, so that clients refuse before they send.

use hyper::StatusCode;
use url::Url;

use crate::{
    api::{About, Code, Info},
    server::{
        call::{App, Call},
        face::{Contact, Face, Line},
        reply::Reply,
    },
};

pub(in crate::server) fn get(app: &App, call: &Call<'_>) -> Reply {
    let denied = call.permission(app).err().map(|problem| problem.code);
    let settings = &app.settings;
    Reply::json(
        StatusCode::OK,
        &Info {
            max_size: u64::try_from(settings.max_size).unwrap_or(u64::MAX),
            default_ttl_seconds: settings.default_ttl.duration().as_secs(),
            max_ttl_seconds: settings.max_ttl.as_secs(),
            claim_lease_seconds: app.vault.claim_lease().as_secs(),
            receipt_retention_seconds: Some(settings.receipt_retention.as_secs()),
            public_url: settings.public_url.as_ref().map(Url::to_string),
            creation_closed: denied == Some(Code::CreationClosed),
            key_required: denied == Some(Code::KeyRequired),
            about: about(&settings.face),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    )
}

fn about(face: &Face) -> About {
    let line = |line: &Option<Line>| line.as_ref().map(|line| line.as_str().to_owned());
    About {
        title: line(&face.title),
        notice: line(&face.notice),
        contact: face.contact.as_ref().map(Contact::as_str).map(str::to_owned),
        imprint_url: face.imprint.as_ref().map(Url::to_string),
        privacy_url: face.privacy.as_ref().map(Url::to_string),
    }
}
