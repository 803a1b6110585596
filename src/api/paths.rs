//! Where things are: the paths of the API, version 1, and of what the server says of itself.

/// Where secrets are made; a secret is one segment below it.
pub const SECRETS_PATH: &str = "/api/v1/secrets";
/// Where receipts tell what became of secrets; a receipt is one segment below it.
pub const RECEIPTS_PATH: &str = "/api/v1/receipts";
/// Where secrets are asked for; a request is one segment below it.
pub const REQUESTS_PATH: &str = "/api/v1/requests";
/// Where the limits are told.
pub const INFO_PATH: &str = "/api/v1/info";
/// Where health is told.
pub const HEALTH_PATH: &str = "/health";
/// Where whoever starts and stops servers asks whether the process runs.
pub const LIVE_PATH: &str = "/livez";
/// Where whoever sends requests on asks whether the server can do its work now.
pub const READY_PATH: &str = "/readyz";
