//! The wire, version 1: paths, headers, bodies and problems, shared by client and server. Only types and their
//! (de)serialisation; `server/openapi.json` is their description.
//!
//! - [`paths`], [`headers`]: where things are, and what stands beside a body.
//! - [`request`]: bodies that clients send, over [`json`], which reads JSON where it lies; [`nearest()`] is for misspelt names.
//! - [`asking`]: requests for a secret, and what is said of them.
//! - [`response`]: what the server answers.
//! - [`problem`]: what it answers when something is wrong.

mod asking;
mod headers;
mod json;
mod nearest;
mod paths;
mod problem;
mod request;
mod response;

pub use asking::{Answered, OpenRequest, RequestOpened, RequestStatus};
pub use headers::{
    IDEMPOTENCY_KEY, JSON, OCTET_STREAM, OTS_COLLECTING_TOKEN, OTS_PASSPHRASE, PROBLEM_JSON, REQUEST_ID,
};
pub use nearest::nearest;
pub use paths::{HEALTH_PATH, INFO_PATH, LIVE_PATH, READY_PATH, RECEIPTS_PATH, REQUESTS_PATH, SECRETS_PATH};
pub use problem::{Code, FieldError, Problem};
pub use request::{CreateOptions, CreateRequest, Malformed, RevealRequest, TtlRequest};
pub use response::{
    About, BurnedBy, Created, Encoding, Health, HealthProblem, Info, ReceiptState, ReceiptStatus, Revealed, Status,
};
