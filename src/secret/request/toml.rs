//! The file in which `ots request` keeps a collecting key: TOML that a person recognises, read strictly.

use serde::Deserialize;
use toml::de::Error;
use zeroize::{Zeroize as _, Zeroizing};

use super::{CollectingKey, InvalidCollectingKey, RequestLabel};

/// What the file's first line begins with.
const TITLE: &str = "# A request for a secret";
/// The version of the file that this one writes, and the latest that it reads.
const VERSION: u64 = 1;
/// No file that was written is longer, in bytes.
const LONGEST: usize = 16 * 1024;

/// The lines, as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lines {
    request: Option<String>,
    token: Option<String>,
    key: Option<String>,
    passphrase: Option<bool>,
    label: Option<String>,
    #[serde(rename = "version")]
    _version: u64,
}

impl Drop for Lines {
    fn drop(&mut self) {
        for line in [&mut self.request, &mut self.token, &mut self.key, &mut self.label] {
            line.zeroize();
        }
    }
}

/// Which version wrote it, whatever else is there.
#[derive(Deserialize)]
struct Version {
    version: Option<u64>,
}

pub(super) fn write(key: &CollectingKey) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2048));
    text.push_str(TITLE);
    text.push_str(
        ". Whoever has this file has the answer: keep it until then, and give it to nobody.\n\
         # What to give away is the link in the line `request`; `ots get` and this file's name collect the answer.\n\n",
    );
    text.push_str(&format!("version = {VERSION}\n"));
    let (link, token, secret) = (key.link.to_text(), key.token.expose(), key.key.expose());
    for (name, value) in [("request", &link), ("token", &token), ("key", &secret)] {
        push_line(&mut text, name, value);
    }
    text.push_str(&format!("passphrase = {}\n", key.passphrase));
    if let Some(label) = &key.label {
        push_line(&mut text, "label", label.expose());
    }
    text
}

/// A line with a string: none of ours has a control character, so only two are escaped.
fn push_line(text: &mut Zeroizing<String>, name: &str, value: &str) {
    text.push_str(name);
    text.push_str(" = \"");
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push_str("\"\n");
}

pub(super) fn read(text: &str) -> Result<CollectingKey, InvalidCollectingKey> {
    use InvalidCollectingKey::Part;

    // An editor may have put a byte order mark before it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > LONGEST || !text.starts_with(TITLE) {
        return Err(InvalidCollectingKey::NoFile);
    }
    let place = |error: &Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        InvalidCollectingKey::Line(before.matches('\n').count() + 1)
    };
    let Version { version } = toml::from_str(text).map_err(|error| place(&error))?;
    match version {
        Some(VERSION) => {}
        Some(later) if later > VERSION => return Err(InvalidCollectingKey::Version),
        _ => return Err(Part("version")),
    }
    let mut lines: Lines = toml::from_str(text).map_err(|error| place(&error))?;
    let part = |line: &mut Option<String>, name| line.take().map(Zeroizing::new).ok_or(Part(name));
    let label = lines.label.take().map(|label| RequestLabel::new(label.into())).transpose();
    Ok(CollectingKey {
        link: part(&mut lines.request, "request")?.parse().map_err(|_| Part("request"))?,
        token: part(&mut lines.token, "token")?.parse().map_err(|_| Part("token"))?,
        key: part(&mut lines.key, "key")?.parse().map_err(|_| Part("key"))?,
        passphrase: lines.passphrase.ok_or(Part("passphrase"))?,
        label: label.map_err(|_| Part("label"))?,
    })
}
