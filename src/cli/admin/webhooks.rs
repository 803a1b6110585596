//! `ots admin webhooks`: who is told what becomes of secrets, and what the messages are signed with.

use std::str::FromStr as _;

use super::{
    answer::{self, Answer, Question, Webhook, WebhookState},
    place::{AdminError, Place},
};
use crate::{
    cli::{Global, data::DataArgs, said::one_line, terminal},
    webhook::{self, Address},
};

/// Say how webhooks get on, and what their messages are signed with
///
/// Lists each webhook with its host, how it gets on, what waits for it, and the signing secret (whsec_...) that its receiver checks messages
/// with: for whoever may read the server's data alone. Asks the server that runs on the database; without one, or with a PostgreSQL, it makes
/// the secrets from the keys and webhooks that are given here.
#[derive(Debug, clap::Args)]
pub(super) struct Webhooks {
    #[command(flatten)]
    data: DataArgs,
    /// The server's webhooks, where it can't be asked
    #[arg(long, value_name = "[NAME=]URL", env = "OTS_WEBHOOK", hide_env_values = true, value_delimiter = ',')]
    #[arg(value_parser = Address::from_str)]
    webhook: Vec<Address>,
}

impl Webhooks {
    pub(super) fn run(&self, global: &Global) -> Result<(), AdminError> {
        let place = Place::find(&self.data)?;
        let all = if let Some(Answer::Webhooks(all)) = place.ask(Question::Webhooks)? {
            all
        } else {
            let keys = self.data.existing_keyring(&place.directory)?.ok_or(AdminError::NoKey)?;
            answer::webhooks(&webhook::Webhooks::of_none(&self.webhook, &keys)?, None)
        };
        if global.json {
            terminal::answer_json(&all)?;
        } else if all.is_empty() {
            terminal::answer(b"no webhook is given (ots serve --webhook)\n")?;
        } else {
            let lines: String = all.iter().map(lines).collect();
            terminal::answer(lines.as_bytes())?;
        }
        Ok(())
    }
}

/// A line of it, and one for each of its secrets.
fn lines(webhook: &Webhook) -> String {
    let of = if webhook.picked { "of secrets whose sender picks it" } else { "of every secret" };
    let state = match webhook.state {
        None => "no server was asked how it gets on",
        Some(WebhookState::Well) => "well",
        Some(WebhookState::Failing) => "could not be told lately (the log says why)",
        Some(WebhookState::Gone) => "wants to be told nothing any more (410)",
    };
    let mut lines = format!("{}  {}  told {of}; {state}", one_line(&webhook.name), one_line(&webhook.host));
    match (webhook.waiting, &webhook.oldest) {
        (Some(waiting @ 1..), Some(oldest)) => {
            lines.push_str(&format!("; {waiting} message(s) wait, the first since {}", one_line(oldest)));
        }
        (Some(_), _) => lines.push_str("; nothing waits"),
        (None, _) => {}
    }
    lines.push_str(&format!("\n  {}\n", one_line(&webhook.secret)));
    for old in &webhook.old_secrets {
        lines.push_str(&format!("  {} (of an old SECRET_KEY, signs too)\n", one_line(old)));
    }
    lines
}
