//! `ots admin sweep`: removes what has expired, now.

use super::{
    answer::{Answer, Question, Swept},
    place::{AdminError, Place},
};
use crate::{
    cli::{Global, data::DataArgs, error::CommandError, terminal},
    store::{OpenError, Store, sweeper},
};

/// Remove what has expired, now
///
/// A server does so by itself, within seconds: this is for a database whose server is stopped, and for whoever wants to see it done. Removes
/// expired secrets and ended leases, leaves nothing of them in the files, and says how many they were. Asks the server that runs on the database; without
/// one it does it itself, and believes this machine's clock: then run it as the server's own user. In a PostgreSQL it does it beside the servers.
#[derive(Debug, clap::Args)]
pub(super) struct Sweep {
    #[command(flatten)]
    data: DataArgs,
}

impl Sweep {
    pub(super) fn run(&self, global: &Global) -> Result<(), Box<dyn CommandError>> {
        let place = Place::find(&self.data)?;
        match place.ask(Question::Sweep)? {
            Some(Answer::Swept(swept)) => Ok(tell(&swept, global, &place)?),
            _ => crate::cli::run(async { tell(&sweep(&place).await?, global, &place) }),
        }
    }
}

async fn sweep(place: &Place) -> Result<Swept, AdminError> {
    // Nothing is stored, so that no space has to be kept back for it.
    let store = Store::open(&place.location, 0).map_err(|error| match error {
        OpenError::InUse(_) => AdminError::Unreachable,
        error => AdminError::Open(error),
    })?;
    let removed = sweeper::sweep(&store, &|_: &[_]| ()).await; // no server runs, and no audit stream
    store.close().await?;
    Ok(Swept { removed: removed?, clean: !place.is_shared() })
}

fn tell(swept: &Swept, global: &Global, place: &Place) -> Result<(), AdminError> {
    if global.json {
        terminal::answer_json(swept)?;
    } else if !global.quiet {
        let files = if swept.clean {
            "nothing of it is left in the files"
        } else if place.is_shared() {
            "PostgreSQL overwrites its bytes some time after its next vacuum"
        } else {
            "its bytes leave the files when nobody reads the database"
        };
        let text = match swept.removed {
            0 => "nothing had expired\n".to_owned(),
            removed => format!("removed {removed} expired secret(s); {files}\n"),
        };
        terminal::answer(text.as_bytes())?;
    }
    Ok(())
}
