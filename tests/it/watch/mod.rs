//! What whoever runs a server can watch: probes, spans, metrics, the audit stream; against each other and against the truth.
#![allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "they are counts, and whole")]

#[cfg(target_os = "linux")] // its sockets, and its small file systems
mod audit;
mod metrics;
mod packaging;
mod probes;
mod spans;
mod truth;

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::common::{Server, http};

/// A server whose numbers can be had.
pub struct Watched {
    pub server: Server,
    /// The URL of its numbers.
    pub metrics: String,
}

impl Watched {
    pub fn start(data: &Path, arguments: &[&str]) -> Self {
        let arguments = [&["--metrics-listen", "127.0.0.1:0"], arguments].concat();
        Self::of(Server::start(data, &arguments))
    }

    /// One that was started with its numbers shown.
    pub fn of(server: Server) -> Self {
        let log = server.log();
        let metrics = log.split("metrics at ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        Self { server, metrics }
    }

    pub async fn numbers(&self) -> BTreeMap<String, f64> {
        numbers(&scrape(&self.metrics).await)
    }
}

pub async fn scrape(url: &str) -> String {
    let answer = http().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// The lines of an audit stream; without what a crash has torn.
pub fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Each series with its labels in order, and its value.
pub fn numbers(text: &str) -> BTreeMap<String, f64> {
    let series = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let name = match name.split_once('{') {
            None => name.to_owned(),
            Some((name, labels)) => {
                let mut labels: Vec<&str> = labels.trim_end_matches('}').split(',').collect();
                labels.sort_unstable();
                format!("{name}{{{}}}", labels.join(","))
            }
        };
        (name, value.parse().unwrap())
    };
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(series).collect()
}
