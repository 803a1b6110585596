//! The guards: what they are told by a proxy, and what they refuse to whom. What they refuse costs nobody a secret.

mod browsers;
mod neighbours;
mod proxies;
mod rates;
