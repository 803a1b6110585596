//! The API's resources, one file each: they translate between HTTP and the vault, and decide nothing.

pub(super) mod health;
pub(super) mod info;
pub(super) mod receipts;
pub(super) mod requests;
pub(super) mod secrets;
