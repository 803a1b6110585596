//! A server that was built without ACME: nobody gets here with a name to order a certificate for.

use std::{path::Path, sync::Arc};

use super::{args::AcmeArgs, error::ServeError, signals::Reloads};
use crate::{cli::Global, server::Tls, tally::Tally};

/// There are none.
pub(super) enum Ordered {}

impl Ordered {
    /// None: who asks for one has been refused.
    #[expect(clippy::unnecessary_wraps, reason = "with ACME it can fail")]
    pub(super) fn read(
        _args: &AcmeArgs,
        _global: &Global,
        _data: &Path,
        _reloads: &mut Reloads,
        _tally: &Arc<Tally>,
    ) -> Result<Option<Self>, ServeError> {
        Ok(None)
    }

    pub(super) fn tls(&self) -> Arc<Tls> {
        match *self {}
    }

    pub(super) fn begin(self) {
        match self {}
    }
}
