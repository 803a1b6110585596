//! The envelope's header: JSON read so strictly that every program refuses the same. Integers as every reader of JSON takes them,
//! text that is Unicode, no member twice, no deep nesting, in every part of it: the ignored ones too. Beside that it relies on `serde_json`.

use std::{collections::HashSet, fmt};

use serde::{
    Deserializer as _, Serialize,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use zeroize::Zeroizing;

use super::{Label, MAX_HEADER_BYTES, OpenError, SealError};

/// The largest number that every reader of JSON takes exactly (RFC 8259, section 6).
const MAX_NUMBER: u64 = (1 << 53) - 1;
/// How deep objects and arrays may lie in one another, the header itself counted.
const MAX_DEPTH: usize = 100;

/// What is written; what isn't there is left out.
#[derive(Serialize)]
struct Written<'a> {
    length: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a str>,
}

/// The header's bytes for a content of `length` bytes.
pub(super) fn write(length: usize, label: &Label) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let length = u64::try_from(length).map_err(|_| SealError::Label)?;
    let name = label.name.as_ref().map(|name| name.as_str());
    let header = serde_json::to_vec(&Written { length, name, media_type: label.media_type.as_deref() })
        .map(Zeroizing::new)
        .map_err(|_| SealError::Label)?;
    if header.len() > MAX_HEADER_BYTES { Err(SealError::Label) } else { Ok(header) }
}

/// The content's length and its label.
pub(super) fn read(header: &[u8]) -> Result<(u64, Label), OpenError> {
    let mut json = serde_json::Deserializer::from_slice(header);
    let members = json.deserialize_any(Header).and_then(|members| json.end().map(|()| members));
    let Members { length, name, media_type } = members.map_err(|_| OpenError::Header)?;
    let Some(Value::Number(length)) = length else { return Err(OpenError::Header) };
    let media_type = text(media_type)?.map(|text| text.as_str().to_owned());
    Ok((length, Label { name: text(name)?, media_type }))
}

/// A text; none for one that isn't there, or null.
fn text(value: Option<Value>) -> Result<Option<Zeroizing<String>>, OpenError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(OpenError::Header),
    }
}

/// The members that are known, as they came.
#[derive(Default)]
struct Members {
    length: Option<Value>,
    name: Option<Value>,
    media_type: Option<Value>,
}

/// The header itself: an object.
struct Header;

impl<'de> Visitor<'de> for Header {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        each_member(map, 1, |name, value| match name {
            "length" => members.length = Some(value),
            "name" => members.name = Some(value),
            "type" => members.media_type = Some(value),
            _ => {}
        })?;
        Ok(members)
    }
}

/// Reads an object that lies `depth` deep. Of no name there are two.
fn each_member<'de, A: MapAccess<'de>>(
    mut map: A,
    depth: usize,
    mut take: impl FnMut(&str, Value),
) -> Result<(), A::Error> {
    let mut names = HashSet::new();
    while let Some(name) = map.next_key::<String>()? {
        take(&name, map.next_value_seed(Within(depth))?);
        if !names.insert(name) {
            return Err(A::Error::custom("a member comes twice"));
        }
    }
    Ok(())
}

/// A value of the header, as far as it matters.
enum Value {
    Null,
    Number(u64),
    Text(Zeroizing<String>),
    /// Something that no known member is.
    Other,
}

/// Reads a value that lies this deep. What the visitor has no method for is refused: `serde_json` gives numbers with a sign, a
/// fraction or an exponent as `i64` or `f64`.
struct Within(usize);

impl Within {
    fn deeper<E: Error>(self) -> Result<usize, E> {
        if self.0 < MAX_DEPTH { Ok(self.0 + 1) } else { Err(E::custom("it is nested too deep")) }
    }
}

impl<'de> DeserializeSeed<'de> for Within {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, an integer up to 2^53-1, true, false, null, or an array or object of these")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        if number <= MAX_NUMBER { Ok(Value::Number(number)) } else { Err(E::custom("a number is too large")) }
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        while sequence.next_element_seed(Within(depth))?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        each_member(map, depth, |_, _| {})?;
        Ok(Value::Other)
    }
}
