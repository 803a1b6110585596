//! `ots put`: stores a secret and prints its link.

mod content;
mod error;
mod parcel;
mod printing;

use std::{path::PathBuf, rc::Rc, time::Duration};

use bytes::Bytes;
use clap::builder::BoolishValueParser;
use jiff::Timestamp;
use url::Url;
use zeroize::Zeroizing;

use super::{Global, interrupt::Interrupts, passphrase::PassphraseArgs, terminal, values};
use crate::{
    api::Created,
    client::Client,
    secret::{Link, Token},
};
use error::PutError;
use parcel::{ASK_ABOVE, KeyFile, Parcel, check_size, store};
use printing::Printing;

/// Store a secret and print its link
///
/// The secret is read from FILE or standard input, byte for byte; on a terminal it is asked for, hidden: type a
/// line, or paste any text and end it with Ctrl-D. The link on stdout reads it once; then it is gone. With --encrypt it is encrypted here, and the key is in the link only, after #,
/// which no program sends to a server: whoever runs the server can't read it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Put {
    /// The file to store; `-` or nothing is standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// How long it can wait to be read: 90 (seconds), 15m, 24h, 7d [default: the server's, 24h]
    #[arg(short, long, value_name = "DURATION", env = "OTS_TTL", value_parser = values::duration)]
    ttl: Option<Duration>,
    /// Encrypt end to end: the server never has the key. `--encrypt=false` when the configuration says otherwise
    #[arg(short, long, value_name = "BOOL", env = "OTS_ENCRYPT", value_parser = BoolishValueParser::new())]
    #[arg(action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(default_value = "false", hide_default_value = true, hide_possible_values = true)]
    encrypt: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// The file name to give the reader, sealed with an encrypted secret [default: that of FILE]
    #[arg(long, value_name = "NAME", value_hint = clap::ValueHint::Other)]
    name: Option<String>,
    /// Write the key to a new file (mode 0600) and leave it out of the link, so that they can go separate ways
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    key_file: Option<PathBuf>,
    /// Make N links to N copies, one a reader
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    copies: u16,
    /// Print the bare token in place of the link
    #[arg(long)]
    token: bool,
    /// Drop one newline at the end, as `echo` adds
    #[arg(long, env = "OTS_TRIM_NEWLINE", value_parser = BoolishValueParser::new())]
    trim_newline: bool,
}

impl Put {
    pub(super) async fn run(&self, global: &Global) -> Result<(), PutError> {
        self.check()?;
        terminal::check_stdout()?;
        let client = global.client(None)?;
        let mut interrupts = Interrupts::listen().map_err(PutError::Start)?;
        let printing = Printing::default();
        let error = match interrupts.unless(self.store_all(global, &client, &printing)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(interrupt) => PutError::Interrupted(interrupt),
        };
        Err(printing.undo(error, self.copies, &client, &mut interrupts).await)
    }

    /// Stores as many as were asked for.
    async fn store_all(&self, global: &Global, client: &Client, printing: &Printing) -> Result<(), PutError> {
        let ttl = self.ttl.map(whole_seconds).transpose()?;
        let content = Bytes::from_owner(self.content(global).await?);
        let passphrase = self.passphrase.for_sending(global).await?;
        for copy in 0..self.copies {
            let parcel = self.pack(&content, ttl, passphrase.as_ref()).await?;
            if copy == 0 && parcel.body.len() > ASK_ABOVE {
                check_size(client, &parcel).await?;
            }
            self.store_one(global, client, printing, &parcel, content.len()).await?;
        }
        Ok(())
    }

    /// Stores a secret and prints its link. Its key's file stays only if the link has been printed.
    async fn store_one(
        &self,
        global: &Global,
        client: &Client,
        printing: &Printing,
        parcel: &Parcel,
        size: usize,
    ) -> Result<(), PutError> {
        let key_file = KeyFile::write(self.key_file.as_deref(), parcel.key.as_ref())?;
        printing.sends();
        let created = store(global, client, parcel).await.inspect_err(|_| printing.failed())?;
        let token = Rc::new(created.token.parse().map_err(|_| PutError::NoToken)?);
        printing.stored(Rc::clone(&token));
        let link = self.link(global, client, &created, &token, parcel)?;
        if global.json {
            let answer = Answer::new(link, &created, parcel, size);
            terminal::deliver(move || terminal::answer_json(&answer)).await?;
        } else {
            let line = Zeroizing::new(format!("{}\n", link.as_str()));
            terminal::deliver(move || terminal::answer(line.as_bytes())).await?;
        }
        printing.printed();
        key_file.keep();
        if global.chatty() {
            terminal::say(&self.note(&created));
        }
        Ok(())
    }

    /// What clap can't see, since `encrypt` may come from the environment or the configuration.
    fn check(&self) -> Result<(), PutError> {
        if self.name.is_some() && !self.encrypt {
            return Err(PutError::NameNeedsEncrypt);
        }
        if self.key_file.is_some() && !self.encrypt {
            return Err(PutError::KeyNeedsEncrypt);
        }
        if self.key_file.is_some() && self.copies > 1 {
            return Err(PutError::OneKeyAFile);
        }
        Ok(())
    }

    /// What a reader needs: the link or its token, with the key unless that goes another way.
    fn link(
        &self,
        global: &Global,
        client: &Client,
        created: &Created,
        token: &Token,
        parcel: &Parcel,
    ) -> Result<Zeroizing<String>, PutError> {
        let bare = self.token && !global.json;
        let link = if bare { token.expose() } else { link(client, created, token)? };
        Ok(match (&parcel.key, &self.key_file) {
            (Some(key), None) => Zeroizing::new(format!("{}#{}", link.as_str(), key.expose().as_str())),
            _ => link,
        })
    }

    fn note(&self, created: &Created) -> String {
        let left = created.expires_at.duration_since(Timestamp::now()).unsigned_abs();
        let left = values::roughly(left + Duration::from_millis(999));
        let mut note = format!("can be read once; expires {:.0} (in {left})", created.expires_at);
        if let Some(path) = &self.key_file {
            note.push_str(&format!("; the key is in {}: send it another way than the link", path.display()));
        }
        note
    }
}

/// The link for the reader. The server's own word counts when it names another host (`--public-url`); else the way
/// that this client takes, which may be https where the server behind a proxy knows only http.
fn link(client: &Client, created: &Created, token: &Token) -> Result<Zeroizing<String>, PutError> {
    let public = Url::parse(&created.url).map_err(|_| PutError::NoToken)?;
    if public.host() == client.server().host() {
        Ok(Link::to_text(client.server(), token))
    } else {
        Ok(Zeroizing::new(created.url.clone()))
    }
}

/// The object of `put --json`.
#[derive(serde::Serialize)]
struct Answer {
    #[serde(serialize_with = "text")]
    link: Zeroizing<String>,
    #[serde(serialize_with = "text")]
    token: Zeroizing<String>,
    expires_at: String,
    size: usize,
    encrypted: bool,
}

impl Answer {
    fn new(link: Zeroizing<String>, created: &Created, parcel: &Parcel, size: usize) -> Self {
        Self {
            link,
            token: Zeroizing::new(created.token.clone()),
            expires_at: format!("{:.3}", created.expires_at),
            size,
            encrypted: parcel.create.encrypted,
        }
    }
}

fn text<S: serde::Serializer>(text: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// The server takes whole seconds.
fn whole_seconds(ttl: Duration) -> Result<Duration, PutError> {
    if ttl.subsec_nanos() == 0 { Ok(ttl) } else { Err(PutError::WholeSeconds) }
}
