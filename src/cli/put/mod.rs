//! `ots put`: stores a secret and prints its link.

mod answer;
mod api_key;
mod content;
mod error;
mod hand_over;
mod link;
mod parcel;
mod printing;
mod receipts;
mod to;

use std::{cell::Cell, path::PathBuf, rc::Rc, str::FromStr as _, sync::Arc, time::Duration};

use bytes::Bytes;
use clap::builder::BoolishValueParser;
use jiff::Timestamp;
use url::Url;
use zeroize::Zeroizing;

use super::{Global, interrupt::Interrupts, passphrase::PassphraseArgs, terminal, values};
use crate::{
    api::Created,
    client::Client,
    secret::{Generated, HookName, Link, Recipe, Token},
};
use answer::Answer;
pub(super) use api_key::{ApiKeyArgs, ApiKeyError};
use error::PutError;
use hand_over::HandOver;
pub(super) use link::{believed, named};
use parcel::{ASK_ABOVE, KeyFile, Parcel, check_size, store};
use printing::Printing;
use receipts::Receipts;

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
    /// Answer a request, sealed for whoever asked
    #[arg(long, value_name = "LINK", value_hint = clap::ValueHint::Other)]
    #[arg(conflicts_with_all = ["key_file", "receipt", "notify", "copies", "token", "qr", "copy", "ttl", "passphrase", "passphrase_file"])]
    to: Option<String>,
    /// Store a new password (20 letters and digits) or, with `--generate=passphrase`, a passphrase (6 words); `password:N` and
    /// `passphrase:N` have N. It is printed on the line after the links
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "password")]
    #[arg(conflicts_with = "file")]
    generate: Option<Recipe>,
    /// How long it can wait to be read: 90 (seconds), 15m, 24h, 7d [default: the server's, 24h]
    #[arg(short, long, value_name = "DUR", env = "OTS_TTL", value_parser = values::duration)]
    ttl: Option<Duration>,
    /// Encrypt end to end: the server never has the key. `--encrypt=false` when the configuration says otherwise
    #[arg(short, long, value_name = "BOOL", env = "OTS_ENCRYPT", value_parser = BoolishValueParser::new())]
    #[arg(action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(default_value = "false", hide_default_value = true, hide_possible_values = true)]
    encrypt: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    pub(super) api_key: ApiKeyArgs,
    /// The file name to give the reader, sealed with an encrypted secret [default: that of FILE]
    #[arg(long, value_name = "NAME", value_hint = clap::ValueHint::Other)]
    name: Option<String>,
    /// Write the key to a new file (mode 0600), so that it and the link, which then ends in #, can go separate ways
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    key_file: Option<PathBuf>,
    /// Keep its receipt in a new file (mode 0600), with copies a link to all too; `-` is stderr
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    receipt: Option<PathBuf>,
    /// Have the webhook NAME told what becomes of it
    #[arg(long, value_name = "NAME", value_parser = HookName::from_str)]
    notify: Option<HookName>,
    /// Make N links to N copies, one a reader
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, hide_default_value = true, value_parser = values::number::<u16, 1000>)]
    copies: u16,
    /// Print the bare token in place of the link
    #[arg(long)]
    token: bool,
    #[command(flatten)]
    hand_over: HandOver,
    /// Drop one newline at the end, as `echo` adds
    #[arg(long, env = "OTS_TRIM_NEWLINE", value_parser = BoolishValueParser::new())]
    trim_newline: bool,
}

impl Put {
    pub(super) async fn run(&self, global: &Global) -> Result<(), PutError> {
        if let Some(link) = &self.to {
            let mut interrupts = Interrupts::listen().map_err(PutError::Start)?;
            let under_way = Cell::new(false);
            let answered = interrupts.unless(self.answer(global, link, &under_way)).await;
            return answered.unwrap_or_else(|interrupt| {
                let error = PutError::Interrupted(interrupt);
                Err(if under_way.get() { PutError::MayHaveArrived(Box::new(error)) } else { error })
            });
        }
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
        let key = self.api_key.key()?;
        let ttl = self.ttl.map(whole_seconds).transpose()?;
        let generated = self.generate.map(Recipe::draw).transpose()?.map(Arc::new);
        let content = Bytes::from_owner(match &generated {
            Some(generated) => Zeroizing::new(generated.expose().as_bytes().to_vec()),
            None => self.content(global).await?,
        });
        let passphrase = self.passphrase.for_sending(global).await?;
        let receipts = Receipts::open(self.receipt.as_deref(), usize::from(self.copies))?;
        for copy in 0..self.copies {
            let mut parcel = self.pack(&content, ttl, passphrase.as_ref()).await?;
            parcel.create.key.clone_from(&key);
            parcel.create.receipt = receipts.are_wanted();
            parcel.create.notify.clone_from(&self.notify);
            if copy == 0 && parcel.body.len() > ASK_ABOVE {
                check_size(client, &parcel).await?;
            }
            // Below the last link, or in each object.
            let generated = generated.clone().filter(|_| global.json || copy + 1 == self.copies);
            let one = One { parcel: &parcel, size: content.len(), generated };
            self.store_one(global, client, printing, &receipts, one).await?;
        }
        Ok(())
    }

    /// Stores a secret and prints its link. Its key's file stays only if the link has been printed.
    async fn store_one(
        &self,
        global: &Global,
        client: &Client,
        printing: &Printing,
        receipts: &Receipts<'_>,
        one: One<'_>,
    ) -> Result<(), PutError> {
        let One { parcel, size, generated } = one;
        let key_file = KeyFile::write(self.key_file.as_deref(), parcel.key.as_ref())?;
        printing.sends();
        let created = store(global, client, parcel).await.inspect_err(|_| printing.failed())?;
        let token = Rc::new(link::token(&created)?);
        printing.stored(Rc::clone(&token));
        let root = link::root(client, &created, &token).await;
        let link = self.link(global, &root, &token, parcel);
        let receipt = link::receipt(&created, receipts.are_wanted())?;
        let receipt = receipt.map(|receipt| receipts.keep(&root, receipt)).transpose()?;
        let name = self.notify.as_ref().map(|_| link::name(&created)).transpose()?;
        let answer = Answer::new(&link, receipt, &created, &token, parcel, size, generated).named(name.clone());
        let json = global.json;
        terminal::deliver(move || if json { terminal::answer_json(&answer) } else { answer.lines() }).await?;
        printing.printed();
        key_file.keep();
        receipts.printed();
        self.hand_over.run(global, &link);
        if global.chatty() {
            terminal::say(&self.note(&created));
        }
        if let Some(name) = name.filter(|_| !global.quiet && !global.json) {
            terminal::say(&format!("the webhook is told of it as {name}"));
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
    fn link(&self, global: &Global, root: &Url, token: &Token, parcel: &Parcel) -> Zeroizing<String> {
        let bare = self.token && !global.json;
        let link = if bare { token.expose() } else { Link::to_text(root, token) };
        match (&parcel.key, &self.key_file) {
            (Some(key), None) => Zeroizing::new(format!("{}#{}", link.as_str(), key.expose().as_str())),
            // The mark of a key that travels apart: no reader takes the secret for a plain one.
            (Some(_), Some(_)) => Zeroizing::new(format!("{}#", link.as_str())),
            _ => link,
        }
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

/// What is stored for one reader.
struct One<'a> {
    parcel: &'a Parcel,
    /// Bytes of content.
    size: usize,
    /// To be printed with the link.
    generated: Option<Arc<Generated>>,
}

/// The server takes whole seconds.
pub(super) fn whole_seconds(ttl: Duration) -> Result<Duration, PutError> {
    if ttl.subsec_nanos() == 0 { Ok(ttl) } else { Err(PutError::WholeSeconds) }
}
