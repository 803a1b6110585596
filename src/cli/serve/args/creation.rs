//! Who may create, as it is given on the command line.

use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
};

use clap::{Args, builder::BoolishValueParser};

use crate::{
    cli::{
        create_keys,
        serve::{ServeError, signals::Reloads},
    },
    server::{Creation, GuardOptions, KeyList, UserHeader},
    tally::Tally,
};

/// Who may create.
#[derive(Debug, Args)]
pub(in crate::cli::serve) struct CreationArgs {
    /// Take secrets only with a key of these (ots keygen)
    #[arg(long, value_name = "FILE", env = "OTS_CREATE_KEYS", value_hint = clap::ValueHint::FilePath)]
    create_keys: Option<PathBuf>,
    /// Take secrets from those whom a trusted proxy names in this header
    #[arg(long, value_name = "NAME", env = "OTS_USER_HEADER", value_parser = UserHeader::from_str)]
    user_header: Option<UserHeader>,
    /// Take no secrets: only hand out those that are there
    #[arg(long, env = "OTS_NO_CREATE", value_parser = BoolishValueParser::new())]
    no_create: bool,
}

impl CreationArgs {
    /// Reads the keys now, and again with `reloads`.
    pub(super) fn creation(
        &self,
        guards: &GuardOptions,
        reloads: &mut Reloads,
        tally: &Arc<Tally>,
    ) -> Result<Creation, ServeError> {
        let user = self.user_header.clone();
        if user.is_some() && guards.trusted_proxies.is_empty() {
            return Err(ServeError::UserOfNoProxy);
        }
        match (&self.create_keys, user) {
            (None, None) if self.no_create => Ok(Creation::Closed),
            _ if self.no_create => Err(ServeError::NobodyAndSomebody),
            (None, None) => Ok(Creation::Open),
            (path, user) => {
                let keys = path.as_deref().map(|path| keys(path, reloads, tally)).transpose()?;
                Ok(Creation::Asked { keys, user })
            }
        }
    }
}

fn keys(path: &Path, reloads: &mut Reloads, tally: &Arc<Tally>) -> Result<Arc<KeyList>, ServeError> {
    let first = create_keys::read(path).map_err(ServeError::CreateKeys)?;
    tell(path, first.len());
    let keys = Arc::new(KeyList::new(first));
    let (path, list, tally) = (path.to_owned(), Arc::clone(&keys), Arc::clone(tally));
    reloads.add(move || {
        let read = create_keys::read(&path);
        tally.old_keys.set(read.is_err().into());
        match read {
            Ok(read) => {
                tell(&path, read.len());
                list.replace(read);
            }
            Err(error) => {
                tracing::error!("--create-keys: {error}; the keys stay as they were, also those that were taken out");
            }
        }
    });
    Ok(keys)
}

fn tell(path: &Path, count: usize) {
    let path = path.display();
    match count {
        0 => tracing::warn!("no create key in {path}: nobody can store anything (ots keygen makes one)"),
        count => tracing::info!("{count} create key(s) in {path}"),
    }
}
