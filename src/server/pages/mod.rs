//! The pages: share, and reveal on a click. With JavaScript they use the API; without, their forms post here and get a plain
//! page. Looking at a page reads nothing and destroys nothing.

mod assets;
mod templates;

use hyper::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use zeroize::Zeroizing;

pub(crate) use self::assets::BUNDLED;
pub(super) use self::assets::accepts;
use self::templates::{Language, Page};
use super::{
    call::{App, Call},
    intake::{self, Form},
    problem::{self, Failed, nothing_here},
    reply::Reply,
};
use crate::{
    api::{Code, CreateRequest, Problem, TtlRequest},
    secret::{ClaimKey, LINK_PATH, Passphrase, Token},
    vault::{Status, VaultError},
};

/// What a page may do: run and show what this server serves, talk to this server, and put content in as text only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";
/// The times to live that the share page offers, in seconds, up to the server's longest.
const TTLS: [u64; 5] = [15 * 60, 3600, 24 * 3600, 7 * 24 * 3600, 30 * 24 * 3600];
/// The largest form of a reader: a claim, and a passphrase of 1,024 bytes, each escaped.
const MAX_FORM: usize = 8 * 1024;
/// Where the share page is, seen from itself, and seen from a secret's.
const ROOT_OF_SHARE: &str = "./";
const ROOT_OF_SECRET: &str = "../";

/// `GET /`.
pub(super) fn share(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    let language = language(call.request.headers())?;
    Ok(share_page(app, language, StatusCode::OK, &[("state", "compose")]))
}

/// `POST /`: the share page's form, without JavaScript.
pub(super) async fn create(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let language = language(call.request.headers())?;
    let base = intake::base_url(app, call.request);
    let form = Form::read(app, call, app.settings.max_form()).await?;
    // A browser sends the line ends of a text as CR LF.
    let content = Zeroizing::new(form.value("content").replace("\r\n", "\n").into_bytes());
    let again =
        |code: StatusCode, wrong: &str| Ok(share_page(app, language, code, &[("state", "compose"), ("wrong", wrong)]));
    if content.is_empty() {
        return again(StatusCode::UNPROCESSABLE_ENTITY, language.text("empty"));
    }
    let ttl = form.value("ttl").parse().map_or(TtlRequest::Default, TtlRequest::Seconds);
    let passphrase =
        Some(form.value("passphrase")).filter(|text| !text.is_empty()).map(|text| Zeroizing::new(text.to_owned()));
    let request = CreateRequest { content, ttl, passphrase, encrypted: false, passphrase_required: false };
    let created = match intake::new_secret(app, request) {
        Ok(secret) => app.vault.create(secret).await?,
        Err(problem) => return again(problem::status(&problem), &problem.detail),
    };
    let link = Zeroizing::new(format!("{base}{LINK_PATH}{}", created.token.expose().as_str()));
    let (expires_at, expires) = times(created.expires_at);
    let values = [("state", "made"), ("link", link.as_str()), ("expires_at", &expires_at), ("expires", &expires)];
    Ok(share_page(app, language, StatusCode::CREATED, &values))
}

/// `GET /s/{token}`: asks for the secret's status, no more.
pub(super) async fn secret(app: &App, call: &Call<'_>) -> Result<Reply, Failed> {
    let language = language(call.request.headers())?;
    waiting(app, language, call.parameter, StatusCode::OK, None).await
}

/// `POST /s/{token}`: the reader's click, without JavaScript.
pub(super) async fn read(app: &App, call: Call<'_>) -> Result<Reply, Failed> {
    let language = language(call.request.headers())?;
    let text = call.parameter;
    let Ok(token) = text.parse::<Token>() else { return Ok(gone(language)) };
    let form = Form::read(app, call, MAX_FORM).await?;
    let claim: Option<ClaimKey> = form.value("claim").parse().ok();
    // What is end to end is opened by a script; nothing is read without one.
    if app.vault.status(&token, claim.as_ref()).await?.is_some_and(|status| status.encrypted) {
        return waiting(app, language, text, StatusCode::OK, None).await;
    }
    let passphrase = Passphrase::new(Zeroizing::new(form.value("passphrase").to_owned())).ok();
    match app.vault.reveal(&token, claim.as_ref(), passphrase.as_ref()).await {
        Ok(None) | Err(VaultError::WrongPassphrase { left: 0 }) => Ok(gone(language)),
        Ok(Some(content)) => match std::str::from_utf8(&content.bytes) {
            Ok(shown) if !shown.contains('\0') => {
                let html =
                    language.render(Page::Secret, &values(ROOT_OF_SECRET, &[("state", "answer"), ("content", shown)]));
                Ok(headers(Reply::secret_as_page(html, content.reservation), language))
            }
            _ => Ok(Reply::secret_as_bytes(content)),
        },
        Err(VaultError::PassphraseNeeded) => waiting(app, language, text, StatusCode::FORBIDDEN, None).await,
        Err(VaultError::WrongPassphrase { left }) => {
            let wrong = language.text_with("wrong_passphrase", left);
            waiting(app, language, text, StatusCode::FORBIDDEN, Some(&wrong)).await
        }
        Err(error) => Ok(failed(language, error)),
    }
}

/// `GET /assets/{version}/{name}`.
pub(super) fn asset(call: &Call<'_>) -> Result<Reply, Problem> {
    let mut parts = call.request.uri().path().rsplit('/');
    let (name, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    assets::find(version, name, call.request.headers()).ok_or_else(nothing_here)
}

/// `GET /robots.txt`: there is nothing here to find.
pub(super) fn robots() -> Reply {
    Reply::text("User-agent: *\nDisallow: /\n")
}

/// The page of a secret that may be there: what it says depends on the status.
async fn waiting(
    app: &App,
    language: &'static Language,
    token: &str,
    code: StatusCode,
    wrong: Option<&str>,
) -> Result<Reply, Failed> {
    let Ok(token) = token.parse::<Token>() else { return Ok(gone(language)) };
    match app.vault.status(&token, None).await {
        Ok(Some(status)) => waiting_page(language, &status, code, wrong),
        Ok(None) => Ok(gone(language)),
        Err(error) => Ok(failed(language, error)),
    }
}

fn waiting_page(
    language: &'static Language,
    status: &Status,
    code: StatusCode,
    wrong: Option<&str>,
) -> Result<Reply, Failed> {
    let hidden = |hidden: bool| if hidden { "hidden" } else { "" };
    let (expires_at, expires) = times(status.expires_at);
    let claim = ClaimKey::generate().map_err(|error| VaultError::Crypto(error.into()))?;
    let given = [
        ("state", "waiting"),
        ("encrypted", if status.encrypted { "true" } else { "false" }),
        ("expires_at", expires_at.as_str()),
        ("expires", expires.as_str()),
        ("claim", claim.expose()),
        ("form_class", if status.encrypted { "class=\"needs-script-form\"" } else { "" }),
        ("needs_script_hidden", hidden(!status.encrypted)),
        ("passphrase_hidden", hidden(!status.passphrase_required)),
        ("wrong", wrong.unwrap_or_default()),
    ];
    Ok(html(language, Page::Secret, code, &values(ROOT_OF_SECRET, &given)))
}

fn gone(language: &'static Language) -> Reply {
    html(language, Page::Secret, StatusCode::NOT_FOUND, &values(ROOT_OF_SECRET, &[("state", "gone")]))
}

fn failed(language: &'static Language, error: VaultError) -> Reply {
    let Failed { problem, cause } = error.into();
    let values = values(ROOT_OF_SECRET, &[("state", "failed"), ("detail", &problem.detail)]);
    html(language, Page::Secret, problem::status(&problem), &values).because(cause)
}

fn share_page(app: &App, language: &'static Language, code: StatusCode, given: &[(&str, &str)]) -> Reply {
    let settings = &app.settings;
    let (default, longest) = (settings.default_ttl.as_secs(), settings.max_ttl.as_secs());
    let mut offered: Vec<u64> = TTLS.into_iter().filter(|ttl| *ttl <= longest).chain([default]).collect();
    offered.sort_unstable();
    offered.dedup();
    let mut options = Vec::new();
    for ttl in offered {
        let known = language.text(&format!("ttl_{ttl}"));
        let words = if known.is_empty() { language.text_with("ttl_other", ttl) } else { known.to_owned() };
        let selected = if ttl == default { " selected" } else { "" };
        options.extend_from_slice(format!("<option value=\"{ttl}\"{selected}>").as_bytes());
        templates::escape(&words, &mut options);
        options.extend_from_slice(b"</option>");
    }
    let (options, max_size) = (String::from_utf8_lossy(&options), settings.max_size.to_string());
    let mut all = values(ROOT_OF_SHARE, given);
    all.extend([("ttl_options", options.as_ref()), ("max_size", max_size.as_str())]);
    html(language, Page::Share, code, &all)
}

/// What every page needs, besides what is given. Addresses are relative: the server may be below any path.
fn values<'a>(root: &'static str, given: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let folder = match root {
        ROOT_OF_SHARE => &*FOLDER_FROM_SHARE,
        _ => &*FOLDER_FROM_SECRET,
    };
    [("root", root), ("assets", folder.as_str())].into_iter().chain(given.iter().copied()).collect()
}

static FOLDER_FROM_SHARE: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| format!("{ROOT_OF_SHARE}{}", assets::folder()));
static FOLDER_FROM_SECRET: std::sync::LazyLock<String> =
    std::sync::LazyLock::new(|| format!("{ROOT_OF_SECRET}{}", assets::folder()));

fn html(language: &'static Language, page: Page, code: StatusCode, values: &[(&str, &str)]) -> Reply {
    headers(Reply::page(code, language.render(page, values)), language)
}

fn headers(reply: Reply, language: &'static Language) -> Reply {
    reply
        .with(header::CONTENT_SECURITY_POLICY, POLICY)
        .with(header::CONTENT_LANGUAGE, language.text("language"))
        .with(header::VARY, "Accept-Language")
        .with(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin")
        .with(
            header::HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        )
}

fn language(headers: &HeaderMap) -> Result<&'static Language, Problem> {
    Language::of(headers).ok_or_else(|| Problem::new(Code::Internal, "The server has no page to show"))
}

/// A time for programs, and for people who have no script that puts it into their own zone.
fn times(at: Timestamp) -> (String, String) {
    (format!("{at:.3}"), at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}
