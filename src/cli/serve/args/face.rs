//! What the pages say of the server, as it is given on the command line.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    str::FromStr as _,
};

use clap::Args;
use url::Url;

use crate::{
    cli::{error::FileError, serve::ServeError, values},
    server::{Accent, Contact, Face, InvalidLine, LARGEST_LOGO, Line, Logo, web_page},
};

/// Characters of a name, and of a notice, at most.
const LONGEST_TITLE: usize = 60;
const LONGEST_NOTICE: usize = 500;

/// What the pages say of the server.
#[derive(Debug, Args)]
pub(in crate::cli::serve) struct FaceArgs {
    /// The server's name, at the top of each page
    #[arg(long, value_name = "TEXT", env = "OTS_TITLE", value_parser = title)]
    title: Option<Line>,
    /// A line on each page
    #[arg(long, value_name = "TEXT", env = "OTS_NOTICE", value_parser = notice)]
    notice: Option<Line>,
    /// Whom to ask: a mail address, or a page's URL
    #[arg(long, value_name = "CONTACT", env = "OTS_CONTACT", value_parser = contact)]
    contact: Option<Contact>,
    /// The page that says who runs this server
    #[arg(long, value_name = "URL", env = "OTS_IMPRINT_URL", value_parser = page)]
    imprint_url: Option<Url>,
    /// The page that says what becomes of people's data
    #[arg(long, value_name = "URL", env = "OTS_PRIVACY_URL", value_parser = page)]
    privacy_url: Option<Url>,
    /// A picture atop each page: PNG, JPEG, WebP or SVG
    #[arg(long, value_name = "FILE", env = "OTS_LOGO")]
    logo: Option<PathBuf>,
    /// The colour of buttons and links, as #2f4ac0
    #[arg(long, value_name = "COLOUR", env = "OTS_ACCENT", value_parser = Accent::from_str)]
    accent: Option<Accent>,
}

impl FaceArgs {
    pub(super) fn face(&self) -> Result<Face, ServeError> {
        Ok(Face {
            title: self.title.clone(),
            notice: self.notice.clone(),
            contact: self.contact.clone(),
            imprint: self.imprint_url.clone(),
            privacy: self.privacy_url.clone(),
            logo: self.logo.as_deref().map(logo).transpose()?,
            accent: self.accent,
        })
    }
}

fn logo(path: &Path) -> Result<Logo, ServeError> {
    let data = read(path).map_err(FileError::new("read", path))?;
    Logo::new(data).map_err(|error| ServeError::Logo { path: values::quoted(path), error })
}

/// One byte more than a logo can have tells that it is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    let most = u64::try_from(LARGEST_LOGO).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut data)?;
    Ok(data)
}

fn title(text: &str) -> Result<Line, InvalidLine> {
    Line::new(text, LONGEST_TITLE)
}

fn notice(text: &str) -> Result<Line, InvalidLine> {
    Line::new(text, LONGEST_NOTICE)
}

fn contact(text: &str) -> Result<Contact, &'static str> {
    Contact::new(text).ok_or("write a mail address, as it@example.org, or a page's URL, as https://example.org/help")
}

fn page(text: &str) -> Result<Url, &'static str> {
    web_page(text).ok_or("write a page's URL, as https://example.org/privacy")
}
