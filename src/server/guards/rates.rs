//! How often an address may create, and how often it may miss: ask for what isn't there, or try what is wrong. Counted by governor's GCRA,
//! in tables that never grow beyond their size.
//!
//! An address that misses loses the right to ask, not a secret: it is refused before anything is looked for.

use std::{
    hash::{BuildHasher as _, RandomState},
    num::NonZeroU32,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::StateStore,
};

use super::{Deed, network::Network};
use crate::api::{Code, Problem};

/// The most that a rate can allow in its time.
const LARGEST: u32 = 1_000_000;
/// Addresses that a table knows at most: its sets, and those of one set.
const SETS: usize = 16 * 1024;
const WAYS: usize = 8;

/// So many in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    count: NonZeroU32,
    window: Duration,
}

impl Rate {
    /// What a minute allows unless the operator says otherwise.
    const USUAL: Self = Self { count: NonZeroU32::MIN.saturating_add(59), window: Duration::from_secs(60) };

    fn quota(self) -> Option<Quota> {
        Some(Quota::with_period(self.window / self.count.get())?.allow_burst(self.count))
    }
}

/// What an address may do, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    creates: Option<Rate>,
    misses: Option<Rate>,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { creates: Some(Rate::USUAL), misses: Some(Rate::USUAL) }
    }
}

/// What says no rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write off, or what an address may do in a second, minute, hour or day, as creates=60/m,misses=60/m; one of them may be off"
)]
pub struct InvalidRates;

impl FromStr for Rate {
    type Err = InvalidRates;

    fn from_str(text: &str) -> Result<Self, InvalidRates> {
        let (count, unit) = text.split_once('/').ok_or(InvalidRates)?;
        let count: NonZeroU32 = count.trim().parse().map_err(|_| InvalidRates)?;
        let seconds = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(InvalidRates),
        };
        if count.get() > LARGEST { Err(InvalidRates) } else { Ok(Self { count, window: Duration::from_secs(seconds) }) }
    }
}

impl FromStr for RateLimits {
    type Err = InvalidRates;

    fn from_str(text: &str) -> Result<Self, InvalidRates> {
        if text.trim() == "off" {
            return Ok(Self { creates: None, misses: None });
        }
        let (mut creates, mut misses) = (None, None);
        for part in text.split(',') {
            let (name, rate) = part.split_once('=').ok_or(InvalidRates)?;
            let rate = if rate.trim() == "off" { None } else { Some(rate.parse()?) };
            let place = match name.trim() {
                "creates" => &mut creates,
                "misses" => &mut misses,
                _ => return Err(InvalidRates),
            };
            if place.replace(rate).is_some() {
                return Err(InvalidRates);
            }
        }
        let usual = Some(Rate::USUAL);
        Ok(Self { creates: creates.unwrap_or(usual), misses: misses.unwrap_or(usual) })
    }
}

/// What every address has done of late.
pub(super) struct Rates<C: Clock = DefaultClock> {
    creates: Option<Limiter<C>>,
    misses: Option<Limiter<C>>,
}

impl<C: Clock + Clone> Rates<C> {
    pub(super) fn new(limits: RateLimits, clock: &C) -> Self {
        let limiter = |name, rate: Option<Rate>| rate.and_then(|rate| Limiter::new(name, rate, clock.clone()));
        Self { creates: limiter("creates", limits.creates), misses: limiter("misses", limits.misses) }
    }

    /// Whether an address may do it, which then counts if it is a create. For whether it missed, see [`Self::missed`].
    pub(super) fn admit(&self, deed: Deed, network: Network) -> Result<(), Limited> {
        match deed {
            Deed::Create => self.creates.as_ref().map_or(Ok(()), |creates| creates.ask(network, true)),
            // It may miss as well.
            Deed::Answer => {
                self.misses.as_ref().map_or(Ok(()), |misses| misses.ask(network, false))?;
                self.creates.as_ref().map_or(Ok(()), |creates| creates.ask(network, true))
            }
            _ if deed.seeks() => self.misses.as_ref().map_or(Ok(()), |misses| misses.ask(network, false)),
            _ => Ok(()),
        }
    }

    /// Whether an address may try to create with what isn't known to be good yet: it counts only when it was good, or wasn't.
    pub(super) fn admit_unproven(&self, network: Network) -> Result<(), Limited> {
        let both = [&self.creates, &self.misses];
        both.into_iter().flatten().try_for_each(|limiter| limiter.ask(network, false))
    }

    /// What an address asked for wasn't there, or what it tried was wrong.
    pub(super) fn missed(&self, network: Network) {
        if let Some(misses) = &self.misses {
            // Others of its requests may have missed meanwhile: then it has none left as it is.
            let _ = misses.ask(network, true);
        }
    }
}

struct Limiter<C: Clock> {
    name: &'static str,
    rate: Rate,
    asked: RateLimiter<Ask, Table, C, NoOpMiddleware<C::Instant>>,
}

impl<C: Clock + Clone> Limiter<C> {
    fn new(name: &'static str, rate: Rate, clock: C) -> Option<Self> {
        let asked = RateLimiter::new(rate.quota()?, Table::default(), clock);
        Some(Self { name, rate, asked })
    }

    fn ask(&self, network: Network, counts: bool) -> Result<(), Limited> {
        self.asked.check_key(&Ask { network, counts }).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.asked.clock().now());
            let seconds =
                u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(u32::from(wait.subsec_nanos() > 0));
            Limited { name: self.name, rate: self.rate, wait: NonZeroU32::new(seconds).unwrap_or(NonZeroU32::MIN) }
        })
    }
}

/// An address that did too much, and in how many seconds it may do it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Limited {
    name: &'static str,
    rate: Rate,
    pub(in crate::server) wait: NonZeroU32,
}

impl Limited {
    /// The `429`.
    pub(in crate::server) fn problem(&self) -> Problem {
        let what = match self.name {
            "creates" => "Too many secrets were stored from your address; nothing was stored",
            _ => {
                "Your address asked for too much that isn't there, or tried too much that is wrong; nothing was read or destroyed"
            }
        };
        let (wait, plural) = (self.wait, if self.wait.get() == 1 { "" } else { "s" });
        Problem {
            retry_after: Some(wait),
            ..Problem::new(Code::RateLimited, format!("{what}. Try again in {wait} second{plural}"))
        }
    }

    /// `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).
    pub(in crate::server) fn limit(&self) -> String {
        format!("\"{}\";r=0;t={}", self.name, self.wait)
    }

    /// `RateLimit-Policy`, as in the same draft.
    pub(in crate::server) fn policy(&self) -> String {
        format!("\"{}\";q={};w={}", self.name, self.rate.count, self.rate.window.as_secs())
    }
}

/// Who asks, and whether it counts or they only look whether it would be allowed.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct Ask {
    network: Network,
    counts: bool,
}

/// When each address has all of its quota again: sets of a few slots, and an address's set is chosen by a hash that nobody can guess.
///
/// In a full set the address goes that has most of its quota, which is all of it long before: so a flood of new addresses locks nobody out,
/// and forgives nobody who is at the limit unless it puts as many there as the table has slots. What is as good as forgotten needn't be
/// looked for and removed.
#[derive(Debug)]
struct Table {
    sets: Mutex<Box<[Vec<Slot>]>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Slot {
    network: Network,
    full_at: Nanos,
}

impl Default for Table {
    fn default() -> Self {
        let sets = std::iter::repeat_with(Vec::new).take(SETS).collect();
        Self { sets: Mutex::new(sets), hasher: RandomState::new() }
    }
}

impl StateStore for Table {
    type Key = Ask;

    fn measure_and_replace<T, F, E>(&self, ask: &Ask, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let number = usize::try_from(self.hasher.hash_one(ask.network) >> 32).unwrap_or_default() % SETS;
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(set) = sets.get_mut(number) else { return decide(None).map(|(outcome, _)| outcome) };
        let known = set.iter().position(|slot| slot.network == ask.network);
        let (outcome, full_at) = decide(known.and_then(|place| set.get(place)).map(|slot| slot.full_at))?;
        if !ask.counts {
            return Ok(outcome);
        }
        let new = Slot { network: ask.network, full_at };
        if known.is_none() && set.len() < WAYS {
            set.push(new);
        } else if let Some(slot) = match known {
            Some(place) => set.get_mut(place),
            None => set.iter_mut().min_by_key(|slot| slot.full_at),
        } {
            *slot = new;
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    fn rates(text: &str) -> (Rates<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (Rates::new(text.parse().unwrap(), &clock), clock)
    }

    #[test]
    fn rates_are_read() {
        let minute = |count| Some(Rate { count: NonZeroU32::new(count).unwrap(), window: Duration::from_secs(60) });
        assert_eq!("creates=60/m,misses=60/m".parse(), Ok(RateLimits::default()));
        assert_eq!(" misses = 5/m ".parse(), Ok(RateLimits { creates: minute(60), misses: minute(5) }));
        assert_eq!("off".parse(), Ok(RateLimits { creates: None, misses: None }));
        assert_eq!("creates=off".parse(), Ok(RateLimits { creates: None, misses: minute(60) }));
        for wrong in [
            "",
            "on",
            "60/m",
            "creates=0/m",
            "creates=60",
            "creates=60/w",
            "creates=1/m,creates=2/m",
            "reads=1/m",
            "creates=1000001/s",
        ] {
            assert_eq!(wrong.parse::<RateLimits>(), Err(InvalidRates), "{wrong}");
        }
    }

    /// Told to wait, an address may go on when that is over and no sooner.
    #[test]
    fn what_is_said_of_the_wait_is_true() {
        for (rate, wait) in
            [("creates=3/m", 20), ("creates=1/h", 3600), ("creates=60/m", 1), ("creates=7/m", 9), ("creates=100/s", 1)]
        {
            let (rates, clock) = rates(rate);
            let one = network("192.0.2.1");
            let ask = || rates.admit(Deed::Create, one);
            let burst = (0..1_000).take_while(|_| ask().is_ok()).count();
            let limited = ask().unwrap_err();
            assert_eq!(limited.wait.get(), wait, "{rate}");
            assert!(limited.policy().contains(&format!("q={burst};")), "{rate}");
            assert_eq!(limited.limit(), format!("\"creates\";r=0;t={wait}"));
            clock.advance(Duration::from_secs(u64::from(wait - 1)));
            assert!(ask().is_err(), "{rate}: too soon");
            clock.advance(Duration::from_secs(1));
            assert!(ask().is_ok(), "{rate}: in time");
            assert!(rates.admit(Deed::Create, network("192.0.2.2")).is_ok() && rates.admit(Deed::Read, one).is_ok());
        }
    }

    #[test]
    fn only_misses_count_as_such() {
        let (rates, clock) = rates("misses=2/m");
        let (one, other) = (network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        for _ in 0..10 {
            assert!(rates.admit(Deed::Read, one).is_ok(), "looking doesn't count");
        }
        rates.missed(one);
        rates.missed(network("2001:db8:1:2:ffff::"));
        for deed in [Deed::Read, Deed::Probe, Deed::Burn] {
            assert_eq!(rates.admit(deed, one).unwrap_err().wait.get(), 30);
            assert!(rates.admit(deed, other).is_ok());
        }
        assert!(rates.admit(Deed::Create, one).is_ok() && rates.admit(Deed::Other, one).is_ok());
        clock.advance(Duration::from_secs(30));
        assert!(rates.admit(Deed::Read, one).is_ok());
    }

    /// More addresses than the table has places: it doesn't grow, locks nobody out, and an address at its limit stays there.
    #[test]
    fn a_flood_of_addresses_neither_forgives_nor_locks_out() {
        let (rates, _) = rates("creates=10/h");
        let limited = network("203.0.113.1");
        while rates.admit(Deed::Create, limited).is_ok() {}
        let address = |number: u32| Network::of(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)));
        for number in 0..300_000 {
            assert!(rates.admit(Deed::Create, address(number)).is_ok(), "{number}");
        }
        assert!(rates.admit(Deed::Create, limited).is_err());
        let table = rates.creates.unwrap().asked.into_state_store();
        let sets = table.sets.into_inner().unwrap();
        assert!(sets.iter().all(|set| set.capacity() <= WAYS) && sets.len() == SETS);
        assert!(sets.iter().map(Vec::len).sum::<usize>() > 100_000, "and it is used");
    }
}
