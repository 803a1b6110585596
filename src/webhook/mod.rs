//! Webhooks: programs elsewhere that are told what becomes of secrets, as Standard Webhooks 1.0.0 has it. What they are to be told waits in the
//! store's outbox, written in the commit of what it tells of; it is sent at least once, in order for each secret, and no reader waits for it.
//!
//! - [`address`]: where a webhook is, and what it is called.
//! - [`guard`]: where it may be: not on addresses that aren't the internet's.
//! - [`message`]: a message as it is sent.
//! - [`send`]: one try.
//! - [`pace`]: how fast, and how long to wait after a failure.
//! - [`lead`]: which of several servers sends.
//! - [`courier`]: what brings the messages from the store to their receivers.
//! - [`Webhooks`]: all of a server's, checked.

mod address;
mod courier;
mod guard;
mod lead;
mod message;
mod pace;
mod send;

use std::{collections::HashSet, sync::Arc};

use tokio::sync::Notify;
use url::Host;
use zeroize::Zeroizing;

pub use address::{Address, InvalidAddress};
pub use courier::Courier;
pub use guard::{AllowedNetwork, InvalidNetwork};

use crate::{
    client::{self, ClientError},
    crypto::{
        CryptoError,
        at_rest::Keyring,
        webhook::{SigningKey, id_of_named, id_of_url},
    },
    secret::{HookId, HookName},
    tally,
};
use guard::{Guard, Refused};

/// A server's webhooks.
#[derive(Default)]
pub struct Webhooks(Vec<Arc<Webhook>>);

/// One of them.
pub struct Webhook {
    address: Address,
    id: HookId,
    /// That of the current `SECRET_KEY`, then those of the old ones.
    keys: Vec<SigningKey>,
    http: reqwest::Client,
    counted: Arc<tally::Webhook>,
    /// Somebody wants what waits to be tried now.
    again: Notify,
}

/// Why they can't be served.
#[derive(Debug, thiserror::Error)]
pub enum InvalidWebhooks {
    /// A sender that picks one would pick both.
    #[error("two webhooks are called {0}: give each a name of its own")]
    NameTwice(HookName),
    /// One would be told everything twice.
    #[error("the same URL, at {0}, is given twice: leave one out")]
    UrlTwice(String),
    /// Its address is no public one.
    #[error(
        "the webhook at {0} has an address that isn't public: if that is meant, name its network with --webhook-allow"
    )]
    NotPublic(String),
    /// Others could listen.
    #[error(
        "the webhook at {0} has an http:// URL, and those are only for networks that --webhook-allow names: write https://"
    )]
    Plain(String),
    /// The certificates that are to be trusted.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A primitive failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// What may be told of a webhook to whoever runs the server.
pub struct Shown {
    /// Where it is, without what follows the host.
    pub host: String,
    /// Whether it is told only of secrets whose sender picks it.
    pub picked: bool,
    /// What its messages are signed with, as its receiver takes it: the current key's, then those of the old ones.
    pub keys: Vec<Zeroizing<String>>,
    /// What a store knows it by.
    pub id: HookId,
    /// How it gets on.
    pub counted: Arc<tally::Webhook>,
}

impl Webhooks {
    /// Takes those, if they may be where they are. Certificates in `trusted` (PEM) are believed besides the system's.
    ///
    /// # Errors
    /// [`InvalidWebhooks`], which names a webhook by its name or its host.
    pub fn new(
        addresses: &[Address],
        allowed: &[AllowedNetwork],
        keys: &Keyring,
        trusted: Option<&[u8]>,
    ) -> Result<Self, InvalidWebhooks> {
        Self::check(addresses, allowed)?;
        let allowed: Arc<[AllowedNetwork]> = allowed.into();
        let each = (1..).zip(addresses).map(|(place, address)| {
            Webhook::new(address.clone(), label(place, address), &allowed, keys, trusted).map(Arc::new)
        });
        each.collect::<Result<_, _>>().map(Self)
    }

    /// Whether those can be webhooks together, where they are: as much as is known before they are told anything.
    ///
    /// # Errors
    /// As [`Webhooks::new`].
    pub fn check(addresses: &[Address], allowed: &[AllowedNetwork]) -> Result<(), InvalidWebhooks> {
        let (mut names, mut urls) = (HashSet::new(), HashSet::new());
        let allowed: Arc<[AllowedNetwork]> = allowed.into();
        for address in addresses {
            if let Some(name) = address.name().filter(|name| !names.insert(*name)) {
                return Err(InvalidWebhooks::NameTwice(name.clone()));
            }
            if !urls.insert(address.url()) {
                return Err(InvalidWebhooks::UrlTwice(address.host()));
            }
            check_place(address, &allowed)?;
        }
        Ok(())
    }

    /// What may be told of each to whoever runs the server, where none runs.
    ///
    /// # Errors
    /// [`CryptoError`], only if a primitive fails.
    pub fn of_none(addresses: &[Address], keys: &Keyring) -> Result<Vec<Shown>, CryptoError> {
        let shown = |(place, address): (usize, &Address)| {
            let keys = keys.signing_keys(address.url().as_str())?;
            let counted = Arc::new(tally::Webhook::new(label(place, address)));
            Ok(Shown::new(address, &keys, &counted))
        };
        (1..).zip(addresses).map(shown).collect()
    }

    /// Those that are told of every secret.
    #[must_use]
    pub fn of_every_secret(&self) -> Vec<HookId> {
        self.0.iter().filter(|webhook| webhook.address.name().is_none()).map(|webhook| webhook.id).collect()
    }

    /// Those that a sender can pick.
    #[must_use]
    pub fn to_pick(&self) -> Vec<(HookName, HookId)> {
        self.0.iter().filter_map(|webhook| Some((webhook.address.name()?.clone(), webhook.id))).collect()
    }

    /// What may be told of each to whoever runs the server. It has the keys in it.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        self.0.iter().map(|webhook| Shown::new(&webhook.address, &webhook.keys, &webhook.counted)).collect()
    }

    /// How each gets on.
    #[must_use]
    pub fn counted(&self) -> Vec<Arc<tally::Webhook>> {
        self.0.iter().map(|webhook| Arc::clone(&webhook.counted)).collect()
    }

    /// What has what waits tried again at once, whatever its receivers did before.
    pub fn try_again(&self) -> impl FnMut() + Send + use<> {
        let all = self.0.clone();
        move || all.iter().for_each(|webhook| webhook.again.notify_one())
    }
}

impl Webhook {
    fn new(
        address: Address,
        label: String,
        allowed: &Arc<[AllowedNetwork]>,
        keys: &Keyring,
        trusted: Option<&[u8]>,
    ) -> Result<Self, InvalidWebhooks> {
        let (url, is_plain) = (address.url(), address.is_plain());
        let guard = Guard::new(Arc::clone(allowed), is_plain);
        let mut builder = client::builder(send::CONNECT).timeout(send::WHOLE);
        // A proxy would resolve the name itself, and connect to what it found.
        builder = builder.no_proxy().dns_resolver(guard).pool_max_idle_per_host(pace::AT_ONCE);
        builder = match trusted {
            _ if is_plain => builder.tls_certs_only([]),
            Some(pem) => client::trusting(builder, pem)?,
            None => builder,
        };
        let http = builder.build().map_err(|error| client::certificates(&error))?;
        let id = id(&address);
        let keys = keys.signing_keys(url.as_str())?;
        let counted = Arc::new(tally::Webhook::new(label));
        Ok(Self { address, id, keys, http, counted, again: Notify::new() })
    }

    /// As it may be logged: its name, or its position and host.
    fn name(&self) -> String {
        let label = &self.counted.label;
        if self.address.name().is_some() { label.clone() } else { format!("{label} ({})", self.address.host()) }
    }
}

impl Shown {
    fn new(address: &Address, keys: &[SigningKey], counted: &Arc<tally::Webhook>) -> Self {
        let keys = keys.iter().map(SigningKey::to_text).collect();
        Self {
            host: address.host(),
            picked: address.name().is_some(),
            keys,
            id: id(address),
            counted: Arc::clone(counted),
        }
    }
}

fn label(place: usize, address: &Address) -> String {
    address.name().map_or_else(|| format!("#{place}"), ToString::to_string)
}

fn id(address: &Address) -> HookId {
    address.name().map_or_else(|| id_of_url(address.url().as_str()), id_of_named)
}

/// Whether it may be where it is, as far as its URL says.
fn check_place(address: &Address, allowed: &Arc<[AllowedNetwork]>) -> Result<(), InvalidWebhooks> {
    let is_plain = address.is_plain();
    let known = match address.url().host() {
        Some(Host::Ipv4(known)) => known.into(),
        Some(Host::Ipv6(known)) => known.into(),
        // A name's addresses are known when it is told something.
        _ if is_plain && allowed.is_empty() => return Err(InvalidWebhooks::Plain(address.host())),
        _ => return Ok(()),
    };
    Guard::new(Arc::clone(allowed), is_plain).judge(known).map_err(|why| match why {
        Refused::Plain(_) => InvalidWebhooks::Plain(address.host()),
        _ => InvalidWebhooks::NotPublic(address.host()),
    })
}
