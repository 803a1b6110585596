//! Certificates that the server orders itself.

use std::str::FromStr as _;

use clap::Args;
use url::Url;

use crate::{
    acme::{self, Domain, LETS_ENCRYPT, MailAddress},
    cli::serve::ServeError,
};

/// Certificates that the server orders itself.
#[derive(Debug, Args)]
pub(in crate::cli::serve) struct AcmeArgs {
    /// Serve https, with a certificate for these names that it orders itself
    #[arg(long, value_name = "DOMAIN", env = "OTS_ACME", value_delimiter = ',', value_parser = Domain::from_str)]
    pub(in crate::cli::serve) acme: Vec<Domain>,
    /// Whom the authority that issues it may write to
    #[arg(long, value_name = "EMAIL", env = "OTS_ACME_CONTACT", value_delimiter = ',', value_parser = MailAddress::from_str)]
    pub(in crate::cli::serve) acme_contact: Vec<MailAddress>,
    /// That authority, by its ACME directory
    #[arg(long, value_name = "URL", env = "OTS_ACME_DIRECTORY", default_value = LETS_ENCRYPT, value_parser = acme::directory)]
    pub(in crate::cli::serve) acme_directory: Url,
}

impl AcmeArgs {
    /// Whether they can be meant, by this build.
    pub(super) fn check(&self) -> Result<(), ServeError> {
        match self.acme.as_slice() {
            [] if !self.acme_contact.is_empty() => Err(ServeError::ContactForNothing),
            [_, ..] if cfg!(not(feature = "acme")) => Err(ServeError::NoAcme),
            _ => Ok(()),
        }
    }
}
