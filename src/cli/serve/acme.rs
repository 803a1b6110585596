//! The certificate that the server orders, and what people are told of it.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{args::AcmeArgs, error::ServeError, signals::Reloads};
use crate::{
    acme::{Acme, Event, Options},
    cli::{Global, error::CallError, said::one_line, values},
    client,
    server::Tls,
    tally::Tally,
};

/// A certificate that is kept valid.
pub(super) struct Ordered {
    acme: Acme,
    names: String,
    tally: Arc<Tally>,
}

impl Ordered {
    /// Serves what is kept of it in the data directory, if somebody wants one ordered. SIGHUP has a failed order tried again.
    pub(super) fn read(
        args: &AcmeArgs,
        global: &Global,
        data: &Path,
        reloads: &mut Reloads,
        tally: &Arc<Tally>,
    ) -> Result<Option<Self>, ServeError> {
        if args.acme.is_empty() {
            return Ok(None);
        }
        let options = Options {
            domains: args.acme.clone(),
            contacts: args.acme_contact.clone(),
            directory: args.acme_directory.clone(),
            http: http(global).map_err(ServeError::Authority)?,
        };
        let acme = Acme::open(options, data)?;
        let names = args.acme.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let from = args.acme_directory.host_str().unwrap_or_default();
        match acme.serve_kept() {
            Ok(true) => tell_of_validity(acme.tls(), tally),
            Ok(false) => {
                tracing::info!(
                    "no certificate yet: https fails until {from} has issued one for {names}, which is ordered now"
                );
            }
            Err(error) => {
                tracing::warn!("the certificate that was kept can't be served, and another is ordered: {error}");
            }
        }
        reloads.add(acme.try_again());
        Ok(Some(Self { acme, names, tally: Arc::clone(tally) }))
    }

    /// The handshakes.
    pub(super) fn tls(&self) -> Arc<Tls> {
        Arc::clone(self.acme.tls())
    }

    /// Orders what has to be ordered, from now on: the authority can connect.
    pub(super) fn begin(self) {
        let Self { acme, names, tally } = self;
        let tls = Arc::clone(acme.tls());
        tokio::spawn(acme.run(move |event| tell(event, &names, &tls, &tally)));
    }
}

/// What the authority is asked with.
fn http(global: &Global) -> Result<reqwest::Client, CallError> {
    let mut builder = client::builder(global.timeout);
    if let Some(pem) = global.ca_certificates()? {
        builder = client::trusting(builder, &pem)?;
    }
    let built = builder.https_only(true).timeout(global.timeout).build();
    Ok(built.map_err(|error| client::certificates(&error))?)
}

/// Once for each order, and these are ever further apart.
fn tell(event: Event, names: &str, tls: &Tls, tally: &Tally) {
    match event {
        Event::Issued => {
            tracing::info!("a certificate was issued for {names}");
            tell_of_validity(tls, tally);
        }
        Event::NotKept(error) => {
            tracing::warn!(
                "what the authority gave can't be kept in the data directory ({}): the next start asks for it anew",
                error.kind()
            );
        }
        Event::Failed { error, again } => {
            let (error, again) = (one_line(&error.to_string()), values::roughly(again));
            let next = format!("Tried again in {again}, or now by SIGHUP");
            match left(tls) {
                Some(left) if !left.is_zero() => {
                    let left = values::roughly(left);
                    tracing::warn!("the certificate was not renewed, and is good for {left} more: {error}. {next}");
                }
                _ => tracing::error!("there is no valid certificate for {names}: {error}. {next}"),
            }
        }
    }
}

fn tell_of_validity(tls: &Tls, tally: &Tally) {
    let Some((_, ends)) = tls.validity() else { return };
    tally.certificate_expires(ends);
    match left(tls) {
        Some(left) if !left.is_zero() => tracing::info!("the certificate is valid until {ends}, and is renewed before"),
        _ => tracing::warn!("the certificate has expired at {ends}: clients refuse it until there is a new one"),
    }
}

/// For how long its certificate is valid.
fn left(tls: &Tls) -> Option<Duration> {
    let (_, ends) = tls.validity()?;
    Some(Duration::try_from(ends.duration_since(Timestamp::now())).unwrap_or_default())
}
