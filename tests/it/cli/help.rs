//! What help says, and what it keeps to itself.

use super::text;
use crate::common::{ots, run};

/// Help shows no value of a variable that may hold something private.
#[test]
fn help_keeps_to_itself() {
    let mut command = ots();
    command.env("OTS_DATABASE_URL", "sqlite:hunter2").env("OTS_SERVER", "http://hunter2").args(["serve", "--help"]);
    assert!(!text(&run(command, b"").stdout).contains("hunter2"));
    let mut command = ots();
    command.arg("-V");
    assert_eq!(text(&run(command, b"").stdout), format!("ots {}\n", env!("CARGO_PKG_VERSION")));
}

/// What help looks like: a change here is one that users see.
#[test]
fn help_is_as_it_was() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    let _all_in_one_folder = settings.bind_to_scope();
    for name in [
        "",
        "put",
        "get",
        "status",
        "burn",
        "request",
        "generate",
        "serve",
        "health",
        "admin",
        "admin check",
        "admin stats",
        "admin sweep",
        "admin keys",
        "admin webhooks",
        #[cfg(feature = "postgres")]
        "admin migrate",
    ] {
        let mut command = ots();
        command.args(name.split_whitespace().chain(["--help"])).env("COLUMNS", "100");
        let output = run(command, b"");
        let name = if name.is_empty() { "ots".to_owned() } else { name.replace(' ', "-") };
        insta::assert_snapshot!(format!("help-{name}"), text(&output.stdout));
    }
}
