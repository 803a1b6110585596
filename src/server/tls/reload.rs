//! Reads a certificate and its key again: when it is told to, and when their files have changed. Handshakes go on meanwhile, with the old
//! pair for as long as the new one is no good.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use rustls::crypto::ring;

use super::{
    Tls,
    pair::{Files, InvalidPair, Pair},
};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// A certificate and its key in files, and the handshakes that are made with what was last read of them.
#[derive(Debug)]
pub struct Reloader {
    files: Files,
    /// The files as they were when they were read first.
    seen: Seen,
    tls: Arc<Tls>,
}

/// What reading the files again has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// From now on another certificate is served.
    Changed,
    /// It is the one that is served.
    Same,
}

/// Why what is in the files isn't served.
#[derive(Debug, thiserror::Error)]
pub enum NotReloaded {
    /// It can't be.
    #[error(transparent)]
    Invalid(#[from] InvalidPair),
    /// Clients would refuse it, and don't refuse the old one.
    #[error("the new certificate has expired at {0}, the old one hasn't")]
    Expired(Timestamp),
}

/// What tells that a file is another, or was written to. Of a symbolic link it is what it leads to: Kubernetes puts new files beside the old
/// ones and turns the link.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen([Option<Mark>; 2]);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    file: (u64, u64),
}

impl Seen {
    fn now(files: &Files) -> Self {
        Self([Mark::of(&files.certificate), Mark::of(&files.key)])
    }
}

impl Mark {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            file: {
                use std::os::unix::fs::MetadataExt as _;
                (metadata.dev(), metadata.ino())
            },
        })
    }
}

impl Reloader {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// [`InvalidPair`].
    pub fn read(files: Files) -> Result<Self, InvalidPair> {
        let seen = Seen::now(&files);
        let pair = Pair::read(&files, &ring::default_provider())?;
        Ok(Self { files, seen, tls: Arc::new(Tls::with(pair)) })
    }

    /// The handshakes.
    #[must_use]
    pub fn tls(&self) -> &Arc<Tls> {
        &self.tls
    }

    /// Reads the files again, and serves what is in them if that is any good.
    ///
    /// # Errors
    /// [`NotReloaded`]: the old pair is served on.
    pub fn reload(&self) -> Result<Reloaded, NotReloaded> {
        let new = Pair::read(&self.files, &ring::default_provider())?;
        let old = self.tls.pair();
        if old.as_ref().is_some_and(|old| new.certified.cert == old.certified.cert) {
            return Ok(Reloaded::Same);
        }
        let now = Timestamp::now();
        if new.ends < now && old.is_some_and(|old| old.ends >= now) {
            return Err(NotReloaded::Expired(new.ends));
        }
        self.tls.serve(new);
        Ok(Reloaded::Changed)
    }

    /// Calls `changed` whenever the files have changed and stayed so for a while: whoever writes two files takes a moment between them. Never
    /// ends.
    pub async fn watch(self: Arc<Self>, changed: impl Fn(&Self) + Send + Sync + 'static) {
        let changed = Arc::new(changed);
        let mut known = self.seen.clone();
        let mut settled = true;
        loop {
            tokio::time::sleep(EVERY).await;
            let (reloader, changed) = (Arc::clone(&self), Arc::clone(&changed));
            // Off the threads that serve: a file may lie on a disk that doesn't answer.
            let look = tokio::task::spawn_blocking(move || {
                let now = Seen::now(&reloader.files);
                let same = now == known;
                if same && !settled {
                    changed(&reloader);
                }
                (now, same)
            });
            let Ok((now, same)) = look.await else { return };
            (known, settled) = (now, same);
        }
    }
}
