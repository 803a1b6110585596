//! `ots health`: for container health checks, which know only 0 and 1.

use super::{Exit, Failure, Global, terminal};

/// Exit with 0 if the server is healthy, else with 1
///
/// For container health checks: needs neither shell nor curl.
#[derive(Debug, clap::Args)]
pub(super) struct Health {}

impl Health {
    pub(super) async fn run(&self, global: &Global) -> Result<(), Failure> {
        let unhealthy = |reason: String| Failure::new(Exit::Other, format!("unhealthy: {reason}"));
        let client = global.client(None).map_err(|failure| unhealthy(failure.to_string()))?;
        let health = client.health().await.map_err(|error| unhealthy(error.to_string()))?;
        if health.status != "healthy" {
            return Err(unhealthy(format!("its database is {}", health.database)));
        }
        let text = if global.json { serde_json::to_string(&health).unwrap_or_default() } else { health.status };
        if global.quiet { Ok(()) } else { terminal::answer(format!("{text}\n").as_bytes()) }
    }
}
