//! The server's log.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::args::LogFormat;
use crate::cli::{Global, terminal};

/// Logs to stderr, from this crate only: what others log of a request could hold a token.
pub(super) fn log(format: LogFormat, global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::WARN,
        (false, true) => LevelFilter::DEBUG,
        (false, false) => LevelFilter::INFO,
    };
    let registry = tracing_subscriber::registry().with(Targets::new().with_target("ots", level));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = layer.with_ansi(global.coloured()).with_target(false);
    let set = match format {
        LogFormat::Text => registry.with(layer).try_init(),
        // The request that a line belongs to is one object in it.
        LogFormat::Json => registry.with(layer.json().flatten_event(true).with_span_list(false)).try_init(),
    };
    if let Err(error) = set {
        terminal::say(&format!("ots: no log: {error}"));
    }
}
