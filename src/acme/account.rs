//! The account at the authority: the one that is kept, with the contacts that are wanted now, or a new one. Whoever makes one agrees to the
//! authority's terms: that is said where `--acme` is explained.

use std::io;

use instant_acme::{Account, AccountCredentials, NewAccount};

use super::{
    error::OrderError,
    http::Http,
    keep::Options,
    kept::{Kept, KeptAccount},
    names::MailAddress,
};

/// Tells whoever has to know that it could not be kept: it is used all the same.
pub(super) async fn account(
    options: &Options,
    kept: &Kept,
    not_kept: impl Fn(io::Error),
) -> Result<Account, OrderError> {
    let of = |error| OrderError::of(&options.directory, error);
    let contact: Vec<String> = options.contacts.iter().map(MailAddress::link).collect();
    let links: Vec<&str> = contact.iter().map(String::as_str).collect();
    let authority = Account::builder_with_http(Box::new(Http(options.http.clone())));
    let known = kept.account().and_then(|known| {
        let credentials: AccountCredentials = serde_json::from_value(known.credentials.clone()).ok()?;
        Some((known, credentials))
    });
    let (account, credentials) = if let Some((known, credentials)) = known {
        let account = authority.from_credentials(credentials).await.map_err(of)?;
        if known.contact == contact {
            return Ok(account);
        }
        account.update_contacts(&links).await.map_err(of)?;
        (account, Ok(known.credentials))
    } else {
        let new = NewAccount { contact: &links, terms_of_service_agreed: true, only_return_existing: false };
        let directory = options.directory.to_string();
        let (account, credentials) = authority.create(&new, directory, None).await.map_err(of)?;
        (account, serde_json::to_value(&credentials))
    };
    let keep = credentials.map_err(io::Error::from);
    let keep = keep.and_then(|credentials| kept.keep_account(&KeptAccount { contact, credentials }));
    keep.unwrap_or_else(not_kept);
    Ok(account)
}
