//! Where a secret's content goes: opened before anything is read, and written whole or not at all.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;
use zeroize::Zeroizing;

use super::{Get, GetError, reading::Content};
use crate::{
    cli::{Global, filename, new_file::NewFile, terminal},
    crypto::envelope::Label,
};

/// How many names are tried for a file whose name the sender chose.
const NAMES: u32 = 1000;
/// Names of standard output, where the system has files for it.
const STDOUT: &[&str] = &["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// A place for the content.
pub(super) enum Output {
    /// Standard output, as it is.
    Bytes,
    /// Standard output, in an object.
    Json,
    /// Standard output, which is a terminal.
    Terminal,
    /// The file that the reader named.
    File { file: NewFile, force: bool },
    /// A file in the working directory, named as the sender said.
    Named { file: NewFile, force: bool },
}

/// What has been written where.
pub(super) struct Delivered {
    /// The reader has every byte as it was.
    pub(super) exact: bool,
    /// The file, if there is one.
    file: Option<PathBuf>,
    /// Its name is news to the reader.
    named: bool,
    content: Arc<Content>,
}

/// The object of `get --json`.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a str>,
}

impl<'a> Json<'a> {
    fn new(label: &'a Label) -> Self {
        let name = label.name.as_ref().map(|name| name.as_str());
        Self { content: None, encoding: None, file: None, name, media_type: label.media_type.as_deref() }
    }
}

impl Get {
    /// Opens the output, before anything is claimed.
    pub(super) fn open_output(&self, global: &Global) -> Result<Output, GetError> {
        match self.output.as_deref() {
            Some(path) if !STDOUT.iter().any(|stdout| path == Path::new(stdout)) => {
                Ok(Output::File { file: new_file(path, self.force)?, force: self.force })
            }
            // The path is a placeholder: the name is known only once the envelope is open.
            None if self.remote_name => Ok(Output::Named {
                file: NewFile::create(Path::new("secret")).map_err(GetError::Unwritable)?,
                force: self.force,
            }),
            _ => {
                terminal::check_stdout()?;
                Ok(match (global.json, terminal::stdout_is_terminal()) {
                    (true, _) => Output::Json,
                    (false, true) => Output::Terminal,
                    (false, false) => Output::Bytes,
                })
            }
        }
    }
}

/// A file at `path`, which has to be new unless `force`; nothing but a regular file is ever replaced.
fn new_file(path: &Path, force: bool) -> Result<NewFile, GetError> {
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(GetError::NotAFile(path.to_owned()));
    }
    if path.symlink_metadata().is_ok() && !force {
        return Err(GetError::Exists(path.to_owned()));
    }
    NewFile::create(path).map_err(GetError::Unwritable)
}

impl Output {
    /// Writes the content, flushed and, for a file, on the disk.
    pub(super) async fn write(self, content: Arc<Content>) -> Result<Delivered, GetError> {
        let mut delivered = Delivered { exact: true, file: None, named: false, content: Arc::clone(&content) };
        match self {
            Self::Json => terminal::deliver(move || answer_json(&content)).await?,
            Self::Bytes => terminal::deliver(move || terminal::answer((*content).as_ref())).await?,
            Self::Terminal => {
                let shown = shown((*content).as_ref())?;
                delivered.exact = shown.exact;
                terminal::deliver(move || terminal::answer(shown.text.as_bytes())).await?;
            }
            Self::File { file, force } => {
                file.write_aside(content).await?;
                let path = file.path().to_owned();
                file.place(&path, force).map_err(|(error, _)| error)?;
                delivered.file = Some(path);
            }
            Self::Named { file, force } => {
                file.write_aside(Arc::clone(&content)).await?;
                let name = filename::clean(content.label().name.as_ref().map_or("", |name| name.as_str()));
                delivered.file = Some(place_as(file, &name, force)?.into());
                delivered.named = true;
            }
        }
        Ok(delivered)
    }
}

impl Delivered {
    /// Says where the content is, once the server needs to know nothing more.
    pub(super) fn tell(&self, global: &Global) -> Result<(), GetError> {
        let Some(path) = &self.file else { return Ok(()) };
        if global.json {
            let path = path.to_string_lossy();
            terminal::answer_json(&Json { file: Some(&path), ..Json::new(self.content.label()) })?;
        }
        if self.named && global.chatty() {
            terminal::say(&format!("saved as {}", path.display()));
        }
        Ok(())
    }
}

fn answer_json(content: &Content) -> Result<(), crate::cli::error::OutputError> {
    let bytes = content.as_ref();
    let encoded = Zeroizing::new(match std::str::from_utf8(bytes) {
        Ok(_) => String::new(),
        Err(_) => data_encoding::BASE64.encode(bytes),
    });
    let (text, encoding) = std::str::from_utf8(bytes).map_or((encoded.as_str(), Some("base64")), |text| (text, None));
    terminal::answer_json(&Json { content: Some(text), encoding, ..Json::new(content.label()) })
}

/// Puts the file beside those that are there already, with a number if its name is taken: the secret has been read, so
/// that is no time to fail. Gives the name.
fn place_as(mut file: NewFile, name: &str, force: bool) -> Result<String, GetError> {
    let mut candidate = name.to_owned();
    for number in 1..NAMES {
        match file.place(Path::new(&candidate), force) {
            Ok(()) => return Ok(candidate),
            Err((_, Some(again))) => file = again,
            Err((error, None)) => return Err(error.into()),
        }
        candidate = filename::numbered(name, number);
    }
    Err(GetError::NamesTaken(name.to_owned()))
}

/// A text as a terminal shows it.
struct Shown {
    text: Zeroizing<String>,
    /// Nothing had to be escaped.
    exact: bool,
}

/// What is shown of a content on a terminal: a sender must not drive it, and the prompt begins on a line of its own.
fn shown(content: &[u8]) -> Result<Shown, GetError> {
    let text = std::str::from_utf8(content).ok().filter(|text| !text.contains('\0')).ok_or(GetError::NotText)?;
    // Windows' ends of lines look like any others.
    let lines = Zeroizing::new(text.replace("\r\n", "\n"));
    let mut shown = terminal::escaped(&lines);
    let exact = shown.len() == lines.len();
    if !shown.ends_with('\n') {
        shown.push('\n');
    }
    Ok(Shown { text: shown, exact })
}
