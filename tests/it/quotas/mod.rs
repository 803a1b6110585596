//! Quotas: no race, crash or restart gives more room than there is, or less, and whoever finds none is told what to do.

mod creators;
mod migration;
mod server;
mod store;
