//! Who holds what of the server: each connection's share of the memory for bodies and answers, within that of its address. What is
//! known of an address goes with its last connection.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::settings::Settings;
use crate::memory::Budget;

/// Bytes of bodies in memory at once, and of answers, unless what is allowed is so large that others would find no room beside it.
const MEMORY: usize = 32 * 1024 * 1024;
/// An address may have one in so many of all places and bytes.
const OF_ADDRESS: usize = 4;
/// And a connection one in so many bytes.
const OF_CONNECTION: usize = 8;
/// What is counted beside a content: its seal, and a body's steps.
const BESIDE: usize = 256 * 1024;

/// The server's places.
pub(super) struct Places {
    bodies: Memory,
    answers: Memory,
    held: Mutex<HashMap<Network, Address>>,
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

/// What the connections of one address share.
struct Address {
    connections: usize,
    bodies: Budget,
    answers: Budget,
}

/// A connection's place, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    network: Network,
    pub(super) bodies: Budget,
    pub(super) answers: Budget,
}

impl Places {
    pub(super) fn new(settings: &Settings) -> Arc<Self> {
        let (body, content) = (settings.max_json() + BESIDE, settings.max_size + BESIDE);
        let memory = |most: usize, largest| Memory { budget: Budget::new(MEMORY.max(most)), largest };
        Arc::new(Self {
            // Beside a body of the largest, two of contents as they are have room.
            bodies: memory(body + 2 * content, body),
            answers: memory(2 * content, content),
            held: Mutex::default(),
        })
    }

    /// A place for a connection from `address`.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Place {
        let network = Network::of(address);
        let mut held = self.held();
        let shared = held.entry(network).or_insert_with(|| Address {
            connections: 0,
            bodies: self.bodies.part(&self.bodies.budget, OF_ADDRESS),
            answers: self.answers.part(&self.answers.budget, OF_ADDRESS),
        });
        shared.connections += 1;
        let bodies = self.bodies.part(&shared.bodies, OF_CONNECTION);
        let answers = self.answers.part(&shared.answers, OF_CONNECTION);
        Place { places: Arc::clone(self), network, bodies, answers }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Network, Address>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.held();
        if let Some(address) = held.get_mut(&self.network) {
            address.connections -= 1;
            if address.connections == 0 {
                held.remove(&self.network);
            }
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
