//! `ots put`: stores a secret and prints its link.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::builder::BoolishValueParser;
use jiff::Timestamp;
use url::Url;
use zeroize::Zeroizing;

use super::{
    Exit, Failure, Global,
    passphrase::PassphraseArgs,
    terminal::{self, Progress},
    values,
};
use crate::{
    api::{Code, Created},
    client::{Client, ClientError, Create},
    crypto::{self, link::Link},
};

/// Contents above this many bytes are sent only after the server's limit was asked: a server that closes while a large
/// body is on its way is seen as a broken connection.
const ASK_ABOVE: usize = 64 * 1024;
/// More than this is never read into memory, in bytes.
const LARGEST: u64 = 1 << 30;

/// Store a secret and print its link
///
/// The secret is read from FILE or standard input, byte for byte; on a terminal it is asked for, hidden. The link on
/// stdout reads it once; then it is gone.
#[derive(Debug, clap::Args)]
pub(super) struct Put {
    /// The file to store; `-` or nothing is standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// How long it can wait to be read: 90 (seconds), 15m, 24h, 7d [default: the server's, 24h]
    #[arg(short, long, value_name = "DURATION", env = "OTS_TTL", value_parser = values::duration)]
    ttl: Option<Duration>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
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
        let client = global.client(None)?;
        let ttl = self.ttl.map(whole_seconds).transpose()?;
        let content = self.content(global)?;
        if content.is_empty() {
            return Err(Failure::new(Exit::File, "there is nothing to store: the input is empty"));
        }
        let create = Create { ttl, passphrase: self.passphrase.for_sending(global)? };
        if content.len() > ASK_ABOVE {
            check_size(&client, content.len()).await?;
        }
        for _ in 0..self.copies {
            let created = store(global, &client, &content, &create).await?;
            terminal::answer(self.text(global, &client, &created, content.len())?.as_bytes())?;
            if global.chatty() {
                terminal::say(&note(&created));
            }
        }
        Ok(())
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
        size: usize,
    ) -> Result<Zeroizing<String>, Failure> {
        let link = link(client, created)?;
        let text = if global.json {
            serde_json::json!({
                "link": link.as_str(),
                "token": created.token,
                "expires_at": format!("{:.3}", created.expires_at),
                "size": size,
            })
            .to_string()
        } else if self.token {
            created.token.clone()
        } else {
            link.to_string()
        };
        Ok(Zeroizing::new(text + "\n"))
    }
}

async fn store(
    global: &Global,
    client: &Client,
    content: &Zeroizing<Vec<u8>>,
    create: &Create,
) -> Result<Created, Failure> {
    let total = u64::try_from(content.len()).unwrap_or(u64::MAX);
    let progress = Progress::new(global, "sending", total);
    let shown = progress.clone();
    let outcome = client.create(content, create, Box::new(move |sent| shown.at(sent))).await;
    progress.done();
    match outcome {
        // A server that refuses a body may close before its answer is read: ask what it takes.
        Err(ClientError::Unreachable { .. }) if content.len() > ASK_ABOVE => {
            check_size(client, content.len()).await?;
            outcome.map_err(Failure::from)
        }
        Err(ClientError::Problem(problem)) if problem.code == Code::TooLarge => {
            check_size(client, content.len()).await?;
            Err(ClientError::Problem(problem).into())
        }
        outcome => outcome.map_err(Failure::from),
    }
}

async fn check_size(client: &Client, size: usize) -> Result<(), Failure> {
    let max = client.info().await?.max_size;
    if u64::try_from(size).is_ok_and(|size| size <= max) {
        return Ok(());
    }
    let message = format!("the secret is too large: {size} bytes, and the server keeps at most {max}");
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

fn note(created: &Created) -> String {
    let left = created.expires_at.duration_since(Timestamp::now()).unsigned_abs();
    let left = values::roughly(left + Duration::from_millis(999));
    format!("can be read once; expires {:.0} (in {left})", created.expires_at)
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
        crypto::append(&mut content, part.get(..length).unwrap_or_default(), None)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        if u64::try_from(content.len()).is_ok_and(|length| length > LARGEST) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 GiB"));
        }
    }
}
