//! The certificate that the server was told to serve with, in files, while it runs.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{args::WireArgs, error::ServeError, signals::Reloads};
use crate::{
    cli::values,
    server::{Reloaded, Reloader, Tls},
    tally::Tally,
};

/// So long before a certificate ends, somebody is told.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// Reads it; and again at each SIGHUP, and when its files change.
pub(super) fn read(args: &WireArgs, reloads: &mut Reloads, tally: &Arc<Tally>) -> Result<Option<Arc<Tls>>, ServeError> {
    let Some(files) = args.files()? else { return Ok(None) };
    let reloader = Arc::new(Reloader::read(files)?);
    let tls = Arc::clone(reloader.tls());
    tell_of_validity(&tls, tally);
    let (again, counted) = (Arc::clone(&reloader), Arc::clone(tally));
    reloads.add(move || reload(&again, &counted));
    let counted = Arc::clone(tally);
    tokio::spawn(reloader.watch(move |reloader| reload(reloader, &counted)));
    Ok(Some(tls))
}

fn reload(reloader: &Reloader, tally: &Tally) {
    let reloaded = reloader.reload();
    tally.old_certificate.set(reloaded.is_err().into());
    match reloaded {
        Ok(Reloaded::Changed) => {
            tracing::info!("the certificate was read again: another is served from now on");
            tell_of_validity(reloader.tls(), tally);
        }
        Ok(Reloaded::Same) => tracing::info!("the certificate was read again: it is the one that is served"),
        Err(error) => tracing::error!("the certificate was read again, and the old one is served on: {error}"),
    }
}

/// A certificate that clients refuse doesn't keep the server from starting: a renewed one may be on its way.
fn tell_of_validity(tls: &Tls, tally: &Tally) {
    let Some((begins, ends)) = tls.validity() else { return };
    tally.certificate_expires(ends);
    if tls.is_an_authoritys() {
        tracing::warn!(
            "the certificate is an authority's own (CA:TRUE), which ots and some other clients don't take from a server: make one with \
             basicConstraints CA:FALSE"
        );
    }
    let now = Timestamp::now();
    let left = ends.duration_since(now);
    if now < begins {
        tracing::warn!(
            "the certificate isn't valid before {begins}: clients refuse it; is this machine's clock right?"
        );
    } else if left.is_negative() {
        tracing::warn!("the certificate has expired at {ends}: clients refuse it until there is a new one");
    } else if left.unsigned_abs() < SOON {
        tracing::warn!("the certificate expires in {}, at {ends}", values::roughly(left.unsigned_abs()));
    } else {
        tracing::info!("the certificate is valid until {ends}");
    }
}
