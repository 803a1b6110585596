//! `ots put`: stores a secret and prints its link.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use clap::builder::BoolishValueParser;
use jiff::Timestamp;
use url::Url;
use zeroize::Zeroizing;

use super::{
    Exit, Failure, Global,
    output::NewFile,
    passphrase::PassphraseArgs,
    terminal::{self, Progress},
    values,
};
use crate::{
    api::{Code, Created},
    client::{Client, ClientError, Create},
    crypto::envelope::{self, Label, SealError},
    memory,
    secret::{Link, LinkKey, Passphrase},
};

/// Contents above this many bytes are sent only after the server's limit was asked: a server that closes while a large
/// body is on its way is seen as a broken connection.
const ASK_ABOVE: usize = 64 * 1024;
/// More than this is never read into memory, in bytes.
const LARGEST: u64 = 1 << 30;

/// Store a secret and print its link
///
/// The secret is read from FILE or standard input, byte for byte; on a terminal it is asked for, hidden. The link on
/// stdout reads it once; then it is gone. With --encrypt it is encrypted here, and the key is in the link only, after #,
/// which no program sends to a server: whoever runs the server can't read it.
#[derive(Debug, clap::Args)]
pub(super) struct Put {
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
    pub(super) async fn run(&self, global: &Global) -> Result<(), Failure> {
        self.check()?;
        let client = global.client(None)?;
        let ttl = self.ttl.map(whole_seconds).transpose()?;
        let content = Bytes::from_owner(self.content(global)?);
        if content.is_empty() {
            return Err(Failure::new(Exit::File, "there is nothing to store: the input is empty"));
        }
        let passphrase = self.passphrase.for_sending(global)?;
        for copy in 0..self.copies {
            let parcel = self.pack(&content, ttl, passphrase.as_ref())?;
            if copy == 0 && parcel.body.len() > ASK_ABOVE {
                check_size(&client, &parcel).await?;
            }
            let key_file = KeyFile::write(self.key_file.as_deref(), parcel.key.as_ref())?;
            let created = store(global, &client, &parcel).await?;
            key_file.keep();
            terminal::answer(self.text(global, &client, &created, &parcel, content.len())?.as_bytes())?;
            if global.chatty() {
                terminal::say(&self.note(&created));
            }
        }
        Ok(())
    }

    /// What clap can't see, since `encrypt` may come from the environment or the configuration.
    fn check(&self) -> Result<(), Failure> {
        let usage = |message: &str| Err(Failure::new(Exit::Usage, message));
        if self.name.is_some() && !self.encrypt {
            return usage("a name goes only with an end-to-end secret: add --encrypt");
        }
        if self.key_file.is_some() && !self.encrypt {
            return usage("only an end-to-end secret has a key: add --encrypt");
        }
        if self.key_file.is_some() && self.copies > 1 {
            return usage(
                "each copy has a key of its own, and one file takes one key: leave --copies or --key-file out",
            );
        }
        Ok(())
    }

    /// What is sent: the content as it is, or its envelope under a new key.
    fn pack(&self, content: &Bytes, ttl: Option<Duration>, passphrase: Option<&Passphrase>) -> Result<Parcel, Failure> {
        if !self.encrypt {
            let create = Create { ttl, passphrase: passphrase.cloned(), ..Create::default() };
            return Ok(Parcel { body: content.clone(), create, key: None });
        }
        let sealed = envelope::seal(content, &self.label(), passphrase).map_err(|error| match error {
            SealError::Label => Failure::new(Exit::Usage, "the file name is too long: give a shorter one with --name"),
            SealError::Crypto(error) => Failure::new(Exit::Other, error.to_string()),
        })?;
        let create =
            Create { ttl, passphrase: Some(sealed.proof), encrypted: true, passphrase_required: passphrase.is_some() };
        Ok(Parcel { body: sealed.envelope.into(), create, key: Some(sealed.key) })
    }

    /// The name that was given, else the file's; and the media type that goes with it.
    fn label(&self) -> Label {
        let of_file = || {
            let name = self.file.as_deref()?.file_name()?;
            (name != "-").then(|| name.to_string_lossy().into_owned())
        };
        let name = self.name.clone().or_else(of_file).filter(|name| !name.is_empty());
        let media_type = name.as_deref().and_then(|name| mime_guess::from_path(name).first_raw());
        Label { name: name.map(Zeroizing::new), media_type: media_type.map(str::to_owned) }
    }

    fn content(&self, global: &Global) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let file = self.file.as_deref().filter(|path| *path != Path::new("-"));
        let mut content = match file {
            Some(path) => {
                // The argument isn't repeated: somebody may have typed the secret itself.
                let open = File::open(path).map_err(|error| {
                    let hint = "put reads a file or standard input; to send text: printf %s \"$TEXT\" | ots put";
                    Failure::new(Exit::File, format!("can't open that file ({}); {hint}", error.kind())).because(error)
                })?;
                read_whole(open).map_err(|error| Failure::file("read", path, &error))?
            }
            None if self.file.is_none() && terminal::stdin_is_terminal() => {
                let mut text = terminal::ask_hidden(global, "Secret", None)?;
                Zeroizing::new(std::mem::take(&mut *text).into_bytes())
            }
            None => read_whole(io::stdin().lock()).map_err(|error| {
                Failure::new(Exit::File, format!("can't read standard input: {}", error.kind())).because(error)
            })?,
        };
        if self.trim_newline && content.last() == Some(&b'\n') {
            let without = content.len() - if content.ends_with(b"\r\n") { 2 } else { 1 };
            content.truncate(without);
        }
        Ok(content)
    }

    fn text(
        &self,
        global: &Global,
        client: &Client,
        created: &Created,
        parcel: &Parcel,
        size: usize,
    ) -> Result<Zeroizing<String>, Failure> {
        let bare = self.token && !global.json;
        let mut link = if bare { Zeroizing::new(created.token.clone()) } else { link(client, created)? };
        if let (Some(key), None) = (&parcel.key, &self.key_file) {
            link = Zeroizing::new(format!("{}#{}", link.as_str(), key.expose().as_str()));
        }
        if global.json {
            let json = serde_json::json!({
                "link": link.as_str(),
                "token": created.token,
                "expires_at": format!("{:.3}", created.expires_at),
                "size": size,
                "encrypted": parcel.create.encrypted,
            });
            link = Zeroizing::new(json.to_string());
        }
        Ok(Zeroizing::new(format!("{}\n", link.as_str())))
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

/// What is sent for one reader.
struct Parcel {
    body: Bytes,
    create: Create,
    key: Option<LinkKey>,
}

/// A key's file, written before anything is sent: a key that can't be kept costs nobody a secret. It is removed again
/// unless it is kept.
struct KeyFile<'a>(Option<&'a Path>);

impl<'a> KeyFile<'a> {
    fn write(path: Option<&'a Path>, key: Option<&LinkKey>) -> Result<Self, Failure> {
        let (Some(path), Some(key)) = (path, key) else { return Ok(Self(None)) };
        let line = Zeroizing::new(format!("{}\n", key.expose().as_str()));
        match NewFile::create(path)?.write(line.as_bytes())?.place(path, false) {
            Ok(()) => Ok(Self(Some(path))),
            Err((_, Some(_))) => {
                let message = format!("{} exists: choose another name for the key; nothing was sent", path.display());
                Err(Failure::new(Exit::File, message))
            }
            Err((failure, None)) => Err(failure),
        }
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for KeyFile<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn store(global: &Global, client: &Client, parcel: &Parcel) -> Result<Created, Failure> {
    let total = u64::try_from(parcel.body.len()).unwrap_or(u64::MAX);
    let progress = Progress::new(global, "sending", total);
    let shown = progress.clone();
    let outcome = client.create(parcel.body.clone(), &parcel.create, Box::new(move |sent| shown.at(sent))).await;
    progress.done();
    match outcome {
        // A server that refuses a body may close before its answer is read: ask what it takes.
        Err(ClientError::Unreachable { .. }) if parcel.body.len() > ASK_ABOVE => {
            check_size(client, parcel).await?;
            outcome.map_err(Failure::from)
        }
        Err(ClientError::Problem(problem)) if problem.code == Code::TooLarge => {
            check_size(client, parcel).await?;
            Err(ClientError::Problem(problem).into())
        }
        outcome => outcome.map_err(Failure::from),
    }
}

async fn check_size(client: &Client, parcel: &Parcel) -> Result<(), Failure> {
    let max = client.info().await?.max_size;
    let size = parcel.body.len();
    if u64::try_from(size).is_ok_and(|size| size <= max) {
        return Ok(());
    }
    let padded = if parcel.create.encrypted { " with its encryption and padding" } else { "" };
    let message = format!("the secret is too large: {size} bytes{padded}, and the server keeps at most {max}");
    Err(Failure::new(Exit::Rejected, message))
}

/// The link for the reader. The server's own word counts when it names another host (`--public-url`); else the way
/// that this client takes, which may be https where the server behind a proxy knows only http.
fn link(client: &Client, created: &Created) -> Result<Zeroizing<String>, Failure> {
    let odd = || Failure::new(Exit::Other, "the server's answer has no token in it: is it an ots server?");
    let token = created.token.parse().map_err(|_| odd())?;
    let public = Url::parse(&created.url).map_err(|_| odd())?;
    if public.host() == client.server().host() {
        Ok(Link::to_text(client.server(), &token))
    } else {
        Ok(Zeroizing::new(created.url.clone()))
    }
}

/// The server takes whole seconds.
fn whole_seconds(ttl: Duration) -> Result<Duration, Failure> {
    if ttl.subsec_nanos() == 0 { Ok(ttl) } else { Err(Failure::new(Exit::Usage, "--ttl is counted in whole seconds")) }
}

/// Reads everything; a buffer that becomes too small is wiped.
fn read_whole(mut input: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let mut part = Zeroizing::new(vec![0; 64 * 1024]);
    loop {
        let length = match input.read(&mut part) {
            Ok(0) => return Ok(content),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        memory::append(&mut content, part.get(..length).unwrap_or_default(), None)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        if u64::try_from(content.len()).is_ok_and(|length| length > LARGEST) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 GiB"));
        }
    }
}
