//! Which path and method is which handler, and the line that a request leaves in the log: its route, never its path.

use std::{sync::LazyLock, time::Instant};

use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version, body::Incoming, header, http::request::Parts};
use tracing::Instrument as _;

use super::{
    body,
    call::{App, Call, Caller, named_host, names_its_host},
    cors,
    guards::{Asked, Deed, Limited},
    intake, openapi, pages,
    places::Share,
    problem::{self, Failed, nothing_here},
    reply::{Exchange, Reply, ReplyBody},
    resources::{health, info, receipts, requests, secrets},
    route::Route,
};
use crate::{
    api::{Code, HEALTH_PATH, INFO_PATH, LIVE_PATH, Problem, READY_PATH, RECEIPTS_PATH, REQUESTS_PATH, SECRETS_PATH},
    audit::Event,
    memory::Reservation,
    secret::{COLLECT_PATH, LINK_PATH, RECEIPT_PATH, REQUEST_PATH, Token},
};

/// Bytes that a field of a head takes besides its text.
const FIELD: usize = 112;
/// Bytes that a browser's head takes at most, usually.
const USUAL_HEAD: usize = 4 * 1024;

/// The routes. A path is matched as it came: none of them needs percent-encoding.
#[expect(clippy::expect_used, reason = "the routes are fixed, and every test needs them all")]
static ROUTES: LazyLock<matchit::Router<Route>> = LazyLock::new(|| {
    let mut routes = matchit::Router::new();
    for (path, route) in [
        (HEALTH_PATH.to_owned(), Route::Health),
        (LIVE_PATH.to_owned(), Route::Live),
        (READY_PATH.to_owned(), Route::Ready),
        (INFO_PATH.to_owned(), Route::Info),
        (SECRETS_PATH.to_owned(), Route::Secrets),
        (format!("{SECRETS_PATH}/{{token}}"), Route::Secret),
        ("/".to_owned(), Route::SharePage),
        (format!("/{LINK_PATH}{{token}}"), Route::SecretPage),
        (format!("/{RECEIPT_PATH}{{token}}"), Route::ReceiptPage),
        (format!("/{RECEIPT_PATH}"), Route::ReceiptsPage),
        ("/assets/{version}/{file}".to_owned(), Route::Asset),
        ("/face/{version}/{file}".to_owned(), Route::Face),
        ("/robots.txt".to_owned(), Route::Robots),
        ("/openapi.json".to_owned(), Route::OpenApi),
        ("/docs".to_owned(), Route::Swagger),
        ("/docs/{file}".to_owned(), Route::ApiPageFile),
        ("/redoc".to_owned(), Route::Redoc),
        (format!("{SECRETS_PATH}/{{token}}/reveal"), Route::Reveal),
        (format!("{SECRETS_PATH}/{{token}}/status"), Route::Status),
        (format!("{RECEIPTS_PATH}/{{token}}"), Route::Receipt),
        (REQUESTS_PATH.to_owned(), Route::Requests),
        (format!("{REQUESTS_PATH}/{{token}}"), Route::Request),
        (format!("{REQUESTS_PATH}/{{token}}/answer"), Route::Answer),
        (format!("/{REQUEST_PATH}{{token}}"), Route::RequestPage),
        (format!("/{COLLECT_PATH}"), Route::AskPage),
    ] {
        routes.insert(path, route).expect("no two routes are in conflict");
    }
    routes
});

/// Answers a request, with what it may take if there is any left for its client. Never fails: what goes wrong is an answer too.
pub(super) async fn answer(
    app: &App,
    request: Request<Incoming>,
    caller: Caller,
    exchange: Exchange,
    place: Option<&Share>,
) -> Response<ReplyBody> {
    let (head, body) = request.into_parts();
    let (route, parameters) = match ROUTES.at(head.uri.path()) {
        Ok(matched) => (Some(*matched.value), parameters_of(&matched.params)),
        Err(_) => (None, [""; 2]),
    };
    // Of the highest level, so that whatever is logged within says which request it was.
    let span = tracing::error_span!("request", request_id = %caller.request_id, route = Route::name_of(route));
    respond(app, Matched { route, parameters, head: &head }, body, caller, exchange, place).instrument(span).await
}

/// A request's head, and what its path leads to.
struct Matched<'a> {
    route: Option<Route>,
    parameters: [&'a str; 2],
    head: &'a Parts,
}

async fn respond(
    app: &App,
    matched: Matched<'_>,
    mut body: Incoming,
    caller: Caller,
    exchange: Exchange,
    place: Option<&Share>,
) -> Response<ReplyBody> {
    let started = Instant::now();
    let Matched { route, parameters: [parameter, version], head } = matched;
    let room =
        place.ok_or_else(problem::too_many_requests).and_then(|place| Ok((place, room_for(&head.headers, place)?)));
    let (place, _room) = match room {
        Ok(room) => room,
        Err(busy) => {
            let reply = Reply::from(busy);
            tell(app, route, "", caller, &reply, started);
            return reply.finish(exchange, head.version < Version::HTTP_2);
        }
    };
    let call = Call { head, body: &mut body, parameter, version, caller, activity: &exchange.activity, place };
    let named = names_its_host(head);
    let deed = route.map_or(Deed::Other, |route| route.deed(&head.method));
    let preflight =
        named.then(|| cors::preflight(app, head, route.filter(|route| route.is_api()).map(Route::allows))).flatten();
    let (reply, limited) = match preflight {
        Some(reply) => (Ok(reply), None),
        None => guarded(app, route, deed, named, call).await,
    };
    let missed =
        reply.as_ref().map_or_else(|failed| is_miss(deed, failed.problem.code), |reply| says_a_miss(deed, reply));
    if missed && limited.is_none() {
        app.guards.missed(caller.address, caller.through_proxy);
    }
    let mut reply = reply.unwrap_or_else(|failed| {
        let page = route.is_none_or(Route::is_page) && pages::lost::looked_at(head);
        if page { pages::lost::instead_of(app, head, failed) } else { failed.into() }
    });
    if let Some(limited) = limited {
        reply = reply.limited(&limited);
    }
    if route.is_some_and(Route::is_api) {
        reply = cors::shared(app, &head.headers, reply);
    }
    if let Some(cause) = &reply.cause {
        problem::log(cause);
    }
    // What wasn't read of the body would otherwise cut the answer off.
    let finished = reply.status != StatusCode::REQUEST_TIMEOUT && body::drain(&head.headers, &mut body).await;
    tell(app, route, parameter, caller, &reply, started);
    tracing::debug!(
        client = %caller.address,
        through_proxy = caller.through_proxy,
        method = head.method.as_str(),
        status = reply.status.as_u16(),
        microseconds = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request"
    );
    let close = (!finished || !named) && head.version < Version::HTTP_2;
    reply.finish(exchange, close)
}

/// Counts an answer, and tells of it if it refuses. Of what isn't a secret's nobody is told: anybody can ask for what isn't there. Of a
/// wrong passphrase everybody was, where it was counted.
fn tell(app: &App, route: Option<Route>, parameter: &str, caller: Caller, reply: &Reply, started: Instant) {
    let status = reply.status.as_u16();
    app.traffic.answered(route, status, started.elapsed());
    let Some(code) = reply.code else { return };
    app.traffic.refused(code);
    let told = !matches!(code, Code::NotFound | Code::MethodNotAllowed | Code::WrongPassphrase);
    if told && app.vault.tells_of_refusals() {
        let event = Event::Refused { route: Route::name_of(route), code: code.name(), status };
        let token: Option<Token> = route.filter(|route| route.has_token()).and_then(|_| parameter.parse().ok());
        app.vault.note_refused(caller.origin(), token.as_ref(), event);
    }
}

/// What the handler answers, if nothing stands before it.
async fn guarded(
    app: &App,
    route: Option<Route>,
    deed: Deed,
    named: bool,
    call: Call<'_>,
) -> (Result<Reply, Failed>, Option<Limited>) {
    if !named {
        return (Err(problem::no_host().into()), None);
    }
    let caller = call.caller;
    let asked = Asked { host: call.asked_host(app), scheme: caller.scheme };
    let allowed = app.guards.check(deed, call.headers(), caller.peer, named_host(call.head), asked);
    if let Err(refused) = allowed {
        return (Err(refused.into()), None);
    }
    let (address, through_proxy) = (caller.address, caller.through_proxy);
    let unproven = deed == Deed::Create && call.permission(app).is_err();
    let admitted = if unproven {
        app.guards.admit_unproven(address, through_proxy)
    } else {
        app.guards.admit(deed, address, through_proxy)
    };
    match admitted {
        Err(limited) if !holds(app, deed, &call).await => (Err(limited.problem().into()), Some(limited)),
        _ => {
            let reply = handle(app, route, call).await;
            if unproven && reply.as_ref().is_ok_and(|reply| reply.status == StatusCode::CREATED) {
                let _ = app.guards.admit(deed, address, through_proxy); // a key that was typed in the form
            }
            (reply, None)
        }
    }
}

/// Whether the caller is reading this secret already: whoever asks again under its claim, or has the content and says so, gets on however
/// much others at its address have missed. Nobody learns by it what isn't there.
async fn holds(app: &App, deed: Deed, call: &Call<'_>) -> bool {
    if !matches!(deed, Deed::Read | Deed::Burn) {
        return false;
    }
    let (Ok(token), Ok(Some(claim))) = (call.parameter.parse(), intake::claim(call.headers())) else { return false };
    app.vault.is_held(&token, &claim).await.unwrap_or(false)
}

/// Whether a program is told that nothing is there, or that what it tried is wrong.
fn is_miss(deed: Deed, code: Code) -> bool {
    match code {
        Code::Gone | Code::NotFound | Code::WrongPassphrase => deed.seeks(),
        Code::KeyRequired => deed == Deed::Create,
        _ => false,
    }
}

/// Whether a page says so.
fn says_a_miss(deed: Deed, reply: &Reply) -> bool {
    match reply.status {
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => deed.seeks(),
        StatusCode::UNAUTHORIZED => deed == Deed::Create,
        _ => false,
    }
}

/// A head that is larger than others is counted as a body is, for as long as the request lasts: one of many small fields takes many
/// times what was sent.
fn room_for(headers: &HeaderMap, place: &Share) -> Result<Option<Reservation>, Problem> {
    let text: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let bytes = text + headers.len() * FIELD;
    if bytes <= USUAL_HEAD { Ok(None) } else { place.bodies.reserve(bytes).map(Some).ok_or_else(problem::busy) }
}

async fn handle(app: &App, route: Option<Route>, incoming: Call<'_>) -> Result<Reply, Failed> {
    let method = &incoming.head.method;
    let route = route.ok_or_else(nothing_here)?;
    if route == Route::SharePage && !app.settings.create_page {
        return Err(Problem::new(Code::NotFound, "Secrets are shared here with `ots put` or the API only").into());
    }
    let head_or_get = *method == Method::GET || *method == Method::HEAD;
    match route {
        Route::Health if head_or_get => Ok(health::get(app).await),
        Route::Live if head_or_get => Ok(health::live()),
        Route::Ready if head_or_get => Ok(health::ready(app).await?),
        Route::Info if head_or_get => Ok(info::get(app, &incoming)),
        Route::Secrets if *method == Method::POST => secrets::create(app, incoming).await,
        Route::Secret if *method == Method::GET => secrets::get(app, &incoming).await,
        Route::Secret if *method == Method::HEAD => secrets::head(app, &incoming).await,
        Route::Secret if *method == Method::DELETE => secrets::delete(app, &incoming).await,
        Route::Reveal if *method == Method::POST => secrets::reveal(app, incoming).await,
        Route::Status if head_or_get => secrets::status(app, &incoming).await,
        Route::Receipt if head_or_get => receipts::get(app, &incoming).await,
        Route::Receipt if *method == Method::DELETE => receipts::delete(app, &incoming).await,
        Route::Requests if *method == Method::POST => requests::open(app, incoming).await,
        Route::Request if head_or_get => requests::get(app, &incoming).await,
        Route::Request if *method == Method::DELETE => requests::withdraw(app, &incoming).await,
        Route::Answer if *method == Method::POST => requests::answer(app, incoming).await,
        Route::SharePage if head_or_get => Ok(pages::share::get(app, &incoming)),
        Route::SharePage if *method == Method::POST => pages::share::create(app, incoming).await,
        Route::SecretPage if head_or_get => pages::secret::get(app, &incoming).await,
        Route::SecretPage if *method == Method::POST => pages::secret::read(app, incoming).await,
        Route::RequestPage if head_or_get => Ok(pages::request::answer(app, &incoming)?),
        Route::AskPage if head_or_get => Ok(pages::request::ask(app, &incoming)),
        Route::ReceiptPage if head_or_get => Ok(pages::receipt::get(app, &incoming).await),
        Route::ReceiptPage if *method == Method::POST => Ok(pages::receipt::burn(app, &incoming).await),
        Route::ReceiptsPage if head_or_get => Ok(pages::receipt::several(app, &incoming)),
        Route::Asset if head_or_get => Ok(pages::assets::get(&incoming)?),
        Route::Face if head_or_get => Ok(pages::face::get(app, &incoming)?),
        Route::OpenApi if head_or_get => Ok(openapi::json()),
        Route::Swagger if head_or_get => Ok(openapi::swagger()),
        Route::ApiPageFile if head_or_get => Ok(openapi::file(incoming.parameter, incoming.headers())?),
        Route::Redoc if head_or_get => Ok(openapi::redoc()),
        Route::Robots if head_or_get => Ok(pages::robots()),
        _ if *method == Method::OPTIONS => Ok(Reply::empty(StatusCode::NO_CONTENT).with(header::ALLOW, route.allows())),
        _ => Ok(Reply::from(Problem::new(
            Code::MethodNotAllowed,
            "This path doesn't take that method; the Allow header names those that it takes",
        ))
        .with(header::ALLOW, route.allows())),
    }
}

/// The token or the file, and the version; empty where the route has none.
fn parameters_of<'a>(parameters: &matchit::Params<'_, 'a>) -> [&'a str; 2] {
    let parameter = parameters.get("token").or_else(|| parameters.get("file"));
    [parameter, parameters.get("version")].map(Option::unwrap_or_default)
}
