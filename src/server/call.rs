//! Who asks, and over what: what every handler is given.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use hyper::{HeaderMap, Version, body::Incoming, header, http::request::Parts, http::uri::Authority};
use jiff::Timestamp;

use super::{
    activity::Activity,
    creation::{Permission, bearer},
    guards::{Client, Guards, Peer},
    places::Share,
    problem::denied,
    request_id::{RequestId, RequestIds},
    settings::Settings,
    traffic::Traffic,
};
use crate::{api::Problem, audit::Origin, secret::CreateKey, vault::Vault};

/// What every request needs.
pub(crate) struct App {
    pub(super) vault: Vault,
    pub(super) settings: Settings,
    pub(super) guards: Guards,
    pub(super) traffic: Traffic,
    pub(super) started: Timestamp,
    requests: RequestIds,
    stopping: AtomicBool,
}

impl App {
    pub(super) fn new(vault: Vault, settings: Settings, requests: RequestIds) -> Self {
        let guards = Guards::new(&settings.guards, settings.public_url.as_ref());
        let (traffic, started) = (Traffic::new(), Timestamp::now());
        let stopping = AtomicBool::new(false);
        Self { vault, settings, guards, traffic, started, requests, stopping }
    }

    /// Who asks with such a head, at the other end of a connection with this scheme.
    pub(super) fn caller(&self, headers: &HeaderMap, peer: Peer, scheme: &'static str) -> Caller {
        let Client { address, through_proxy, scheme: forwarded } = self.guards.client(headers, peer);
        let scheme = forwarded.unwrap_or(scheme);
        Caller { address, peer, scheme, through_proxy, request_id: self.next_request_id() }
    }

    pub(super) fn next_request_id(&self) -> RequestId {
        self.requests.next()
    }

    /// Says that no connection is taken any more.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server finishes what runs, and is gone then.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    /// The client's address: what a trusted proxy says, else the peer's.
    pub(super) address: IpAddr,
    /// The other end of the connection.
    pub(super) peer: Peer,
    /// How the client came: what links to this server start with.
    pub(super) scheme: &'static str,
    /// Whether a trusted proxy passed it on for somebody else.
    pub(super) through_proxy: bool,
    /// The request.
    pub(super) request_id: RequestId,
}

impl Caller {
    /// As the audit stream names it.
    pub(super) fn origin(&self) -> Origin {
        Origin { request_id: self.request_id.number(), address: Some(self.address), creator: None }
    }

    /// Who creates, and how much it may. A form brings a key that a person typed.
    pub(super) fn permission(
        self,
        app: &App,
        headers: &HeaderMap,
        typed: Option<CreateKey>,
    ) -> Result<Permission, Problem> {
        let key = typed.or_else(|| bearer(headers));
        app.settings.creation.permit(key.as_ref(), headers, app.guards.trusts(self.peer)).map_err(denied)
    }
}

/// What a handler is given besides the application.
pub(super) struct Call<'a> {
    pub(super) head: &'a Parts,
    pub(super) body: &'a mut Incoming,
    /// The token or the file in the path, if its route has one.
    pub(super) parameter: &'a str,
    pub(super) caller: Caller,
    /// The version in an asset's path, the only one that has two parameters.
    pub(super) version: &'a str,
    pub(super) activity: &'a Activity,
    /// What the request may take.
    pub(super) place: &'a Share,
}

impl Call<'_> {
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Who creates, and how much it may: known before anything of the body is read.
    pub(super) fn permission(&self, app: &App) -> Result<Permission, Problem> {
        self.caller.permission(app, self.headers(), None)
    }

    /// The root that links start with: as configured, else the host that the client asked.
    pub(super) fn base_url(&self, app: &App) -> String {
        if let Some(url) = &app.settings.public_url {
            return url.to_string();
        }
        format!("{}://{}/", self.caller.scheme, self.asked_host(app).unwrap_or("localhost"))
    }

    /// The host that the client asked, as a trusted proxy says it, else as the request does.
    pub(super) fn asked_host<'a>(&'a self, app: &App) -> Option<&'a str> {
        let forwarded = app.guards.forwarded_host(self.headers(), self.caller.peer).filter(|host| is_host(host));
        forwarded.or_else(|| named_host(self.head))
    }
}

/// The host that the request names.
pub(super) fn named_host(head: &Parts) -> Option<&str> {
    let of_header = || head.headers.get(header::HOST)?.to_str().ok();
    head.uri.authority().map(Authority::as_str).or_else(of_header).filter(|host| is_host(host))
}

/// Whether the request says once, and as it has to, which host it asks (RFC 9112, 3.2); before HTTP/1.1 it needn't say it, and in HTTP/2
/// it says it in its own way. If it says it in both, they are the same.
pub(super) fn names_its_host(head: &Parts) -> bool {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => head.version != Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(|host| {
            let same = |authority: &Authority| authority.as_str().eq_ignore_ascii_case(host);
            is_host(host) && (head.version < Version::HTTP_2 || head.uri.authority().is_none_or(same))
        }),
        (Some(_), Some(_)) => false,
    }
}

/// Whether it is a host, with or without a port, and nothing else.
fn is_host(text: &str) -> bool {
    text.parse::<Authority>().is_ok_and(|parsed| {
        let rest = text.strip_prefix(parsed.host());
        !text.contains('@') && rest.is_some_and(|rest| matches!(rest, "" | ":") || parsed.port_u16().is_some())
    })
}
