//! Requests taken in: a body and what stands beside it, whatever the format, as what the vault takes. A content stays in the buffer that
//! it came in.

use std::num::NonZeroU64;

use hyper::{HeaderMap, header, header::HeaderValue};
use zeroize::Zeroizing;

use super::{
    body::{self, Bounds},
    call::{App, Call, Caller},
    creation::{Creator, Permission},
    guards,
    problem::{busy, contradictory, invalid, malformed, no_webhook, too_large, too_large_for_key},
    settings::json_bytes,
};
use crate::{
    api::{
        Code, CreateOptions, CreateRequest, FieldError, IDEMPOTENCY_KEY, JSON, OCTET_STREAM, OTS_PASSPHRASE,
        OpenRequest, Problem, RevealRequest, TtlRequest,
    },
    crypto::sealed_box::{HEAD_BYTES, INVITATION_BYTES},
    memory::Buffer,
    secret::{ClaimKey, HookId, InvalidClaimKey, InvalidTtl, Kind, Passphrase, Token, Ttl},
    vault::{NewRequest, NewSecret, Owner},
};

/// The largest body of a reveal: a passphrase of 1,024 bytes, each escaped.
const MAX_REVEAL: usize = 8 * 1024;
/// The largest body of a request: its invitation in base64, each character escaped, and more.
const MAX_REQUEST: usize = 32 * 1024;
/// Where a passphrase stands beside octets.
const PASSPHRASE_HEADER: &str = "/headers/Ots-Passphrase";
/// What to say of an envelope that whoever has the bare token could destroy.
const NO_PROOF: &str = "an end-to-end secret needs its proof here, so that a link without its key destroys nothing: 32 bytes as base64url, \
                        43 characters (docs/envelope.md)";
/// What a page's form is sent as.
const FORM: &str = "application/x-www-form-urlencoded";

/// A token that can't be one is as any that isn't known.
pub(super) fn token(call: &Call<'_>) -> Result<Token, Problem> {
    call.parameter.parse().map_err(|_| Problem::gone())
}

/// Whom the secrets of a caller are counted under: its key or its name where it was asked for one, else its address. Nobody, if it is on
/// this host and came without a trusted proxy, since that is everybody whom an unnamed one lets through; of a trusted one's clients, those
/// share an owner of whom it doesn't say who they are.
pub(super) fn owner_of(caller: &Caller, creator: &Creator) -> Option<Owner> {
    match creator {
        Creator::Key(name) => Some(Owner::Key(name.as_str().into())),
        Creator::User(name) => Some(Owner::User(name.to_string().into())),
        Creator::Anyone => {
            let counted = guards::is_counted(caller.address, caller.through_proxy);
            counted.then(|| Owner::Address(caller.address.to_canonical()))
        }
    }
}

/// The reader's claim, if it sent one.
pub(super) fn claim(headers: &HeaderMap) -> Result<Option<ClaimKey>, Problem> {
    let Some(value) = only(headers, IDEMPOTENCY_KEY)? else { return Ok(None) };
    let claim = value.to_str().ok().and_then(|text| text.parse().ok());
    claim.map(Some).ok_or_else(|| invalid("/headers/Idempotency-Key", InvalidClaimKey))
}

/// A header's value. Twice with different ones it says nothing: which of them a proxy or a program meant, nobody knows.
fn only<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a HeaderValue>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.any(|value| Some(value) != first) { Err(contradictory(name)) } else { Ok(first) }
}

/// The secret in a create of the API, as JSON or as the bytes themselves, as far as whoever creates is permitted.
pub(super) async fn new_secret(app: &App, call: Call<'_>, permitted: &Permission) -> Result<NewSecret, Problem> {
    let max = app.settings.max_size_for(permitted.limits);
    match media_type(call.headers(), &[JSON, OCTET_STREAM]) {
        Some(JSON) => {
            let body = read(app, call, json_bytes(max)).await;
            let mut body = body.map_err(|problem| match permitted.limits.size {
                Some(_) if problem.code == Code::TooLarge => too_large_for(app, permitted),
                _ => problem,
            })?;
            let CreateRequest { content, options } = CreateRequest::parse(body.as_mut()).map_err(malformed)?;
            body.narrow(content);
            valid(app, permitted, body, options, "/passphrase")
        }
        Some(_) => {
            let options = beside_octets(&call)?;
            let content = read(app, call, max).await.map_err(|problem| {
                if problem.code == Code::TooLarge { too_large_for(app, permitted) } else { problem }
            })?;
            if content.is_empty() {
                return Err(Problem::validation(vec![FieldError::new("", "a secret has at least one byte")]));
            }
            valid(app, permitted, content, options, PASSPHRASE_HEADER)
        }
        None => Err(unsupported(
            "Send application/json, or application/octet-stream for the bytes themselves; not compressed",
        )),
    }
}

/// What an octet-stream's query and headers say.
fn beside_octets(call: &Call<'_>) -> Result<CreateOptions, Problem> {
    let mut options =
        CreateOptions::from_query(call.head.uri.query().unwrap_or_default()).map_err(Problem::validation)?;
    if let Some(value) = only(call.headers(), OTS_PASSPHRASE)? {
        let unpadded = value.to_str().unwrap_or("not base64url").trim_end_matches('=');
        let bytes = data_encoding::BASE64URL_NOPAD.decode(unpadded.as_bytes());
        let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
            let error = FieldError::new(PASSPHRASE_HEADER, "it has to be base64url of UTF-8 text");
            Problem::validation(vec![error])
        })?;
        options.passphrase = Some(Zeroizing::new(text));
    }
    Ok(options)
}

/// What is said of a content that is too large for the server, or for the key.
fn too_large_for(app: &App, permitted: &Permission) -> Problem {
    let max = app.settings.max_size_for(permitted.limits);
    if max < app.settings.max_size { too_large_for_key(max) } else { too_large(Some(max)) }
}

/// Checks what depends on the server's limits and the key's, and that an envelope has its proof. `place` is where the passphrase stood.
pub(super) fn valid(
    app: &App,
    permitted: &Permission,
    mut content: Buffer,
    options: CreateOptions,
    place: &'static str,
) -> Result<NewSecret, Problem> {
    if content.len() > app.settings.max_size_for(permitted.limits) {
        return Err(too_large_for(app, permitted));
    }
    let ttl = ttl(app, permitted, options.ttl)?;
    let passphrase = passphrase(options.passphrase, place)?;
    if options.kind != Kind::Plain && !passphrase.as_ref().is_some_and(Passphrase::is_proof) {
        return Err(Problem::validation(vec![FieldError::new(place, NO_PROOF)]));
    }
    let pointer = if place == PASSPHRASE_HEADER { "/query/notify" } else { "/notify" };
    let notify = webhook(app, options.notify.as_ref(), pointer)?;
    content.shrink().map_err(|_| busy())?;
    Ok(NewSecret { content, ttl, passphrase, kind: options.kind, receipt: options.receipt, notify })
}

/// For how long something is kept, within the server's limits and the key's.
fn ttl(app: &App, permitted: &Permission, asked: TtlRequest) -> Result<Ttl, Problem> {
    let longest = app.settings.max_ttl_for(permitted.limits);
    let (seconds, member) = match asked.seconds() {
        None => (app.settings.default_ttl.duration().min(longest).as_secs_f64(), "ttl_seconds"),
        Some(given) => given,
    };
    Ttl::from_seconds(seconds, longest).map_err(|error| Problem {
        limit: NonZeroU64::new(longest.as_secs()).filter(|_| matches!(error, InvalidTtl::TooLong(_))),
        ..invalid(format!("/{member}"), error)
    })
}

/// The request in a body, as far as whoever makes it is permitted.
pub(super) async fn new_request(app: &App, call: Call<'_>, permitted: &Permission) -> Result<NewRequest, Problem> {
    if media_type(call.headers(), &[JSON]).is_none() {
        return Err(unsupported("Send application/json, not compressed"));
    }
    let mut body = read(app, call, MAX_REQUEST).await?;
    let asked = OpenRequest::parse(body.as_mut()).map_err(malformed)?;
    body.narrow(asked.invitation);
    let wrong = |place, detail: String| Problem::validation(vec![FieldError::new(place, detail)]);
    if body.len() != INVITATION_BYTES {
        return Err(wrong("/invitation", format!("an invitation has {INVITATION_BYTES} bytes (docs/request.md)")));
    }
    let proof = passphrase(Some(asked.proof), "/proof")?.filter(Passphrase::is_proof);
    let proof = proof.ok_or_else(|| wrong("/proof", "a proof is 32 bytes as base64url, 43 characters".to_owned()))?;
    let largest = u64::try_from(app.settings.max_size_for(permitted.limits)).unwrap_or(u64::MAX);
    let max_size = match asked.max_size {
        None => largest,
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is within these bounds"
        )]
        Some(size) if size >= HEAD_BYTES as f64 && size <= largest as f64 => size as u64,
        Some(_) => return Err(wrong("/max_size", format!("it can be {HEAD_BYTES} to {largest} bytes here"))),
    };
    let notify = webhook(app, asked.notify.as_ref(), "/notify")?;
    Ok(NewRequest { invitation: body, proof, ttl: ttl(app, permitted, asked.ttl)?, max_size, notify })
}

/// The webhook that somebody picked, if they did. What they wrote isn't repeated.
fn webhook(app: &App, picked: Option<&Zeroizing<String>>, place: &'static str) -> Result<Option<HookId>, Problem> {
    let Some(name) = picked else { return Ok(None) };
    app.settings.webhook(name).map(Some).ok_or_else(|| no_webhook(place, app.settings.has_webhooks()))
}

/// An answer in a body, of at most so many bytes. What can't be one doesn't use a request up.
pub(super) async fn answer(app: &App, call: Call<'_>, max: usize) -> Result<Buffer, Problem> {
    if media_type(call.headers(), &[OCTET_STREAM]).is_none() {
        return Err(unsupported("Send application/octet-stream: the sealed answer itself (docs/request.md)"));
    }
    let answer = read(app, call, max).await;
    let mut answer = answer.map_err(|problem| match problem.code {
        Code::TooLarge => Problem {
            limit: u64::try_from(max).ok().and_then(NonZeroU64::new),
            ..Problem::new(Code::TooLarge, format!("The answer is too large: at most {max} bytes are wanted"))
        },
        _ => problem,
    })?;
    if answer.len() < HEAD_BYTES || !answer.as_ref().starts_with(b"OTSA") {
        let detail = "that is no sealed answer: ots put --to seals one, as docs/request.md has it";
        return Err(Problem::validation(vec![FieldError::new("", detail)]));
    }
    answer.shrink().map_err(|_| busy())?;
    Ok(answer)
}

/// The passphrase in a reveal, if it has one.
pub(super) async fn reveal(app: &App, call: Call<'_>) -> Result<Option<Passphrase>, Problem> {
    let typed = media_type(call.headers(), &[JSON]).is_some();
    let body = read(app, call, MAX_REVEAL).await?;
    if !body.is_empty() && !typed {
        return Err(unsupported(
            "Send the passphrase as application/json: {\"passphrase\": \"…\"}; without one, send no body",
        ));
    }
    passphrase(RevealRequest::parse(body.as_ref()).map_err(malformed)?.passphrase, "/passphrase")
}

fn passphrase(text: Option<Zeroizing<String>>, place: &'static str) -> Result<Option<Passphrase>, Problem> {
    text.map(Passphrase::new).transpose().map_err(|error| invalid(place, error))
}

async fn read(app: &App, call: Call<'_>, max: usize) -> Result<Buffer, Problem> {
    let bounds =
        Bounds { max, timeout: app.settings.client_timeout, budget: &call.place.bodies, activity: call.activity };
    Ok(body::read(call.body, bounds).await?)
}

/// The media type that is one of those `known`; none for another, or when the content is compressed.
fn media_type(headers: &HeaderMap, known: &[&'static str]) -> Option<&'static str> {
    let plain =
        headers.get(header::CONTENT_ENCODING).is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let name = value.split(';').next()?.trim();
    known.iter().copied().find(|known| plain && known.eq_ignore_ascii_case(name))
}

fn unsupported(detail: &'static str) -> Problem {
    Problem::new(Code::UnsupportedMediaType, detail)
}

/// What the share page's form asks for.
pub(super) struct ShareForm {
    /// Empty if nothing was typed.
    pub(super) content: Buffer,
    pub(super) options: CreateOptions,
    /// Whether whoever sent it may create, by the key in it or otherwise.
    pub(super) permission: Result<Permission, Problem>,
}

/// Reads the share page's form.
pub(super) async fn share_form(app: &App, call: Call<'_>) -> Result<ShareForm, Problem> {
    let (head, caller) = (call.head, call.caller);
    let form = Form::read(app, call, app.settings.max_form()).await?;
    let permission = caller.permission(app, &head.headers, form.text("create_key").trim().parse().ok());
    let ttl = match form.text("ttl").as_str() {
        "other" => TtlRequest::Seconds(form.own_ttl().unwrap_or(f64::NAN)),
        "" => TtlRequest::Default,
        // What is no number is refused as one that can't be: it must not quietly become a day.
        chosen => TtlRequest::Seconds(chosen.parse().unwrap_or(f64::NAN)),
    };
    let passphrase = Some(form.text("passphrase")).filter(|text| !text.is_empty());
    let content = form.content("content");
    Ok(ShareForm {
        content,
        options: CreateOptions { ttl, passphrase, receipt: true, ..CreateOptions::default() },
        permission,
    })
}

/// What a reader's form says: its claim and its passphrase, where they can be that.
pub(super) async fn read_form(app: &App, call: Call<'_>) -> Result<(Option<ClaimKey>, Option<Passphrase>), Problem> {
    let form = Form::read(app, call, MAX_REVEAL).await?;
    Ok((form.text("claim").parse().ok(), Passphrase::new(form.text("passphrase")).ok()))
}

/// A posted form, of which each field is decoded when it is asked for: others cost nothing.
struct Form(Buffer);

impl Form {
    async fn read(app: &App, call: Call<'_>, max: usize) -> Result<Self, Problem> {
        if media_type(call.headers(), &[FORM]).is_none() {
            return Err(unsupported("This address takes the page's form; programs use the API below /api/v1/"));
        }
        read(app, call, max).await.map(Self)
    }

    /// Where a field's value lies.
    fn place(&self, name: &str) -> std::ops::Range<usize> {
        let mut start = 0;
        for field in self.0.as_ref().split(|byte| *byte == b'&') {
            let end = start + field.len();
            if field.get(name.len()) == Some(&b'=') && field.starts_with(name.as_bytes()) {
                return start + name.len() + 1..end;
            }
            start = end + 1;
        }
        0..0
    }

    /// A field's text; empty if there is none. What isn't UTF-8 is replaced, as browsers do.
    fn text(&self, name: &str) -> Zeroizing<String> {
        let value = self.0.as_ref().get(self.place(name)).unwrap_or_default();
        let mut field = Zeroizing::new(value.to_vec());
        let length = decode_field(&mut field);
        field.truncate(length);
        Zeroizing::new(String::from_utf8_lossy(&field).into_owned())
    }

    /// A time to live of the sender's own, in seconds: a number and its unit.
    fn own_ttl(&self) -> Option<f64> {
        let [number, unit] = ["ttl_number", "ttl_unit"].map(|name| self.text(name).trim().parse::<u32>().ok());
        Some(f64::from(number?) * f64::from(unit?))
    }

    /// A field's text where it lies, with the line ends that programs use: a browser sends those of a text as CR LF.
    fn content(self, name: &str) -> Buffer {
        let place = self.place(name);
        let mut content = self.0;
        content.narrow(place);
        let length = decode_field(content.as_mut());
        content.narrow(0..length);
        content
    }
}

/// Decodes a value of a form (<https://url.spec.whatwg.org/#urlencoded-parsing>) where it is, with CR LF as LF, and gives the length.
fn decode_field(value: &mut [u8]) -> usize {
    let (mut from, mut to) = (0, 0);
    while let Some(byte) = value.get(from).copied() {
        let hex = |digit: usize| {
            char::from(*value.get(from + digit)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
        };
        let (decoded, length) = match (byte, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => (high << 4 | low, 3),
            (b'+', ..) => (b' ', 1),
            _ => (byte, 1),
        };
        from += length;
        let ends_line = decoded == b'\n' && to > 0 && value.get(to - 1) == Some(&b'\r');
        to -= usize::from(ends_line);
        if let Some(place) = value.get_mut(to) {
            *place = decoded;
        }
        to += 1;
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::form_urlencoded;

    fn decoded(value: &[u8]) -> Vec<u8> {
        let mut bytes = value.to_vec();
        let length = decode_field(&mut bytes);
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn a_field_is_found_and_decoded_where_it_lies() {
        let form = |text: &str| Form(text.as_bytes().into());
        let posted = "ttl=60&x&content=a+b%21%0D%0Ac%0Dd%25&passphrase=p%C3%A9&content=again";
        assert_eq!(form(posted).text("passphrase").as_str(), "pé");
        assert_eq!(form(posted).text("ttl").as_str(), "60");
        assert_eq!(form(posted).text("tt").as_str(), "");
        assert_eq!(form(posted).content("content").as_ref(), b"a b!\nc\rd%");
        assert!(form("").content("content").is_empty());
    }

    proptest! {
        #[test]
        fn decoding_is_what_the_url_crate_does(text in "[a-z%+0-9A-F\n]{0,60}|\\PC{0,30}") {
            let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            prop_assert_eq!(decoded(encoded.as_bytes()), text.as_bytes());
            let field = format!("v={}", text.replace('&', ""));
            if let Some((_, value)) = form_urlencoded::parse(field.as_bytes()).next()
                && !value.contains('\u{fffd}') && !value.contains("\r\n")
            {
                prop_assert_eq!(decoded(&field.as_bytes()[2..]), value.as_bytes());
            }
        }
    }
}
