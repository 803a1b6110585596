//! `ots health`: for container health checks, which know only 0 and 1.

use super::{
    Global,
    error::{CallError, CommandError, Exit, OutputError},
    terminal,
};

/// Exit with 0 if the server does its work, else with 1
///
/// For container health checks: needs neither shell nor curl. A server that works though something is wrong is degraded: that is
/// said, and is 0 too.
#[derive(Debug, clap::Args)]
pub(super) struct Health {}

/// Why the server doesn't count as healthy.
#[derive(Debug, thiserror::Error)]
pub(super) enum HealthError {
    #[error("unhealthy: {0}")]
    Call(CallError),
    #[error("unhealthy: its database is {0}")]
    Database(String),
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl CommandError for HealthError {
    fn exit(&self) -> Exit {
        match self {
            Self::Call(_) | Self::Database(_) => Exit::Other,
            Self::Output(error) => error.exit(),
        }
    }
}

impl Health {
    pub(super) async fn run(&self, global: &Global) -> Result<(), HealthError> {
        let client = global.client(None).map_err(HealthError::Call)?;
        let health = client.health().await.map_err(|error| HealthError::Call(error.into()))?;
        if health.status == "unhealthy" {
            return Err(HealthError::Database(health.database));
        }
        if global.quiet {
            return Ok(());
        }
        if global.json {
            terminal::answer_json(&health)?;
        } else {
            let mut text = format!("{}\n", terminal::escaped(&health.status).as_str());
            for problem in &health.problems {
                let (code, detail) = (terminal::escaped(&problem.code), terminal::escaped(&problem.detail));
                text.push_str(&format!("{}: {}\n", code.as_str(), detail.as_str()));
            }
            terminal::answer(text.as_bytes())?;
        }
        Ok(())
    }
}
