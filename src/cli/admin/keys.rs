//! `ots admin keys`: which of the server's keys are still needed.

use super::{
    answer::{self, Answer, Key, Question, Role},
    place::{AdminError, Place},
};
use crate::{
    cli::{Global, data::DataArgs, said::one_line, terminal},
    store::Store,
};

/// Say which keys are still needed
///
/// Lists each key by its id with how many secrets it sealed, since when, and when the last of them expires. An old key that no secret needs
/// can go from `SECRET_KEYS_OLD` or --old-key-file. Asks the server that runs on the database, of the keys that it was given; without one it looks into
/// the database itself, with the keys that are given here. Reads every record: with millions, seconds.
#[derive(Debug, clap::Args)]
pub(super) struct Keys {
    #[command(flatten)]
    data: DataArgs,
}

impl Keys {
    pub(super) fn run(&self, global: &Global) -> Result<(), AdminError> {
        let place = Place::find(&self.data)?;
        let keys = if let Some(Answer::Keys(keys)) = place.ask(Question::Keys)? {
            keys
        } else {
            let given = self.data.existing_keyring(&place.directory)?.map_or_else(Vec::new, |keys| keys.ids());
            answer::keys(&given, &Store::keys_of(&place.location)?)
        };
        if global.json {
            terminal::answer_json(&keys)?;
        } else {
            let lines: String = keys.iter().map(line).collect();
            terminal::answer(
                if lines.is_empty() { "no key is given, and none is needed\n" } else { &lines }.as_bytes(),
            )?;
        }
        Ok(())
    }
}

fn line(key: &Key) -> String {
    let name = match (key.role, key.number) {
        (Role::Current, _) => "current".to_owned(),
        (Role::Old, number) => format!("old {}", number.unwrap_or(1)),
        (Role::NotGiven, _) => "not given".to_owned(),
    };
    let needed = match (&key.oldest, &key.needed_until) {
        (Some(oldest), Some(until)) => {
            format!("{} secret(s) from {} on, needed until {}", key.secrets, one_line(oldest), one_line(until))
        }
        _ if key.role == Role::Old => "no secret needs it: it can go".to_owned(),
        _ => "no secret needs it yet".to_owned(),
    };
    format!("{}  {name:9}  {needed}\n", one_line(&key.id))
}
