//! Where the server's data lives.

use std::path::{Path, PathBuf};

use super::Serve;
use crate::{
    cli::{Exit, Failure},
    store,
};

/// Where a container keeps its data.
const CONTAINER_DATA: &str = "/app/storage/db";
/// Where `--dev` does.
const DEVELOPMENT_DATA: &str = "storage/db";

impl Serve {
    pub(super) fn data_dir(&self) -> Result<PathBuf, Failure> {
        let directory = if let Some(given) = &self.data_dir {
            given.clone()
        } else if let Some(state) = std::env::var_os("STATE_DIRECTORY").filter(|state| !state.is_empty()) {
            state.into()
        } else if in_container() {
            CONTAINER_DATA.into()
        } else if self.dev {
            DEVELOPMENT_DATA.into()
        } else {
            directories::ProjectDirs::from("", "", "ots")
                .map(|dirs| dirs.data_dir().to_owned())
                .ok_or_else(|| Failure::new(Exit::Other, "there is no home directory: choose one with --data-dir"))?
        };
        store::create_private_directory(&directory)?;
        Ok(directory)
    }
}

/// Whether a container's rules hold: data on its volume, and a key from outside. Run by cargo it's a developer's
/// machine, whatever that is made of: there `cargo run -- serve` needs nothing.
pub(super) fn in_container() -> bool {
    if std::env::var_os("CARGO_MANIFEST_DIR").is_some() {
        return false;
    }
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
        || ["container", "KUBERNETES_SERVICE_HOST"].iter().any(|name| std::env::var_os(name).is_some())
}
