//! What `put` prints for a reader: the link, and what was generated; as lines, or as an object.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::parcel::Parcel;
use crate::{
    api::Created,
    cli::{error::OutputError, generate::Members, terminal},
    secret::{Generated, Token},
};

/// The object of `put --json`.
#[derive(Serialize)]
pub(super) struct Answer {
    encrypted: bool,
    expires_at: String,
    #[serde(serialize_with = "text")]
    link: Zeroizing<String>,
    /// The link of the receipt, if there is one.
    #[serde(serialize_with = "some_text", skip_serializing_if = "Option::is_none")]
    receipt: Option<Zeroizing<String>>,
    /// What it is called in messages to the webhook that was picked.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    size: usize,
    #[serde(serialize_with = "text")]
    token: Zeroizing<String>,
    #[serde(flatten)]
    generated: New,
}

/// What was generated, if anything was.
struct New(Option<Arc<Generated>>);

impl Serialize for New {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_deref().map(Members::of).serialize(serializer)
    }
}

impl Answer {
    pub(super) fn new(
        link: &Zeroizing<String>,
        receipt: Option<Zeroizing<String>>,
        created: &Created,
        token: &Token,
        parcel: &Parcel,
        size: usize,
        generated: Option<Arc<Generated>>,
    ) -> Self {
        Self {
            encrypted: parcel.create.encrypted,
            expires_at: format!("{:.3}", created.expires_at),
            link: link.clone(),
            receipt,
            name: None,
            size,
            token: token.expose(),
            generated: New(generated),
        }
    }

    /// The same, with what a webhook is told of it by.
    pub(super) fn named(self, name: Option<String>) -> Self {
        Self { name, ..self }
    }

    /// Prints the link; and below it what was generated, in one piece with it.
    pub(super) fn lines(&self) -> Result<(), OutputError> {
        let link = self.link.as_str();
        let lines = Zeroizing::new(match &self.generated.0 {
            Some(generated) => format!("{link}\n{}\n", generated.expose()),
            None => format!("{link}\n"),
        });
        terminal::answer(lines.as_bytes())
    }
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn some_text<S: Serializer>(text: &Option<Zeroizing<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_ref().map(|text| text.as_str()).serialize(serializer)
}

fn text<S: Serializer>(text: &Zeroizing<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
