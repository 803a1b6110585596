//! The headers that are ours, and the media types that `Content-Type` and `Accept` name.

/// JSON bodies.
pub const JSON: &str = "application/json";
/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// Bodies that are the content itself.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// A reader's claim: 16 to 128 characters of `A-Za-z0-9_-`.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The passphrase beside an octet-stream body: base64url of its UTF-8.
pub const OTS_PASSPHRASE: &str = "ots-passphrase";
/// What whoever made a request shows to take it back: the collecting token.
pub const OTS_COLLECTING_TOKEN: &str = "ots-collecting-token";

/// What each answer of a server has, for its log: by it an `ots` server is told from whatever else answers.
pub const REQUEST_ID: &str = "x-request-id";
