//! Where a secret's content goes: opened before anything is read, and written whole or not at all.

use std::path::Path;

use serde::Serialize;
use zeroize::Zeroizing;

use super::GetError;
use crate::{
    cli::{Global, filename, new_file::NewFile, terminal},
    crypto::envelope::Label,
};

/// How many names are tried for a file whose name the sender chose.
const NAMES: u32 = 1000;

/// A place for the content.
pub(super) enum Output {
    /// Standard output, as a terminal, as JSON or as it is.
    Stdout { terminal: bool, json: bool },
    /// The file that the reader named.
    File { file: NewFile, force: bool },
    /// A file in the working directory, named as the sender said.
    Named { file: NewFile, force: bool, json: bool },
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

impl Output {
    /// Standard output.
    pub(super) fn stdout(global: &Global) -> Self {
        Self::Stdout { terminal: terminal::stdout_is_terminal(), json: global.json }
    }

    /// A file at `path`, which has to be new unless `force`.
    pub(super) fn file(path: &Path, force: bool) -> Result<Self, GetError> {
        if path.is_dir() || (path.symlink_metadata().is_ok() && !force) {
            return Err(GetError::Exists(path.to_owned()));
        }
        Ok(Self::File { file: NewFile::create(path)?, force })
    }

    /// A file in the working directory whose name is still to come.
    pub(super) fn named(force: bool, global: &Global) -> Result<Self, GetError> {
        // The path is a placeholder: the name is known only once the envelope is open.
        Ok(Self::Named { file: NewFile::create(Path::new("secret"))?, force, json: global.json })
    }

    /// Writes the content, flushed and, for a file, on the disk. Gives what a person may want to know.
    pub(super) fn write(self, content: &[u8], label: &Label) -> Result<Option<String>, GetError> {
        match self {
            Self::Stdout { json: true, .. } => {
                let encoded = Zeroizing::new(match std::str::from_utf8(content) {
                    Ok(_) => String::new(),
                    Err(_) => data_encoding::BASE64.encode(content),
                });
                let (text, encoding) =
                    std::str::from_utf8(content).map_or((encoded.as_str(), Some("base64")), |text| (text, None));
                terminal::answer_json(&Json { content: Some(text), encoding, ..Json::new(label) })?;
                Ok(None)
            }
            Self::Stdout { terminal: true, .. } => show(content).map(|()| None),
            Self::Stdout { terminal: false, .. } => Ok(terminal::answer(content).map(|()| None)?),
            Self::File { file, force } => {
                let path = file.path().to_owned();
                file.write(content)?.place(&path, force).map_err(|(error, _)| error)?;
                Ok(None)
            }
            Self::Named { file, force, json } => {
                let name = filename::clean(label.name.as_ref().map_or("", |name| name.as_str()));
                let name = place_as(file.write(content)?, &name, force)?;
                if json {
                    terminal::answer_json(&Json { file: Some(&name), ..Json::new(label) })?;
                }
                Ok(Some(format!("saved as {name}")))
            }
        }
    }
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

/// Shows text on a terminal: a sender must not drive it, and the prompt begins on a line of its own.
fn show(content: &[u8]) -> Result<(), GetError> {
    let text = std::str::from_utf8(content).ok().filter(|text| !text.contains('\0')).ok_or(GetError::NotText)?;
    let mut shown = terminal::escaped(text);
    if shown.len() != text.len() {
        terminal::say("(control characters are shown escaped; use -o FILE for the exact bytes)");
    }
    if !shown.ends_with('\n') {
        shown.push('\n');
    }
    Ok(terminal::answer(shown.as_bytes())?)
}
