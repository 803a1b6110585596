//! `GET /health`: has the store read and write, so that it says what is so. `GET /livez` and `GET /readyz`: the same for programs that
//! want a status and nothing else.

use hyper::{StatusCode, header};

use crate::{
    api::{Code, Health, HealthProblem, Problem},
    server::{call::App, reply::Reply},
    store::{Durability, State, StoreError},
    vault::Trouble,
};

pub(in crate::server) async fn get(app: &App) -> Reply {
    match app.vault.health().await {
        Ok(health) => {
            let status = if health.troubles.is_empty() { "healthy" } else { "degraded" };
            let problems = health.troubles.iter().map(problem).collect();
            Reply::json(StatusCode::OK, &answer(status, "connected", health.durability, &health.state, problems))
        }
        Err(error) => {
            tracing::warn!(%error, "unhealthy");
            let durability = app.vault.assurance().durability;
            let problems = failure(&error).into_iter().collect();
            let answer = answer("unhealthy", "unavailable", durability, &State::default(), problems);
            Reply::json(StatusCode::SERVICE_UNAVAILABLE, &answer).with(header::RETRY_AFTER, "5")
        }
    }
}

/// Whoever can be answered has a process that runs: nothing else is asked, so that no fault of the disk has it started anew in vain.
pub(in crate::server) fn live() -> Reply {
    Reply::text("ok\n")
}

/// Whether requests can be sent here now.
pub(in crate::server) async fn ready(app: &App) -> Result<Reply, Problem> {
    if app.is_stopping() {
        return Err(Problem::new(
            Code::Unavailable,
            "The server is stopping: ask another, or again when it has started",
        ));
    }
    match app.vault.ready().await {
        Ok(()) => Ok(Reply::text("ready\n")),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err(Problem::new(Code::Unavailable, "The server's database doesn't answer as it should; try again later"))
        }
    }
}

fn answer(status: &str, database: &str, durability: Durability, state: &State, problems: Vec<HealthProblem>) -> Health {
    Health {
        status: status.to_owned(),
        database: database.to_owned(),
        durability: Some(durability.name().to_owned()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        last_commit_at: state.last_commit,
        last_sweep_at: state.last_sweep,
        last_checkpoint_at: state.last_checkpoint,
        problems,
    }
}

/// Why nothing works, where more can be said than that the database doesn't answer.
fn failure(error: &StoreError) -> Option<HealthProblem> {
    let (code, detail) = match error {
        StoreError::NoStandby => (
            "no_standby",
            "no standby answers that the database's commits wait for: nothing can be stored or read until one comes back",
        ),
        StoreError::Locked => (
            "locked",
            "somebody has locked the database's tables, so that nothing can be stored or read: the log says who. Let that finish, or \
             end it (pg_terminate_backend)",
        ),
        _ => return None,
    };
    Some(HealthProblem { code: code.to_owned(), detail: detail.to_owned() })
}

fn problem(trouble: &Trouble) -> HealthProblem {
    let (code, detail) = match trouble {
        Trouble::Busy => ("busy", "more is asked of the database than it can queue".to_owned()),
        Trouble::Damage { places } => (
            "damage",
            format!(
                "the database is damaged, or could not be read, in {places} place(s) that were met since the start: the log names \
                 them; run ots admin check"
            ),
        ),
        Trouble::ClockAhead => (
            "clock_ahead",
            "the clock is far ahead of the last time that the server ran: nothing is removed for having expired until it \
             has been so for --clock-grace. Set it right, if it is wrong"
                .to_owned(),
        ),
        Trouble::RemovalLate => {
            ("removal_late", "what has expired or was read is not removed within a minute: the log says why".to_owned())
        }
        Trouble::FilesLate => (
            "files_late",
            "what was removed is still in the files after a minute: is a program reading them?".to_owned(),
        ),
        Trouble::NotDurable => (
            "not_durable",
            "what is stored now could be lost with one machine, so nothing is taken (--require-synchronous): the log says what the \
             database lacks"
                .to_owned(),
        ),
        Trouble::Unreadable { records } => (
            "unreadable",
            format!(
                "{records} stored secret(s) are sealed under a SECRET_KEY that this server wasn't given: give it with --old-key-file or in \
                 SECRET_KEYS_OLD; ots admin keys names it"
            ),
        ),
        Trouble::OldFiles => (
            "reload_failed",
            "the create keys or the certificate could not be read again, so the old ones are in use, also keys that were taken out: the \
             log says why; mend the file and reload"
                .to_owned(),
        ),
        Trouble::AuditLate { lost } => (
            "audit_late",
            format!(
                "the audit stream can't be written as it should: {lost} line(s) are lost since the start. Look at its disk; the log \
                 says why"
            ),
        ),
        Trouble::StorageFull => ("storage_full", "the disk is full, or nearly: make room".to_owned()),
    };
    HealthProblem { code: code.to_owned(), detail }
}
