//! `ots request`: asks somebody for a secret. The link to give away goes to stdout, what collects the answer into a file.

mod error;

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};

use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    Global,
    interrupt::{Interrupts, blocking},
    new_file::NewFile,
    passphrase::PassphraseArgs,
    put::{ApiKeyArgs, believed, named, whole_seconds},
    terminal, values,
};
use crate::{
    api::RequestOpened,
    client::{Ask, Client, ClientError},
    crypto::sealed_box::Keys,
    secret::{CollectingKey, HookName, REQUEST_PATH, RequestKey, RequestLabel, RequestLink, Token, random},
};
use error::{RequestError, Undone};

/// How long taking a request back may take when a person wants to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ask somebody for a secret: print the link to give away
///
/// Whoever has the link answers once, in a browser or with `ots put --to LINK`; only you can read the answer, which is sealed for the key in
/// the file that this writes: `ots get FILE` collects it, `ots status FILE` says whether it is there, `ots burn FILE` takes the request back.
#[derive(Debug, clap::Args)]
pub(super) struct Request {
    /// Say what is asked for: one line, which whoever has the link sees, and the server doesn't
    #[arg(short, long, value_name = "TEXT")]
    label: Option<String>,
    /// How long it can be answered, and from then on collected: 90 (seconds), 15m, 24h, 7d [default: the server's, 24h]
    #[arg(short, long, value_name = "DUR", value_parser = values::duration)]
    ttl: Option<Duration>,
    /// The largest answer that is taken, as it is sent: encrypted and padded [default: the server's]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    max_size: Option<usize>,
    /// Have the server's webhook NAME told what becomes of it, and of the answer
    #[arg(long, value_name = "NAME", value_parser = HookName::from_str)]
    notify: Option<HookName>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    pub(super) api_key: ApiKeyArgs,
    /// The new file (mode 0600) for what collects the answer; `-` is stdout, after the link [default: request-XXXXXXXX.ots here]
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
}

/// The object of `request --json`.
#[derive(Serialize)]
struct Answer<'a> {
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    link: &'a str,
    receipt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    collecting: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(rename = "answer_name", skip_serializing_if = "Option::is_none")]
    second_name: Option<&'a str>,
}

/// What is on the server, or in its place, as long as nobody has its link.
#[derive(Default)]
struct Made {
    file: Option<PathBuf>,
    tokens: Option<(Token, Token)>,
    under_way: bool,
}

impl Request {
    pub(super) async fn run(&self, global: &Global) -> Result<(), RequestError> {
        terminal::check_stdout()?;
        let client = global.client(None)?;
        let mut interrupts = Interrupts::listen().map_err(RequestError::Start)?;
        let made = RefCell::default();
        let error = match interrupts.unless(self.make(global, &client, &made)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(interrupt) => RequestError::Interrupted(interrupt),
        };
        Err(undo(error, made.take(), &client, &mut interrupts).await)
    }

    async fn make(&self, global: &Global, client: &Client, made: &RefCell<Made>) -> Result<(), RequestError> {
        let label = self.label.clone().map(|text| RequestLabel::new(text.into())).transpose()?;
        let key = self.api_key.key()?;
        let ttl = self.ttl.map(whole_seconds).transpose().map_err(|_| RequestError::WholeSeconds)?;
        let passphrase = self.passphrase.for_sending(global).await?;
        let has_passphrase = passphrase.is_some();
        let to_stdout = self.output.as_deref() == Some(Path::new("-"));
        let file = if to_stdout { None } else { Some(self.open_file()?) };

        let request_key = RequestKey::generate()?;
        let (request_key, keys) = blocking(move || {
            let keys = Keys::derive(&request_key, passphrase.as_ref());
            (request_key, keys)
        })
        .await;
        let keys = keys?;
        let max_size = self.max_size.map(|size| u64::try_from(size).unwrap_or(u64::MAX));
        let (invitation, proof) = (keys.invite(label.as_ref())?, keys.proof().clone());
        let ask = Ask { invitation, proof, ttl, max_size, notify: self.notify.clone(), key };
        made.borrow_mut().under_way = true;
        let opened = client.ask(&ask).await.inspect_err(|_| made.borrow_mut().under_way = false)?;
        let token = |text: &str| text.parse::<Token>().map_err(|_| RequestError::NoToken);
        made.borrow_mut().tokens = Some((token(&opened.token)?, token(&opened.collecting_token)?));
        let names = self.notify.as_ref().map(|_| names(&opened).ok_or(RequestError::NoName)).transpose()?;
        let server = root(client, &opened).await;
        let link = RequestLink { server, token: token(&opened.token)?, fingerprint: keys.fingerprint().clone() };
        let collecting = CollectingKey {
            link,
            token: token(&opened.collecting_token)?,
            key: request_key,
            passphrase: has_passphrase,
            label,
        };
        let (text, link) = (collecting.to_file(), collecting.link.to_text());
        let kept = match file {
            Some((mut file, path)) => {
                file.write(text.as_bytes())?;
                file.place(&path, false).map_err(|(error, taken)| match taken {
                    Some(_) => RequestError::Exists(path.clone()),
                    None => error.into(),
                })?;
                made.borrow_mut().file = Some(path.clone());
                Some(path)
            }
            None => None,
        };
        self.print(global, &opened, &link, &text, kept.as_deref(), names.as_ref()).await?;
        made.take();
        if let Some((name, answer)) = names.filter(|_| !global.quiet && !global.json) {
            terminal::say(&format!("the webhook is told of it as {name}, and of its answer as {answer}"));
        }
        if !global.quiet
            && !global.json
            && let Some(path) = kept
        {
            let shown = values::quoted(&path);
            terminal::say(&format!(
                "keep {shown}: ots get {shown} collects the answer; the request is open until {:.0}",
                opened.expires_at
            ));
        }
        Ok(())
    }

    async fn print(
        &self,
        global: &Global,
        opened: &RequestOpened,
        link: &str,
        text: &Zeroizing<String>,
        kept: Option<&Path>,
        names: Option<&(String, String)>,
    ) -> Result<(), RequestError> {
        let file = kept.map(Path::to_string_lossy);
        let lines = if global.json {
            let answer = Answer {
                expires_at: format!("{:.3}", opened.expires_at),
                file: file.as_deref(),
                link,
                receipt: &opened.receipt,
                collecting: kept.is_none().then_some(text.as_str()),
                name: names.map(|(name, _)| name.as_str()),
                second_name: names.map(|(_, answer)| answer.as_str()),
            };
            let mut json = Zeroizing::new(serde_json::to_string(&answer).map_err(|_| RequestError::NoToken)?);
            json.push('\n');
            json
        } else {
            Zeroizing::new(if kept.is_some() { format!("{link}\n") } else { format!("{link}\n{}", text.as_str()) })
        };
        Ok(terminal::deliver(move || terminal::answer(lines.as_bytes())).await?)
    }

    /// Before anything is sent: what can't be kept costs nobody a request.
    fn open_file(&self) -> Result<(NewFile, PathBuf), RequestError> {
        let path = if let Some(path) = &self.output {
            path.clone()
        } else {
            let name: [u8; 5] = random()?;
            let name = data_encoding::BASE32_NOPAD.encode(&name).to_ascii_lowercase();
            PathBuf::from(format!("request-{name}.ots"))
        };
        if path.symlink_metadata().is_ok() {
            return Err(RequestError::Exists(path));
        }
        Ok((NewFile::create(&path)?, path))
    }
}

/// What a webhook is told of a request by, and of its answer.
fn names(opened: &RequestOpened) -> Option<(String, String)> {
    named(opened.name.as_deref()).zip(named(opened.answer_name.as_deref()))
}

/// The server's public root, where it was told its name; else the address that was asked.
async fn root(client: &Client, opened: &RequestOpened) -> url::Url {
    let asked = client.server();
    if opened.url == format!("{asked}{REQUEST_PATH}{}", opened.token) {
        return asked.clone();
    }
    let public = client.info().await.ok().and_then(|info| info.public_url);
    public.and_then(|public| believed(&public, &opened.url, asked)).unwrap_or_else(|| asked.clone())
}

/// Takes a request back that nobody has the link of, and its file with it; a second signal leaves it at that.
async fn undo(error: RequestError, made: Made, client: &Client, interrupts: &mut Interrupts) -> RequestError {
    if let Some(path) = &made.file {
        let _ = std::fs::remove_file(path);
    }
    let undone = match &made.tokens {
        Some((token, collecting)) => {
            let withdraw = tokio::time::timeout(PATIENCE, client.withdraw(token, collecting));
            match interrupts.unless(withdraw).await {
                Ok(Ok(Ok(()) | Err(ClientError::Gone))) => Undone::Withdrawn,
                _ => Undone::Open,
            }
        }
        None if made.under_way => Undone::MayBeOpen,
        None if matches!(error, RequestError::Interrupted(_)) => Undone::Nothing,
        None => return error,
    };
    RequestError::Undone { error: Box::new(error), undone }
}
