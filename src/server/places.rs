//! Who holds what of the server: how many connections there are, in all and from one address, which of them goes when another needs its
//! place, and each one's share of the memory for bodies and answers. What is known of an address goes with its last connection.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use super::settings::Settings;
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
    network: Network,
    told: Arc<Notify>,
}

/// What the connections of one address share.
struct Address {
    connections: usize,
    idle: BTreeSet<u64>,
    bodies: Budget,
    answers: Budget,
}

impl Held {
    fn begin_idle(&mut self, network: Network, told: Arc<Notify>) -> u64 {
        self.clock += 1;
        self.idle.insert(self.clock, Idle { network, told });
        if let Some(address) = self.addresses.get_mut(&network) {
            address.idle.insert(self.clock);
        }
        self.clock
    }

    /// None if it has lost its place.
    fn end_idle(&mut self, since: u64) -> Option<Idle> {
        let idle = self.idle.remove(&since)?;
        if let Some(address) = self.addresses.get_mut(&idle.network) {
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

    fn leave(&mut self, network: Network) {
        self.connections -= 1;
        if let Some(address) = self.addresses.get_mut(&network) {
            address.connections -= 1;
            if address.connections == 0 {
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

    /// A place for a connection from `address`. When there is none, or the address has its share, the one of them goes that has been
    /// without a request for longest; none, if all are busy.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Arc<Place>> {
        let network = Network::of(address);
        let mut held = self.held();
        let same = held.addresses.get(&network).filter(|same| same.connections >= self.of_address);
        let longest = match same {
            Some(same) => Some(same.idle.first().copied()),
            None => (held.connections >= self.most).then(|| held.idle.keys().next().copied()),
        };
        if longest.is_some_and(|longest| !held.close(longest)) {
            return None;
        }
        held.connections += 1;
        let shared = held.addresses.entry(network).or_insert_with(|| Address {
            connections: 0,
            idle: BTreeSet::new(),
            bodies: self.bodies.part(&self.bodies.budget, OF_ADDRESS),
            answers: self.answers.part(&self.answers.budget, OF_ADDRESS),
        });
        shared.connections += 1;
        let bodies = self.bodies.part(&shared.bodies, OF_CONNECTION);
        let answers = self.answers.part(&shared.answers, OF_CONNECTION);
        let told = Arc::new(Notify::new());
        let idle = held.begin_idle(network, Arc::clone(&told)).into();
        Some(Arc::new(Place { places: Arc::clone(self), network, bodies, answers, told, idle, requests: 0.into() }))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, until it is dropped or another takes it.
pub(super) struct Place {
    places: Arc<Places>,
    network: Network,
    pub(super) bodies: Budget,
    pub(super) answers: Budget,
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
        Some(UnderWay(Arc::clone(self)))
    }
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
pub(super) struct UnderWay(Arc<Place>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let place = &self.0;
        let mut held = place.places.held();
        if place.requests.fetch_sub(1, Ordering::Relaxed) == 1 {
            let since = held.begin_idle(place.network, Arc::clone(&place.told));
            place.idle.store(since, Ordering::Relaxed);
        }
    }
}

/// What counts as one address: in IPv6 whoever has one has all of its /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Network(IpAddr);

impl Network {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
            address @ IpAddr::V4(_) => address,
        })
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
        let take = |last| places.take(address(last));
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
        let (one, other) = (places.take(address(1)).unwrap(), places.take(address(1)).unwrap());
        let request = other.begin().unwrap();
        let third = places.take(address(2)).unwrap();
        assert!(places.take(address(3)).is_some() && is_lost(&one));
        drop((one, other, request, third));
        let held = places.held();
        assert_eq!((held.connections, held.addresses.len(), held.idle.len()), (0, 0, 0));
    }

    #[test]
    fn what_is_one_address() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
