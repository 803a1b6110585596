//! What comes over the wire, counted: requests by route and status, how long they took, what was refused, connections. A path, a method
//! or a status that nobody knows is counted under one name: what clients send makes no new one.

use std::time::Duration;

use super::route::Route;
use crate::{
    api::Code,
    tally::{Count, Distribution, Durations, Gauge},
};

/// The statuses that are counted by themselves.
const STATUSES: [u16; 23] =
    [200, 201, 204, 206, 303, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 416, 421, 422, 429, 500, 502, 503, 507];
/// The name of what has none.
const OTHER: &str = "other";

/// The counts.
pub(super) struct Traffic {
    routes: Vec<OfRoute>,
    /// In the order of [`Code::ALL`].
    refusals: Vec<Count>,
    /// Connections that are open and have a place.
    pub(super) connections: Gauge,
    /// Connections that were given one.
    pub(super) accepted: Count,
    /// Connections that found none.
    pub(super) turned_away: Count,
}

/// Of one route.
struct OfRoute {
    name: &'static str,
    /// In the order of [`STATUSES`], then all others.
    statuses: Vec<Count>,
    durations: Durations,
}

impl OfRoute {
    fn new(route: Option<Route>) -> Self {
        let statuses = (0..=STATUSES.len()).map(|_| Count::default()).collect();
        Self { name: Route::name_of(route), statuses, durations: Durations::default() }
    }
}

impl Traffic {
    pub(super) fn new() -> Self {
        let routes = Route::ALL.into_iter().map(Some).chain([None]).map(OfRoute::new).collect();
        Self {
            routes,
            refusals: Code::ALL.iter().map(|_| Count::default()).collect(),
            connections: Gauge::default(),
            accepted: Count::default(),
            turned_away: Count::default(),
        }
    }

    /// Counts a request that is answered.
    pub(super) fn answered(&self, route: Option<Route>, status: u16, took: Duration) {
        let Some(of_route) = self.routes.iter().find(|known| known.name == Route::name_of(route)) else { return };
        let status = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len());
        if let Some(count) = of_route.statuses.get(status) {
            count.one();
        }
        of_route.durations.note(took);
    }

    /// Counts what was refused with a code.
    pub(super) fn refused(&self, code: Code) {
        let place = Code::ALL.iter().position(|known| *known == code);
        if let Some(count) = place.and_then(|place| self.refusals.get(place)) {
            count.one();
        }
    }

    /// Each route and status that was answered, and how often.
    pub(super) fn requests(&self) -> impl Iterator<Item = (&'static str, String, u64)> {
        let names = || STATUSES.iter().map(u16::to_string).chain([OTHER.to_owned()]);
        let of_route = move |of: &OfRoute| {
            let name = of.name;
            names().zip(&of.statuses).map(move |(status, count)| (name, status, count.get())).collect::<Vec<_>>()
        };
        self.routes.iter().flat_map(of_route).filter(|(_, _, count)| *count > 0)
    }

    /// How long the requests of each route took that was asked for.
    pub(super) fn durations(&self) -> impl Iterator<Item = (&'static str, Distribution)> {
        let all = self.routes.iter().map(|of| (of.name, of.durations.distribution()));
        all.filter(|(_, distribution)| distribution.count > 0)
    }

    /// Each code, and how often it was answered.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Code::ALL.iter().map(|code| code.name()).zip(self.refusals.iter().map(Count::get))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_knows_makes_no_new_name() {
        let traffic = Traffic::new();
        for status in [200, 299, 418, 599] {
            traffic.answered(None, status, Duration::ZERO);
        }
        traffic.answered(Some(Route::Secret), 200, Duration::ZERO);
        let mut counted: Vec<_> = traffic.requests().collect();
        counted.sort();
        let shown = |name, status: &str, count| (name, status.to_owned(), count);
        assert_eq!(counted, [shown("none", "200", 1), shown("none", "other", 3), shown("secret", "200", 1)]);
        traffic.refused(Code::Gone);
        traffic.refused(Code::Unknown);
        assert_eq!(traffic.refusals().filter(|(_, count)| *count > 0).collect::<Vec<_>>(), [("gone", 1)]);
    }

    #[test]
    fn no_two_routes_share_a_name() {
        let traffic = Traffic::new();
        let mut names: Vec<_> = traffic.routes.iter().map(|of| of.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Route::ALL.len() + 1);
    }
}
