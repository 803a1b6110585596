//! Where the server's data lives.

use std::path::{Path, PathBuf};

use super::{Serve, ServeError};
use crate::store;

/// Where a container keeps its data, if it has the directory above it.
const CONTAINER_DATA: &str = "storage/db";
/// What such a container's image has.
const CONTAINER_ROOT: &str = "/app";
/// Where `--dev` does.
const DEVELOPMENT_DATA: &str = "storage/db";

impl Serve {
    /// The directory of the database and of the server's own key, made for its owner only if it isn't there.
    pub(super) fn data_dir(&self) -> Result<PathBuf, ServeError> {
        let surroundings = Surroundings {
            // systemd names several with colons between; the first is the server's.
            state: std::env::var_os("STATE_DIRECTORY")
                .and_then(|state| std::env::split_paths(&state).next())
                .filter(|state| !state.as_os_str().is_empty()),
            app: Some(PathBuf::from(CONTAINER_ROOT)).filter(|app| in_container() && app.is_dir()),
            platform: directories::ProjectDirs::from("", "", "ots").map(|dirs| dirs.data_dir().to_owned()),
        };
        let directory = match &self.data_dir {
            Some(given) => given.clone(),
            None => surroundings.data_dir(self.dev).ok_or(ServeError::NoHome)?,
        };
        store::create_private_directory(&directory)?;
        Ok(directory)
    }
}

/// What there is where the server runs.
struct Surroundings {
    /// A service manager's directory for it.
    state: Option<PathBuf>,
    /// A container's.
    app: Option<PathBuf>,
    /// The platform's, if there is a home directory.
    platform: Option<PathBuf>,
}

impl Surroundings {
    fn data_dir(self, development: bool) -> Option<PathBuf> {
        let development = development.then(|| PathBuf::from(DEVELOPMENT_DATA));
        development.or(self.state).or(self.app.map(|app| app.join(CONTAINER_DATA))).or(self.platform)
    }
}

fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
        || ["container", "KUBERNETES_SERVICE_HOST"].iter().any(|name| std::env::var_os(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_place_wins() {
        let path = |text: Option<&str>| text.map(PathBuf::from);
        for (development, state, app, platform, chosen) in [
            (true, Some("/var/lib/ots"), Some("/app"), Some("/home/data"), Some("storage/db")),
            (false, Some("/var/lib/ots"), Some("/app"), Some("/home/data"), Some("/var/lib/ots")),
            (false, None, Some("/app"), Some("/home/data"), Some("/app/storage/db")),
            (false, None, None, Some("/home/data"), Some("/home/data")),
            (false, None, None, None, None),
        ] {
            let surroundings = Surroundings { state: path(state), app: path(app), platform: path(platform) };
            assert_eq!(surroundings.data_dir(development), path(chosen));
        }
    }
}
