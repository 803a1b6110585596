//! How to ask again for a secret that has been claimed and isn't whole in its reader's hands: a line for a shell that only needs the
//! link filled in, since that may hold a key.

use std::{
    borrow::Cow,
    cell::RefCell,
    fmt,
    path::Path,
    time::{Duration, Instant},
};

use url::Url;

use super::{CLAIM, Get, GetError};
use crate::{
    cli::{
        Global,
        values::{quoted, roughly},
    },
    secret::ClaimKey,
};

/// How long the server waits for an answer when nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How to ask again, and for how long.
#[derive(Debug, Clone)]
pub(in crate::cli) struct AskAgain {
    command: String,
    lease: Option<Duration>,
    /// None when the claim is an earlier one, whose time has begun nobody knows when.
    since: Option<Instant>,
}

impl AskAgain {
    /// For the call that is under way. Its secret is kept from now on, for as long as the server says.
    pub(super) fn new(
        get: &Get,
        global: &Global,
        link_server: Option<&Url>,
        claim: &ClaimKey,
        lease: Option<Duration>,
    ) -> Self {
        let server = link_server.is_none().then(|| format!(" -s {}", global.server));
        let command = [
            format!("{CLAIM}={} ots get {}", claim.expose(), get.named()),
            server.unwrap_or_default(),
            get.again(),
            global.again(),
        ];
        Self { command: command.concat(), lease, since: Some(Instant::now()) }
    }

    /// When the claim is an earlier one.
    pub(super) fn earlier(self) -> Self {
        Self { since: None, ..self }
    }

    /// Into a file, when the call had none.
    pub(super) fn into_a_file(mut self) -> Self {
        if !self.command.contains(" -o ") && !self.command.contains(" -O") {
            self.command.push_str(" -o FILE");
        }
        self
    }
}

impl fmt::Display for AskAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.lease.zip(self.since).map(|(lease, since)| lease.saturating_sub(since.elapsed()));
        match (left, self.lease) {
            (Some(Duration::ZERO), Some(lease)) => {
                write!(f, "the secret was kept for you for {}, which are over. In case it is there: ", roughly(lease))?;
            }
            (Some(left), _) => {
                write!(
                    f,
                    "the secret is kept for you for {}, then destroyed; ",
                    roughly(left + Duration::from_millis(999))
                )?;
            }
            (None, Some(lease)) => write!(f, "the secret is kept for you for what is left of {}; ", roughly(lease))?,
            (None, None) => write!(f, "the secret is kept for you for a moment; ")?,
        }
        write!(f, "to ask again, with its link filled in: {}", self.command)
    }
}

impl Get {
    /// A request's file by its name; of a link only that it is one.
    fn named(&self) -> String {
        let path = Path::new(&self.link);
        if path.is_file() { quoted(&no_option(path)) } else { "'LINK'".to_owned() }
    }

    /// The options of this call, each after a space.
    fn again(&self) -> String {
        let mut text =
            self.output.as_deref().map(|path| format!(" -o {}", quoted(&no_option(path)))).unwrap_or_default();
        for (given, option) in [(self.remote_name, " -O"), (self.force, " -f")] {
            text.push_str(if given { option } else { "" });
        }
        if let Some(path) = &self.key_file {
            text.push_str(&format!(" --key-file {}", quoted(path)));
        }
        text + &self.passphrase.again()
    }
}

/// A path that can't be taken for an option.
fn no_option(path: &Path) -> Cow<'_, Path> {
    let is_one = path != Path::new("-") && path.as_os_str().as_encoded_bytes().starts_with(b"-");
    if is_one { Path::new(".").join(path).into() } else { path.into() }
}

impl Global {
    /// The options that the same call needs again, each after a space.
    fn again(&self) -> String {
        let mut text = String::new();
        if let Some(path) = &self.ca_cert {
            text.push_str(&format!(" --ca-cert {}", quoted(path)));
        }
        if self.timeout != TIMEOUT {
            text.push_str(&format!(" --timeout {}", self.timeout.as_secs().max(1)));
        }
        for (given, option) in [(self.allow_http, " --allow-http"), (self.json, " --json")] {
            text.push_str(if given { option } else { "" });
        }
        text
    }
}

/// What the server keeps for this reader alone, for whoever ends the read.
#[derive(Default)]
pub(super) struct Kept(RefCell<Stage>);

#[derive(Default)]
enum Stage {
    #[default]
    Unread,
    Claimed(AskAgain),
    Written,
}

impl Kept {
    /// From now on the server may keep the secret for this reader alone.
    pub(super) fn claimed(&self, again: AskAgain) {
        self.0.replace(Stage::Claimed(again));
    }

    /// The server said no: nobody has it yet.
    pub(super) fn refused(&self) {
        self.0.replace(Stage::Unread);
    }

    /// The reader has all of it.
    pub(super) fn written(&self) {
        self.0.replace(Stage::Written);
    }

    /// How to ask again, if that is of use.
    pub(super) fn again(&self) -> Option<AskAgain> {
        match &*self.0.borrow() {
            Stage::Claimed(again) => Some(again.clone()),
            Stage::Unread | Stage::Written => None,
        }
    }

    /// An error, with how to ask again if that is of use.
    pub(super) fn error(&self, error: GetError) -> GetError {
        match self.again() {
            Some(again) => {
                let again = if matches!(error, GetError::NotText) { again.into_a_file() } else { again };
                GetError::Claimed { error: Box::new(error), again }
            }
            None => error,
        }
    }

    /// What has become of the secret, when nothing is to be asked again.
    pub(super) fn outcome(&self) -> &'static str {
        match &*self.0.borrow() {
            Stage::Unread => "; nothing was read",
            Stage::Claimed(_) => "",
            Stage::Written => "; the secret was written whole",
        }
    }
}
