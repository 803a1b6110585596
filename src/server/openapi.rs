//! The API described: `/openapi.json`, made from the handlers and their types, and two pages that show it, whose scripts come
//! with their crates. These pages hold no secret; each has a policy that allows what it needs and no other host.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use aide::redoc::Redoc;
use bytes::Bytes;
use data_encoding::BASE64;
use hyper::{StatusCode, header};
use orion::hazardous::hash::sha2::sha256::Sha256;
use utoipa::{
    IntoParams, IntoResponses, OpenApi,
    openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder},
};
use utoipa_swagger_ui::Config;

use super::{
    problem::nothing_here,
    reply::Reply,
    resources::{health, info, secrets},
};
use crate::api::{JSON, OCTET_STREAM, PROBLEM_JSON, Problem, Revealed};

/// What `ReDoc` would show of another host's, and an empty picture in its place.
const REDOC_LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";
const NOTHING: &str = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";

/// Both pages style elements one by one, and show images that they hold themselves.
const POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                      worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; script-src";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "ots",
        description = "Share a secret exactly once. Errors are problem+json (RFC 9457).",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(
        secrets::create,
        secrets::get,
        secrets::head,
        secrets::reveal,
        secrets::delete,
        secrets::status,
        info::get,
        health::get
    ),
    components(schemas(Problem, Revealed<'static>)),
    tags((name = "secrets", description = "Made once, read once."), (name = "server", description = "What it is and can do."))
)]
struct Description;

/// Answers that are problems, for the handlers' descriptions.
macro_rules! problems {
    ($($name:ident { $($status:literal: $description:literal),+ })+) => {$(
        pub(super) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                [$(($status.to_owned(), problem($description))),+].into()
            }
        }
    )+};
}

problems! {
    BadRequest { "400": "Not JSON." }
    Forbidden { "403": "A passphrase is needed or wrong, or a browser asked by itself. Nothing is destroyed before the tenth try." }
    Gone { "404": "Unknown, read, burned or expired: one and the same." }
    TooLarge { "413": "Larger than the server takes." }
    WrongType { "415": "Another media type is needed." }
    Invalid { "422": "A value can't be taken." }
    Failures {
        "408": "The client was too slow.",
        "500": "The record can't be opened, or the server failed.",
        "503": "Busy, the disk is full, or the store fails: try again after Retry-After."
    }
}

fn problem(description: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build().into()
}

/// A secret's content, in the form that the reader accepts.
pub(super) struct Shown;

impl IntoResponses for Shown {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let example = Revealed { content: "hunter2".into(), encoding: None, message: Revealed::MESSAGE };
        let json = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Revealed")))
            .example(serde_json::to_value(&example).ok())
            .build();
        let response = ResponseBuilder::new()
            .description("The content. By now nobody else gets it.")
            .content(JSON, json)
            .content(OCTET_STREAM, ContentBuilder::new().build())
            .build();
        [("200".to_owned(), response.into())].into()
    }
}

/// The token in a path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "described, and read from the request by hand")]
pub(super) struct TokenInPath {
    /// The 32 letters and digits in the link.
    token: String,
}

/// A reader's claim.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "described, and read from the request by hand")]
pub(super) struct ReaderClaim {
    /// The reader's own, random.
    #[param(rename = "Idempotency-Key", min_length = 16, max_length = 128, pattern = "^[A-Za-z0-9_-]+$")]
    key: Option<String>,
}

/// What goes beside an octet-stream.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "described, and read from the request by hand")]
pub(super) struct OctetParameters {
    /// With octet-stream only: how long to keep it.
    #[param(minimum = 1)]
    ttl_seconds: Option<i64>,
    /// With octet-stream only: the content is an end-to-end envelope.
    encrypted: Option<bool>,
    /// With octet-stream and encrypted only: a person has a passphrase to type.
    passphrase_required: Option<bool>,
}

/// `GET /openapi.json`.
pub(super) fn json() -> Reply {
    static JSON_TEXT: LazyLock<Bytes> =
        LazyLock::new(|| Description::openapi().to_json().unwrap_or_default().into_bytes().into());
    Reply::empty(StatusCode::OK).with(header::CONTENT_TYPE, JSON).with_data(JSON_TEXT.clone())
}

/// `GET /redoc`. Its script is in the page; the policy names it by its hash.
pub(super) fn redoc() -> Reply {
    static PAGE: LazyLock<(Bytes, String)> = LazyLock::new(|| {
        let html = Redoc::new("openapi.json").with_title("ots: the API").html().replace(REDOC_LOGO, NOTHING);
        let script = html
            .split_once("<script>")
            .and_then(|(_, rest)| rest.split_once("</script>"))
            .map_or("", |(script, _)| script);
        let hash = Sha256::digest(script.as_bytes()).map(|digest| BASE64.encode(digest.as_ref())).unwrap_or_default();
        (html.into(), format!("{POLICY} 'sha256-{hash}'"))
    });
    let (html, policy) = &*PAGE;
    Reply::empty(StatusCode::OK)
        .with(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .with_value(header::CONTENT_SECURITY_POLICY, policy.clone())
        .with_data(html.clone())
}

/// `GET /docs` and what its page loads from below it.
pub(super) fn swagger(name: &str) -> Result<Reply, Problem> {
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::from("openapi.json")))
        .ok()
        .flatten()
        .ok_or_else(nothing_here)?;
    let mut bytes = file.bytes.into_owned();
    if name.is_empty() {
        // The page is at /docs, what it loads below it.
        bytes = String::from_utf8_lossy(&bytes)
            .replace("\"./", "\"docs/")
            .replace("\"index.css", "\"docs/index.css")
            .into_bytes();
    }
    let reply = Reply::empty(StatusCode::OK)
        .with_value(header::CONTENT_TYPE, file.content_type)
        .with_value(header::CONTENT_SECURITY_POLICY, format!("{POLICY} 'self'"))
        .with_data(bytes.into());
    Ok(if file.gzpipped { reply.with(header::CONTENT_ENCODING, "gzip") } else { reply })
}
