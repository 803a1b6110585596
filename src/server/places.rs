//! Who holds what of the server: how many connections there are, in all and from one address, which of them goes when another needs its
//! place, and each one's share of the memory for bodies and answers. What is known of an address goes with its last connection.
//!
//! Behind a proxy that is trusted, each request is what a connection is elsewhere: its client's, and one of so many of that address.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use super::{guards::Network, settings::Settings};
use crate::memory::Budget;

/// Bytes of bodies in memory at once, and of answers, unless what is allowed is so large that others would find no room beside it.
const MEMORY: usize = 32 * 1024 * 1024;
/// An address may have one in so many of all places and bytes.
const OF_ADDRESS: usize = 4;
/// And a connection one in so many bytes of its address's: an eighth of all.
const OF_CONNECTION: usize = 2;
/// What is counted beside a content: its seal, and a body's steps.
const BESIDE: usize = 256 * 1024;
/// Connections that an address may have however few there are in all: a browser takes six.
const LEAST: usize = 16;

/// The server's places.
pub(super) struct Places {
    bodies: Memory,
    answers: Memory,
    /// Connections at once, and those of one address.
    most: usize,
    of_address: usize,
    held: Mutex<Held>,
}

/// Bytes that are shared, and the most that one of those who share them can need.
struct Memory {
    budget: Budget,
    largest: usize,
}

impl Memory {
    fn part(&self, whole: &Budget, one_in: usize) -> Budget {
        whole.part(one_in, self.largest)
    }
}

#[derive(Default)]
struct Held {
    connections: usize,
    addresses: HashMap<Network, Address>,
    /// Connections without a request, by when the last one ended: a count that only rises.
    idle: BTreeMap<u64, Idle>,
    clock: u64,
}

struct Idle {
    network: Option<Network>,
    told: Arc<Notify>,
}

/// What the connections of one address share, and its requests through a proxy.
struct Address {
    holders: usize,
    idle: BTreeSet<u64>,
    bodies: Budget,
    answers: Budget,
}

impl Held {
    fn begin_idle(&mut self, network: Option<Network>, told: Arc<Notify>) -> u64 {
        self.clock += 1;
        self.idle.insert(self.clock, Idle { network, told });
        if let Some(address) = network.and_then(|network| self.addresses.get_mut(&network)) {
            address.idle.insert(self.clock);
        }
        self.clock
    }

    /// None if it has lost its place.
    fn end_idle(&mut self, since: u64) -> Option<Idle> {
        let idle = self.idle.remove(&since)?;
        if let Some(address) = idle.network.and_then(|network| self.addresses.get_mut(&network)) {
            address.idle.remove(&since);
        }
        Some(idle)
    }

    /// Takes an idle connection's place.
    fn close(&mut self, since: Option<u64>) -> bool {
        let Some(Idle { network, told }) = since.and_then(|since| self.end_idle(since)) else { return false };
        self.leave(network);
        told.notify_one();
        true
    }

    fn leave(&mut self, network: Option<Network>) {
        self.connections -= 1;
        if let Some(network) = network {
            self.let_go(network);
        }
    }

    fn let_go(&mut self, network: Network) {
        if let Some(address) = self.addresses.get_mut(&network) {
            address.holders -= 1;
            if address.holders == 0 {
                self.addresses.remove(&network);
            }
        }
    }
}

impl Places {
    pub(super) fn new(settings: &Settings) -> Arc<Self> {
        let (body, content) = (settings.max_json() + BESIDE, settings.max_size + BESIDE);
        let memory = |most: usize, largest| Memory { budget: Budget::new(MEMORY.max(most)), largest };
        let most = settings.max_connections;
        Arc::new(Self {
            // Beside a body of the largest, two of contents as they are have room.
            bodies: memory(body + 2 * content, body),
            answers: memory(2 * content, content),
            most,
            of_address: (most / OF_ADDRESS).max(LEAST).min(most),
            held: Mutex::default(),
        })
    }

    /// A place for a connection from `address`; none of an address for a proxy that is trusted. When there is none, or the address has its
    /// share, the one of them goes that has been without a request for longest; none, if all are busy.
    pub(super) fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Arc<Place>> {
        let network = address.map(Network::of);
        let mut held = self.held();
        let same = network.and_then(|network| held.addresses.get(&network));
        let longest = match same.filter(|same| same.holders >= self.of_address) {
            Some(same) => Some(same.idle.first().copied()),
            None => (held.connections >= self.most).then(|| held.idle.keys().next().copied()),
        };
        if longest.is_some_and(|longest| !held.close(longest)) {
            return None;
        }
        held.connections += 1;
        let share = network.map(|network| Arc::new(self.share(&mut held, network)));
        let told = Arc::new(Notify::new());
        let idle = held.begin_idle(network, Arc::clone(&told)).into();
        Some(Arc::new(Place { places: Arc::clone(self), network, share, told, idle, requests: 0.into() }))
    }

    /// One more of an address, and what it may take.
    fn share(&self, held: &mut Held, network: Network) -> Share {
        let shared = held.addresses.entry(network).or_insert_with(|| Address {
            holders: 0,
            idle: BTreeSet::new(),
            bodies: self.bodies.part(&self.bodies.budget, OF_ADDRESS),
            answers: self.answers.part(&self.answers.budget, OF_ADDRESS),
        });
        shared.holders += 1;
        Share {
            bodies: self.bodies.part(&shared.bodies, OF_CONNECTION),
            answers: self.answers.part(&shared.answers, OF_CONNECTION),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, until it is dropped or another takes it.
pub(super) struct Place {
    places: Arc<Places>,
    /// None for a proxy that is trusted.
    network: Option<Network>,
    share: Option<Arc<Share>>,
    told: Arc<Notify>,
    /// Since when it has been without a request, and how many are under way. Both change only while the places are locked.
    idle: AtomicU64,
    requests: AtomicUsize,
}

impl Place {
    /// Returns when another connection has taken this place.
    pub(super) async fn lost(&self) {
        self.told.notified().await;
    }

    /// Begins a request, which keeps the place; none if that is lost, and nothing may be done for it.
    pub(super) fn begin(self: &Arc<Self>) -> Option<UnderWay> {
        let mut held = self.places.held();
        if self.requests.load(Ordering::Relaxed) == 0 {
            held.end_idle(self.idle.load(Ordering::Relaxed))?;
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        drop(held);
        Some(UnderWay { place: Arc::clone(self), client: None })
    }
}

/// What a connection, or a proxy's request, may take of the memory.
pub(super) struct Share {
    pub(super) bodies: Budget,
    pub(super) answers: Budget,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held();
        if held.end_idle(self.idle.load(Ordering::Relaxed)).is_some() {
            held.leave(self.network);
        }
    }
}

/// A request that is under way, until all of its answer has been sent.
pub(super) struct UnderWay {
    place: Arc<Place>,
    /// Whose it is, if a proxy passed it on.
    client: Option<Network>,
}

impl UnderWay {
    /// What the request may take, which is from `client`; none if a proxy passed it on, and that address has its share of what is under way.
    pub(super) fn share(&mut self, client: IpAddr) -> Option<Arc<Share>> {
        if let Some(share) = &self.place.share {
            return Some(Arc::clone(share));
        }
        let (places, network) = (&self.place.places, Network::of(client));
        let mut held = places.held();
        if held.addresses.get(&network).is_some_and(|same| same.holders >= places.of_address) {
            return None;
        }
        self.client = Some(network);
        Some(Arc::new(places.share(&mut held, network)))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let place = &self.place;
        let mut held = place.places.held();
        if let Some(network) = self.client {
            held.let_go(network);
        }
        if place.requests.fetch_sub(1, Ordering::Relaxed) == 1 {
            let since = held.begin_idle(place.network, Arc::clone(&place.told));
            place.idle.store(since, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(most: usize) -> Arc<Places> {
        let memory = || Memory { budget: Budget::new(1 << 20), largest: 1 << 10 };
        let held = Mutex::default();
        Arc::new(Places { bodies: memory(), answers: memory(), most, of_address: 2, held })
    }

    fn is_lost(place: &Place) -> bool {
        let told = std::pin::pin!(place.lost());
        told.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn the_longest_idle_one_goes_first() {
        let places = places(3);
        let take = |last| places.take(Some(address(last)));
        let (first, second, third) = (take(1).unwrap(), take(1).unwrap(), take(2).unwrap());
        // A request ended on it just now.
        drop(first.begin());
        let fourth = take(1).unwrap();
        assert!(is_lost(&second) && !is_lost(&first), "the address has two");
        assert!(second.begin().is_none());
        let busy = [first.begin().unwrap(), fourth.begin().unwrap()];
        assert!(take(1).is_none(), "both are busy");
        let fifth = take(3).unwrap();
        assert!(is_lost(&third), "of all, since the server is full");
        let _busy = fifth.begin().unwrap();
        assert!(take(4).is_none());
        drop(busy);
        assert!(take(4).is_some() && is_lost(&first));
    }

    #[test]
    fn nothing_is_left_of_those_who_have_gone() {
        let places = places(3);
        let (one, other) = (places.take(Some(address(1))).unwrap(), places.take(Some(address(1))).unwrap());
        let request = other.begin().unwrap();
        let third = places.take(Some(address(2))).unwrap();
        assert!(places.take(Some(address(3))).is_some() && is_lost(&one));
        drop((one, other, request, third));
        let held = places.held();
        assert_eq!((held.connections, held.addresses.len(), held.idle.len()), (0, 0, 0));
    }

    #[test]
    fn a_proxys_requests_are_their_clients() {
        let places = places(6);
        let proxy: Vec<_> = (0..5).map(|_| places.take(None).unwrap()).collect();
        let ask = |connection: usize, last| {
            let mut request = proxy[connection].begin().unwrap();
            request.share(address(last)).map(|_| request)
        };
        let direct = places.take(Some(address(1))).unwrap();
        let first = ask(0, 1).unwrap();
        assert!(ask(1, 1).is_none(), "a connection of its own and a request are its share");
        let others = [ask(1, 2).unwrap(), ask(2, 2).unwrap(), ask(2, 3).unwrap()];
        assert!(ask(3, 2).is_none());
        drop(first);
        assert!(ask(4, 1).is_some());
        drop((direct, others, proxy));
        let held = places.held();
        assert_eq!((held.connections, held.addresses.len(), held.idle.len()), (0, 0, 0));
    }
}
