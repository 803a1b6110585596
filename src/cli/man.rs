//! `ots man DIR` (hidden): writes the man pages, from the same tree as the help and the prose below.

use std::{io, path::PathBuf};

use clap::Command;
use roff::{Roff, bold, roman};

use super::{
    error::{CommandError, Exit, FileError},
    tree,
};

/// Write the man pages into a directory
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(super) struct Man {
    /// Where to
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,
}

/// Why the pages aren't there.
#[derive(Debug, thiserror::Error)]
pub(super) enum ManError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("can't write a man page: {0}")]
    Render(io::Error),
}

impl CommandError for ManError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(error) => error.exit(),
            Self::Render(_) => Exit::Other,
        }
    }
}

impl Man {
    pub(super) fn run(&self) -> Result<(), ManError> {
        std::fs::create_dir_all(&self.directory).map_err(FileError::new("create", &self.directory))?;
        let mut tree = tree();
        tree.build();
        let pages = pages(&tree);
        let names: Vec<String> = pages.iter().map(name_of).collect();
        for (page, name) in pages.into_iter().zip(&names) {
            let path = self.directory.join(format!("{name}.1"));
            let text = render(page, name, &names).map_err(ManError::Render)?;
            std::fs::write(&path, text).map_err(FileError::new("write", &path))?;
        }
        Ok(())
    }
}

/// A command and all below it that people are shown.
fn pages(command: &Command) -> Vec<Command> {
    let below = command.get_subcommands().filter(|sub| !sub.is_hide_set()).flat_map(pages);
    std::iter::once(command.clone()).chain(below).collect()
}

fn name_of(page: &Command) -> String {
    page.get_display_name().unwrap_or(page.get_name()).to_owned()
}

/// A page: what clap knows, then what only prose can say.
fn render(mut page: Command, name: &str, names: &[String]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let usage = page.render_usage().to_string();
    let man = clap_mangen::Man::new(page.name(name.to_owned()))
        .manual("ots")
        .source(concat!("ots ", env!("CARGO_PKG_VERSION")));
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    // clap_mangen's names every option, out of order and without its value.
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    synopsis.text([roman(usage.trim_start_matches("Usage: "))]);
    synopsis.to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if name == "ots" || name == "ots-admin" {
        man.render_subcommands_section(&mut text)?;
    }
    let mut roff = Roff::new();
    examples(&mut roff, name);
    exit_status(&mut roff, name);
    json(&mut roff, name);
    environment(&mut roff, name);
    files(&mut roff, name);
    security(&mut roff, name);
    roff.control("SH", ["SEE ALSO"]);
    let others: Vec<String> = names.iter().filter(|other| *other != name).map(|other| format!("{other}(1)")).collect();
    roff.text([roman(others.join(", "))]);
    roff.to_writer(&mut text)?;
    Ok(text)
}

/// The objects of `--json`.
const OBJECTS: &[(&str, &str)] = &[
    (
        "ots-put",
        "An object a link: \"link\" and \"token\"; \"expires_at\" (RFC 3339), \"size\" in bytes, \"encrypted\"; with --notify \"name\"; with --generate \"password\" \
         or \"passphrase\", and \"bits\".",
    ),
    (
        "ots-get",
        "An object with \"content\"; \"encoding\" is \"base64\" where that isn't text. With -o or -O \"file\" stands in its place. Of an \
         end-to-end secret also \"name\" and \"type\", as its sender gave them.",
    ),
    (
        "ots-status",
        "An object with \"created_at\", \"expires_at\", \"size\", \"encrypted\" and \"passphrase_required\"; with --wait \"state\".",
    ),
    ("ots-keygen", "An object with \"key\" and \"name\"; without --file also \"line\"."),
    (
        "ots-admin-stats",
        "An object with \"secrets\", \"bytes\", \"claimed\", \"expired\", \"oldest\", \"next_expiry\", \"owners\", \"largest_owner\", \"messages\", \"quotas\" where \
         a server runs, \"database_bytes\", \"free_bytes\" and \"wal_bytes\".",
    ),
    ("ots-admin-sweep", "An object with \"removed\", and \"clean\": whether nothing of it is left in the files."),
    (
        "ots-admin-keys",
        "An array, an object a key: \"id\", \"role\" (\"current\", \"old\", \"not_given\"), \"number\" among the old ones, \"secrets\", \"bytes\", \
         \"oldest\" and \"needed_until\".",
    ),
    (
        "ots-admin-webhooks",
        "An array, an object a webhook: \"name\" (\"#\" and its position, if it has none), \"host\", \"picked\" (told only of secrets whose sender \
         picks it), \"secret\", \"old_secrets\"; where a server runs \"state\" (\"well\", \"failing\", \"gone\"), \"waiting\" and \"oldest\".",
    ),
    ("ots-generate", "An object with \"password\" or \"passphrase\", and \"bits\"."),
    ("ots", "With --json commands answer with an object on one line; their pages say what is in it."),
];

fn json(roff: &mut Roff, name: &str) {
    let Some((_, text)) = OBJECTS.iter().find(|(page, _)| *page == name) else { return };
    roff.control("SH", ["JSON"]);
    roff.text([roman(*text)]);
    roff.control("PP", []);
    roff.text([roman(
        "An error is an object on standard error: {\"error\": {\"message\": \"...\", \"exit_code\": 3}}.",
    )]);
}

const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "Done."),
    ("1", "Anything not below."),
    ("2", "Wrong usage, or a mistake in the configuration."),
    ("3", "Gone: not found, already read, burned or expired."),
    ("4", "The server can't be reached, or didn't answer in time."),
    ("5", "Refused: the passphrase or the key is wrong or missing. Nothing was read."),
    ("6", "What came can't be decrypted, or isn't whole."),
    ("7", "The server said no: too large, bad TTL, too busy."),
    ("8", "A local file can't be read or written."),
    ("9", "The server ended by itself, because it could not go on and keep its promises: start it again."),
    ("10", "Of a receipt: the secret is unread."),
    ("11", "Of a receipt: a reader asked for the secret, and hasn't said yet that it has arrived."),
    ("12", "Of a receipt: the secret was given out, and nobody said that it has arrived."),
    ("13", "Of a receipt: the secret was destroyed unread."),
    ("14", "Of a receipt: nobody asked for the secret in time."),
    ("15", "Of a receipt: nobody has answered its request."),
    ("16", "Of a receipt: its request was taken back unanswered."),
    ("130", "Interrupted; by the other signals 129 (hung up), 131 (quit), 143 (terminated)."),
    ("141", "Whoever read the output went away."),
];

/// The codes that a command can end with.
fn codes(name: &str) -> &'static [&'static str] {
    match name {
        "ots-put" => &["0", "1", "2", "3", "4", "5", "6", "7", "8", "130", "141"],
        "ots-get" => &["0", "1", "2", "3", "4", "5", "6", "7", "8", "15", "130", "141"],
        "ots-status" => &["0", "1", "2", "3", "4", "7", "8", "10", "11", "12", "13", "14", "15", "16", "141"],
        "ots-request" => &["0", "1", "2", "4", "5", "7", "8", "130", "141"],
        "ots-burn" => &["0", "1", "2", "3", "4", "7", "8", "141"],
        "ots-serve" => &["0", "1", "2", "8", "9", "130"],
        "ots-keygen" => &["0", "1", "2", "8", "141"],
        "ots-health" | "ots-generate" => &["0", "1", "2", "141"],
        "ots-admin" | "ots-admin-check" | "ots-admin-keys" | "ots-admin-stats" | "ots-admin-sweep"
        | "ots-admin-webhooks" => &["0", "1", "2", "6", "8", "141"],
        "ots-admin-migrate" => &["0", "1", "2", "6", "8", "130", "141"],
        "ots-completions" => &["0", "2", "8", "141"],
        _ => {
            &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "130", "141"]
        }
    }
}

/// The pages of what is told where the server's data and keys are.
const BESIDE_DATA: &[&str] = &[
    "ots-serve",
    "ots-admin",
    "ots-admin-check",
    "ots-admin-keys",
    "ots-admin-stats",
    "ots-admin-sweep",
    "ots-admin-webhooks",
];

/// The pages of what may ask a PostgreSQL.
const WITH_A_PASSWORD: &[&str] = &[
    "ots-serve",
    "ots-admin",
    "ots-admin-check",
    "ots-admin-keys",
    "ots-admin-migrate",
    "ots-admin-stats",
    "ots-admin-sweep",
    "ots-admin-webhooks",
];

/// Variables that belong to no option, and the pages that tell of them besides that of `ots`.
pub(super) const VARIABLES: &[(&str, &str, &[&str])] = &[
    ("OTS_PASSPHRASE", "The passphrase for put and get.", &["ots-put", "ots-get"]),
    (
        "OTS_API_KEY",
        "The key for a server that wants one of whoever creates; it goes to the configured server only.",
        &["ots-put"],
    ),
    ("OTS_CLAIM", "The claim of an earlier get, as its error named it: asks again for the same secret.", &["ots-get"]),
    (
        "SECRET_KEY",
        "The server's key. Together with the token in a link it opens a secret; neither does alone.",
        BESIDE_DATA,
    ),
    (
        "SECRET_KEYS_OLD",
        "Keys that SECRET_KEY replaced, separated by commas and nothing else: they still open.",
        BESIDE_DATA,
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "Set by systemd: its file secret_key holds the server's key, if neither SECRET_KEY nor --secret-key-file does.",
        BESIDE_DATA,
    ),
    (
        "PGPASSWORD, PGPASSFILE",
        "The password of a PostgreSQL, or the file that has it (else ~/.pgpass), as for psql, if neither the URL nor --database-password-file does.",
        WITH_A_PASSWORD,
    ),
    ("STATE_DIRECTORY", "Set by systemd: where the server keeps its data, if --data-dir doesn't say.", BESIDE_DATA),
    ("NO_COLOR", "If not empty, nothing is coloured unless --color or OTS_COLOR says always.", &["ots-serve"]),
];

fn examples(roff: &mut Roff, name: &str) {
    let examples: &[(&str, &str)] = match name {
        "ots" => &[("Share a password:", "printf %s \"$PASSWORD\" | ots put"), ("Read it, once:", "ots get LINK")],
        "ots-put" => &[
            ("A file that can wait for a week:", "ots put --ttl 7d key.pem"),
            ("One link for each of three readers:", "ots put --copies 3 < note.txt"),
            ("With a passphrase that is asked for:", "ots put -p < note.txt"),
            ("So that whoever runs the server can't read it:", "ots put --encrypt key.pem"),
            ("A new password, printed below its link:", "ots put --encrypt --generate"),
            ("With link and key sent separate ways:", "ots put --encrypt --key-file key.txt < note.txt"),
        ],
        "ots-get" => &[
            ("Into a file that only you can read:", "ots get -o key.pem LINK"),
            ("Into a file named as the sender named it:", "ots get -O LINK"),
            ("With a key that came another way:", "ots get --key-file key.txt LINK"),
            ("With the link kept out of the process list:", "printf %s \"$LINK\" | ots get -"),
        ],
        "ots-status" => &[("Wait until it has been read:", "ots status --wait LINK")],
        "ots-generate" => &[
            ("A password that a fussy form takes:", "ots generate --symbols"),
            ("Words that can be told on the telephone:", "ots generate --words"),
            ("A passphrase for a secret, kept in a file:", "ots generate --words > passphrase.txt"),
        ],
        "ots-burn" => &[("Take back a link that went to the wrong person:", "ots burn LINK")],
        "ots-serve" => &[
            ("On this machine:", "ots serve"),
            ("For those who have a key:", "ots keygen ci --file create-keys && ots serve --create-keys create-keys"),
            ("Behind a proxy:", "ots serve --public-url https://ots.example.org --trusted-proxy 127.0.0.1"),
            ("With a certificate:", "ots serve --listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem"),
            ("With one of Let's Encrypt's:", "ots serve --listen 0.0.0.0:443 --acme ots.example.org"),
        ],
        "ots-keygen" => &[
            ("For a job that may share what lives a day:", "ots keygen ci --file /etc/ots/create-keys --ttl-max 24h"),
            ("Take it back: remove its line, then", "systemctl reload ots"),
        ],
        "ots-health" => &[("In a container:", "HEALTHCHECK CMD [\"ots\", \"health\"]")],
        "ots-admin" | "ots-admin-check" => &[
            ("The server's database, beside the server:", "ots admin check --data-dir /var/lib/ots"),
            (
                "And whether its key opens what is there:",
                "ots admin check --data-dir /var/lib/ots --secret-key-file /etc/ots/secret_key",
            ),
        ],
        "ots-admin-stats" => &[("How much there is:", "ots admin stats --data-dir /var/lib/ots")],
        "ots-admin-sweep" => &[("With the server stopped:", "ots admin sweep --data-dir /var/lib/ots")],
        "ots-admin-keys" => &[("Whether an old key can go:", "ots admin keys --data-dir /var/lib/ots")],
        "ots-admin-migrate" => &[(
            "With the server stopped:",
            "ots admin migrate sqlite:/var/lib/ots/ots.db postgres://ots@db1,db2/ots --database-password-file /etc/ots/database_password",
        )],
        "ots-completions" => &[("For bash:", "ots completions bash > /usr/share/bash-completion/completions/ots")],
        _ => &[],
    };
    roff.control("SH", ["EXAMPLES"]);
    for (what, command) in examples {
        roff.control("TP", []);
        roff.text([roman(*what)]);
        roff.text([bold(*command)]);
    }
}

fn list(roff: &mut Roff, title: &str, items: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (term, meaning) in items {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*meaning)]);
    }
}

fn exit_status(roff: &mut Roff, name: &str) {
    let codes = codes(name);
    let ended: Vec<_> = EXIT_CODES.iter().filter(|(code, _)| codes.contains(code)).copied().collect();
    list(roff, "EXIT STATUS", &ended);
}

fn environment(roff: &mut Roff, name: &str) {
    let read = |pages: &[&str]| name == "ots" || pages.contains(&name);
    let variables: Vec<_> = VARIABLES.iter().filter(|(.., pages)| read(pages)).map(|it| (it.0, it.1)).collect();
    if variables.is_empty() {
        return;
    }
    list(roff, "ENVIRONMENT", &variables);
    roff.control("PP", []);
    roff.text([roman(
        "Most options have a variable as well: it stands below the option. Flags beat the environment, which beats the configuration \
         file, which beats the defaults.",
    )]);
}

fn files(roff: &mut Roff, name: &str) {
    match name {
        "ots" | "ots-put" => list(
            roff,
            "FILES",
            &[(
                "~/.config/ots/config.toml",
                "Options as keys: server, timeout, ca_cert, ttl and so on; those of serve under [serve].",
            )],
        ),
        "ots-serve" => list(
            roff,
            "FILES",
            &[
                (
                    "DATA/ots.db",
                    "The database (DATA is the directory of --data-dir), with -wal and -shm beside it while the server runs. Don't back it up: a copy brings back what was read, unless it is started with a new SECRET_KEY.",
                ),
                (
                    "DATA/secret.key",
                    "The key that the server made for itself, if it was given none, in a container too. Without it the database is of no use.",
                ),
                (
                    "FILE of --create-keys",
                    "One line a key: NAME HASH, then perhaps expires=2027-01-31T00:00:00Z, ttl-max=7d, size-max=1MiB. Blank lines and what follows # are passed over. HASH is 64 hexadecimal digits, as ots keygen writes them; the keys themselves are in no file of the server's. On SIGHUP it is read again; if it can't be taken then, the keys stay as they were.",
                ),
                ("DATA/ots.db-lock", "Held while a server runs on the database, so that a second one doesn't."),
                ("DATA/ots.db-admin.sock", "Through which ots admin asks the server that runs; its owner's alone."),
                ("DATA/ots.db-reserve", "Disk space kept back, so that secrets can be read when the disk is full."),
            ],
        ),
        _ => {}
    }
}

fn security(roff: &mut Roff, name: &str) {
    let text = match name {
        "ots" | "ots-put" | "ots-get" => {
            "The link is the secret until it has been read: whoever has it first reads it, and everybody after sees that it is gone. \
             Secrets never come as arguments, since a process list shows those. With --encrypt the secret is encrypted and decrypted \
             by the ots of sender and reader, and the key is only in the link, after #: the server stores what it can't open. Without, \
             the server's operator could read what it stores while the secret waits."
        }
        "ots-serve" => {
            "The database together with SECRET_KEY opens nothing: the token in the link is part of every key, and only its hash is stored. \
             Serve it with TLS, its own or a proxy's: a link that travels in the clear can be read on the way."
        }
        _ => return,
    };
    roff.control("SH", ["SECURITY"]);
    roff.text([roman(text)]);
}
