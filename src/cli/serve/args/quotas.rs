//! How much the server may keep, in all and of one who creates.

use clap::Args;

use crate::{
    cli::values,
    store::{Quota, Quotas},
};

/// Quotas; without one there is no bound.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "they are the names of the options")]
pub(in crate::cli::serve) struct QuotaArgs {
    /// Secrets that are kept at once
    #[arg(long, value_name = "N", env = "OTS_QUOTA_SECRETS", value_parser = values::number::<u64, 1_000_000_000>)]
    quota_secrets: Option<u64>,
    /// Bytes of secrets that are kept at once
    #[arg(long, value_name = "SIZE", env = "OTS_QUOTA_BYTES", value_parser = values::size)]
    quota_bytes: Option<usize>,
    /// Secrets of one key, user or address at once
    #[arg(long, value_name = "N", env = "OTS_QUOTA_SECRETS_EACH", value_parser = values::number::<u64, 1_000_000_000>)]
    quota_secrets_each: Option<u64>,
    /// Bytes of secrets of one key, user or address
    #[arg(long, value_name = "SIZE", env = "OTS_QUOTA_BYTES_EACH", value_parser = values::size)]
    quota_bytes_each: Option<usize>,
}

impl QuotaArgs {
    pub(in crate::cli::serve) fn quotas(&self) -> Quotas {
        let quota = |records: Option<u64>, bytes: Option<usize>| Quota {
            records,
            bytes: bytes.map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX)),
        };
        Quotas {
            all: quota(self.quota_secrets, self.quota_bytes),
            each: quota(self.quota_secrets_each, self.quota_bytes_each),
        }
    }

    /// The option whose bytes one secret of the largest size, sealed, goes beyond: nobody could ever store it.
    pub(in crate::cli::serve) fn too_small_for(&self, sealed: usize) -> Option<&'static str> {
        let given = [("--quota-bytes", self.quota_bytes), ("--quota-bytes-each", self.quota_bytes_each)];
        given.into_iter().find(|(_, bytes)| bytes.is_some_and(|bytes| bytes < sealed)).map(|(option, _)| option)
    }
}
